"""How far a verification is, for those who watch from other processes: a note in the run's `flow`."""

from __future__ import annotations

from contextlib import suppress

from django.db import DatabaseError, InterfaceError, connection

from audit.models import MigrationRun, RunStatus
from audit.runs.flow.health import apart


def note_verified(run: MigrationRun, done: int, total: int) -> None:
    """Writes it on a connection of its own, since the verifier's is in the middle of reading. That nobody can read it stops nothing."""

    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '1s'")
            try:
                cursor.execute(
                    "UPDATE migration_runs SET flow = flow || jsonb_build_object('verified', %s, 'to_verify', %s) "
                    "WHERE id = %s AND status = %s",
                    [done, total, run.pk, RunStatus.VERIFYING],
                )
            finally:
                cursor.execute("RESET lock_timeout")

    with suppress(DatabaseError, InterfaceError):
        apart(write)


def verified_so_far(run: MigrationRun) -> tuple[int, int] | None:
    """People compared, and of how many; None while nobody has said."""
    if run.status != RunStatus.VERIFYING or "verified" not in run.flow:
        return None
    return int(run.flow["verified"]), int(run.flow["to_verify"])
