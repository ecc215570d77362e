"""What happens next to a run, why rows stay, and why something was refused: the engine's facts in the reader's language."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import printable
from accounts.admin.person_page import Text
from audit.models import BatchStatus, ItemKind, MigrationRun, Outcome, PreviewStatus, RunStatus
from audit.runs.refusals import Refusal
from audit.runs.rollback import KeptReason
from audit.runs.sentences import BETWEEN, Understood, understood
from audit.runs.transitions import TRANSITIONS

R = RunStatus
_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?(e\+\d+)?")

NEXT: Final[dict[tuple[str, str, str], Text]] = {
    (R.PENDING, "start", R.RUNNING): _("Le premier ouvrier qui vient la commence."),
    (R.PENDING, "cancel", R.CANCELLED): _("Vous pouvez y renoncer avant que rien ne soit écrit."),
    (R.RUNNING, "resume", R.RUNNING): _("Si un ouvrier se perd, un autre continue après le dernier lot enregistré."),
    (R.RUNNING, "pause", R.PAUSING): _("Elle s'arrête d'elle-même si trop d'erreurs ou de quarantaine s'accumulent."),
    (R.RUNNING, "verify", R.VERIFYING): _("Quand tous les lots sont enregistrés, le vérificateur compare."),
    (R.RUNNING, "fail", R.FAILED): _("Si un lot reste impossible à écrire, elle échoue ; le reste est gardé."),
    (R.RUNNING, "cancel", R.CANCELLING): _("Vous pouvez l'arrêter pour de bon ; le lot en cours se termine."),
    (R.PAUSING, "paused", R.PAUSED): _("Dès que le dernier lot en cours est enregistré, elle est en pause."),
    (R.PAUSING, "resume", R.RUNNING): _("Vous pouvez retirer la demande de pause."),
    (R.PAUSING, "fail", R.FAILED): _("Une erreur imprévue dans le lot en cours la ferait échouer."),
    (R.PAUSING, "cancel", R.CANCELLING): _("Vous pouvez l'arrêter pour de bon."),
    (R.PAUSED, "resume", R.RUNNING): _("Rien ne bouge tant que personne ne la reprend."),
    (R.PAUSED, "cancel", R.CANCELLED): _("Vous pouvez y renoncer ; ce qui est enregistré reste."),
    (R.PAUSED, "retry", R.RUNNING): _("Vous pouvez réessayer les lots échoués et continuer."),
    (R.VERIFYING, "verify", R.VERIFYING): _("Si le vérificateur se perd, un autre recommence la comparaison."),
    (R.VERIFYING, "complete", R.COMPLETED): _("Si tout concorde et que la quarantaine est vide, elle est terminée."),
    (R.VERIFYING, "complete", R.COMPLETED_WITH_QUARANTINE): _(
        "Si tout concorde, elle est terminée ; la quarantaine attend vos décisions."
    ),
    (R.VERIFYING, "fail", R.FAILED): _("Si une seule valeur diffère, elle échoue et montre les différences."),
    (R.VERIFYING, "cohort_done", R.PAUSED): _("Si c'était une cohorte, elle attend votre décision pour le reste."),
    (R.CANCELLING, "cancelled", R.CANCELLED): _("Dès que le dernier lot en cours est enregistré, elle est annulée."),
    (R.CANCELLING, "fail", R.FAILED): _("Une erreur imprévue dans le lot en cours la ferait échouer."),
    (R.FAILED, "retry", R.RUNNING): _("Vous pouvez réessayer les lots échoués, puis la vérification."),
    (R.ROLLING_BACK, "roll_back", R.ROLLING_BACK): _(
        "Si un ouvrier se perd, un autre continue avec les personnes qui restent."
    ),
    (R.ROLLING_BACK, "rolled_back", R.ROLLED_BACK): _(
        "À la fin, le contenu est celui d'avant, sauf ce que les personnes ont changé depuis."
    ),
    (R.ROLLING_BACK, "rollback_failed", R.ROLLBACK_FAILED): _(
        "Une erreur l'arrêterait ; le retour en arrière pourrait alors être relancé."
    ),
    **{
        (source, "verify", R.VERIFYING): _(
            "Vous pouvez la faire vérifier de nouveau, après une réparation par exemple."
        )
        for source in (R.COMPLETED, R.COMPLETED_WITH_QUARANTINE, R.FAILED)
    },
    **{
        (source, "roll_back", R.ROLLING_BACK): _("Vous pouvez la défaire, en tout ou en partie.")
        for source in (R.PAUSED, R.COMPLETED, R.COMPLETED_WITH_QUARANTINE, R.FAILED, R.CANCELLED, R.ROLLBACK_FAILED)
    },
}
"""Each line of the table of transitions, told to whoever looks at a run in its first status."""

NOTHING_MORE: Final = _("Rien : elle est défaite, et ses instantanés attendent une nouvelle migration.")

KEPT: Final[dict[str, Text]] = {
    KeptReason.CHANGED: _("changé par la personne depuis"),
    KeptReason.DELETED: _("supprimé par la personne depuis ; il n'est pas ramené"),
    KeptReason.ANALYSED: _("la personne l'a fait analyser depuis ; l'analyse partirait avec lui"),
    KeptReason.NAME_TAKEN: _("un autre favori, qui reste, porte l'ancien nom"),
    KeptReason.DAY_TAKEN: _("des objectifs saisis par la personne sont à ce jour"),
    KeptReason.PROFILE_KEPT: _("son profil a été changé depuis et reste"),
}
"""Why a rollback leaves a row as it is."""

TABLES: Final[dict[str, Text]] = {
    "meal_entries": _("Repas"),
    "favorite_meals": _("Favoris"),
    "user_profiles": _("Profils"),
    "goal_history": _("Objectifs"),
    "users": _("Noms"),
}
"""The tables that a rollback puts right."""


def next_steps(run: MigrationRun) -> list[str]:
    """What can happen to a run from where it stands, in the order of the table."""
    told = [str(NEXT[line.source, line.action, line.target]) for line in TRANSITIONS if line.source == run.status]
    return list(dict.fromkeys(told)) or [str(NOTHING_MORE)]


def is_legal(run: MigrationRun, action: str) -> bool:
    """Whether the table of transitions has this action for a run in this status."""
    return any(line.source == run.status and line.action == action for line in TRANSITIONS)


def status_text(status: str) -> str:
    """The status of a run, a batch or a preview in words."""
    for statuses in (RunStatus, BatchStatus, PreviewStatus):
        if status in statuses.values:
            return str(statuses(status).label)
    return printable(status)


def refusal_text(error: Exception) -> str:
    """Why a service refused, in the reader's language."""
    if isinstance(error, Refusal):
        facts = {name: _fact(name, value) for name, value in error.facts.items()}
        return _whole(gettext(error.template).format(**facts) if facts else gettext(error.template))
    return gettext("Refusé : %(why)s") % {"why": printable(str(error))}


def _fact(name: str, value: object) -> object:
    if name in ("status", "target"):
        return status_text(str(value))
    if name == "outcome" and value in Outcome.values:
        return str(Outcome(value).label)
    if name == "kind" and value in ItemKind.values:
        return str(ItemKind(value).label)
    return value if isinstance(value, int | float) else printable(str(value))


def engine_text(sentence: str) -> str:
    """A sentence that the engine has kept, in the reader's language; what somebody else wrote, as it is."""
    found = understood(sentence)
    return _whole(_told(found)) if found is not None else printable(sentence)


def difference_text(problem: str) -> str:
    """What the verifier found wrong, in the reader's language."""
    told = gettext(problem) if problem else ""
    return printable(problem) if told == problem else _whole(told)


def _told(found: Understood) -> str:
    facts = {
        name: _number(fact) if isinstance(fact, str) else gettext(BETWEEN).join(map(_told, fact))
        for name, fact in found.facts.items()
    }
    return gettext(found.template).format(**facts)


def _number(text: str) -> str:
    """A number as the language writes it; whatever is none, as it is."""
    if not _NUMBER.fullmatch(text):
        return printable(text)
    return str(number_format(Decimal(text.replace(",", "")), use_l10n=True, force_grouping=True))


def _whole(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:] + ("" if sentence.endswith(".") else ".")
