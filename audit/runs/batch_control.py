"""What people can do to one batch: try it again, or cut it in two. Leases are respected: what a worker has in its hands nobody touches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.models import BatchStatus, MigrationBatch, MigrationRun, RunStatus
from audit.runs.claim import ClaimedBatch, split_batch
from audit.runs.control import refused_when_another_is_active
from audit.runs.plan import PlannedPerson, Refused
from audit.runs.presence import join, leave, worker_name
from audit.runs.transitions import record, transition

SETTLED_BADLY = (BatchStatus.FAILED, BatchStatus.EXHAUSTED)
SPLITTABLE = (BatchStatus.PLANNED, BatchStatus.FAILED, BatchStatus.EXHAUSTED)
GOING = (RunStatus.RUNNING, RunStatus.PAUSING)
STANDING = (RunStatus.PAUSED, RunStatus.FAILED)


def can_be_retried(batch: MigrationBatch) -> bool:
    """Whether `retry_batch` may do it, as far as the rows at hand say."""
    return batch.status in SETTLED_BADLY and batch.run.status in (*GOING, *STANDING)


def can_be_split(batch: MigrationBatch) -> bool:
    """Whether `split_by_hand` may do it, as far as the rows at hand say."""
    return batch.status in SPLITTABLE and batch.users > 1 and batch.run.status in (*GOING, *STANDING)


def retry_batch(*, batch: MigrationBatch, actor: str, reason: str = "") -> MigrationRun:
    """Plans one batch again that failed or was given up, and lets a run that stands go on; the run's other failed batches stay as they are.

    Raises `Refused` with nothing changed. The caller calls workers.
    """
    with _held(batch.run), refused_when_another_is_active(), transaction.atomic():
        run, locked = _locked(batch)
        if locked.status not in SETTLED_BADLY:
            raise Refused(
                "batch {batch} is {status}: only a failed one is tried again", batch=locked.number, status=locked.status
            )
        _replan(locked)
        if run.status in STANDING:
            run = transition(
                run=run,
                action="retry",
                target=RunStatus.RUNNING,
                actor=actor,
                reason=reason,
                finished_at=None,
                error="",
            )
        record(run=run, action="retry_batch", actor=actor, reason=reason, data={"batch": locked.number})
    return run


def split_by_hand(*, batch: MigrationBatch, actor: str, reason: str = "") -> list[int]:
    """Cuts a batch in two, each half to be tried by itself; returns their numbers. A run that stands is left standing.

    Raises `Refused` with nothing changed.
    """
    with _held(batch.run), transaction.atomic():
        run, locked = _locked(batch)
        if locked.status not in SPLITTABLE:
            raise Refused("batch {batch} is {status}: it cannot be split", batch=locked.number, status=locked.status)
        claim = _claim(locked)
        if len(claim.people) < 2:
            raise Refused("batch {batch} has one person only: it cannot be split", batch=locked.number)
        split_batch(claim, error=locked.error)
        parts = list(locked.parts.order_by("number").values_list("number", flat=True))
        record(run=run, action="split", actor=actor, reason=reason, data={"batch": locked.number, "parts": parts})
    return parts


@contextmanager
def _held(run: MigrationRun) -> Iterator[None]:
    """While this lasts nobody ends, verifies or takes back the run: that is done alone, and we share its lock as a worker does."""
    if not join(run):
        raise Refused("run {run} is in the hands of another process", run=run.pk)
    try:
        yield
    finally:
        leave(run)


def _locked(batch: MigrationBatch) -> tuple[MigrationRun, MigrationBatch]:
    """Both rows as they are now, and nobody else's until the transaction ends; in the order in which workers lock them."""
    run = MigrationRun.objects.select_for_update(no_key=True).get(pk=batch.run_id)
    if run.status not in (*GOING, *STANDING):
        raise Refused("run {run} is {status}: its batches stay as they are", run=run.pk, status=run.status)
    locked = MigrationBatch.objects.select_for_update(skip_locked=True).filter(pk=batch.pk).first()
    if locked is None:
        raise Refused("batch {batch} is in the hands of a worker", batch=batch.number)
    return run, locked


def _replan(batch: MigrationBatch) -> None:
    MigrationBatch.objects.filter(pk=batch.pk, epoch=batch.epoch).update(
        status=BatchStatus.PLANNED, attempt=0, not_before=None, finished_at=None
    )


def _claim(batch: MigrationBatch) -> ClaimedBatch:
    """A lease of our own, with an epoch that makes every earlier one void; it never outlives the transaction."""
    MigrationBatch.objects.filter(pk=batch.pk).update(
        status=BatchStatus.LEASED, epoch=F("epoch") + 1, lease_owner=worker_name(), lease_expires_at=Now()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT user_id, array_agg(snapshot_id ORDER BY snapshot_id) FROM migration_run_snapshots "
            "WHERE batch_id = %s GROUP BY user_id ORDER BY user_id",
            [batch.pk],
        )
        people = [PlannedPerson(user_id, tuple(ids)) for user_id, ids in cursor.fetchall()]
    return ClaimedBatch(batch.pk, batch.number, batch.epoch + 1, batch.attempt, people)
