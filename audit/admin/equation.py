"""The first law as people read it: found = created + updated + ..., by kind, with a tick where it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import Badge, number, share
from accounts.admin.person_page import Text
from accounts.admin.tables import Column, Table
from audit.admin.words import KINDS_PLURAL, OUTCOMES_PLURAL
from audit.models import Outcome
from audit.selectors import Found


@dataclass(frozen=True, slots=True)
class Slice:
    """One outcome's part of everything found."""

    label: Text
    count: str
    percent: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Equation:
    """The table, the bar above it, and whether the law holds."""

    table: Table
    slices: list[Slice]
    found: int
    quarantined: int
    created: int
    holds: bool


def equation(rows: Sequence[Found], *, caption: Text = "", compact: bool = False) -> Equation:
    """Rows by kind (kinds that were not found are left out) with their sums; `compact` leaves out outcomes that nothing had."""
    shown = [row for row in rows if row.found or not row.holds]
    sums = {outcome: sum(row.outcomes[outcome] for row in rows) for outcome in Outcome.values}
    total = Found("", sum(row.found for row in rows), sums)
    columns = [Column(_("Type"), heads_row=True), Column(_("Trouvés"), numeric=True)]
    told = [outcome for outcome in Outcome.values if sums[outcome] or not compact]
    columns += [
        Column(OUTCOMES_PLURAL[outcome], numeric=True, sign="+" if index else "=") for index, outcome in enumerate(told)
    ]
    columns.append(Column(_("Juste"), numeric=True))
    table = Table(
        caption=caption
        or _("Trouvés = créés + mis à jour + inchangés + doublons + remplacés + en quarantaine + écartés"),
        columns=columns,
        rows=[_cells(KINDS_PLURAL[row.kind], row, told) for row in shown],
        footer=_cells(gettext("Ensemble"), total, told),
        empty=_("Aucun élément trouvé pour l'instant."),
    )
    slices = [
        Slice(OUTCOMES_PLURAL[outcome], number(count), share(count, total.found), outcome)
        for outcome, count in sums.items()
        if count
    ]
    return Equation(
        table=table,
        slices=slices,
        found=total.found,
        quarantined=sums[Outcome.QUARANTINED],
        created=sums[Outcome.CREATED],
        holds=total.holds and all(row.holds for row in rows),
    )


def _cells(title: Text, row: Found, told: Sequence[str]) -> list[object]:
    return [title, number(row.found), *(number(row.outcomes[outcome]) for outcome in told), tick(holds=row.holds)]


def tick(*, holds: bool) -> Badge:
    """A word and an icon, not only a colour."""
    return Badge(gettext("juste"), "success", "check") if holds else Badge(gettext("faux"), "danger", "close")
