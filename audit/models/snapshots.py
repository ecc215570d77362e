"""What browsers held, byte for byte."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.triggers import when
from dynprot.constraints import in_choices
from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.indexes import Index


class SnapshotStatus(models.TextChoices):
    UNCLAIMED = "unclaimed", _("sans compte")
    WAITING = "waiting", _("en attente de migration")
    MIGRATED = "migrated", _("migré")
    POISONED = "poisoned", _("mis à l'écart")


FROZEN = (
    "id",
    "sha256",
    "payload",
    "size_bytes",
    "claimed_email",
    "claimed_username",
    "claimed_legacy_id",
    "claimed_name",
    "captured_at",
    "timezone",
    "origin",
    "user_agent",
    "source",
    "source_line",
    "loaded_at",
)
"""Columns that never change once a snapshot is staged."""


class StorageSnapshot(models.Model):
    """One browser of one person at one moment: the exact bytes, immutable. It is the backup that the old data stays safe in.

    `claimed_*` is what the capture says of its person; `user` is the account it was matched with (none: it waits). Everything but `user`,
    `status` and `last_run` is refused to UPDATE by a trigger; DELETE is refused too, except to retention (`SET LOCAL dynprot.retention =
    'on'`) and to the erasure of the person.
    """

    id = models.BigAutoField(primary_key=True)
    sha256 = models.BinaryField(_("SHA-256"), max_length=32, unique=True, editable=False)
    payload = models.BinaryField(_("contenu"), editable=False)
    size_bytes = models.BigIntegerField(_("taille (octets)"), editable=False)
    user = models.ForeignKey(
        "accounts.User",
        verbose_name=_("personne"),
        on_delete=DATABASE_CASCADE,
        null=True,
        blank=True,
        related_name="snapshots",
        db_index=False,
    )
    status = models.CharField(
        _("état"),
        max_length=10,
        choices=SnapshotStatus,
        default=SnapshotStatus.WAITING,
        db_default=SnapshotStatus.WAITING,
    )
    waiting_reason = models.CharField(_("pourquoi il attend"), max_length=200, blank=True, default="", db_default="")
    claimed_email = models.CharField(_("e-mail annoncé"), max_length=255, blank=True, default="", db_default="")
    claimed_username = models.CharField(_("nom annoncé"), max_length=100, blank=True, default="", db_default="")
    claimed_legacy_id = models.CharField(
        _("ancien identifiant annoncé"), max_length=100, blank=True, default="", db_default=""
    )
    claimed_name = models.CharField(_("nom complet annoncé"), max_length=200, blank=True, default="", db_default="")
    captured_at = models.DateTimeField(_("capturé le"))
    timezone = models.CharField(_("fuseau horaire"), max_length=64)
    origin = models.TextField(_("site"), blank=True, default="", db_default="")
    user_agent = models.TextField(_("navigateur"), blank=True, default="", db_default="")
    source = models.TextField(_("fichier"), blank=True, default="", db_default="")
    source_line = models.IntegerField(_("ligne"), null=True, blank=True)
    loaded_at = models.DateTimeField(_("reçu le"), db_default=Now(), editable=False)
    last_run = models.ForeignKey(
        "audit.MigrationRun",
        verbose_name=_("dernière migration"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    class Meta:
        db_table = "storage_snapshots"
        verbose_name = _("instantané")
        verbose_name_plural = _("instantanés")
        constraints = [
            in_choices("status", SnapshotStatus, "storage_snapshots_status_check"),
            models.CheckConstraint(
                condition=models.Q(status=SnapshotStatus.UNCLAIMED, user__isnull=True)
                | (~models.Q(status=SnapshotStatus.UNCLAIMED) & models.Q(user__isnull=False)),
                name="storage_snapshots_claimed_check",
            ),
        ]
        indexes = [
            # A person's snapshots in the order in which they were made (merging, the person's page); and the foreign key.
            Index(fields=["user", "captured_at"], name="idx_storage_snapshots_user"),
            # The plan of a run: what waits, by person. Migrated snapshots cost nothing here.
            Index(fields=["user"], name="idx_storage_snapshots_waiting", condition=models.Q(status="waiting")),
            # What a run was the last to move (its page, its rollback); and the foreign key.
            Index(
                fields=["last_run"], name="idx_storage_snapshots_last_run", condition=models.Q(last_run__isnull=False)
            ),
            # Listed for support: what waits for an account.
            Index(fields=["loaded_at"], name="idx_storage_snapshots_unclaimed", condition=models.Q(status="unclaimed")),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            # UPDATE OF: a change of status must not unpack and compare the payload, which costs ten times the change itself.
            pgtrigger.Trigger(
                name="immutable",
                operation=pgtrigger.UpdateOf(*FROZEN),
                when=pgtrigger.Before,
                condition=pgtrigger.AnyChange(*FROZEN),
                func="""
    RAISE EXCEPTION 'snapshot % is immutable: its bytes and what came with them never change', OLD.id
        USING ERRCODE = 'restrict_violation';
""",
            ),
            pgtrigger.Trigger(
                name="kept",
                operation=pgtrigger.Delete,
                when=pgtrigger.Before,
                condition=when("current_setting('dynprot.retention', true) IS DISTINCT FROM 'on'"),
                func="""
    IF OLD.user_id IS NULL OR EXISTS (SELECT FROM users WHERE id = OLD.user_id) THEN
        RAISE EXCEPTION 'snapshot % is kept: only retention or the erasure of its person removes it', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
""",
            ),
        ]

    def __str__(self) -> str:
        return f"Instantané {self.pk} ({self.claimed_email or self.claimed_legacy_id})"
