"""What became of every item: law 1, conservation."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from dynprot.constraints import in_choices, not_negative
from dynprot.foreign_keys import DATABASE_CASCADE
from dynprot.indexes import GinIndex, Index


class ItemKind(models.TextChoices):
    MEAL = "meal", _("repas")
    FAVORITE = "favorite", _("favori")
    PROFILE = "profile", _("profil")
    PREFERENCES = "preferences", _("préférences")


class Outcome(models.TextChoices):
    CREATED = "created", _("créé")
    UPDATED = "updated", _("mis à jour")
    UNCHANGED = "unchanged", _("inchangé")
    DUPLICATE = "duplicate", _("doublon")
    SUPERSEDED = "superseded", _("remplacé")
    QUARANTINED = "quarantined", _("en quarantaine")
    WAIVED = "waived", _("écarté")


class MigrationTally(models.Model):
    """How many items of one kind a run found in one snapshot, and what became of them; the CHECK is the first law."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey("audit.MigrationRun", on_delete=models.PROTECT, related_name="tallies", db_index=False)
    snapshot = models.ForeignKey("audit.StorageSnapshot", on_delete=DATABASE_CASCADE, related_name="tallies")
    kind = models.CharField(_("genre"), max_length=11, choices=ItemKind)
    found = models.IntegerField(_("trouvés"), default=0, db_default=0)
    created = models.IntegerField(_("créés"), default=0, db_default=0)
    updated = models.IntegerField(_("mis à jour"), default=0, db_default=0)
    unchanged = models.IntegerField(_("inchangés"), default=0, db_default=0)
    duplicate = models.IntegerField(_("doublons"), default=0, db_default=0)
    superseded = models.IntegerField(_("remplacés"), default=0, db_default=0)
    quarantined = models.IntegerField(_("en quarantaine"), default=0, db_default=0)
    waived = models.IntegerField(_("écartés"), default=0, db_default=0)

    class Meta:
        db_table = "migration_tallies"
        verbose_name = _("décompte")
        verbose_name_plural = _("décomptes")
        constraints = [
            # A run's tallies; and the foreign key.
            models.UniqueConstraint(fields=["run", "snapshot", "kind"], name="migration_tallies_key"),
            in_choices("kind", ItemKind, "migration_tallies_kind_check"),
            *(not_negative(outcome, f"migration_tallies_{outcome}_check") for outcome in Outcome.values),
            models.CheckConstraint(
                condition=models.Q(
                    found=models.F("created")
                    + models.F("updated")
                    + models.F("unchanged")
                    + models.F("duplicate")
                    + models.F("superseded")
                    + models.F("quarantined")
                    + models.F("waived")
                ),
                name="migration_tallies_conservation_check",
                violation_error_message=_("Chaque élément trouvé doit avoir exactement un sort."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.found}"


class MigrationOutcome(models.Model):
    """One item that was not plainly created or unchanged, or that cleaning altered.

    `raw` is JSON text with every non-ASCII character escaped, so that NUL and lone surrogates survive; the whole item, or for an item that
    was only altered `{"path": raw value, ...}` is in `changes`. `changes` lists `{"field","reason","raw","value"}`; `before` is the pre-image
    of an updated row, `differences` what the server kept.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey("audit.MigrationRun", on_delete=models.PROTECT, related_name="outcomes", db_index=False)
    snapshot = models.ForeignKey("audit.StorageSnapshot", on_delete=DATABASE_CASCADE, related_name="outcomes")
    user = models.ForeignKey("accounts.User", on_delete=DATABASE_CASCADE, related_name="outcomes", db_index=False)
    kind = models.CharField(_("genre"), max_length=11, choices=ItemKind)
    path = models.TextField(_("chemin"))
    outcome = models.CharField(_("sort"), max_length=11, choices=Outcome)
    reasons = ArrayField(models.CharField(max_length=40), verbose_name=_("raisons"), default=list)
    raw = models.TextField(_("valeur brute"), blank=True, default="")
    changes = models.JSONField(_("corrections"), default=list)
    row_id = models.UUIDField(_("ligne"), null=True, blank=True)
    before = models.JSONField(_("avant"), null=True, blank=True)

    class Meta:
        db_table = "migration_outcomes"
        verbose_name = _("sort d'un élément")
        verbose_name_plural = _("sorts des éléments")
        permissions = [
            ("repair_migrationoutcome", "Réparer des éléments en quarantaine"),
            ("replay_migrationoutcome", "Rejouer des éléments en quarantaine"),
            ("waive_migrationoutcome", "Écarter des éléments en quarantaine, ou les reprendre"),
            ("view_raw_data", "Voir les valeurs brutes des navigateurs"),
        ]
        constraints = [
            # One outcome an item: the second half of the first law. Also a run's outcomes by snapshot, and the foreign key on run.
            models.UniqueConstraint(fields=["run", "snapshot", "path"], name="migration_outcomes_key"),
            in_choices("kind", ItemKind, "migration_outcomes_kind_check"),
            in_choices("outcome", Outcome, "migration_outcomes_outcome_check"),
        ]
        indexes = [
            # "What happened to my data": a person's outcomes; and the foreign key.
            Index(fields=["user", "run"], name="idx_migration_outcomes_user"),
            # The quarantine by cause: few rows, grouped and filtered by reason.
            GinIndex(fields=["reasons"], name="idx_outcomes_quarantine", condition=models.Q(outcome="quarantined")),
            Index(fields=["run"], name="idx_outcomes_quarantine_run", condition=models.Q(outcome="quarantined")),
        ]

    def __str__(self) -> str:
        return f"{self.path}: {self.outcome}"
