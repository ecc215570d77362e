"""Two favourites of one person never have the same name, ignoring case (importing.md section 4)."""

from __future__ import annotations

import re

from audit.runs.verification.copies import Group
from audit.runs.verification.texts import NAME_LENGTH

_NUMBERED = re.compile(r"(.+) \(([0-9]+)\)").fullmatch


def make_names_unique(groups: list[Group]) -> None:
    """The first favourite keeps its name; later ones become `<name> (2)`, `(3)`, ... and say so. Groups come in the order of their first items."""
    taken: set[str] = set()
    for group in groups:
        content = group.content
        name = unique = content.key[0]
        number = 1
        while unique.lower() in taken:
            number += 1
            ending = f" ({number})"
            unique = name[: NAME_LENGTH - len(ending)].rstrip() + ending
        taken.add(unique.lower())
        if unique != name:
            content.body = unique + content.body[len(name) :]
            content.notes.append(("name", "name_made_unique", None))
            group.name_numbered = name


def is_numbered(name: str, base: str) -> bool:
    """Whether this is a name that was made unique (as COPY prints it); which of several favourites has which number is not said anywhere."""
    match = _NUMBERED(name)
    return match is not None and int(match[2]) > 1 and base.startswith(match[1])
