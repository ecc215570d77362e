"""Tables of the admin's pages as data: one template draws them all, with caption, scopes and aligned numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Column:
    """`numeric` aligns to the right; `wide_only` leaves the column out on phones; `heads_row` makes its cells the rows' headers.

    `sign` stands before the column: the equation's `=` and `+`.
    """

    label: Text
    numeric: bool = False
    wide_only: bool = False
    heads_row: bool = False
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Cells are text or safe HTML of `accounts.admin.display`. The caption is read aloud; `shows_caption` shows it as well."""

    caption: Text
    columns: Sequence[Column]
    rows: Sequence[Sequence[object]]
    empty: Text = ""
    footer: Sequence[object] = ()
    more_url: str = ""
    more_label: Text = ""
    shows_caption: bool = False

    @property
    def body(self) -> list[list[tuple[Column, object]]]:
        """Each row as pairs of column and cell."""
        return [list(zip(self.columns, row, strict=True)) for row in self.rows]

    @property
    def foot(self) -> list[tuple[Column, object]]:
        """The sums, as pairs of column and cell."""
        return list(zip(self.columns, self.footer, strict=True)) if self.footer else []
