"""What became of a person's items as sentences: `12 repas créés`, `1 repas en quarantaine : la date est illisible`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from django.utils.translation import gettext, ngettext, npgettext

from accounts.admin.display import number, printable
from audit.admin.reason_texts import reason_text
from audit.models import ItemKind, Outcome
from audit.selectors import Found, KindReason

REASONS_TOLD: Final = 3

_NOUNS: Final[dict[str, Callable[[int], str]]] = {
    ItemKind.MEAL: lambda count: ngettext("%(count)s repas", "%(count)s repas", count),
    ItemKind.FAVORITE: lambda count: ngettext("%(count)s favori", "%(count)s favoris", count),
    ItemKind.PROFILE: lambda count: ngettext("%(count)s profil", "%(count)s profils", count),
    ItemKind.PREFERENCES: lambda count: ngettext(
        "%(count)s jeu de préférences", "%(count)s jeux de préférences", count
    ),
}
_FATES: Final[dict[str, Callable[[int], str]]] = {
    Outcome.CREATED: lambda count: npgettext("sort", "créé", "créés", count),
    Outcome.UPDATED: lambda count: npgettext("sort", "mis à jour", "mis à jour", count),
    Outcome.UNCHANGED: lambda count: npgettext("sort", "inchangé", "inchangés", count),
    Outcome.DUPLICATE: lambda count: npgettext("sort", "en double", "en double", count),
    Outcome.SUPERSEDED: lambda count: npgettext(
        "sort", "remplacé par un plus récent", "remplacés par de plus récents", count
    ),
    Outcome.QUARANTINED: lambda count: npgettext("sort", "en quarantaine", "en quarantaine", count),
    Outcome.WAIVED: lambda count: npgettext("sort", "écarté par l'équipe", "écartés par l'équipe", count),
}
_NAMES = re.compile(r'"(?:description|name)"\s*:\s*("(?:[^"\\]|\\.)*")')


class Sentence(NamedTuple):
    """What became of the items of one kind with one outcome, and why."""

    outcome: str
    text: str
    why: str


def sentences(tallies: Sequence[Found], reasons: Sequence[KindReason]) -> list[Sentence]:
    """One for each kind and outcome that there is, in the order of both; what waits for a decision comes first."""
    told = [
        Sentence(
            outcome,
            f"{_NOUNS[row.kind](count) % {'count': number(count)}} {_FATES[outcome](count)}",
            _why([one for one in reasons if (one.kind, one.outcome) == (row.kind, outcome)]),
        )
        for row in tallies
        for outcome, count in row.outcomes.items()
        if count
    ]
    return sorted(told, key=lambda one: one.outcome != Outcome.QUARANTINED)


def _why(reasons: Sequence[KindReason]) -> str:
    """The most frequent reasons, each with its number where there are several items."""
    told = [f"{_small(reason_text(one.code).title)} ({number(one.times)})" for one in reasons[:REASONS_TOLD]]
    if len(reasons) > REASONS_TOLD:
        told.append(gettext("et d'autres"))
    return ", ".join(told)


def _small(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def name_in_raw(raw_start: str) -> str:
    """What an item is called in the browser, from the beginning of its JSON text; "" when it has no name there."""
    for found in _NAMES.finditer(raw_start):
        try:
            name = str(json.loads(found[1])).strip()
        except ValueError:
            continue
        if name:
            return printable(name)
    return ""
