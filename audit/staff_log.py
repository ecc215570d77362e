"""Writes down what the team does to people: `accounts.staff.tell` says it, this puts it into the append-only log."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from accounts.staff import StaffDeed, staff_acted
from audit.models import ActivityLog


@receiver(staff_acted, dispatch_uid="audit.staff_log")
def write_down(*, deed: StaffDeed, **_: Any) -> None:
    """One row, in the transaction of the deed. The member of the team is named by id and e-mail, so that it outlives their account too."""
    by = {"staff": str(deed.actor.pk), "staff_email": deed.actor.email}
    ActivityLog.objects.create(
        user_id=deed.person_id,
        action_type=deed.action,
        table_name=deed.table,
        record_id=deed.record_id,
        old_values=deed.old,
        new_values={**(deed.new or {}), **by, "reason": deed.reason},
        ip_address=deed.ip_address,
        user_agent=deed.user_agent or None,
    )
