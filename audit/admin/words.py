"""States and outcomes in words, with colours and icons: one place, so that lists and pages speak alike."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import Badge
from accounts.admin.person_page import Text
from audit.models import (
    BatchStatus,
    ItemKind,
    MigrationBatch,
    MigrationRun,
    Outcome,
    RunStatus,
    SnapshotStatus,
    StorageSnapshot,
)

RUN: Final[dict[str, tuple[str, str, Text]]] = {
    RunStatus.PENDING: ("neutral", "schedule", _("Elle attend son tour : rien n'est encore écrit.")),
    RunStatus.RUNNING: ("info", "sync", _("Les lots passent un par un, chacun dans une seule transaction.")),
    RunStatus.PAUSING: ("warning", "pause", _("Le lot en cours se termine, puis elle s'arrête.")),
    RunStatus.PAUSED: (
        "warning",
        "pause_circle",
        _("Les lots enregistrés restent ; elle peut reprendre où elle en était."),
    ),
    RunStatus.VERIFYING: ("info", "fact_check", _("Le vérificateur relit les instantanés et compare avec les tables.")),
    RunStatus.COMPLETED: ("success", "verified", _("Chaque élément trouvé a un sort, et la vérification est passée.")),
    RunStatus.COMPLETED_WITH_QUARANTINE: (
        "success",
        "verified",
        _("La vérification est passée ; des éléments attendent en quarantaine, gardés tels quels."),
    ),
    RunStatus.FAILED: ("danger", "error", _("Elle s'est arrêtée sur une erreur ; les lots enregistrés restent.")),
    RunStatus.CANCELLING: ("warning", "cancel", _("Le lot en cours se termine, puis elle est annulée.")),
    RunStatus.CANCELLED: ("neutral", "cancel", _("Annulée ; les lots déjà enregistrés restent.")),
    RunStatus.ROLLING_BACK: ("warning", "undo", _("Ce qu'elle avait écrit est retiré, lot par lot.")),
    RunStatus.ROLLED_BACK: ("neutral", "undo", _("Ce qu'elle avait écrit a été retiré.")),
    RunStatus.ROLLBACK_FAILED: (
        "danger",
        "error",
        _("Le retour en arrière s'est arrêté sur une erreur ; il peut être repris."),
    ),
}
"""Variant, icon and sentence of each state of a run."""

BATCH: Final[dict[str, tuple[str, str]]] = {
    BatchStatus.PLANNED: ("neutral", "schedule"),
    BatchStatus.LEASED: ("info", "sync"),
    BatchStatus.COMMITTED: ("success", "check"),
    BatchStatus.FAILED: ("danger", "error"),
    BatchStatus.SPLIT: ("neutral", "call_split"),
    BatchStatus.EXHAUSTED: ("danger", "dangerous"),
    BatchStatus.REVERTED: ("neutral", "undo"),
}

SNAPSHOT: Final[dict[str, tuple[str, str]]] = {
    SnapshotStatus.UNCLAIMED: ("warning", "person_off"),
    SnapshotStatus.WAITING: ("info", "hourglass_top"),
    SnapshotStatus.MIGRATED: ("success", "check_circle"),
    SnapshotStatus.POISONED: ("danger", "dangerous"),
}

OUTCOME: Final[dict[str, tuple[str, str]]] = {
    Outcome.CREATED: ("success", "add_circle"),
    Outcome.UPDATED: ("info", "edit"),
    Outcome.UNCHANGED: ("neutral", "equal"),
    Outcome.DUPLICATE: ("neutral", "content_copy"),
    Outcome.SUPERSEDED: ("neutral", "history"),
    Outcome.QUARANTINED: ("warning", "front_hand"),
    Outcome.WAIVED: ("neutral", "do_not_disturb_on"),
}

OUTCOMES_PLURAL: Final[dict[str, Text]] = {
    Outcome.CREATED: _("Créés"),
    Outcome.UPDATED: _("Mis à jour"),
    Outcome.UNCHANGED: _("Inchangés"),
    Outcome.DUPLICATE: _("Doublons"),
    Outcome.SUPERSEDED: _("Remplacés"),
    Outcome.QUARANTINED: _("En quarantaine"),
    Outcome.WAIVED: _("Écartés"),
}

KINDS_PLURAL: Final[dict[str, Text]] = {
    ItemKind.MEAL: _("Repas"),
    ItemKind.FAVORITE: _("Favoris"),
    ItemKind.PROFILE: _("Profils"),
    ItemKind.PREFERENCES: _("Préférences"),
}

EVENTS: Final[dict[str, Text]] = {
    "plan": _("Plan établi"),
    "launch": _("Lancée d'après un aperçu"),
    "start": _("Démarrage"),
    "pause": _("Pause demandée"),
    "paused": _("En pause"),
    "resume": _("Reprise"),
    "cancel": _("Annulation demandée"),
    "cancelled": _("Annulée"),
    "verify": _("Vérification"),
    "complete": _("Terminée"),
    "fail": _("Échec"),
    "retry": _("Nouvel essai"),
    "retry_batch": _("Nouvel essai d'un lot"),
    "call": _("Ouvriers rappelés"),
    "retune": _("Réglage"),
    "split": _("Lot divisé"),
    "exhausted": _("Lot abandonné"),
    "poison": _("Instantané mis à l'écart"),
    "throttle": _("Débit ajusté"),
    "cohort_done": _("Cohorte terminée"),
    "roll_back": _("Retour en arrière"),
    "roll_back_part": _("Retour en arrière partiel"),
    "rolled_back": _("Défaite"),
    "rollback_failed": _("Retour en arrière échoué"),
    "repair": _("Réparation"),
    "replay": _("Nouvelle tentative sur la quarantaine"),
    "waive": _("Éléments écartés"),
    "unwaive": _("Éléments repris"),
}
"""What was done to a run, in words; an action that is not here is shown by its own name."""


ACTIONS: Final[dict[str, Text]] = {
    "staff_looked": _("Données consultées par l'équipe"),
    "staff_changed_account": _("Compte modifié par l'équipe"),
    "staff_made_account": _("Compte créé par l'équipe"),
    "staff_set_password": _("Mot de passe choisi par l'équipe"),
    "staff_sent_reset_link": _("Lien de connexion envoyé"),
    "staff_ended_sessions": _("Sessions fermées"),
    "staff_deactivated": _("Compte désactivé"),
    "staff_reactivated": _("Compte réactivé"),
    "staff_exported_person": _("Données exportées par l'équipe"),
    "staff_migrated_person": _("Migration lancée pour cette personne"),
    "staff_erased": _("Personne effacée"),
    "migration_rolled_back": _("Migration défaite"),
    "MIGRATION_ITEMS_REPLAYED": _("Quarantaine rejouée"),
    "MIGRATION_ITEM_REPAIRED": _("Élément réparé"),
    "MIGRATION_ITEMS_REPAIRED": _("Éléments réparés"),
}
"""What was done to a person, in words; an action that is not here is shown by its own name."""


def action_text(action: str) -> str:
    """An action of the activity log in words."""
    return str(ACTIONS.get(action, action))


def event_text(action: str) -> str:
    """An event's action in words."""
    return str(EVENTS.get(action, action))


def status_change(old: str, new: str) -> str:
    """From which state to which, in words."""
    return " → ".join(
        str(RunStatus(status).label) if status in RunStatus.values else status for status in (old, new) if status
    )


def run_badge(run: MigrationRun) -> Badge:
    """The state of a run."""
    variant, icon, sentence = RUN[run.status]
    return Badge(_capital(run.get_status_display()), variant, icon, str(sentence))


def run_sentence(run: MigrationRun) -> str:
    """What the state of a run means."""
    return str(RUN[run.status][2])


def dry_run_badge(run: MigrationRun) -> Badge | None:
    """A dry run wrote nothing, and must never be taken for a real one."""
    return Badge(gettext("À blanc : rien n'est écrit"), "warning", "science") if is_dry_run(run) else None


def is_dry_run(run: MigrationRun) -> bool:
    """Whether the run was told to write nothing."""
    return bool(run.options.get("dry_run") or run.report.get("dry_run"))


def verdict_badge(verdict: str) -> Badge:
    """What the verifier said of a run."""
    if verdict == "passed":
        return Badge(gettext("Vérification réussie"), "success", "verified")
    if verdict == "failed":
        return Badge(gettext("Vérification échouée"), "danger", "gpp_bad")
    return Badge(gettext("Pas encore vérifiée"), "neutral", "pending")


def batch_badge(batch: MigrationBatch) -> Badge:
    """The state of a batch."""
    return Badge(_capital(batch.get_status_display()), *BATCH[batch.status])


def snapshot_badge(snapshot: StorageSnapshot) -> Badge:
    """Whether a snapshot was migrated, or what it waits for."""
    return Badge(_capital(snapshot.get_status_display()), *SNAPSHOT[snapshot.status], snapshot.waiting_reason)


def outcome_badge(outcome: str) -> Badge:
    """What became of an item."""
    return Badge(_capital(str(Outcome(outcome).label)), *OUTCOME[outcome])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
