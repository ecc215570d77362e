"""Instants as the browser writes them, from local clock times.

Instants are whole milliseconds since 1970 (JavaScript's `Date.now()`); their text form is `toISOString()`.
Local days are proleptic ordinals (`date.toordinal()`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@lru_cache(maxsize=65_536)
def local_noon(zone: str, ordinal: int) -> int:
    """The instant of 12:00 local on that day; a clock change in the night is behind it by then."""
    day = date.fromordinal(ordinal)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    return (noon - _EPOCH) // timedelta(milliseconds=1)


def at_local_clock(zone: str, ordinal: int, since_midnight: int) -> int:
    """The instant at which the clock shows `since_midnight` ms; exact from 03:00 on, also on DST days."""
    return local_noon(zone, ordinal) + since_midnight - 12 * HOUR


def local_midnight(zone: str, ordinal: int) -> int:
    """The instant at which that local day begins."""
    day = date.fromordinal(ordinal)
    return (datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) - _EPOCH) // timedelta(milliseconds=1)


def local_text(zone: str, instant: int) -> str:
    """`2026-04-01T12:30:05`: what the wall clock shows, without a zone."""
    moment = (_EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone))
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def local_ordinal(zone: str, instant: int) -> int:
    return (_EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone)).date().toordinal()


def offset_text(instant: int, offset_minutes: int, colon: str = ":") -> str:
    """The same instant written with an offset: `2026-04-01T14:30:05.120+02:00`."""
    sign = "-" if offset_minutes < 0 else "+"
    hours, minutes = divmod(abs(offset_minutes), 60)
    shifted = iso(instant + offset_minutes * MINUTE)[:-1]
    return f"{shifted}{sign}{hours:02d}{colon}{minutes:02d}"


@lru_cache(maxsize=65_536)
def _day_text(days: int) -> str:
    return date.fromordinal(days + _EPOCH_ORDINAL).isoformat()


def iso(instant: int) -> str:
    """`new Date(instant).toISOString()`: UTC, milliseconds, Z."""
    days, rest = divmod(instant, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, milliseconds = divmod(rest, SECOND)
    return f"{_day_text(days)}T{hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}Z"
