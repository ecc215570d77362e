"""A world, what an undisturbed import makes of it, and the way back to its beginning."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit.models import MigrationRun
from tests.database import rows
from tests.faults.harness.children import Arm, Child, fork, last_run, resume
from tests.faults.harness.fingerprint import check_same, check_settled, fingerprint
from tests.faults.harness.saved import Saved
from tests.faults.harness.worlds import PEOPLE, dirty_world
from tests.laws.world import empty, go, stage

_OTHERS = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
BATCH_SIZE = 2
"""Of six people: three batches."""


class Fire:
    """The world of number `seed`, half imported; `wanted` is what everything must look like in the end."""

    def __init__(self, *, seed: int, folder: Path, people: int = PEOPLE) -> None:
        world = dirty_world(seed, people=people)
        empty()
        stage(world.before)
        go()
        stage(world.now)
        self.folder = folder
        self.saved = Saved(folder / "saved")
        self.runs_before = MigrationRun.objects.count()
        go(batch_size=BATCH_SIZE)
        check_settled(last_run())
        self.wanted = fingerprint(last_run())
        self.saved.restore()

    def relight(self, folder: Path | None = None) -> None:
        """Back to the beginning."""
        self.folder = folder or self.folder
        self.saved.restore()

    def migrate(self, *, arm: Arm | None = None, batch_size: int = BATCH_SIZE) -> Child:
        """The import, in a process of its own."""
        return self.fork(lambda: go(batch_size=batch_size), arm=arm)

    def fork(self, work: Callable[[], Any], *, arm: Arm | None = None) -> Child:
        """Any work, in a process of its own."""
        return fork(work, self.folder, arm=arm)

    def resume(self, *, batch_size: int = BATCH_SIZE) -> MigrationRun:
        """Started again, in this process, until the run has ended."""
        return resume(batch_size=batch_size, runs_before=self.runs_before)

    def check(self, run: MigrationRun) -> None:
        """Everything is as if nothing had happened, in one run."""
        assert MigrationRun.objects.count() == self.runs_before + 1
        self.check_content(run)

    def check_content(self, run: MigrationRun) -> None:
        """As `check`, whatever other runs there may be."""
        run.refresh_from_db()
        check_settled(run)
        check_same(fingerprint(run), self.wanted)

    def wait_until_nobody_is_there(self, seconds: float = 30.0) -> None:
        """PostgreSQL notices the death of a process when it looks for its next word."""
        deadline = time.monotonic() + seconds
        while others := rows(_OTHERS):
            assert time.monotonic() < deadline, others
            time.sleep(0.005)
