"""Looking at somebody's data leaves a trace as well. Told upward like deeds (accounts.staff); what cannot be written down is not shown."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.dispatch import Signal
from django.http import HttpRequest

from accounts.models import User
from accounts.staff import NobodyListens

staff_looked = Signal()
"""Sent with `look: Look` before anything is read. `audit` listens and appends to `activity_logs`, unless it knows of this look already."""

LOOKED = "staff_looked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A member of the team looks at parts of one person's data, or (None) at a list of many people's."""

    actor: User
    person_id: UUID | None
    parts: tuple[str, ...]
    ip_address: str | None
    user_agent: str


def note_look(request: HttpRequest, person_id: UUID | None, parts: tuple[str, ...]) -> None:
    """Writes down that the reader is about to see `parts`. Call it before they are read: an error here must keep the page away."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    if not staff_looked.has_listeners():
        raise NobodyListens(LOOKED)
    look = Look(
        actor=request.user,
        person_id=person_id,
        parts=tuple(sorted(parts)),
        ip_address=request.META.get("REMOTE_ADDR") or None,
        user_agent=request.headers.get("User-Agent", "")[:500],
    )
    staff_looked.send(sender=Look, look=look)
