"""The admin of people: accounts, profiles and goals, and the person's page to which each room adds its panels."""

from accounts.admin import person_deeds, person_panels, profiles, second_factor, users

__all__ = ["person_deeds", "person_panels", "profiles", "second_factor", "users"]
