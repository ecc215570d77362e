"""Day summaries: kept by the database itself, so only to look at."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter

from accounts.admin.display import Badge, day, number, percent, quantity
from nutrition.admin.meals import OfPerson
from nutrition.models import DailySummary


@admin.register(DailySummary)
class DailySummaryAdmin(OfPerson):
    """One row a person and local day with at least one meal; read backwards along its unique key."""

    list_display = ("shown_day", "person", "protein", "goal", "reached", "energy", "meals")
    list_filter = (
        ("user", AutocompleteSelectFilter),
        ("protein_goal_met", BooleanRadioFilter),
        ("calorie_goal_met", BooleanRadioFilter),
    )
    filters_within_person = ("protein_goal_met", "calorie_goal_met")
    ordering = ("-user_id", "-summary_date")
    sortable_by = ()
    readonly_fields = ("person", "shown_day", "protein", "energy", "reached")
    fieldsets = (
        (None, {"fields": ("person", "shown_day")}),
        (_("Protéines"), {"fields": ("protein", "protein_goal", "reached")}),
        (_("Calories"), {"fields": ("energy", "calorie_goal", "calorie_goal_percentage", "calorie_goal_met")}),
        (_("Autres nutriments"), {"fields": ("total_carbs", "total_fat", "total_fiber")}),
        (
            _("Repas"),
            {
                "fields": (
                    "total_meals",
                    "morning_meals",
                    "afternoon_meals",
                    "evening_meals",
                    "night_meals",
                    "ai_assisted_meals",
                )
            },
        ),
    )

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """With one person, their days; else people as they arrived. Both from daily_summaries_user_date_key."""
        return ("-summary_date", "-pk") if request.GET.get("user__id__exact") else self.ordering

    @admin.display(description=_("jour"))
    def shown_day(self, summary: DailySummary) -> str:
        return day(summary.summary_date)

    @admin.display(description=_("protéines"))
    def protein(self, summary: DailySummary) -> str:
        return quantity(summary.total_protein, "g", 1)

    @admin.display(description=_("objectif"))
    def goal(self, summary: DailySummary) -> str:
        return quantity(summary.protein_goal, "g")

    @admin.display(description=_("atteint"))
    def reached(self, summary: DailySummary) -> str:
        return str(reached_badge(summary))

    @admin.display(description=_("calories"))
    def energy(self, summary: DailySummary) -> str:
        return quantity(summary.total_calories, "kcal")

    @admin.display(description=_("repas"))
    def meals(self, summary: DailySummary) -> str:
        return number(summary.total_meals)


def reached_badge(summary: DailySummary) -> Badge:
    """The protein goal in percent, and in a word whether it was reached."""
    if summary.protein_goal_met:
        return Badge(percent(summary.protein_goal_percentage), "success", "check", gettext("objectif atteint"))
    return Badge(percent(summary.protein_goal_percentage), "neutral", "", gettext("objectif non atteint"))
