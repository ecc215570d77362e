"""JSON as `JSON.parse` reads it: strict, last duplicate key wins, lone surrogates and NUL allowed.

msgspec does nearly all of it; what it refuses and JavaScript accepts (lone surrogate escapes, numbers beyond a double) is read again by the
standard library.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

_decode = msgspec.json.Decoder().decode
_BASE64 = re.compile(r"[A-Za-z0-9+/]+=*\Z")
ENCRYPTED_PREFIX = "DYNPROT_ENC_"
_MOST_DIGITS = 310


class Unreadable(Exception):
    """A value that cannot be read; `code` is the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _whole_number(digits: str) -> int | float:
    """More digits than any double has are an infinity, as in `JSON.parse`; Python would refuse to read thousands of them."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def decode_json(text: str | bytes) -> Any:
    """The value of a JSON text; raises `Unreadable` with `too_deep` or `invalid_json`."""
    try:
        return _decode(text)
    except RecursionError:
        raise Unreadable("too_deep") from None
    except (msgspec.MsgspecError, UnicodeError):
        pass
    try:
        if isinstance(text, bytes):
            text = text.decode()  # the library would also take UTF-16 and UTF-32
        return json.loads(text, parse_constant=_refuse_constant, parse_int=_whole_number)
    except RecursionError:
        raise Unreadable("too_deep") from None
    except (ValueError, UnicodeError):
        raise Unreadable("invalid_json") from None


def decode_value(value: Any) -> Any:
    """What one localStorage value holds; '' is nothing (None). Raises `Unreadable` with the reason of importing.md section 2."""
    if type(value) is not str:
        raise Unreadable("not_a_string")
    if not value:
        return None
    if value.startswith(ENCRYPTED_PREFIX):
        raise Unreadable("unreadable_encrypted")
    try:
        return decode_json(value)
    except Unreadable as problem:
        if problem.code == "invalid_json" and len(value) > 20 and _BASE64.match(value):
            raise Unreadable("unreadable_base64") from None
        raise
