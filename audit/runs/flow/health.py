"""How the application and its database are doing at this moment: one short probe, which writes nothing and never raises."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from statistics import median
from typing import TypeVar
from uuid import UUID

import msgspec
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from audit.runs.flow.errors import classify

T = TypeVar("T")

PROBE_TIMEOUT_MS = 2000
"""Of each statement of the probe: a database that needs longer for these is not well."""
PEOPLE = 5
"""Whose meals are listed; the middle one counts, so that one who is not in the cache does not."""
DAYS = 7
WAIT_SECONDS = 1.0


class Health(msgspec.Struct, frozen=True):
    """What one probe saw."""

    at: datetime
    """When it ended; aware."""
    probe_ms: float = 0.0
    """The application's most usual query, from sending to the last row: a person's meals of their latest days. 0.0 while there is nobody."""
    lock_waiters: int = 0
    """Sessions of this database that have waited for a lock for more than a second."""
    oldest_transaction_seconds: float = 0.0
    """Age of the oldest open transaction in this database besides the probe's; batches of the run itself are seconds old."""
    replication_lag_seconds: float | None = None
    """Of the slowest replica; None without replicas."""
    error: str = ""
    """SQLSTATE or class of what the probe met; then nothing else here is known."""


# A few random pages of the table, and people out of these: their number does not matter, nor how unevenly their ids lie. The size is the file's,
# since pg_class.relpages is only as new as the last ANALYZE. Once in 3,000 times a larger table gives no page at all: then anybody will do.
_RANDOM_PEOPLE = """
    SELECT id FROM users TABLESAMPLE SYSTEM (
        LEAST(100, 100.0 * %(pages)s * current_setting('block_size')::int / GREATEST(pg_relation_size('users'), 1)))
    ORDER BY random() LIMIT %(people)s
"""
_ANYBODY = "SELECT id FROM users ORDER BY id LIMIT %(people)s"
_PAGES = 8

# Both parts go through an index that begins with the person: idx_meal_entries_user_date, or .._user_timestamp when that looks shorter.
_LATEST_MEALS = """
    SELECT id, description, meal_timestamp, local_date, protein_grams, calories, carbs_grams, fat_grams, fiber_grams, source_type, tags
    FROM meal_entries
    WHERE user_id = %(user)s
      AND local_date > (SELECT max(local_date) FROM meal_entries WHERE user_id = %(user)s) - %(days)s
    ORDER BY meal_timestamp DESC
"""

# waitstart is PostgreSQL's own note of when a wait began (14 on), readable by every role.
_WAITERS = """
    SELECT count(DISTINCT locks.pid) FROM pg_locks AS locks
    JOIN pg_stat_activity AS sessions ON sessions.pid = locks.pid
    WHERE NOT locks.granted AND locks.waitstart < clock_timestamp() - %s * interval '1 second'
      AND sessions.datname = current_database()
"""

# Roles without pg_monitor see NULL for other roles' sessions: then this says 0, which is no reason to hold back.
_OLDEST = """
    SELECT COALESCE(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()
"""

# replay_lag is NULL once a replica has caught up and nothing is written; base backups are not replicas.
_LAG = """
    SELECT CASE WHEN count(*) > 0 THEN COALESCE(max(extract(epoch FROM COALESCE(replay_lag, flush_lag))), 0)::float8 END
    FROM pg_stat_replication WHERE state IN ('streaming', 'catchup')
"""


def probe(connection: BaseDatabaseWrapper) -> Health:
    """Looks once, with statements of at most 2 s each. Never raises: what goes wrong is in `error`, without any message.

    Everything happens in a transaction that is rolled back (in a transaction of the caller: in a savepoint of it), so that its time limits do not
    outlive it. A connection that turned out dead is closed, so that the next probe gets a fresh one.
    """
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {PROBE_TIMEOUT_MS}")
            cursor.execute(f"SET LOCAL lock_timeout = {PROBE_TIMEOUT_MS}")
            health = _look(cursor)
            transaction.set_rollback(True, using=connection.alias)
    except (DatabaseError, InterfaceError) as error:
        trouble = classify(error)
        if trouble.lost and not connection.in_atomic_block:
            connection.close()
        return Health(at=datetime.now(UTC), error=trouble.code)
    return health


def probe_apart(alias: str = "default") -> Health:
    """As `probe`, on a connection of its own, opened and given back: for a process whose connection is in the middle of a batch."""

    return apart(lambda: probe(connections[alias]), alias=alias)


def apart(work: Callable[[], T], *, alias: str = "default") -> T:
    """Does `work` in a thread, and so on a connection, of its own."""

    def then_close() -> T:
        try:
            return work()
        finally:
            connections[alias].close()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="apart") as thread:
        return thread.submit(then_close).result()


def _look(cursor: CursorWrapper) -> Health:
    latency = _latency_ms(cursor)
    waiters = _number(cursor, _WAITERS, [WAIT_SECONDS])
    oldest = _number(cursor, _OLDEST)
    lag = _number(cursor, _LAG)
    return Health(
        at=datetime.now(UTC),
        probe_ms=latency,
        lock_waiters=int(waiters or 0),
        oldest_transaction_seconds=max(oldest or 0.0, 0.0),
        replication_lag_seconds=lag,
    )


def _latency_ms(cursor: CursorWrapper) -> float:
    times = []
    for user_id in _random_people(cursor):
        begin = time.perf_counter()
        cursor.execute(_LATEST_MEALS, {"user": user_id, "days": DAYS})
        cursor.fetchall()
        times.append((time.perf_counter() - begin) * 1000)
    return median(times) if times else 0.0


def _random_people(cursor: CursorWrapper) -> list[UUID]:
    for statement in (_RANDOM_PEOPLE, _ANYBODY):
        cursor.execute(statement, {"pages": _PAGES, "people": PEOPLE})
        if people := [user_id for (user_id,) in cursor.fetchall()]:
            return people
    return []


def _number(cursor: CursorWrapper, statement: str, parameters: list[float] | None = None) -> float | None:
    cursor.execute(statement, parameters)
    (answer,) = cursor.fetchone()
    return answer  # type: ignore[no-any-return]  # of our own statements, each of which gives one number or NULL
