"""The words of the quarantine workbench: what one can do about a reason, what each rule does, and why something is refused."""

from __future__ import annotations

from typing import Final, NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.person_page import Text
from audit.admin.reason_texts import reason_text
from audit.admin.run_words import refusal_text as words_of_refusal
from audit.models import ItemKind, MigrationOutcome, MigrationRun, Outcome, RunStatus
from audit.runs.plan import Refused
from audit.runs.quarantine.group_repair import Result
from audit.runs.quarantine.repair import BadRepair, check_repairable
from audit.runs.quarantine.rules import WORDS
from audit.runs.quarantine.selection import SETTLED

WHOLE_LIST: Final = _(
    "Une liste entière ne se répare pas : faites entrer ce qui a pu être sauvé comme un nouvel instantané, puis écartez celle-ci."
)
ADVICE: Final[dict[str, Text]] = {
    "not_a_string": _("Reprenez un réglage un par un d'après la personne ; une liste entière s'écarte."),
    "unreadable_encrypted": _(
        "Demandez à la personne un export CSV ou sa page encore ouverte ; un profil peut être écrit à la main, le reste s'écarte."
    ),
    "unreadable_base64": _(
        "Personne ne peut le lire. Écrivez un profil à la main si la personne vous le dicte, sinon écartez."
    ),
    "invalid_json": _("Un réglage se réécrit un par un. Une liste tronquée se capture de nouveau, ou s'écarte."),
    "too_deep": _("Regardez un exemple : presque toujours, cela s'écarte."),
    "not_an_array": WHOLE_LIST,
    "not_an_object": _("Du JSON écrit deux fois se relit par une règle ; des cases vides s'écartent."),
    "unreadable_snapshot": _("Faites capturer ce navigateur de nouveau, ou écartez l'instantané."),
    "poison_snapshot": _("Prévenez les développeurs ; quand l'erreur est corrigée, une nouvelle migration le reprend."),
    "other_owner": _("Rien à réparer : l'instantané de l'autre personne apporte ces données. Écartez."),
    "ambiguous_owner": _("Seule la personne peut dire que c'est à elle. Écartez ce que personne ne réclame."),
    "missing_timestamp": _("Reprenez la date d'un autre champ s'il y en a un, ou demandez-la à la personne."),
    "unreadable_timestamp": _(
        "Si la date est écrite toujours de la même façon, une règle la lit ; sinon, une par une."
    ),
    "timestamp_too_old": _(
        "Souvent une mauvaise unité : multipliez. Une horloge jamais réglée se corrige une par une."
    ),
    "timestamp_in_future": _("Souvent une mauvaise unité (divisez par 1000) ou une année mal tapée (remplacez)."),
    "missing_protein": _("Reprenez la valeur d'un autre champ, ou écrivez celle que la personne indique."),
    "not_a_number": _("Un nombre parmi des mots se reprend par une règle ; une valeur facultative peut être retirée."),
    "not_finite": _("La valeur est perdue : retirez-la si elle est facultative, sinon demandez-la."),
    "negative_number": _("Presque toujours un signe de trop : retirez-le."),
    "above_bound": _("Souvent une mauvaise unité (mg, kJ) : divisez. Sinon, demandez à la personne."),
    "description_not_text": _(
        "Reprenez le texte qui est à l'intérieur, ou retirez la description : le repas s'appellera « Repas »."
    ),
}
"""Reason code → what one can do about it. Short: it is read under stress."""


def advice(code: str) -> str:
    """What one can do about a reason."""
    return str(ADVICE.get(code, _("Regardez un exemple, puis réparez un par un, ou écartez.")))


class RuleWords(NamedTuple):
    """A kind of rule in words; `first` and `second` are the labels of what it needs, empty where it needs nothing."""

    label: Text
    help: Text
    first: Text = ""
    second: Text = ""
    first_help: Text = ""


_VALUE_HELP = _('Un nombre, true, false, null, ou du texte. Pour le texte « 12 », écrivez "12" entre guillemets.')

RULES: Final[dict[str, RuleWords]] = {
    "only_number": RuleWords(
        _("Garder le nombre du texte"),
        _("« environ 25 g » devient 25. Un texte avec deux nombres est laissé tel quel."),
    ),
    "absolute": RuleWords(_("Retirer le signe moins"), _("-12 devient 12.")),
    "multiply": RuleWords(
        _("Multiplier"), _("Le nombre, même écrit en texte, fois un facteur."), _("Facteur"), "", _("Par exemple 1000.")
    ),
    "divide": RuleWords(
        _("Diviser"),
        _("Le nombre, même écrit en texte, divisé : par 1000 pour des mg, par 4,184 pour des kJ."),
        _("Diviseur"),
        "",
        _("Par exemple 1000, ou 4,184."),
    ),
    "date": RuleWords(_("Lire la date"), _("Un texte en date, à l'heure du navigateur."), _("Forme de la date")),
    "inside": RuleWords(
        _("Prendre ce qui est à l'intérieur"),
        _('[25] devient 25 ; {"value": 25} devient 25 si vous nommez « value ».'),
        _("Nom dans l'objet"),
        "",
        _("Vide pour les listes d'un seul élément."),
    ),
    "parse": RuleWords(
        _("Relire comme du JSON"), _("Un texte qui contient lui-même du JSON : écrit deux fois par erreur.")
    ),
    "copy": RuleWords(
        _("Reprendre un autre champ"),
        _("La valeur d'un autre champ du même élément, s'il en a une."),
        _("Nom de l'autre champ"),
        "",
        _("Par exemple date, createdAt ou proteins."),
    ),
    "replace_text": RuleWords(
        _("Remplacer dans le texte"),
        _("Partout où ce morceau se trouve dans le texte."),
        _("Chercher"),
        _("Remplacer par"),
    ),
    "replace": RuleWords(
        _("Remplacer une valeur"),
        _("Seulement là où il y a exactement cette valeur."),
        _("Cette valeur"),
        _("devient"),
        _VALUE_HELP,
    ),
    "drop": RuleWords(
        _("Retirer le champ"), _("Pour les valeurs facultatives : on n'en saura rien, et le repas est sauvé.")
    ),
    "set": RuleWords(
        _("Écrire une valeur"),
        _("La même pour tous : à ne faire que si vous en êtes sûr."),
        _("Valeur"),
        "",
        _VALUE_HELP,
    ),
}

DATE_EXAMPLES: Final[dict[str, Text]] = {
    "%d/%m/%Y %H:%M": _("31/12/2024 18:30 (jour d'abord)"),
    "%d/%m/%Y": _("31/12/2024 (jour d'abord)"),
    "%m/%d/%Y %H:%M": _("12/31/2024 18:30 (mois d'abord)"),
    "%m/%d/%Y": _("12/31/2024 (mois d'abord)"),
    "%d-%m-%Y %H:%M": "31-12-2024 18:30",
    "%d-%m-%Y": "31-12-2024",
    "%d.%m.%Y %H:%M": "31.12.2024 18:30",
    "%d.%m.%Y": "31.12.2024",
    "%Y/%m/%d %H:%M": "2024/12/31 18:30",
    "%Y/%m/%d": "2024/12/31",
    "%Y%m%d": "20241231",
    WORDS: _("31 décembre 2024 à 18:30 (en toutes lettres)"),
}

RULE_PROBLEMS: Final[dict[str, Text]] = {
    "missing": _("Il faut une valeur ici."),
    "not_a_factor": _("Il faut un nombre plus grand que zéro, par exemple 1000 ou 4,184."),
    "not_a_format": _("Choisissez une des formes."),
    "not_a_name": _("Il faut le nom d'un champ : des lettres et des chiffres."),
    "unknown": _("Cette règle n'existe pas."),
}

RESULTS: Final[dict[Result, tuple[Text, str, str]]] = {
    "repaired": (_("Réparés"), "success", "healing"),
    "refused": (_("Encore refusés"), "danger", "block"),
    "untouched": (_("Pas touchés par la règle"), "neutral", "remove"),
    "waiting": (_("Déjà réparés, à rejouer"), "info", "replay"),
    "impossible": (_("Ne se réparent pas"), "warning", "do_not_disturb_on"),
}
"""What a rule comes to: words, variant and icon."""

CONTENT: Final[dict[str, Text]] = {
    "instant": _("Moment"),
    "description": _("Description"),
    "name": _("Nom"),
    "protein": _("Protéines (g)"),
    "calories": _("Calories (kcal)"),
    "carbs": _("Glucides (g)"),
    "fat": _("Lipides (g)"),
    "fiber": _("Fibres (g)"),
    "source": _("Origine"),
    "ai_estimated": _("Estimé par IA"),
    "tags": _("Étiquettes"),
    "photo_url": _("Photo (adresse)"),
    "photo_name": _("Photo (fichier)"),
    "use_count": _("Utilisations"),
    "last_used": _("Dernière utilisation"),
    "created": _("Créé le"),
}
"""Columns of a previewed item; those of profiles are shown by their names."""


def busy(run: MigrationRun) -> str:
    """Why nothing can be done about a run's quarantine now; empty when it can."""
    if run.status in SETTLED:
        return ""
    if run.status == RunStatus.VERIFYING:
        return gettext("La migration est en cours de vérification. Revenez quand elle est terminée.")
    return gettext(
        "La migration est dans l'état « %(state)s ». On travaille sur sa quarantaine quand rien d'autre ne déplace ses éléments."
    ) % {"state": run.get_status_display()}


def state_words(state: str) -> str:
    """An item's fate and its run's status (`quarantined|completed`) in words."""
    outcome, _bar, rest = state.partition("|")
    status = rest.partition("|")[0]
    parts = []
    if outcome in Outcome.values:
        parts.append(str(Outcome(outcome).label))
    if status in RunStatus.values:
        parts.append(gettext("migration %(state)s") % {"state": RunStatus(status).label})
    return ", ".join(parts) or state


def why_not_repairable(outcome: MigrationOutcome) -> str:
    """Why no value can stand for this item; empty when one can."""
    try:
        check_repairable(outcome)
    except Refused:
        pass
    else:
        return ""
    code = outcome.reasons[0] if outcome.reasons else ""
    if outcome.outcome != Outcome.QUARANTINED:
        return gettext("Seul ce qui est en quarantaine se répare.")
    if code in ("other_owner", "ambiguous_owner"):
        return gettext("À qui est un élément, aucune réparation n'en décide.")
    if not outcome.path:
        return gettext("Un instantané entier ne se répare pas : faites-le capturer de nouveau, ou écartez-le.")
    return str(WHOLE_LIST)


def refusal_text(refusal: Exception) -> str:
    """Why a service refused, for people; in the service's own words where there are no better ones."""
    if isinstance(refusal, BadRepair):
        return still_refused(refusal.code, refusal.field)
    return words_of_refusal(refusal)


def still_refused(code: str, field: str) -> str:
    """A value that would be quarantined itself: why, and where."""
    title = reason_text(code).title
    if field:
        return gettext("Encore refusé : %(reason)s, dans le champ « %(field)s ».") % {"reason": title, "field": field}
    return gettext("Encore refusé : %(reason)s.") % {"reason": title}


def items_of(kind: str) -> str:
    """A kind of items in words."""
    return str(ItemKind(kind).label) if kind in ItemKind.values else kind
