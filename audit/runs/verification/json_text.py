"""Reading JSON as importing.md section 1 says, comparing JSON values, and telling whether an outcome row's `raw` is an item.

The standard library's decoder: RFC 8259 with `NaN` and `Infinity` refused, the last of duplicate keys, lone surrogates, and `\\u0000`. (DuckDB's
own reader takes the first of duplicate keys, refuses lone surrogates and was no faster: 7 µs a meal against 3.)
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, NoReturn

CAP = 65_536
"""Longer raw values are kept as their length, SHA-256 and beginning."""

HEAD = 1_000


class UnreadableError(Exception):
    """The text is not JSON; `reason` is the code of importing.md."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _refuse(token: str) -> NoReturn:
    raise ValueError(token)


def _whole_number(token: str) -> int | float:
    """A whole number that has more digits than any double is an infinity, as in JSON.parse."""
    return int(token) if len(token) <= 310 else float(token)


_decode = json.JSONDecoder(parse_constant=_refuse).decode
_decode_long_numbers = json.JSONDecoder(parse_constant=_refuse, parse_int=_whole_number).decode
_decode_stored = json.JSONDecoder(parse_int=_whole_number).decode


def decode(text: str) -> Any:
    """The value of strict JSON text. Raises UnreadableError `invalid_json` or `too_deep`."""
    try:
        return _decode(text)
    except json.JSONDecodeError:
        raise UnreadableError("invalid_json") from None
    except RecursionError:
        raise UnreadableError("too_deep") from None
    except ValueError:  # a forbidden constant, or a number of thousands of digits, which int() refuses
        try:
            return _decode_long_numbers(text)
        except ValueError:
            raise UnreadableError("invalid_json") from None


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal: numbers as doubles, true is not 1, the order of keys does not matter. Not recursive: values may be deep."""
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
            pairs.extend((value, other[key]) for key, value in one.items())
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            pairs.extend(zip(one, other, strict=True))
        elif not _same_scalar(one, other):
            return False
    return True


def _same_scalar(one: Any, other: Any) -> bool:
    kinds = {type(one), type(other)}
    if kinds <= {int, float}:
        return one == other or as_double(one) == as_double(other)
    return len(kinds) == 1 and kinds <= {str, bool, type(None)} and bool(one == other)


def as_double(number: float) -> float:
    """The double of a JSON number; too large is an infinity."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def is_raw_of(stored: str, value: Any) -> bool:
    """Whether `stored` is the raw form of this value: its JSON in ASCII, or above the cap its length, SHA-256 and beginning."""
    if not stored.isascii():
        return False
    try:
        parsed = _decode_stored(stored)
    except (ValueError, RecursionError):
        return False
    if same(parsed, value):
        return len(stored) <= CAP
    if not isinstance(parsed, dict) or parsed.keys() != {"length", "sha256", "head"}:
        return False
    return any(
        parsed == {"length": len(text), "sha256": sha256(text.encode()).hexdigest(), "head": text[:HEAD]}
        for text in (json.dumps(value, separators=(",", ":")), json.dumps(value))
        if len(text) > CAP
    )


def ascii_json(value: Any) -> str:
    """For people: the value as ASCII JSON."""
    return json.dumps(value)
