"""The admin of nutrition: meals, favourites, analyses, day summaries, diets, and their panels on the person's page."""

from nutrition.admin import diets, meals, person_panels, summaries

__all__ = ["diets", "meals", "person_panels", "summaries"]
