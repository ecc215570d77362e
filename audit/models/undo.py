"""What a run needs to be taken back, and what people decided about items in quarantine."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from dynprot.constraints import in_choices
from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.indexes import Index


class PreimageTable(models.TextChoices):
    USERS = "users", _("personne")
    USER_PROFILES = "user_profiles", _("profil")
    GOAL_HISTORY = "goal_history", _("objectifs")
    MEAL_ENTRIES = "meal_entries", _("repas")
    FAVORITE_MEALS = "favorite_meals", _("favori")


class MigrationPreimage(models.Model):
    """A row of a person as it was before a run changed or removed it; written in the batch's own transaction. Law 4.

    `before` is the whole row as `to_jsonb` gives it; of `users` only the names, and what the run made of them. Rows that a run created have
    none: they carry the run's id.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey("audit.MigrationRun", on_delete=models.PROTECT, related_name="preimages", db_index=False)
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="+", db_index=False)
    table_name = models.CharField(_("table"), max_length=20, choices=PreimageTable)
    row_id = models.UUIDField(_("ligne"))
    before = models.JSONField(_("avant"))

    class Meta:
        db_table = "migration_preimages"
        verbose_name = _("image d'avant")
        verbose_name_plural = _("images d'avant")
        constraints = [
            # The first image is the one that counts, however often a row is changed in a run.
            models.UniqueConstraint(fields=["run", "table_name", "row_id"], name="migration_preimages_key"),
            in_choices("table_name", PreimageTable, "migration_preimages_table_check"),
        ]
        indexes = [
            # A person's images of a run (the unit of a rollback); the erasure of a person.
            Index(fields=["user", "run"], name="idx_migration_preimages_user"),
        ]

    def __str__(self) -> str:
        return f"{self.table_name} {self.row_id}"


class ItemRepair(models.Model):
    """What stands for a raw item from now on, wherever its snapshot is read again; the bytes of the snapshot never change.

    Append-only: the latest repair of a path counts. `value` is JSON text, ASCII only.
    """

    id = models.BigAutoField(primary_key=True)
    snapshot = models.ForeignKey("audit.StorageSnapshot", on_delete=DATABASE_CASCADE, related_name="repairs")
    path = models.TextField(_("chemin"))
    value = models.TextField(_("valeur"))
    actor = models.CharField(_("par"), max_length=255)
    reason = models.TextField(_("raison"))
    created_at = models.DateTimeField(_("quand"), db_default=Now(), editable=False)

    class Meta:
        db_table = "item_repairs"
        verbose_name = _("réparation")
        verbose_name_plural = _("réparations")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="item_repairs_reason_check"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return f"{self.path} ({self.snapshot_id})"
