"""The head of one captured line: who, when, where. docs/capture-format.schema.json describes the format, docs/importing.md section 1 the rules.

The storage itself stays as it is: it is only looked at closely enough to know that it is an object, so reading a line costs little more
than finding its end.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import msgspec

from audit.local_storage.values import EARLIEST, EPOCH, HOUR, microseconds_of, read_instant

LARGEST_LINE = 256 * 1024 * 1024
"""Bytes. A browser keeps about 5 MB an origin; what is beyond this was not made by one."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
ELLIPSIS = "…"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_TEXT_LIMIT = 2000


class CaptureError(Exception):
    """A line that is no capture; the message is a sentence for the person who made the file."""


@dataclass(frozen=True, slots=True)
class Zones:
    """The time zone names that both Python and PostgreSQL know, and the one that stands in for all others."""

    known: Collection[str]
    default: str


@dataclass(frozen=True, slots=True)
class Capture:
    """One line and what its head says, as columns can hold it (see `column_text`); absent texts are ''."""

    payload: bytes
    sha256: bytes
    email: str
    username: str
    legacy_id: str
    name: str
    captured_at: datetime
    timezone: str
    origin: str
    user_agent: str


class _Head(msgspec.Struct):
    """Any types: a wrong one must be told from broken JSON. Other keys are skipped, `local_storage` is not unpacked."""

    user: Any = None
    captured_at: Any = None
    timezone: Any = None
    origin: Any = None
    user_agent: Any = None
    local_storage: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Head).decode


def read_capture(line: bytes, *, zones: Zones, loaded_at: datetime) -> Capture:
    """The capture in `line` (exact bytes, no line end), staged at `loaded_at` (aware). Raises `CaptureError`."""
    head = _read_head(line)
    user = head.user
    if user is None:
        raise CaptureError("it has no user")
    if not isinstance(user, dict):
        raise CaptureError("its user is not an object")
    email, legacy_id = column_text(user.get("email"), 255), column_text(_id_text(user.get("legacy_id")), 100)
    if not email and not legacy_id:
        raise CaptureError("its user has neither email nor legacy_id")
    _check_storage(head.local_storage)
    zone = head.timezone if isinstance(head.timezone, str) and head.timezone in zones.known else zones.default
    return Capture(
        payload=line,
        sha256=hashlib.sha256(line).digest(),
        email=email,
        username=column_text(user.get("username"), 100),
        legacy_id=legacy_id,
        name=column_text(user.get("name"), 200),
        captured_at=_captured_at(head.captured_at, ZoneInfo(zone), loaded_at),
        timezone=zone,
        origin=column_text(head.origin, _TEXT_LIMIT),
        user_agent=column_text(head.user_agent, _TEXT_LIMIT),
    )


def column_text(raw: Any, longest: int) -> str:
    """`raw` as a text column holds it: trimmed, at most `longest` characters; '' when it is no text.

    NUL and lone surrogates become U+FFFD and a cut ends in '…', so that a changed text is seen to be changed, and never equals a real
    e-mail address or id.
    """
    if not isinstance(raw, str):
        return ""
    text = _UNSTORABLE.sub(REPLACEMENT, raw.strip())
    return text if len(text) <= longest else text[: longest - 1] + ELLIPSIS


def _read_head(line: bytes) -> _Head:
    if len(line) > LARGEST_LINE:
        raise CaptureError(too_large())
    try:
        line.decode()  # what msgspec skips, it does not check
        return _decode(line)
    except UnicodeDecodeError as error:
        raise CaptureError(f"it is not UTF-8 (byte {error.start + 1})") from None
    except RecursionError:
        raise CaptureError("it is nested too deeply to be read") from None
    except msgspec.MsgspecError:
        return _read_head_with_json(line)


def _read_head_with_json(line: bytes) -> _Head:
    """Lone surrogates in the head, and the words and places of errors, are the standard library's business."""
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
    except RecursionError:
        raise CaptureError("it is nested too deeply to be read") from None
    except json.JSONDecodeError as error:
        raise CaptureError(f"it is not JSON: {error.msg} (character {error.pos + 1})") from None
    except ValueError as error:
        raise CaptureError(f"it is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise CaptureError("it is JSON, but not an object")
    storage = value.get("local_storage", ...)
    raw = msgspec.Raw() if storage is ... else msgspec.Raw(b"{}" if isinstance(storage, dict) else b"0")
    return _Head(
        **{key: value.get(key) for key in _Head.__struct_fields__ if key != "local_storage"}, local_storage=raw
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _check_storage(storage: msgspec.Raw) -> None:
    beginning = bytes(memoryview(storage)[:1])
    if not beginning:
        raise CaptureError("it has no local_storage")
    if beginning != b"{":
        raise CaptureError("its local_storage is not an object")


def _id_text(raw: Any) -> Any:
    return str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw


def _captured_at(raw: Any, zone: ZoneInfo, loaded_at: datetime) -> datetime:
    instant = read_instant(raw, zone)
    if instant is None or not EARLIEST <= instant.microseconds <= microseconds_of(loaded_at) + HOUR:
        return loaded_at
    return EPOCH + timedelta(microseconds=instant.microseconds)


def too_large() -> str:
    """The sentence for a line beyond LARGEST_LINE."""
    return f"it is larger than {LARGEST_LINE // 1024**2} MiB"
