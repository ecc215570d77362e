"""Previews of migrations: dry runs made in the background, what they predict, and examples of it."""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit.models.outcomes import ItemKind, Outcome
from dynprot.constraints import in_choices, not_negative
from dynprot.foreign_keys import DATABASE_CASCADE, DATABASE_SET_NULL
from dynprot.indexes import Index


class PreviewStatus(models.TextChoices):
    WAITING = "waiting", _("en attente")
    STAGING = "staging", _("lecture du fichier")
    RUNNING = "running", _("calcul")
    DONE = "done", _("prêt")
    FAILED = "failed", _("échoué")
    CANCELLED = "cancelled", _("annulé")


class MigrationPreview(models.Model):
    """One dry run for an operator: what was asked, how far it has come, what it predicts, and the run that was started from it.

    `attempt` grows each time a process takes it up; who writes checks that it is still theirs.
    """

    id = models.BigAutoField(primary_key=True)
    request_key = models.UUIDField(default=uuid4, unique=True, editable=False)
    """Of the form that asked: sent twice, it makes one preview."""
    status = models.CharField(
        _("état"), max_length=10, choices=PreviewStatus, default=PreviewStatus.WAITING, db_default=PreviewStatus.WAITING
    )
    scope = models.JSONField(_("portée"), default=dict)
    options = models.JSONField(_("réglages"), default=dict)
    """How the run is to be started: batch size, workers, cohort, error budget."""
    upload = models.CharField(_("fichier reçu"), max_length=200, blank=True, default="", db_default="")
    """The name in the storage of a file that is still to be staged; '' when there is none (any more)."""
    upload_name = models.CharField(_("fichier"), max_length=200, blank=True, default="", db_default="")
    create_users = models.BooleanField(_("créer les comptes"), default=False, db_default=False)
    staging = models.JSONField(_("lecture du fichier"), default=dict)
    """What staging said: lines, staged, already, rejected with line and reason."""
    people_total = models.IntegerField(_("personnes"), default=0, db_default=0)
    people_done = models.IntegerField(_("personnes calculées"), default=0, db_default=0)
    report = models.JSONField(_("rapport"), default=dict)
    plan_digest = models.CharField(_("empreinte du plan"), max_length=64, blank=True, default="", db_default="")
    newest_snapshot = models.BigIntegerField(_("dernier instantané"), default=0, db_default=0)
    """The newest snapshot when the dry run began: newer ones are not in it."""
    error = models.TextField(_("erreur"), blank=True, default="", db_default="")
    attempt = models.IntegerField(_("essai"), default=0, db_default=0)
    made_by = models.ForeignKey(
        "accounts.User",
        verbose_name=_("demandé par"),
        on_delete=DATABASE_SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    run = models.ForeignKey(
        "audit.MigrationRun",
        verbose_name=_("migration"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="previews",
        db_index=False,
    )
    """The run that was started from it."""
    created_at = models.DateTimeField(_("demandé le"), db_default=Now(), editable=False)
    asked_at = models.DateTimeField(_("appelé le"), db_default=Now(), editable=False)
    """When a process was last called to it."""
    started_at = models.DateTimeField(_("commencé le"), null=True, blank=True)
    finished_at = models.DateTimeField(_("terminé le"), null=True, blank=True)

    class Meta:
        db_table = "migration_previews"
        verbose_name = _("aperçu")
        verbose_name_plural = _("aperçus")
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            in_choices("status", PreviewStatus, "migration_previews_status_check"),
            not_negative("people_total", "migration_previews_people_total_check"),
            not_negative("people_done", "migration_previews_people_done_check"),
            models.CheckConstraint(
                # A run is bound to the digest of what was shown.
                condition=models.Q(run__isnull=True) | ~models.Q(plan_digest=""),
                name="migration_previews_bound_check",
            ),
        ]
        indexes = [
            # The erasure of an operator.
            Index(fields=["made_by"], name="idx_migration_previews_made_by", condition=models.Q(made_by__isnull=False)),
            # From a run to what was shown before it; and the foreign key.
            Index(fields=["run"], name="idx_migration_previews_run", condition=models.Q(run__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Aperçu {self.pk}"


class MigrationPreviewSample(models.Model):
    """One example of what a preview predicts. Its values are a person's, and go with them."""

    id = models.BigAutoField(primary_key=True)
    preview = models.ForeignKey(MigrationPreview, on_delete=DATABASE_CASCADE, related_name="samples", db_index=False)
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="+", db_index=False)
    snapshot = models.ForeignKey("audit.StorageSnapshot", on_delete=DATABASE_CASCADE, related_name="+", db_index=False)
    kind = models.CharField(_("type"), max_length=20, choices=ItemKind)
    path = models.TextField(_("chemin"))
    outcome = models.CharField(_("sort"), max_length=20, choices=Outcome)
    reasons = models.JSONField(_("raisons"), default=list)
    raw = models.TextField(_("valeur brute"), blank=True)
    changes = models.JSONField(_("corrections"), default=list)
    before = models.JSONField(_("avant"), null=True, blank=True)

    class Meta:
        db_table = "migration_preview_samples"
        verbose_name = _("exemple d'aperçu")
        verbose_name_plural = _("exemples d'aperçus")
        default_permissions = ()
        ordering = ["preview", "id"]
        constraints = [
            in_choices("kind", ItemKind, "migration_preview_samples_kind_check"),
            in_choices("outcome", Outcome, "migration_preview_samples_outcome_check"),
        ]
        indexes = [
            # A preview's examples in order; and the foreign key.
            Index(fields=["preview", "id"], name="idx_migration_preview_samples"),
            # The erasure of a person.
            Index(fields=["user"], name="idx_migration_preview_samples_user"),
            # Retention of snapshots.
            Index(fields=["snapshot"], name="idx_migration_preview_samples_snapshot"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"
