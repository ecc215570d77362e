"""Why items were not simply taken: a run's reasons with counts, in the groups in which people look at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_lazy as _

from accounts.admin.display import admin_url, link, number, two_lines
from accounts.admin.person_page import Text
from accounts.admin.tables import Column, Table
from audit import selectors
from audit.admin.equation import Equation
from audit.admin.reason_texts import ReasonText, reason_text
from audit.models import MigrationOutcome, MigrationRun

REASONS_SHOWN: Final = 8
REASON_GROUPS: Final[tuple[tuple[set[str], Text], ...]] = (
    ({"quarantine"}, _("En quarantaine, à reprendre")),
    ({"note", ""}, _("Pris, avec une correction")),
    ({"copy", "kept"}, _("Copies, et ce que le serveur savait mieux")),
)
"""Effects of reasons (audit.local_storage.rules) in the groups in which people look at them."""


@dataclass(frozen=True, slots=True)
class ReasonGroup:
    """Reasons that did the same to their items: the most frequent, and the rest to unfold."""

    title: Text
    table: Table
    rest: Table


def reasons_of(run: MigrationRun, tally: Equation) -> list[ReasonGroup]:
    """Reasons with counts, by what they did to the item. Grouping every outcome of a big run is left to its report."""
    if run.report.get("reasons"):
        counts = run.report["reasons"]
    elif tally.found <= selectors.OUTCOMES_GROUPED_LIVE:
        counts = _summed(selectors.all_reasons(run))
    else:
        counts = _summed(selectors.quarantine_by_reason(run))
    found = [(reason_text(code), count) for code, count in _by_count(counts)]
    groups = []
    for effects, title in REASON_GROUPS:
        rows = [_reason_row(run, reason, count) for reason, count in found if reason.effect in effects]
        if rows:
            groups.append(
                ReasonGroup(
                    title, _reason_table(title, rows[:REASONS_SHOWN]), _reason_table(title, rows[REASONS_SHOWN:])
                )
            )
    return groups


def _reason_row(run: MigrationRun, reason: ReasonText, count: int) -> list[object]:
    url = f"{admin_url(MigrationOutcome, 'changelist')}?run__id__exact={run.pk}&reason={reason.code}"
    return [reason_cell(reason, url), number(count)]


def reason_cell(reason: ReasonText, url: str) -> str:
    """The reason's title as a link to its items, and below it why, or at least the code."""
    return two_lines(link(url, reason.title), reason.explanation or reason.code)


def _reason_table(title: Text, rows: list[list[object]]) -> Table:
    return Table(
        caption=title, columns=(Column(_("Raison"), heads_row=True), Column(_("Éléments"), numeric=True)), rows=rows
    )


def _summed(counts: list[selectors.ReasonCount]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in counts:
        sums[row.code] = sums.get(row.code, 0) + row.times
    return sums


def _by_count(reasons: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
