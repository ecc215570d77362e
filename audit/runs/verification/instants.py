"""Instants and local days, as importing.md section 4 says.

An instant is kept as PostgreSQL prints it in UTC (`2026-03-14 12:03:33.211+00`): such texts are equal when the instants are, sort like them,
and can be compared with a COPY without parsing a single timestamp of the tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from audit.runs.verification.json_text import as_double

SECOND = 1_000_000
HOUR = 3600 * SECOND
MILLISECONDS_FROM = 100_000_000_000
"""A number from here on counts milliseconds, a smaller one seconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
EARLIEST = 946_684_800 * SECOND  # 2000-01-01T00:00Z

# The form that JavaScript's toISOString writes; nearly all there is.
_ISO_STRING = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z").fullmatch
_TEXT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(?:(Z)|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?"
).fullmatch
_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)?").fullmatch

_MOST_HOURS = 200_000
_hours_that_exist: set[str] = set()


class NoInstantError(Exception):
    """The value is no instant that a meal may have; `reason` is the code of importing.md."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Zone:
    """An IANA zone with what was already worked out in it: for each UTC hour the local day and time of day, where the whole hour has one."""

    name: str
    rules: ZoneInfo = field(init=False)
    _hours: dict[str, tuple[str, str] | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.rules = ZoneInfo(self.name)

    def local(self, instant: str) -> tuple[str, str]:
        """The local day (ISO) and the time of day (`morning`, `afternoon`, `evening`, `night`) at this instant."""
        hour = instant[:13]
        known = self._hours[hour] if hour in self._hours else self.whole_hour(hour)
        return known if known is not None else self._at(datetime.fromisoformat(instant))

    def whole_hour(self, hour: str) -> tuple[str, str] | None:
        """What `local` says of every instant of this UTC hour (`2026-03-14 12`), if it says the same of all."""
        if hour not in self._hours:
            if len(self._hours) > _MOST_HOURS:
                self._hours.clear()
            start = datetime.fromisoformat(f"{hour}:00:00+00:00")
            first, last = self._at(start), self._at(start + timedelta(hours=1, microseconds=-1))
            middle = self._at(start + timedelta(minutes=30))
            self._hours[hour] = first if first == middle == last else None
        return self._hours[hour]

    def _at(self, instant: datetime) -> tuple[str, str]:
        local = instant.astimezone(self.rules)
        return local.date().isoformat(), time_of_day(local.hour)

    def offset(self, local: datetime) -> timedelta:
        """The offset of a local time: in a gap the one before it, in an overlap the first (PEP 495, fold 0)."""
        return local.replace(tzinfo=UTC) - local.replace(tzinfo=self.rules, fold=0)


def time_of_day(hour: int) -> str:
    """The API's rule, by the person's local hour."""
    if 5 <= hour < 12:
        return "morning"
    if 12 <= hour < 17:
        return "afternoon"
    return "evening" if 17 <= hour < 21 else "night"


def text_of(instant: int) -> str:
    """Microseconds since 1970 as PostgreSQL prints them. Years 1 to 9999."""
    moment = (_EPOCH + timedelta(microseconds=instant)).replace(tzinfo=None).isoformat(" ")
    return f"{moment.rstrip('0') if '.' in moment else moment}+00"


def microseconds_of(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Latest:
    """The last instant that a meal of a snapshot may have: an hour after the snapshot was staged."""

    instant: int
    text: str

    @classmethod
    def after(cls, loaded_at: int) -> Latest:
        return cls(loaded_at + HOUR, text_of(loaded_at + HOUR))


def read_instant(value: Any, zone: Zone, latest: Latest) -> tuple[str, str]:
    """The instant that a JSON value means, and the note that goes with it (`local_time_assumed`, `date_only` or none).

    Raises NoInstantError.
    """
    text = read_iso_string(value, latest)
    if text is not None:
        return text, ""
    instant, note = _instant(value, zone)
    if instant < EARLIEST:
        raise NoInstantError("timestamp_too_old")
    if instant > latest.instant:
        raise NoInstantError("timestamp_in_future")
    return text_of(instant), note


def read_iso_string(value: Any, latest: Latest) -> str | None:
    """The instant of a text exactly as JavaScript writes it, when a meal may have it: nearly all there is, so it has a way of its own."""
    if type(value) is not str or len(value) != 24 or not _ISO_STRING(value):
        return None
    hour = value[:13]
    if not hour_exists(hour):
        return None
    fraction = value[19:23].rstrip("0")
    text = f"{hour[:10]} {value[11:19]}{fraction}+00" if fraction != "." else f"{hour[:10]} {value[11:19]}+00"
    return text if text <= latest.text else None


def hour_exists(hour: str) -> bool:
    """Whether this `YYYY-MM-DDTHH` is in the calendar."""
    if hour in _hours_that_exist:
        return True
    try:
        datetime.fromisoformat(f"{hour}:00:00")
    except ValueError:
        return False
    if len(_hours_that_exist) > _MOST_HOURS:
        _hours_that_exist.clear()
    _hours_that_exist.add(hour)
    return True


def _instant(value: Any, zone: Zone) -> tuple[int, str]:
    if value is None:
        raise NoInstantError("missing_timestamp")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(as_double(value)) == float("inf"):
            raise NoInstantError("unreadable_timestamp")
        return _since_epoch(Decimal(value) if isinstance(value, int) else Decimal(repr(value))), ""
    if not isinstance(value, str):
        raise NoInstantError("unreadable_timestamp")
    text = value.strip()
    if not text:
        raise NoInstantError("missing_timestamp")
    if _DIGITS(text):
        return _since_epoch(Decimal(text)), ""
    match = _TEXT(text)
    if match is None:
        raise NoInstantError("unreadable_timestamp")
    try:
        return _from_parts(match, zone)
    except (ValueError, OverflowError):
        raise NoInstantError("unreadable_timestamp") from None


_FAR_OFF = 20
"""Powers of ten beyond which no number is an instant of our calendar, whatever its unit."""


def _since_epoch(number: Decimal) -> int:
    if number.adjusted() > _FAR_OFF:  # as far off, and no arithmetic with a million digits
        return int(Decimal(1).scaleb(_FAR_OFF).copy_sign(number))
    return int(number.scaleb(3 if number >= MILLISECONDS_FROM else 6))


def _from_parts(match: re.Match[str], zone: Zone) -> tuple[int, str]:
    """Microseconds and note of a matched text. Raises ValueError for what is not in the calendar or on the clock."""
    year, month, day, hour, minute, second, fraction, utc, sign, hours, minutes = match.groups()
    if hour is None:
        local, note = datetime(int(year), int(month), int(day), 12), "date_only"  # noqa: DTZ001 - a wall clock
    else:
        clock = (int(hour), int(minute), int(second or 0))
        local, note = datetime(int(year), int(month), int(day), *clock), ""  # noqa: DTZ001 - a wall clock
    wall = ((local.toordinal() - _EPOCH_DAY) * 24 + local.hour) * HOUR + (local.minute * 60 + local.second) * SECOND
    wall += int((fraction or "0")[:6].ljust(6, "0"))
    if utc:
        return wall, note
    if sign:
        shift = timezone(timedelta(hours=int(hours), minutes=_minutes(minutes))).utcoffset(None)
        offset = shift // timedelta(microseconds=1)
        return wall - offset if sign == "+" else wall + offset, note
    return wall - zone.offset(local) // timedelta(microseconds=1), note or "local_time_assumed"


def _minutes(text: str | None) -> int:
    minutes = int(text or 0)
    if minutes > 59:
        raise ValueError(text)
    return minutes


def microseconds_of_text(instant: str) -> int:
    """Microseconds since 1970 of an instant as PostgreSQL prints it."""
    return microseconds_of(datetime.fromisoformat(instant))
