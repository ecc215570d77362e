"""Two favourites of one person never have the same name, ignoring case (importing.md section 4)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from audit.runs.verification.copied import copied, uncopied
from audit.runs.verification.copies import Group
from audit.runs.verification.outcome_rows import OutcomeRow
from audit.runs.verification.rows import FAVORITE_LINE, Row
from audit.runs.verification.texts import NAME_LENGTH

_NUMBERED = re.compile(r"(.+) \(([1-9][0-9]*)\)", re.DOTALL).fullmatch

Written = Callable[[Group], OutcomeRow | None]
"""What the run says of the item that stands for a group, if it says anything."""


def name_favorites(
    groups: list[Group], row_of: Callable[[Group], Row | None], rows: list[Row], told: Written, run: int
) -> None:
    """Gives each favourite that the run may have written the name that its row should have. Groups come in the order of their first items.

    Who had a row before keeps the name in it, if that is the favourite's name or that with a number. All others take the first number that is
    free. What the person or a later run has written since tells nothing of names: of those the run itself is asked.
    """
    named: dict[str, Group] = {}
    kept: dict[int, str] = {}
    for group in groups:
        row = row_of(group)
        if row is None or group.standing is None or not row.imported:
            continue
        outcome = told(group)
        if (
            row.edited
            or (row.run is not None and row.run > run)
            or (outcome is not None and outcome.outcome == "superseded")
        ):
            _say(group, _name_told(outcome))
            continue
        named[row.id] = group
        before = _name_before(row, outcome, run)
        if before is not None and _is_numbered(before, _base(group)):
            kept[id(group)] = before
    taken = {_case_ignored(_name(row)) for row in rows if row.id not in named}
    taken |= {_case_ignored(name) for name in kept.values()}
    # What came by a repair came later than everything else.
    for group in sorted(named.values(), key=lambda one: one.items[0].bytes_hold is not None):
        name = kept.get(id(group))
        if name is None:
            name = _first_free(_base(group), taken)
            taken.add(_case_ignored(name))
        _say(group, name)


def _say(group: Group, name: str | None) -> None:
    base = _base(group)
    if name is None or name == base:
        return
    content = group.content
    content.body = copied(name) + content.body[len(content.key[0]) :]
    if group.standing is not None:  # the run may know it by a later snapshot than the first that says the same
        group.standing.cleaned.notes.append(("name", "name_made_unique", name))


def _name_before(row: Row, outcome: OutcomeRow | None, run: int) -> str | None:
    """The name that the row had before the run, as far as it had one."""
    if outcome is not None and outcome.outcome == "updated":
        before: Any = outcome.before
        return str(before.get("name")) if isinstance(before, dict) else None
    return None if row.run == run else _name(row)


def _name_told(outcome: OutcomeRow | None) -> str | None:
    """The name that the outcome row says was made unique."""
    changes = outcome.changes if outcome is not None else []
    return next((str(change.get("value")) for change in changes if change.get("reason") == "name_made_unique"), None)


def _base(group: Group) -> str:
    return uncopied(group.content.key[0])


def _name(row: Row) -> str:
    return uncopied(row.columns(FAVORITE_LINE)["name"])


def _first_free(base: str, taken: set[str]) -> str:
    name, number = base, 1
    while _case_ignored(name) in taken:
        number += 1
        name = _with_number(base, number)
    return name


def _with_number(base: str, number: int) -> str:
    ending = f" ({number})"
    return base[: NAME_LENGTH - len(ending)].rstrip() + ending


def _is_numbered(name: str, base: str) -> bool:
    """Whether this is the name, or the name with a number from 2 on."""
    match = _NUMBERED(name)
    return name == base or (match is not None and int(match[2]) > 1 and name == _with_number(base, int(match[2])))


_LIKE_ANOTHER = str.maketrans({"ς": "σ", "\u0307": None})


def _case_ignored(name: str) -> str:
    """Equal where any of PostgreSQL's ways to lower-case makes two names equal: sign by sign, a final sigma like any other, İ like i."""
    return "".join(sign.lower()[:1] for sign in name).translate(_LIKE_ANOTHER)
