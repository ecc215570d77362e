"""Text that a spreadsheet would take for a formula, made harmless: for every file that we hand out, on whichever floor."""

from __future__ import annotations

import re
from typing import Any, Final

_FORMULA: Final = re.compile("[\\s']*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[ ']*[\\t\\r\\n]")
"""Spreadsheets drop blanks before a formula, and take the wide signs of East Asian keyboards for the narrow ones; a tab or a line break moves
to the next cell. Apostrophes count as blanks, so that `with_formula` undoes exactly what `without_formula` did."""


def without_formula(value: Any) -> Any:
    """Text that begins like a formula gets an apostrophe before it, which makes it text. What is not text stays."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def with_formula(value: Any) -> Any:
    """The inverse, so that what was taken out can be brought in again unchanged."""
    return value[1:] if isinstance(value, str) and value[:1] == "'" and _FORMULA.match(value) else value
