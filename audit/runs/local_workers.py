"""`--workers N`: so many processes of this machine work on a run, while the operator's process watches, replaces the lost and shows progress."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, InterfaceError

from audit.models import MigrationRun, RunStatus
from audit.models.runs import ACTIVE
from audit.runs import control
from audit.runs.claim import release_leases
from audit.runs.dispatch import spawn_worker
from audit.runs.engine import Observer
from audit.runs.flow.errors import classify
from audit.runs.presence import host_name
from audit.runs.report import Numbers
from audit.runs.status import status_of
from audit.runs.transitions import IllegalTransition
from audit.runs.worker import Interrupted, Stop, reach_database

_POLL_SECONDS = 0.3
_MOST_LOSSES = 20
"""Workers lost before it is no accident any more."""
_DRIVEN = [status for status in ACTIVE if status != RunStatus.PAUSED]


class Crew:
    """The worker processes of one run. `number` 0: workers come from elsewhere (Celery); this process only watches."""

    def __init__(self, run: MigrationRun, number: int, observer: Observer, stop: Stop, *, actor: str) -> None:
        self._run = run
        self._number = number
        self._observer = observer
        self._stop = stop
        self._actor = actor
        self._processes: list[subprocess.Popen[bytes]] = []
        self._losses = 0
        self._asked = False
        """Whether the pause that the operator wants has been asked for."""

    def see_through(self) -> None:
        """Until the run has ended or is paused. Raises `Interrupted` when workers die again and again, KeyboardInterrupt at a second Ctrl-C."""
        self._observer.started(
            run=self._run.pk,
            people=self._run.users_planned,
            snapshots=self._run.snapshots_planned,
            resumed=self._run.batches.exists(),
        )
        try:
            self._watch()
        finally:
            self._dismiss()
        self._show()

    def _watch(self) -> None:
        while True:
            try:
                self._run.refresh_from_db()
                if self._run.status not in _DRIVEN:
                    return
                self._look_after()
            except Interrupted:
                raise
            except Exception as error:
                if classify(error).kind != "transient":
                    raise
                reach_database(self._stop, error, self._answers)

    def _look_after(self) -> None:
        self._replace_lost()
        self._show()
        if self._stop.requested and not self._asked:
            self._asked = True
            with suppress(IllegalTransition):  # verifying, say: nothing to pause, so the workers are let go
                control.pause(run=self._run, actor=self._actor, reason=self._stop.reason)
            if self._run.status == RunStatus.VERIFYING:
                raise KeyboardInterrupt
        if self._asked:
            time.sleep(_POLL_SECONDS)  # `stop.wait` would not wait any more
            control.settle(self._run)
        else:
            self._stop.wait(_POLL_SECONDS)

    def _answers(self) -> bool:
        self._run.refresh_from_db()
        return True

    def _replace_lost(self) -> None:
        for process in list(self._processes):
            code = process.poll()
            if code is None:
                continue
            self._processes.remove(process)
            if code != 0:
                self._losses += 1
                release_leases(self._run, f"{host_name()}/{process.pid}/")
                if self._losses > _MOST_LOSSES:
                    raise Interrupted(f"{self._losses} workers were lost, the last with code {code}")
        while len(self._processes) < self._number and not self._stop.requested:
            self._processes.append(spawn_worker(self._run.pk))

    def _dismiss(self) -> None:
        """No worker outlives the crew, however it ends: each is asked, then told."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with suppress(DatabaseError, InterfaceError):
            for process in self._processes:
                release_leases(self._run, f"{host_name()}/{process.pid}/")

    def _show(self) -> None:
        status = status_of(self._run)
        if status["verified"]:
            self._observer.verifying(*status["verified"])
        else:
            self._observer.advanced(_numbers(status))


def _numbers(status: dict[str, Any]) -> Numbers:
    """What a watcher can say without counting every item by kind again and again."""
    numbers = Numbers(users=status["people"]["done"], committed=status["batches"]["committed"], days=status["days"])
    numbers.items["meal"]["found"] = status["items"]["found"]
    numbers.items["meal"]["quarantined"] = status["items"]["quarantined"]
    return numbers
