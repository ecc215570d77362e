"""Migration runs, their batches, the snapshots they take, and the events of their lives."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from dynprot.constraints import in_choices
from dynprot.foreign_keys import DATABASE_CASCADE, DATABASE_SET_NULL
from dynprot.indexes import Index


class RunStatus(models.TextChoices):
    PENDING = "pending", _("en attente")
    RUNNING = "running", _("en cours")
    PAUSING = "pausing", _("pause demandée")
    PAUSED = "paused", _("en pause")
    VERIFYING = "verifying", _("vérification")
    COMPLETED = "completed", _("terminée")
    COMPLETED_WITH_QUARANTINE = "completed_with_quarantine", _("terminée, avec quarantaine")
    FAILED = "failed", _("échouée")
    CANCELLING = "cancelling", _("annulation demandée")
    CANCELLED = "cancelled", _("annulée")
    ROLLING_BACK = "rolling_back", _("retour en arrière")
    ROLLED_BACK = "rolled_back", _("défaite")
    ROLLBACK_FAILED = "rollback_failed", _("retour en arrière échoué")


ACTIVE = [
    RunStatus.PENDING,
    RunStatus.RUNNING,
    RunStatus.PAUSING,
    RunStatus.PAUSED,
    RunStatus.VERIFYING,
    RunStatus.CANCELLING,
    RunStatus.ROLLING_BACK,
]


class BatchStatus(models.TextChoices):
    PLANNED = "planned", _("prévu")
    LEASED = "leased", _("en cours")
    COMMITTED = "committed", _("enregistré")
    FAILED = "failed", _("échoué")
    SPLIT = "split", _("divisé")
    EXHAUSTED = "exhausted", _("abandonné")
    REVERTED = "reverted", _("défait")


class MigrationRun(models.Model):
    """One migration: the snapshots it took, in batches, and what became of them. One active run a scope (partial unique index)."""

    id = models.BigAutoField(primary_key=True)
    status = models.CharField(
        _("état"), max_length=30, choices=RunStatus, default=RunStatus.PENDING, db_default=RunStatus.PENDING
    )
    scope = models.CharField(_("portée"), max_length=100, default="all", db_default="all")
    batch_size = models.IntegerField(_("personnes par lot"))
    options = models.JSONField(_("options"), default=dict)
    workers = models.IntegerField(_("ouvriers"), default=1, db_default=1)
    fixed_size = models.BooleanField(_("taille de lot fixe"), default=True, db_default=True)
    """Whether `batch_size` stays as given; otherwise it follows `target_seconds`."""
    target_seconds = models.FloatField(_("durée visée d'un lot (s)"), default=2.0, db_default=2.0)
    pause_seconds = models.FloatField(_("pause entre les lots (s)"), default=0.0, db_default=0.0)
    cohort_percent = models.FloatField(_("cohorte (%)"), default=100.0, db_default=100.0)
    """Share of the planned people that is moved before the run waits for "continue with the rest"."""
    max_failures = models.IntegerField(_("échecs tolérés"), default=10, db_default=10)
    """Poison snapshots and exhausted batches after which the run pauses itself."""
    max_quarantine_percent = models.FloatField(_("quarantaine tolérée (%)"), default=50.0, db_default=50.0)
    """Share of the items found after which the run pauses itself (from a thousand items on)."""
    flow = models.JSONField(_("débit"), default=dict)
    """What the governor saw last: `{"concurrency", "reason", "probe_ms", "at"}`."""
    plan_digest = models.CharField(_("empreinte du plan"), max_length=64, blank=True, default="", db_default="")
    rollback = models.JSONField(_("reçu du retour en arrière"), default=dict)
    started_by = models.ForeignKey(
        "accounts.User",
        verbose_name=_("lancée par"),
        on_delete=DATABASE_SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    users_planned = models.IntegerField(_("personnes"), default=0, db_default=0)
    snapshots_planned = models.IntegerField(_("instantanés"), default=0, db_default=0)
    created_at = models.DateTimeField(_("créée le"), db_default=Now(), editable=False)
    started_at = models.DateTimeField(_("commencée le"), null=True, blank=True)
    finished_at = models.DateTimeField(_("terminée le"), null=True, blank=True)
    digest_before = models.CharField(_("empreinte avant"), max_length=64, blank=True, default="", db_default="")
    digest_after = models.CharField(_("empreinte après"), max_length=64, blank=True, default="", db_default="")
    verdict = models.CharField(_("verdict"), max_length=10, blank=True, default="", db_default="")
    report = models.JSONField(_("rapport"), default=dict)
    error = models.TextField(_("erreur"), blank=True, default="", db_default="")

    class Meta:
        db_table = "migration_runs"
        verbose_name = _("migration")
        verbose_name_plural = _("migrations")
        permissions = [
            ("start_migrationrun", "Préparer et lancer une migration"),
            ("pause_migrationrun", "Mettre une migration en pause, la reprendre"),
            ("cancel_migrationrun", "Annuler une migration"),
            ("retry_migrationrun", "Réessayer ce qui a échoué"),
            ("verify_migrationrun", "Vérifier de nouveau une migration"),
            ("retune_migrationrun", "Régler une migration pendant qu'elle tourne"),
            ("rollback_migrationrun", "Défaire une migration, en tout ou en partie"),
            ("migrate_person", "Migrer une personne maintenant"),
            ("rollback_person", "Défaire la migration d'une personne"),
        ]
        ordering = ["-id"]
        constraints = [
            in_choices("status", RunStatus, "migration_runs_status_check"),
            models.UniqueConstraint(
                fields=["scope"],
                condition=models.Q(status__in=ACTIVE),
                name="migration_runs_one_active_key",
                violation_error_message=_("Une migration est déjà en cours."),
            ),
            models.CheckConstraint(condition=models.Q(batch_size__gt=0), name="migration_runs_batch_size_check"),
            models.CheckConstraint(
                condition=models.Q(workers__gt=0, workers__lte=64)
                & models.Q(target_seconds__gt=0, pause_seconds__gte=0)
                & models.Q(cohort_percent__gt=0, cohort_percent__lte=100)
                & models.Q(max_failures__gte=0, max_quarantine_percent__gte=0),
                name="migration_runs_tuning_check",
            ),
            models.CheckConstraint(
                condition=models.Q(verdict__in=["", "passed", "failed"]), name="migration_runs_verdict_check"
            ),
            models.CheckConstraint(
                # Law 5: only the verifier completes a run.
                condition=~models.Q(status__in=["completed", "completed_with_quarantine"]) | models.Q(verdict="passed"),
                name="migration_runs_verified_check",
                violation_error_message=_("Seule une vérification réussie termine une migration."),
            ),
        ]
        # The erasure of an operator.
        indexes = [
            Index(
                fields=["started_by"],
                name="idx_migration_runs_started_by",
                condition=models.Q(started_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Migration {self.pk}"


class MigrationBatch(models.Model):
    """Some people of a run, moved in one transaction. `epoch` grows with every lease; the transaction checks that it still holds it."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(MigrationRun, on_delete=models.PROTECT, related_name="batches", db_index=False)
    number = models.IntegerField(_("n°"))
    status = models.CharField(
        _("état"), max_length=10, choices=BatchStatus, default=BatchStatus.PLANNED, db_default=BatchStatus.PLANNED
    )
    users = models.IntegerField(_("personnes"), default=0, db_default=0)
    snapshots = models.IntegerField(_("instantanés"), default=0, db_default=0)
    items = models.IntegerField(_("éléments"), default=0, db_default=0)
    quarantined = models.IntegerField(_("en quarantaine"), default=0, db_default=0)
    days = models.IntegerField(_("jours résumés"), default=0, db_default=0)
    attempt = models.IntegerField(_("essai"), default=0, db_default=0)
    not_before = models.DateTimeField(_("pas avant"), null=True, blank=True)
    """A batch that met a passing trouble waits until then."""
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="parts", db_index=False
    )
    """The batch that was split, of which this is a part."""
    epoch = models.IntegerField(default=0, db_default=0)
    lease_owner = models.CharField(_("ouvrier"), max_length=100, blank=True, default="", db_default="")
    lease_expires_at = models.DateTimeField(_("bail jusqu'à"), null=True, blank=True)
    started_at = models.DateTimeField(_("commencé le"), null=True, blank=True)
    finished_at = models.DateTimeField(_("terminé le"), null=True, blank=True)
    error = models.TextField(_("erreur"), blank=True, default="", db_default="")

    class Meta:
        db_table = "migration_batches"
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        ordering = ["run", "number"]
        constraints = [
            # A run's batches in order; and the foreign key.
            models.UniqueConstraint(fields=["run", "number"], name="migration_batches_run_number_key"),
            in_choices("status", BatchStatus, "migration_batches_status_check"),
            models.CheckConstraint(
                condition=~models.Q(status="leased") | models.Q(lease_expires_at__isnull=False),
                name="migration_batches_lease_check",
            ),
        ]
        indexes = [
            # The parts of a split batch; and the foreign key. Splits are rare.
            Index(fields=["parent"], name="idx_migration_batches_parent", condition=models.Q(parent__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Lot {self.number} de la migration {self.run_id}"


class MigrationRunSnapshot(models.Model):
    """One snapshot in the plan of one run, and the batch that takes it. `read_report` lists the keys that were seen."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(MigrationRun, on_delete=models.PROTECT, related_name="plan", db_index=False)
    snapshot = models.ForeignKey("audit.StorageSnapshot", on_delete=DATABASE_CASCADE, related_name="plans")
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="+", db_index=False)
    batch = models.ForeignKey(MigrationBatch, on_delete=DATABASE_SET_NULL, null=True, blank=True, related_name="plan")
    read_report = models.JSONField(_("clés lues"), null=True, blank=True)
    poison_digest = models.CharField(_("empreinte de l'erreur"), max_length=64, blank=True, default="", db_default="")
    """SHA-256 of the traceback that this snapshot alone causes; such a snapshot is quarantined whole."""
    reverted_at = models.DateTimeField(_("défait le"), null=True, blank=True)
    """When what this snapshot brought was taken back."""

    class Meta:
        db_table = "migration_run_snapshots"
        verbose_name = _("instantané prévu")
        verbose_name_plural = _("instantanés prévus")
        constraints = [
            # Cutting the next batch walks a run's people in id order; the foreign key on run too.
            models.UniqueConstraint(fields=["run", "user", "snapshot"], name="migration_run_snapshots_key"),
        ]
        indexes = [
            # What is still to be cut.
            Index(fields=["run", "user"], name="idx_migration_plan_open", condition=models.Q(batch__isnull=True)),
            # The erasure of a person.
            Index(fields=["user"], name="idx_migration_plan_user"),
        ]

    def __str__(self) -> str:
        return f"Instantané {self.snapshot_id} dans la migration {self.run_id}"


class MigrationEvent(models.Model):
    """Something that was done to a run, by whom and why; append-only."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(MigrationRun, on_delete=models.PROTECT, related_name="events", db_index=False)
    batch = models.ForeignKey(
        MigrationBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="events", db_index=False
    )
    at = models.DateTimeField(_("quand"), db_default=Now(), editable=False)
    actor = models.CharField(_("par"), max_length=255, blank=True, default="", db_default="")
    action = models.CharField(_("action"), max_length=50)
    old_status = models.CharField(_("avant"), max_length=30, blank=True, default="", db_default="")
    new_status = models.CharField(_("après"), max_length=30, blank=True, default="", db_default="")
    reason = models.TextField(_("raison"), blank=True, default="", db_default="")
    data = models.JSONField(_("détails"), default=dict)

    class Meta:
        db_table = "migration_events"
        verbose_name = _("événement")
        verbose_name_plural = _("événements")
        ordering = ["run", "id"]
        indexes = [
            # The story of a run; and the foreign key.
            Index(fields=["run", "id"], name="idx_migration_events_run"),
            # What was done to one batch; and the foreign key. Most events are about a whole run.
            Index(fields=["batch"], name="idx_migration_events_batch", condition=models.Q(batch__isnull=False)),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.action} ({self.old_status} → {self.new_status})"
