"""Batches cut just in time and leased. The lease has an expiry and an epoch; the batch's own transaction checks that it still holds it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction

from audit.models import MigrationRun
from audit.runs.failpoints import reach
from audit.runs.plan import PlannedPerson
from audit.runs.presence import cut_off_silent, others_present, worker_name


class ClaimedBatch(NamedTuple):
    """A batch that this process may commit while its epoch holds."""

    id: int
    number: int
    epoch: int
    attempt: int
    people: list[PlannedPerson]
    pause_seconds: float = 0.0
    """How long to wait before it is written, so that others get their turn."""


class Idle(Enum):
    """Why there is nothing to claim."""

    STOPPED = "the run does not run"
    NOTHING_LEFT = "every batch is settled"
    WAIT = "the rest is in other hands, waits for its next attempt, or the governor holds it back"


class _Tuning(NamedTuple):
    """What the operator asks for, and the governor allows."""

    status: str
    batch_size: int
    workers: int
    pause_seconds: float
    cohort_percent: float


def release_leases(run: MigrationRun, owner: str | None = None) -> int:
    """Batches of workers that are gone are planned again: all that are leased (only for who is alone with the run), or those of `owner` (its
    name, or the beginning of it). Returns how many."""
    leased = run.batches.filter(status="leased")
    if owner is not None:
        leased = leased.filter(lease_owner__startswith=owner)
    return leased.update(status="planned", lease_owner="", lease_expires_at=None)


def release_claim(claim: ClaimedBatch, *, after_seconds: float = 0.0, error: str = "", attempted: bool = True) -> bool:
    """Gives a batch back, to be claimed again after so many seconds; False when it is in other hands already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE migration_batches SET status = 'planned', lease_owner = '', lease_expires_at = NULL, error = %s, "
            "not_before = clock_timestamp() + %s * interval '1 second', attempt = attempt - %s "
            "WHERE id = %s AND epoch = %s AND status = 'leased'",
            [error, after_seconds, 0 if attempted else 1, claim.id, claim.epoch],
        )
        return bool(cursor.rowcount == 1)


def claim_batch(run: MigrationRun) -> ClaimedBatch | Idle:
    """The next batch: one that is planned (again), one whose worker is gone, else a fresh cut in id order.

    One short transaction; the run's row is locked so that two workers cannot cut the same people. Size, number of workers and cohort are
    read here, each time: so they can be turned while the run goes on.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # A process that is stopped here would keep all others from claiming.
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, true)",
            [f"{settings.MIGRATION_LEASE_SECONDS}s"],
        )
        cursor.execute(
            "SELECT status, batch_size, LEAST(workers, COALESCE((flow->>'concurrency')::int, workers)), "
            "GREATEST(pause_seconds, COALESCE((flow->>'pause')::float, 0)), cohort_percent "
            "FROM migration_runs WHERE id = %s FOR NO KEY UPDATE",
            [run.pk],
        )
        tuning = _Tuning(*cursor.fetchone())
        if tuning.status != "running":
            return Idle.STOPPED
        others = others_present(run)
        if others and _all_hands_busy(run, tuning):
            return Idle.WAIT
        cursor.execute(
            "SELECT id FROM migration_batches WHERE run_id = %s AND ("
            "  (status = 'planned' AND (not_before IS NULL OR not_before <= clock_timestamp()))"
            "  OR (status = 'leased' AND lease_owner <> %s AND (lease_expires_at < clock_timestamp() OR %s))"
            ") ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED",
            # What this process holds it is at work on, however long that takes. Where nobody else is present, the lease of another is an orphan's.
            [run.pk, worker_name(), not others],
        )
        row = cursor.fetchone()
        batch_id = row[0] if row else _cut(run, tuning)
        if batch_id is None:
            if not _unsettled(run):
                return Idle.NOTHING_LEFT
            cut_off_silent(run)
            return Idle.WAIT
        claim = _lease(batch_id, tuning.pause_seconds)
        reach("claim.leased")
    reach("claim.committed")
    return claim


def _lease(batch_id: int, pause_seconds: float) -> ClaimedBatch:
    """The pauses before this batch and the one before it belong to its time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE migration_batches SET status = 'leased', epoch = epoch + 1, attempt = attempt + 1, lease_owner = %s, not_before = NULL, "
            "lease_expires_at = clock_timestamp() + %s * interval '1 second', started_at = clock_timestamp() "
            "WHERE id = %s RETURNING number, epoch, attempt",
            [worker_name(), settings.MIGRATION_LEASE_SECONDS + 2 * pause_seconds, batch_id],
        )
        number, epoch, attempt = cursor.fetchone()
        cursor.execute(
            "SELECT user_id, array_agg(snapshot_id ORDER BY snapshot_id) FROM migration_run_snapshots "
            "WHERE batch_id = %s GROUP BY user_id ORDER BY user_id",
            [batch_id],
        )
        people = [PlannedPerson(user_id, tuple(ids)) for user_id, ids in cursor.fetchall()]
    return ClaimedBatch(batch_id, number, epoch, attempt, people, pause_seconds)


def _all_hands_busy(run: MigrationRun, tuning: _Tuning) -> bool:
    """Whether as many others are at work as the operator, or the governor, allows. One batch ahead of each worker is not counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT lease_owner) FROM migration_batches "
            "WHERE run_id = %s AND status = 'leased' AND lease_owner <> %s AND lease_expires_at > clock_timestamp()",
            [run.pk, worker_name()],
        )
        return bool(cursor.fetchone()[0] >= tuning.workers)


def _unsettled(run: MigrationRun) -> bool:
    return run.batches.filter(status__in=["planned", "leased"]).exists()


# The hash makes a cohort a sample of everybody, the same people whenever it is asked for; 10,000 hundredths of a percent.
_IN_COHORT = "('x' || substr(md5(user_id::text), 1, 8))::bit(32)::bigint %% 10000 < %(cohort)s"


def _cut(run: MigrationRun, tuning: _Tuning) -> int | None:
    cohort = round(tuning.cohort_percent * 100)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH people AS (
                SELECT DISTINCT user_id FROM migration_run_snapshots WHERE run_id = %(run)s AND batch_id IS NULL
                    {"AND " + _IN_COHORT if cohort < 10000 else ""}
                ORDER BY user_id LIMIT %(size)s
            ), batch AS (
                INSERT INTO migration_batches (run_id, number, status)
                SELECT %(run)s, COALESCE((SELECT max(number) FROM migration_batches WHERE run_id = %(run)s), 0) + 1, 'planned'
                WHERE EXISTS (SELECT FROM people)
                RETURNING id
            )
            UPDATE migration_run_snapshots AS plan SET batch_id = batch.id
            FROM batch, people
            WHERE plan.run_id = %(run)s AND plan.batch_id IS NULL AND plan.user_id = people.user_id
            RETURNING batch.id, plan.user_id
            """,
            {"run": run.pk, "size": tuning.batch_size, "cohort": cohort},
        )
        rows = cursor.fetchall()
        if not rows:
            return None
        batch_id: int = rows[0][0]
        cursor.execute(
            "UPDATE migration_batches SET users = %s, snapshots = %s WHERE id = %s",
            [len({user_id for _, user_id in rows}), len(rows), batch_id],
        )
        return batch_id


def split_batch(claim: ClaimedBatch, *, error: str) -> bool:
    """Cuts a batch of several people in two, each to be tried by itself; False when it is in other hands already."""
    middle = len(claim.people) // 2
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT run_id FROM migration_batches WHERE id = %s", [claim.id])
        (run_id,) = cursor.fetchone()
        cursor.execute("SELECT FROM migration_runs WHERE id = %s FOR NO KEY UPDATE", [run_id])
        cursor.execute(
            "UPDATE migration_batches SET status = 'split', lease_owner = '', lease_expires_at = NULL, finished_at = clock_timestamp(), "
            "error = %s WHERE id = %s AND epoch = %s AND status = 'leased'",
            [error, claim.id, claim.epoch],
        )
        if cursor.rowcount != 1:
            return False
        for people in (claim.people[:middle], claim.people[middle:]):
            cursor.execute(
                "INSERT INTO migration_batches (run_id, number, status, users, snapshots, parent_id) "
                "SELECT %s, max(number) + 1, 'planned', %s, %s, %s FROM migration_batches WHERE run_id = %s RETURNING id",
                [run_id, len(people), sum(len(person.snapshot_ids) for person in people), claim.id, run_id],
            )
            (part,) = cursor.fetchone()
            cursor.execute(
                "UPDATE migration_run_snapshots SET batch_id = %s WHERE batch_id = %s AND user_id = ANY (%s)",
                [part, claim.id, [person.user_id for person in people]],
            )
    return True


def exhaust_batch(claim: ClaimedBatch, *, error: str) -> bool:
    """Gives a batch up until somebody retries it; False when it is in other hands already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE migration_batches SET status = 'exhausted', lease_owner = '', lease_expires_at = NULL, "
            "finished_at = clock_timestamp(), error = %s WHERE id = %s AND epoch = %s AND status = 'leased'",
            [error, claim.id, claim.epoch],
        )
        return bool(cursor.rowcount == 1)
