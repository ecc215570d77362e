"""What the team does to a person, told upward: this floor says it, the floor that keeps the log (audit) writes it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models
from django.dispatch import Signal
from django.http import HttpRequest

from accounts.models import User

staff_acted = Signal()
"""Sent with `deed: StaffDeed`, in the transaction of the deed. `audit` listens and appends to `activity_logs`."""


class NobodyListens(RuntimeError):
    """A deed of the team must leave a trace; without one it is not done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffDeed:
    """One thing that a member of the team did: to a person, or (None) to nobody in particular."""

    actor: User
    action: str
    person_id: UUID | None
    table: str
    record_id: UUID | None
    reason: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    ip_address: str | None
    user_agent: str


def tell(
    *,
    actor: User,
    action: str,
    person: User | UUID | None,
    table: str = "users",
    row: models.Model | None = None,
    reason: str = "",
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    request: HttpRequest | None = None,
) -> None:
    """Leaves a trace of a deed of the team in the person's activity. `action` begins with `staff_`; `old` and `new` hold no health data.

    Call it in the transaction of the deed. Raises `NobodyListens` when there is no log, so that nothing happens unseen.
    """
    identifier = row.pk if row is not None and isinstance(row.pk, UUID) else None
    deed = StaffDeed(
        actor=actor,
        action=action,
        person_id=person.pk if isinstance(person, User) else person,
        table=table,
        record_id=identifier,
        reason=reason,
        old=old,
        new=new,
        ip_address=(request.META.get("REMOTE_ADDR") or None) if request is not None else None,
        user_agent=request.headers.get("User-Agent", "")[:500] if request is not None else "",
    )
    if not staff_acted.has_listeners():
        raise NobodyListens(action)
    staff_acted.send(sender=StaffDeed, deed=deed)
