"""Instants as PostgreSQL reads them, and the day and the time of day that a clock on the wall showed, some thousand at a time.

Asking `zoneinfo` costs 1 µs a meal, a third of what its whole line for COPY costs. The offset from UTC hardly ever changes within a day, so it
is asked once for each zone and day; days on which it does change are asked for each meal.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_SECOND = 1_000_000
_DAY = 86_400
_CHECKED_EVERY = 6 * 3600
"""Seconds. No zone ever went forward and back again within them."""
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_CHANGES = -(10**6)
_MINUTES = tuple(f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(1440))
_SECONDS = tuple(f":{second:02d}" for second in range(60))

PARTS_OF_DAY = tuple(
    "morning" if 5 <= hour < 12 else "afternoon" if 12 <= hour < 17 else "evening" if 17 <= hour < 21 else "night"
    for hour in range(24)
)


class LocalClock:
    """The clock of one zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._offsets: dict[int, int] = {}

    def tell(self, instant: int) -> tuple[str, str, str]:
        """An instant in microseconds since 1970 UTC as text with its offset, its local day (ISO) and the part of that day."""
        seconds, micro = divmod(instant, _SECOND)
        utc_day, utc_second = divmod(seconds, _DAY)
        offset = self._offsets.get(utc_day)
        if offset is None:
            offset = self._offset_of_day(utc_day)
        if offset == _CHANGES:
            offset = self._offset(seconds)
        day, second = divmod(seconds + offset, _DAY)
        moment = f"{_iso_day(utc_day)} {_MINUTES[utc_second // 60]}{_SECONDS[utc_second % 60]}.{micro:06d}Z"
        return moment, _iso_day(day), PARTS_OF_DAY[second // 3600]

    def _offset_of_day(self, day: int) -> int:
        start = day * _DAY
        seen = {self._offset(start + after) for after in range(0, _DAY + 1, _CHECKED_EVERY)}
        offset = self._offsets[day] = seen.pop() if len(seen) == 1 else _CHANGES
        return offset

    def _offset(self, seconds: int) -> int:
        offset = datetime.fromtimestamp(seconds, UTC).astimezone(self._zone).utcoffset()
        assert offset is not None
        return offset.days * _DAY + offset.seconds


@lru_cache(maxsize=1024)
def local_clock(zone: ZoneInfo) -> LocalClock:
    """The clock of `zone`, with the days that it knows already."""
    return LocalClock(zone)


@lru_cache(maxsize=16_384)
def _iso_day(day: int) -> str:
    return date.fromordinal(_EPOCH_ORDINAL + day).isoformat()
