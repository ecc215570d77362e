"""Profiles, goals and password resets: to look at. They are changed by their person, or by an import."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesDropdownFilter

from accounts.admin.display import Badge, day, instant, number, object_link, quantity
from accounts.admin.person_search import SearchByPerson
from accounts.models import GoalHistory, PasswordResetToken, User, UserProfile


@admin.register(UserProfile)
class UserProfileAdmin(SearchByPerson):
    """Body data, goals and preferences of each person."""

    shows_health_data = True

    list_display = (
        "person",
        "protein",
        "calories",
        "activity_level",
        "fitness_goal",
        "timezone",
        "defaults",
        "imported",
    )
    list_filter = (
        ("activity_level", ChoicesDropdownFilter),
        ("fitness_goal", ChoicesDropdownFilter),
        ("gender", ChoicesDropdownFilter),
        ("share_data", BooleanRadioFilter),
    )
    list_select_related = ("user",)
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("person", "timezone", "preferred_units", "diet_preferences")}),
        (
            _("Corps et activité"),
            {
                "fields": (
                    "weight_kg",
                    "height_cm",
                    "age",
                    "gender",
                    "body_fat_percentage",
                    "activity_level",
                    "training_days_per_week",
                )
            },
        ),
        (_("Objectifs"), {"fields": ("daily_protein_goal", "daily_calorie_goal", "fitness_goal")}),
        (
            _("Préférences"),
            {
                "fields": (
                    "dark_mode",
                    "notifications_enabled",
                    "share_data",
                    "allow_analytics",
                    "reduced_motion",
                    "high_contrast",
                    "large_text",
                )
            },
        ),
        (
            _("Provenance"),
            {"fields": ("imported_defaults", "import_run_id", "import_snapshot_id", "imported_at", "updated_at")},
        ),
    )
    readonly_fields = ("person",)

    @admin.display(description=_("personne"))
    def person(self, profile: UserProfile) -> str:
        return object_link(User, profile.user_id, profile.user.email)

    @admin.display(description=_("protéines"))
    def protein(self, profile: UserProfile) -> str:
        return quantity(profile.daily_protein_goal, "g")

    @admin.display(description=_("calories"))
    def calories(self, profile: UserProfile) -> str:
        return quantity(profile.daily_calorie_goal, "kcal")

    @admin.display(description=_("valeurs d'usine"))
    def defaults(self, profile: UserProfile) -> str:
        count = len(profile.imported_defaults)
        return str(Badge(number(count), "warning", title=", ".join(profile.imported_defaults))) if count else ""

    @admin.display(description=_("importé le"))
    def imported(self, profile: UserProfile) -> str:
        return instant(profile.imported_at)


@admin.register(GoalHistory)
class GoalHistoryAdmin(SearchByPerson):
    """The goals of each person from a day on."""

    shows_health_data = True

    list_display = ("person", "since", "protein", "calories", "source")
    list_filter = (("user", AutocompleteSelectFilter), ("source", ChoicesDropdownFilter))
    list_select_related = ("user",)
    ordering = ("-user_id", "-effective_from")  # goal_history_user_effective_from_key, read backwards
    readonly_fields = ("person",)
    fields = (
        "person",
        "effective_from",
        "daily_protein_goal",
        "daily_calorie_goal",
        "source",
        "import_run_id",
        "created_at",
    )

    @admin.display(description=_("personne"))
    def person(self, goal: GoalHistory) -> str:
        return object_link(User, goal.user_id, goal.user.email)

    @admin.display(description=_("à partir du"))
    def since(self, goal: GoalHistory) -> str:
        return day(goal.effective_from)

    @admin.display(description=_("protéines"))
    def protein(self, goal: GoalHistory) -> str:
        return quantity(goal.daily_protein_goal, "g")

    @admin.display(description=_("calories"))
    def calories(self, goal: GoalHistory) -> str:
        return quantity(goal.daily_calorie_goal, "kcal")


@admin.register(PasswordResetToken)
class PasswordResetTokenAdmin(SearchByPerson):
    """When a reset was asked for and used; the token itself is kept only as a hash, and not shown."""

    list_display = ("asked", "person", "expires", "used")
    list_select_related = ("user",)
    list_filter = (("user", AutocompleteSelectFilter),)
    ordering = ("-id",)
    readonly_fields = ("person", "asked", "expires", "used")
    fields = ("person", "asked", "expires", "used")

    @admin.display(description=_("personne"))
    def person(self, token: PasswordResetToken) -> str:
        return object_link(User, token.user_id, token.user.email)

    @admin.display(description=_("demandé le"))
    def asked(self, token: PasswordResetToken) -> str:
        return instant(token.created_at)

    @admin.display(description=_("expire le"))
    def expires(self, token: PasswordResetToken) -> str:
        return instant(token.expires_at)

    @admin.display(description=_("utilisé le"))
    def used(self, token: PasswordResetToken) -> str:
        return instant(token.used_at)
