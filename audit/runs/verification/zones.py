"""Which names of zones may be used: those that both Python's and PostgreSQL's time zone data know."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from django.conf import settings

from audit.runs.verification.instants import Zone

if TYPE_CHECKING:
    from audit.runs.verification.tables import Session

_zones: dict[str, Zone] = {}
_both_know: set[str] = set()


def load_zone_names(session: Session) -> None:
    """Asks the server once a process: listing its zones takes it a tenth of a second."""
    if not _both_know:
        rows = session.cursor().execute("SELECT name FROM pg_timezone_names").fetchall()
        _both_know.update({name for (name,) in rows} & available_timezones())


def known_zone(name: str) -> bool:
    return name in _both_know


def zone_named(name: str) -> Zone:
    """The zone with everything that was already worked out in it."""
    if name not in _zones:
        _zones[name] = Zone(name)
    return _zones[name]


def default_zone() -> Zone:
    """The zone of a browser that did not say (setting `DYNPROT_DEFAULT_TIME_ZONE`)."""
    return zone_named(settings.DYNPROT_DEFAULT_TIME_ZONE)
