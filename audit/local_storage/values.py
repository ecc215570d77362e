"""Cleaning single values: one small pure function a rule, each naming the reason codes it can give.

A function returns the clean value and appends notes, or raises `Quarantine`. Units: grams in hundredths (int), calories in whole kcal,
instants in microseconds since 1970 UTC.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EARLIEST = 946_684_800_000_000
"""2000-01-01T00:00Z: nothing was recorded before."""
HOUR = 3_600_000_000


class Quarantine(Exception):
    """The item cannot become a row; `code` says why, `field` where."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(f"{field}: {code}")
        self.code = code
        self.field = field


class Note(NamedTuple):
    """Something that cleaning changed: `field` of the raw item, the reason `code`, what was stored."""

    field: str
    code: str
    value: Any


# --- instants ---------------------------------------------------------------------------------------------------------------

_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?)(?:\.(?P<fraction>\d{1,9}))?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?\Z",
    re.ASCII,
)
_DIGITS = re.compile(r"\d+(?:\.\d+)?\Z", re.ASCII)


_CUTTING = Context(prec=60, rounding=ROUND_DOWN)
_DOUBLE_BITS = 1024
"""A whole number of more bits is an infinity to JavaScript."""
_BEYOND_THE_CALENDAR = Decimal(10**18)
"""Whatever its unit, a number from here on is no year of four digits: the instant stays as far off as that."""


class Instant(NamedTuple):
    """An instant (microseconds since 1970 UTC) and the assumption that was needed to read it, if any."""

    microseconds: int
    assumption: str | None


def microseconds_of(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, exactly."""
    return (moment - EPOCH) // _MICROSECOND


def read_instant(raw: Any, zone: ZoneInfo) -> Instant | None:
    """The instant that `raw` means, None when it means none. Codes: `date_only`, `local_time_assumed`."""
    if type(raw) is str:
        text = raw.strip()
        if match := _ISO.match(text):
            return _iso_instant(match, zone)
        if _DIGITS.match(text):
            return _epoch_instant(Decimal(text))
        return None
    if type(raw) is int:
        return _epoch_instant(Decimal(raw)) if raw.bit_length() <= _DOUBLE_BITS else None
    if type(raw) is float and math.isfinite(raw):
        return _epoch_instant(Decimal(repr(raw)))
    return None


def _epoch_instant(number: Decimal) -> Instant:
    if number.copy_abs() >= _BEYOND_THE_CALENDAR:  # abs() would round, and overflow
        return Instant(int(_BEYOND_THE_CALENDAR.copy_sign(number)), None)
    factor = Decimal(1000 if number >= 100_000_000_000 else 1_000_000)
    return Instant(int(_CUTTING.multiply(number, factor)), None)


def _iso_instant(match: re.Match[str], zone: ZoneInfo) -> Instant | None:
    clock, fraction, offset = match["time"], match["fraction"], match["zone"]
    if fraction is not None and clock.count(":") == 1:
        return None  # a fraction of a minute
    try:
        if clock is None:
            return Instant(
                microseconds_of(datetime.fromisoformat(f"{match['date']}T12:00:00").replace(tzinfo=zone)), "date_only"
            )
        moment = datetime.fromisoformat(f"{match['date']}T{clock}")
        if fraction:
            moment = moment.replace(microsecond=int(fraction[:6].ljust(6, "0")))
        if offset is None:
            return Instant(microseconds_of(moment.replace(tzinfo=zone)), "local_time_assumed")
        return Instant(microseconds_of(moment.replace(tzinfo=UTC)) - _offset_microseconds(offset), None)
    except (ValueError, OverflowError):
        return None


def _offset_microseconds(offset: str) -> int:
    if offset == "Z":
        return 0
    digits = offset[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(offset)
    return (hours * 60 + minutes) * 60_000_000 * (-1 if offset[0] == "-" else 1)


def clean_meal_instant(raw: Any, zone: ZoneInfo, latest: int, notes: list[Note]) -> int:
    """`timestamp` of a meal. Codes: `missing_timestamp`, `unreadable_timestamp`, `timestamp_too_old`, `timestamp_in_future`; notes as above."""
    if raw is None or (type(raw) is str and not raw.strip()):
        raise Quarantine("missing_timestamp", "timestamp")
    instant = read_instant(raw, zone)
    if instant is None:
        raise Quarantine("unreadable_timestamp", "timestamp")
    if instant.microseconds < EARLIEST:
        raise Quarantine("timestamp_too_old", "timestamp")
    if instant.microseconds > latest:
        raise Quarantine("timestamp_in_future", "timestamp")
    if instant.assumption:
        notes.append(Note("timestamp", instant.assumption, instant_text(instant.microseconds)))
    return instant.microseconds


def clean_date(raw: Any, field: str, zone: ZoneInfo, latest: int, notes: list[Note]) -> int | None:
    """An optional instant of a favourite. A bad one is left out: `date_left_out`."""
    if raw is None:
        return None
    instant = read_instant(raw, zone)
    if instant is None or not EARLIEST <= instant.microseconds <= latest:
        notes.append(Note(field, "date_left_out", None))
        return None
    if instant.assumption:
        notes.append(Note(field, instant.assumption, instant_text(instant.microseconds)))
    return instant.microseconds


def instant_text(microseconds: int) -> str:
    """ISO 8601 in UTC with microseconds."""
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


# --- numbers ----------------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>\d{1,3}(?:[ \u00a0\u202f]\d{3})+|\d+)(?:[.,](?P<part>\d+))?[ \t]*(?P<unit>[a-z]*)\Z",
    re.ASCII | re.IGNORECASE,
)
_GROUPS = str.maketrans("", "", " \u00a0\u202f")
GRAMS = frozenset({"", "g", "gr", "gramme", "grammes", "gram", "grams"})
CALORIES = frozenset({"", "kcal", "cal"})
NO_UNIT = frozenset({""})


class Bounds(NamedTuple):
    """What one amount may be: `places` decimals, more than `highest` is refused, more than `usual` is noted; `units` in text."""

    places: int
    highest: Decimal
    usual: Decimal
    units: frozenset[str]


PROTEIN = Bounds(2, Decimal(1000), Decimal(500), GRAMS)
KILOCALORIES = Bounds(0, Decimal(10000), Decimal(5000), CALORIES)
CARBS = Bounds(2, Decimal("9999.99"), Decimal(1000), GRAMS)
FAT = Bounds(2, Decimal("9999.99"), Decimal(500), GRAMS)
FIBER = Bounds(2, Decimal("999.99"), Decimal(200), GRAMS)
_QUANTUM = {0: Decimal(1), 1: Decimal("0.1"), 2: Decimal("0.01")}


def number_from_text(text: str, units: frozenset[str]) -> Decimal | None:
    """ "25,5", "1 234 kcal", "25 g": the number that a person meant, None when it is not one with a known unit."""
    match = _NUMBER.match(text.strip().replace("\u00a0", " ").replace("\u202f", " "))
    if not match or match["unit"].lower() not in units:
        return None
    return Decimal(f"{match['sign']}{match['whole'].translate(_GROUPS)}.{match['part'] or 0}")


_NO_DOUBLE = 1 << 1024
"""`JSON.parse` reads a whole number from here on as an infinity."""


def read_number(raw: Any, field: str, units: frozenset[str]) -> Decimal:
    """A finite number. Codes: `not_a_number`, `not_finite`."""
    if type(raw) is int:
        if abs(raw) >= _NO_DOUBLE:
            raise Quarantine("not_finite", field)
        return Decimal(raw)
    if type(raw) is float:
        if not math.isfinite(raw):
            raise Quarantine("not_finite", field)
        return Decimal(repr(raw))
    number = number_from_text(raw, units) if type(raw) is str else None
    if number is None:
        raise Quarantine("not_a_number", field)
    return number


def round_half_up(number: Decimal, places: int) -> Decimal:
    """As JavaScript's rounding of positive numbers, not Python's half-even."""
    if number.adjusted() > 20:
        return number
    return number.quantize(_QUANTUM[places], ROUND_HALF_UP)


def clean_amount(raw: Any, field: str, bounds: Bounds, notes: list[Note]) -> int | None:
    """Grams in hundredths or whole kcal; None when unknown. Codes: as `read_number`, `negative_number`, `above_bound`;
    notes `number_from_text`, `rounded`, `above_api_bound`."""
    if raw is None:
        return None
    if type(raw) is str and not raw.strip():
        notes.append(Note(field, "number_from_text", None))
        return None
    number = read_number(raw, field, bounds.units)
    if number < 0:
        raise Quarantine("negative_number", field)
    rounded = round_half_up(number, bounds.places)
    if rounded > bounds.highest:
        raise Quarantine("above_bound", field)
    value = int(rounded.scaleb(bounds.places))
    stored = float(rounded) if bounds.places else value
    if type(raw) is str:
        notes.append(Note(field, "number_from_text", stored))
    if rounded != number and (
        bounds.places or value
    ):  # calories that round to nothing are unknown, and that is no note
        notes.append(Note(field, "rounded", stored))
    if rounded > bounds.usual:
        notes.append(Note(field, "above_api_bound", stored))
    return value


# --- text -------------------------------------------------------------------------------------------------------------------

_REMOVABLE = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")
"""Control characters that are not white space, and lone surrogates."""


def tidy_text(text: str) -> str:
    """NFC, no control characters or lone surrogates, white space collapsed and trimmed."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(_REMOVABLE.sub("", text).split())


def clean_text(raw: str, field: str, longest: int, notes: list[Note], prefix: str) -> str:
    """Tidied text of at most `longest` code points. Notes `<prefix>_tidied`, `<prefix>_cut`."""
    text = tidy_text(raw)
    if text != raw and text:
        notes.append(Note(field, f"{prefix}_tidied", text[:longest].rstrip()))
    if len(text) > longest:
        text = text[:longest].rstrip()
        notes.append(Note(field, f"{prefix}_cut", text))
    return text


def clean_description(raw: Any, notes: list[Note], fallback: str = "Repas") -> str:
    """Codes: `description_not_text` (quarantine, or for a number a note), notes `description_missing`, `_tidied`, `_cut`."""
    if type(raw) in (int, float):
        text = number_text(raw)
        notes.append(Note("description", "description_not_text", text))
        return text
    if raw is not None and type(raw) is not str:
        raise Quarantine("description_not_text", "description")
    text = clean_text(raw, "description", 500, notes, "description") if raw else ""
    if not text:
        text = fallback
        notes.append(Note("description", "description_missing", text))
    return text


def number_text(raw: float) -> str:
    """A JSON number as JavaScript shows it."""
    if abs(raw) >= _NO_DOUBLE:
        return "Infinity" if raw > 0 else "-Infinity"
    return str(int(raw)) if type(raw) is float and abs(raw) < 1e21 and raw.is_integer() else repr(raw)


# --- words, flags, lists -------------------------------------------------------------------------------------------------------

SOURCES = frozenset({"manual", "voice", "text", "image", "ai_scan", "favorite", "import"})
NEAREST_SOURCE = {"camera": "image", "photo": "image", "ia": "ai_scan", "ai": "ai_scan"}
ESTIMATED_SOURCES = frozenset({"ai_scan", "text", "image"})


def clean_source(raw: Any, notes: list[Note]) -> str:
    """One of the seven sources. Note `source_mapped`."""
    if raw is None or raw == "":
        return "manual"
    word = raw.strip().lower() if type(raw) is str else ""
    source = word if word in SOURCES else NEAREST_SOURCE.get(word, "import")
    if source != raw:
        notes.append(Note("source", "source_mapped", source))
    return source


def clean_flag(raw: Any, field: str, notes: list[Note], *, otherwise: bool) -> bool:
    """A boolean; `otherwise` where there is none. Note `flag_from_text`."""
    if type(raw) is bool:
        return raw
    if raw is None:
        return otherwise
    value = otherwise
    if type(raw) is str and raw.strip().lower() in ("true", "false"):
        value = raw.strip().lower() == "true"
    elif type(raw) in (int, float) and raw in (0, 1):
        value = raw == 1
    notes.append(Note(field, "flag_from_text", value))
    return value


def clean_tags(raw: Any, field: str, notes: list[Note]) -> tuple[str, ...]:
    """Distinct, non-empty texts of at most 50 code points. Note `tags_changed`."""
    if raw is None:
        return ()
    tags: list[str] = []
    if type(raw) is list:
        texts = (tidy_text(element)[:50].rstrip() for element in raw if type(element) is str)
        tags = list(dict.fromkeys(text for text in texts if text))
    if tags != raw:
        notes.append(Note(field, "tags_changed", tags))
    return tuple(tags)


_LONGEST_ID = 10**100


def clean_legacy_id(raw: Any) -> str | None:
    """The id that the old app gave an item; whole numbers become digits, anything else is none."""
    if type(raw) is str:
        text = raw.strip()
        return printable_id(text) if 0 < len(text) <= 100 else None
    if (type(raw) is int or (type(raw) is float and raw.is_integer())) and abs(raw) < _LONGEST_ID:
        return str(int(raw))
    return None


def printable_id(text: str) -> str | None:
    """An id with control characters or lone surrogates is none: it could not be stored."""
    return None if _REMOVABLE.search(text) else text
