"""Who is at work on a run, told by PostgreSQL's advisory locks: they go the moment a process dies, however it dies.

Workers share the lock of their run. What one process must do alone (start a run, verify it, take it back) is done under the same lock held
exclusively: so it begins only when no worker is left, and a run that nobody holds is stalled. No heartbeat that could lie.
"""

from __future__ import annotations

import os
import secrets
import socket

from django.conf import settings
from django.db import connection

from audit.models import MigrationRun

_RUNS = 0x44594E50
""""DYNP": the class of the advisory locks on runs; the second key is the run's number."""
_token = ""
_token_of = 0
_sessions: dict[int, int] = {}
"""Run → the server process of the session with which this process works on it; its other threads have sessions of their own."""


def worker_name() -> str:
    """Host, process and a token of this process's own (numbers of processes are used again), for leases and for people who look."""
    global _token, _token_of
    if _token_of != os.getpid():
        _token, _token_of = secrets.token_hex(3), os.getpid()
    return f"{host_name()}/{os.getpid()}/{_token}"


def host_name() -> str:
    """As the first part of a worker's name."""
    return socket.gethostname()[:60]


def _ask(function: str, run: MigrationRun) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [_RUNS, run.pk])
        return bool(cursor.fetchone()[0])


def hold_driver_lock(run: MigrationRun) -> bool:
    """Whether this session now is alone with `run`: no worker is at it, and none will be until the lock is given back."""
    return _ask("pg_try_advisory_lock", run)


def release_driver_lock(run: MigrationRun) -> None:
    """The session is no longer alone with `run`."""
    _ask("pg_advisory_unlock", run)


def join(run: MigrationRun) -> bool:
    """Whether this session now works on `run` together with others; not while one is alone with it."""
    if not _ask("pg_try_advisory_lock_shared", run):
        return False
    _sessions[run.pk] = _backend()
    return True


def leave(run: MigrationRun) -> None:
    """The session no longer works on `run`."""
    _sessions.pop(run.pk, None)
    _ask("pg_advisory_unlock_shared", run)


def others_present(run: MigrationRun) -> bool:
    """Whether a process other than this one holds the lock of `run`, shared or alone."""
    return bool(present(run) - {_sessions.get(run.pk, 0)})


def present(run: MigrationRun) -> set[int]:
    """The server processes of all sessions that work on `run`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2 AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [_RUNS, run.pk],
        )
        return {pid for (pid,) in cursor.fetchall()}


# A COPY that waits for its client is "active" all the while. Only sessions of our own role may be ended, and are fully seen.
_CUT_OFF = """
    SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
    WHERE pid IN (
            SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2 AND granted
            AND mode = 'ShareLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        )
      AND pid NOT IN (pg_backend_pid(), %s) AND usename = current_user AND (state <> 'active' OR wait_event = 'ClientRead')
      AND state_change < clock_timestamp() - %s * interval '1 second'
"""


def cut_off_silent(run: MigrationRun) -> int:
    """Ends the sessions of workers that have said nothing for the time of a lease: a machine that hangs, a process that was stopped. Returns
    how many.

    What they hold (a batch's row in a transaction, the run's lock) is free then. When they wake they find their connection gone, and can write
    nothing. Workers that only wait say something now and then (`worker.say_something`).
    """
    with connection.cursor() as cursor:
        cursor.execute(_CUT_OFF, [_RUNS, run.pk, _sessions.get(run.pk, 0), settings.MIGRATION_LEASE_SECONDS])
        return len(cursor.fetchall())


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
