"""One-time links by e-mail."""

from __future__ import annotations

from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.utils.translation import gettext_lazy as _

from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.identifiers import uuid7


class PasswordResetToken(models.Model):
    """A password reset that was asked for: only hashes are kept; usable once, before `expires_at`."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="password_reset_tokens")
    token_id = models.CharField(max_length=64)
    hashed_token = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "password_reset_tokens"
        verbose_name = _("lien de réinitialisation")
        verbose_name_plural = _("liens de réinitialisation")
        constraints = [models.UniqueConstraint(fields=["token_id"], name="password_reset_tokens_token_id_key")]

    def __str__(self) -> str:
        return f"réinitialisation demandée le {self.created_at:%d/%m/%Y %H:%M}"
