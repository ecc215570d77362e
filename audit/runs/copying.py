"""Rows as COPY's text format wants them. Formatting by hand is several times as fast as a writer that looks at each value's type."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
NULL = "\\N"


def text(value: str | None) -> str:
    """A text value; None is NULL. The value must be free of NUL and lone surrogates."""
    return NULL if value is None else value.translate(_ESCAPES) if "\\" in value or not value.isprintable() else value


@lru_cache(maxsize=1 << 16)  # amounts repeat: 0.05 µs instead of 0.3, four times a meal
def hundredths(value: int | None) -> str:
    """An amount held in hundredths, as a decimal."""
    return NULL if value is None else f"{value // 100}.{value % 100:02d}"


@lru_cache(maxsize=1 << 12)  # people use the same few tags: 0.05 µs instead of 1.5
def array(values: tuple[str, ...]) -> str:
    """A text[] value."""
    quoted = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return text("{" + quoted + "}")


_BLOCK = 1 << 18
"""Characters sent at a time: few enough that PostgreSQL works while we format, enough that it need not wait for us."""


def copy_lines(cursor: Any, statement: str, lines: Iterable[str]) -> None:
    """Streams lines, or blocks of lines, into `COPY ... FROM STDIN`."""
    with cursor.copy(statement) as copy:
        pending: list[str] = []
        size = 0
        for one in lines:
            pending.append(one)
            size += len(one)
            if size >= _BLOCK:
                copy.write("".join(pending))
                pending.clear()
                size = 0
        if pending:
            copy.write("".join(pending))
