"""Batches cut just in time and leased. The lease has an expiry and an epoch; the batch's own transaction checks that it still holds it."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from django.db import connection, transaction

from audit.models import MigrationRun
from audit.runs.plan import PlannedPerson

LEASE_SECONDS = 300
_DRIVER_LOCK = 0x44594E50  # "DYNP": the class of the advisory locks that say "a process drives this run"


class ClaimedBatch(NamedTuple):
    """A batch that this process may commit while its epoch holds."""

    id: int
    number: int
    epoch: int
    people: list[PlannedPerson]


def worker_name() -> str:
    """Host and process, for the lease and for people who look."""
    return f"{socket.gethostname()}/{os.getpid()}"


def hold_driver_lock(run: MigrationRun) -> bool:
    """Whether this session now drives `run`. PostgreSQL gives the lock back the moment the process dies, however it dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_DRIVER_LOCK, run.pk])
        return bool(cursor.fetchone()[0])


def release_driver_lock(run: MigrationRun) -> None:
    """The session no longer drives `run`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_DRIVER_LOCK, run.pk])


def release_leases(run: MigrationRun) -> int:
    """Batches that a lost process had taken are planned again. Only for who holds the driver lock. Returns how many."""
    return run.batches.filter(status="leased").update(status="planned", lease_owner="", lease_expires_at=None)


def claim_batch(run: MigrationRun, batch_size: int) -> ClaimedBatch | None:
    """The next batch: one that is planned again, else a fresh cut of `batch_size` people in id order; None when all is taken.

    One short transaction; the run's row is locked so that two workers cannot cut the same people.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM migration_runs WHERE id = %s FOR NO KEY UPDATE", [run.pk])
        cursor.execute(
            "SELECT id FROM migration_batches WHERE run_id = %s AND "
            "(status = 'planned' OR (status = 'leased' AND lease_expires_at < now() AND lease_owner <> %s)) "
            "ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED",
            [run.pk, worker_name()],  # what this process holds it is at work on, however long that takes
        )
        row = cursor.fetchone()
        batch_id = row[0] if row else _cut(run, batch_size)
        if batch_id is None:
            return None
        cursor.execute(
            "UPDATE migration_batches SET status = 'leased', epoch = epoch + 1, attempt = attempt + 1, lease_owner = %s, "
            "lease_expires_at = now() + %s * interval '1 second', started_at = now() WHERE id = %s RETURNING number, epoch",
            [worker_name(), LEASE_SECONDS, batch_id],
        )
        number, epoch = cursor.fetchone()
        cursor.execute(
            "SELECT user_id, array_agg(snapshot_id ORDER BY snapshot_id) FROM migration_run_snapshots "
            "WHERE batch_id = %s GROUP BY user_id ORDER BY user_id",
            [batch_id],
        )
        people = [PlannedPerson(user_id, tuple(ids)) for user_id, ids in cursor.fetchall()]
    return ClaimedBatch(batch_id, number, epoch, people)


def _cut(run: MigrationRun, batch_size: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH people AS (
                SELECT DISTINCT user_id FROM migration_run_snapshots WHERE run_id = %(run)s AND batch_id IS NULL
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
            {"run": run.pk, "size": batch_size},
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
