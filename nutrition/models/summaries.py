"""One row a person and local day, kept by the database itself."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.db.models.functions import Now, TruncDate
from django.utils.translation import gettext_lazy as _

from accounts.models import GoalHistory
from accounts.triggers import NOT_BULK, touch_updated_at, when
from dynprot.constraints import not_negative
from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.identifiers import uuid7
from nutrition.triggers import refresh_all_days

TOTALS = ("total_protein", "total_calories", "total_carbs", "total_fat", "total_fiber")
COUNTS = ("total_meals", "morning_meals", "afternoon_meals", "evening_meals", "night_meals", "ai_assisted_meals")


class DailySummary(models.Model):
    """Sums (g, kcal) and counts of one local day against the goals in force on that day. A day without meals has no row.

    Written only by `refresh_daily_summaries` and `nutrition.summaries`, both from the SQL function `computed_daily_summaries`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="summaries", db_index=False)
    summary_date = models.DateField(_("jour"))
    total_protein = models.DecimalField(_("protéines (g)"), max_digits=10, decimal_places=2, default=0, db_default=0)
    total_calories = models.IntegerField(_("calories (kcal)"), default=0, db_default=0)
    total_carbs = models.DecimalField(_("glucides (g)"), max_digits=10, decimal_places=2, default=0, db_default=0)
    total_fat = models.DecimalField(_("lipides (g)"), max_digits=10, decimal_places=2, default=0, db_default=0)
    total_fiber = models.DecimalField(_("fibres (g)"), max_digits=10, decimal_places=2, default=0, db_default=0)
    total_meals = models.IntegerField(_("repas"), default=0, db_default=0)
    morning_meals = models.IntegerField(_("matin"), default=0, db_default=0)
    afternoon_meals = models.IntegerField(_("après-midi"), default=0, db_default=0)
    evening_meals = models.IntegerField(_("soir"), default=0, db_default=0)
    night_meals = models.IntegerField(_("nuit"), default=0, db_default=0)
    protein_goal = models.IntegerField(_("objectif protéines (g)"))
    calorie_goal = models.IntegerField(_("objectif calories (kcal)"), null=True, blank=True)
    protein_goal_met = models.BooleanField(_("objectif protéines atteint"), default=False, db_default=False)
    calorie_goal_met = models.BooleanField(_("objectif calories atteint"), default=False, db_default=False)
    protein_goal_percentage = models.DecimalField(
        _("% protéines"), max_digits=7, decimal_places=2, default=0, db_default=0
    )
    calorie_goal_percentage = models.DecimalField(
        _("% calories"), max_digits=7, decimal_places=2, default=0, db_default=0
    )
    ai_assisted_meals = models.IntegerField(_("repas estimés par l'IA"), default=0, db_default=0)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "daily_summaries"
        verbose_name = _("résumé du jour")
        verbose_name_plural = _("résumés du jour")
        constraints = [
            # Also serves a person's days in either direction, and the foreign key.
            models.UniqueConstraint(fields=["user", "summary_date"], name="daily_summaries_user_date_key"),
            *(not_negative(field, f"daily_summaries_{field}_check") for field in (*TOTALS, *COUNTS)),
            models.CheckConstraint(
                # Zones run up to 14 hours ahead of UTC: somebody's today may be tomorrow here.
                condition=models.Q(
                    summary_date__lte=TruncDate(Now() + models.Value("1 day", output_field=models.DurationField()))
                ),
                name="check_summary_date_not_future",
                violation_error_message=_("Un résumé ne peut pas être daté d'après demain."),
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [touch_updated_at("daily_summaries")]

    def __str__(self) -> str:
        return f"{self.summary_date}: {self.total_protein} g"


class GoalHistorySummaries(GoalHistory):
    """The goals as the summaries see them: when a goal changes, the person's days are recomputed with the goal in force on each."""

    class Meta:
        proxy = True
        verbose_name = _("objectif")
        verbose_name_plural = _("objectifs")
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Trigger(
                name=f"daily_summary_on_goal_{operation}",
                level=pgtrigger.Statement,
                operation=kind,
                when=pgtrigger.After,
                referencing=pgtrigger.Referencing(**{table[:3]: table}),
                condition=when(NOT_BULK),
                func=refresh_all_days(table),
            )
            for operation, kind, table in (
                ("insert", pgtrigger.Insert, "new_rows"),
                ("update", pgtrigger.Update, "new_rows"),
                ("delete", pgtrigger.Delete, "old_rows"),
            )
        ]
