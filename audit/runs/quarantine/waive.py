"""Setting items aside for good, with a reason; and taking that back. Outcome and tally move in one statement."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from audit.models import MigrationRun, Outcome, RunStatus
from audit.runs.plan import Refused
from audit.runs.quarantine.selection import ALL, Selection, check_said, lock_run, without_reverted
from audit.runs.quarantine.trail import Counts, nested, tell_people, tell_run
from audit.runs.quarantine.verdict import can_be_judged_again

_MOVE = """
    WITH moved AS (
        UPDATE migration_outcomes SET outcome = %(new)s
        WHERE run_id = %(run)s AND outcome = %(old)s AND id = ANY (%(ids)s)
        RETURNING snapshot_id, kind, user_id, reasons[1] AS reason
    ), sums AS (
        SELECT snapshot_id, kind, count(*) AS items FROM moved GROUP BY snapshot_id, kind
    ), tallied AS (
        UPDATE migration_tallies AS tally
        SET quarantined = quarantined - %(sign)s * sums.items, waived = waived + %(sign)s * sums.items
        FROM sums WHERE tally.run_id = %(run)s AND tally.snapshot_id = sums.snapshot_id AND tally.kind = sums.kind
        RETURNING sums.items
    ), batched AS (
        UPDATE migration_batches AS batch SET quarantined = batch.quarantined - %(sign)s * ours.items
        FROM (
            SELECT plan.batch_id, sum(sums.items) AS items FROM sums
            JOIN migration_run_snapshots AS plan ON plan.run_id = %(run)s AND plan.snapshot_id = sums.snapshot_id
            GROUP BY plan.batch_id
        ) AS ours
        WHERE batch.id = ours.batch_id
    )
    SELECT user_id, kind, reason, count(*), (SELECT COALESCE(sum(items), 0) FROM tallied) FROM moved GROUP BY user_id, kind, reason
"""


class Untallied(Exception):
    """An item has no tally to move in: the first law would be broken, so nothing was changed."""


class Waived(NamedTuple):
    """What was moved (kind, reason → items), and how many items of the run are left in quarantine."""

    items: Counts
    people: int
    left: int


def waive(*, run: MigrationRun, chosen: Selection = ALL, actor: str, reason: str) -> Waived:
    """Quarantined → waived: somebody has looked, and these items need not become rows. The raw values stay where they are.

    Raises `Refused` (which says why; nothing was changed). The run's verdict is for the verifier: call `verdict.judge_again` afterwards.
    """
    return _move(run, chosen, Outcome.QUARANTINED, Outcome.WAIVED, actor, reason)


def unwaive(*, run: MigrationRun, chosen: Selection = ALL, actor: str, reason: str) -> Waived:
    """Waived → quarantined again. Raises `Refused`; call `verdict.judge_again` afterwards."""
    return _move(run, chosen, Outcome.WAIVED, Outcome.QUARANTINED, actor, reason)


def _move(run: MigrationRun, chosen: Selection, old: Outcome, new: Outcome, actor: str, reason: str) -> Waived:
    check_said(actor, reason)
    with transaction.atomic():
        locked = lock_run(run)
        if locked.status == RunStatus.COMPLETED and not can_be_judged_again(locked):
            raise Refused("run {run} is completed, and nothing may lead it back to the verifier", run=run.pk)
        ids = list(without_reverted(locked, chosen.of(locked, old)).values_list("id", flat=True))
        if not ids:
            raise Refused("run {run} has no such item that is {outcome}", run=run.pk, outcome=old.value)
        counts, people = _write(locked, ids, old, new)
        action = "waive" if new == Outcome.WAIVED else "unwaive"
        tell_run(
            run=locked,
            action=action,
            actor=actor,
            reason=reason,
            data={"items": nested(counts), "people": len(people)},
        )
        tell_people(
            people,
            action=f"MIGRATION_ITEMS_{new.value.upper()}",
            table="migration_outcomes",
            new_values={"run": run.pk, "actor": actor, "reason": reason},
        )
        left = ALL.of(locked).count()
    return Waived(counts, len(people), left)


def _write(run: MigrationRun, ids: list[int], old: Outcome, new: Outcome) -> tuple[Counts, Counter[UUID]]:
    counts: Counts = Counter()
    people: Counter[UUID] = Counter()
    with connection.cursor() as cursor:
        sign = 1 if new == Outcome.WAIVED else -1
        cursor.execute(_MOVE, {"run": run.pk, "ids": ids, "old": old.value, "new": new.value, "sign": sign})
        tallied = 0
        for user_id, kind, code, number, tallied in cursor.fetchall():  # noqa: B007 - the same in every row
            counts[kind, code] += number
            people[user_id] += number
    if not tallied == counts.total() == len(ids):
        raise Untallied(f"run {run.pk}: {len(ids)} items, {counts.total()} moved, {tallied} in tallies")
    return counts, people
