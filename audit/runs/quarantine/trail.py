"""Who decided what and why: an event in the run's story, without personal data; and a line in the log of the person whose item it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from audit.models import ActivityLog, MigrationRun
from audit.runs.transitions import record

Counts = Counter[tuple[str, str]]
"""(kind, outcome or reason) → items."""


def tell_run(*, run: MigrationRun, action: str, actor: str, reason: str, data: dict[str, Any]) -> None:
    """Appends to the run's story. `data` holds counts, numbers of rows and codes; never a path or a value."""
    record(run=run, action=action, old_status=run.status, new_status=run.status, actor=actor, reason=reason, data=data)


def tell_person(*, user_id: UUID, action: str, table: str, new_values: dict[str, Any]) -> None:
    """Appends to the person's own log, in the transaction of the deed: it is there whatever happens to the process afterwards.

    It names no row of theirs, so to the verifier it excuses nothing (importing.md section 8).
    """
    ActivityLog.objects.create(user_id=user_id, action_type=action, table_name=table, new_values=new_values)


def tell_people(items: Mapping[UUID, int], *, action: str, table: str, new_values: dict[str, Any]) -> None:
    """As `tell_person`, for many at once: each is told how many of their `items` it concerned."""
    ActivityLog.objects.bulk_create(
        (
            ActivityLog(
                user_id=user_id, action_type=action, table_name=table, new_values={**new_values, "items": number}
            )
            for user_id, number in items.items()
        ),
        batch_size=1000,
    )


def nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """The counts as JSON: kind → what → items."""
    result: dict[str, dict[str, int]] = {}
    for (kind, what), number in sorted(counts.items()):
        result.setdefault(kind, {})[what] = number
    return result
