"""Cells about an item, the same in every table."""

from __future__ import annotations

import re
from typing import Any

from django.utils.text import Truncator
from django.utils.translation import gettext

from accounts.admin.display import NOTHING, mono, number, object_link, printable, readable_json, yes_no
from accounts.models import User
from audit.models import MigrationOutcome

PATH_SHOWN = 70
LONGEST_TEXT = 160
LONGEST_CELL = 320


def short_path(outcome: MigrationOutcome) -> str:
    """Where it stands; the whole snapshot has no path."""
    return mono(Truncator(printable(outcome.path)).chars(PATH_SHOWN) or gettext("tout l'instantané"))


def item_link(outcome: MigrationOutcome) -> str:
    """To the item's page."""
    return object_link(MigrationOutcome, outcome.pk, short_path(outcome))


def person_link(outcome: MigrationOutcome) -> str:
    """To the page of the person whose it is; `user` has been selected with it."""
    return object_link(User, outcome.user_id, outcome.user.email)


def cell(value: Any) -> str:
    """A value on one line, cut."""
    text = readable_json(value, longest_text=LONGEST_TEXT).replace("\n", " ")
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def plain(value: Any) -> str:
    """A cleaned value for people."""
    if value is None or value in ([], ""):
        return NOTHING
    if isinstance(value, bool):
        return yes_no(value=value)
    if isinstance(value, int | float):
        return number(value, 0 if float(value).is_integer() else 2)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return printable(", ".join(value))
    return printable(value) if isinstance(value, str) else cell(value)


_ESCAPE = re.compile(r"(?<!\\)\\u([0-9a-f]{4})")


def readable_fragment(text: str) -> str:
    """The beginning of a JSON text in ASCII with its accents; what a page cannot carry stays escaped."""

    def letter(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character.isprintable() else match[0]

    return printable(_ESCAPE.sub(letter, text))
