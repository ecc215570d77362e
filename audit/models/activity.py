"""Who did what to which row."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.triggers import when
from dynprot.foreign_keys import DATABASE_SET_NULL
from dynprot.identifiers import uuid7
from dynprot.indexes import Index


class ActivityLog(models.Model):
    """One thing somebody did. It outlives the account: erasing a person empties `user`, and with it, at the same moment, may empty from where
    they came (`ip_address`, `user_agent`). Nothing else ever changes.

    Rows are refused to DELETE, except to retention (`SET LOCAL dynprot.retention = 'on'`).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey(
        "accounts.User", on_delete=DATABASE_SET_NULL, null=True, blank=True, related_name="activity", db_index=False
    )
    action_type = models.CharField(_("action"), max_length=50)
    table_name = models.CharField(_("table"), max_length=50, null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    record_id = models.UUIDField(_("ligne"), null=True, blank=True)
    old_values = models.JSONField(_("avant"), null=True, blank=True)
    new_values = models.JSONField(_("après"), null=True, blank=True)
    ip_address = models.GenericIPAddressField(_("adresse IP"), null=True, blank=True)
    user_agent = models.TextField(_("navigateur"), null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    created_at = models.DateTimeField(_("quand"), db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "activity_logs"
        verbose_name = _("activité")
        verbose_name_plural = _("activités")
        indexes = [
            # A person's activity, newest first; and the foreign key.
            Index("user", models.F("created_at").desc(), name="idx_activity_logs_user_created"),
            # The log, newest first, and the log of one kind of action.
            Index(fields=["-created_at"], name="idx_activity_logs_created_at"),
            Index("action_type", models.F("created_at").desc(), name="idx_activity_logs_action_type"),
            # What happened to one row.
            Index(fields=["table_name", "record_id"], name="idx_activity_logs_record"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.ReadOnly(name="append_only", exclude=["user", "ip_address", "user_agent"]),
            pgtrigger.Protect(
                name="origin_only_forgotten",
                operation=pgtrigger.Update,
                condition=when(
                    "(NEW.ip_address IS DISTINCT FROM OLD.ip_address AND (NEW.ip_address IS NOT NULL OR OLD.user_id IS NULL "
                    "OR NEW.user_id IS NOT NULL)) OR (NEW.user_agent IS DISTINCT FROM OLD.user_agent AND (NEW.user_agent IS NOT NULL "
                    "OR OLD.user_id IS NULL OR NEW.user_id IS NOT NULL))"
                ),
            ),
            pgtrigger.Protect(
                name="never_another_person",
                operation=pgtrigger.Update,
                condition=when("NEW.user_id IS NOT NULL AND NEW.user_id IS DISTINCT FROM OLD.user_id"),
            ),
            pgtrigger.Protect(
                name="kept",
                operation=pgtrigger.Delete,
                condition=when("current_setting('dynprot.retention', true) IS DISTINCT FROM 'on'"),
            ),
        ]

    def __str__(self) -> str:
        return self.action_type
