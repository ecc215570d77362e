"""Values as PostgreSQL's COPY prints them, so that a row is compared by comparing text."""

from __future__ import annotations

import re

NULL = r"\N"

_SPECIAL = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
_HAS_SPECIAL = re.compile(r"[\\\t\n\r\b\f\v]").search
_QUOTED_IN_ARRAY = re.compile(r'[{}",\\ \t\n\r\f\v]|\A\Z|\A[nN][uU][lL][lL]\Z').search

_MOST_REMEMBERED = 10_000
_arrays: dict[tuple[str, ...], str] = {(): "{}"}


def copied(text: str | None) -> str:
    """A text column."""
    if text is None:
        return NULL
    return "".join(_SPECIAL.get(sign, sign) for sign in text) if _HAS_SPECIAL(text) else text


def uncopied(text: str) -> str:
    """The text of a column that was cleaned: of the signs that COPY escapes it holds none but the backslash."""
    return text.replace("\\\\", "\\")


def copied_array(texts: tuple[str, ...]) -> str:
    """An array of texts. Remembered: people repeat their tags."""
    found = _arrays.get(texts)
    if found is None:
        if len(_arrays) > _MOST_REMEMBERED:
            _arrays.clear()
        elements = (
            '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if _QUOTED_IN_ARRAY(text) else text
            for text in texts
        )
        found = _arrays[texts] = copied("{" + ",".join(elements) + "}")
    return found
