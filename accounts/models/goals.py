"""Goals have history: a summary shows the goal that was in force on that day."""

from __future__ import annotations

from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _

from dynprot.constraints import in_choices
from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.identifiers import uuid7


class GoalSource(models.TextChoices):
    SERVER = "server", _("modifié sur le serveur")
    IMPORT = "import", _("importé du navigateur")


class GoalHistory(models.Model):
    """The goals (g and kcal a day) of one person from a local day on, until the next row.

    In force on day d: the latest row with `effective_from` <= d, else the earliest row, else 120 g / 2000 kcal.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="goals", db_index=False)
    effective_from = models.DateField(_("à partir du"))
    daily_protein_goal = models.IntegerField(_("objectif protéines (g)"))
    daily_calorie_goal = models.IntegerField(_("objectif calories (kcal)"), null=True, blank=True)
    source = models.CharField(
        _("origine"), max_length=10, choices=GoalSource, default=GoalSource.SERVER, db_default=GoalSource.SERVER
    )
    import_run_id = models.BigIntegerField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "goal_history"
        verbose_name = _("objectif")
        verbose_name_plural = _("objectifs")
        ordering = ["user", "-effective_from"]
        constraints = [
            # Serves "the goal in force on that day" and the foreign key too.
            models.UniqueConstraint(fields=["user", "effective_from"], name="goal_history_user_effective_from_key"),
            in_choices("source", GoalSource, "goal_history_source_check"),
        ]

    def __str__(self) -> str:
        return f"{self.daily_protein_goal} g / {self.daily_calorie_goal or 2000} kcal, {self.effective_from}"
