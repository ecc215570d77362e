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
    "roll_back": _("Retour en arrière"),
}
"""What was done to a run, in words; an action that is not here is shown by its own name."""


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
