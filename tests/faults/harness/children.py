"""Processes to be killed. A fork of the test's own process is a real process, dies of a real SIGKILL, and costs a tenth of a new interpreter."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Self

from django.conf import settings
from django.db import connection, connections

from audit.models import MigrationRun
from audit.models.runs import ACTIVE
from audit.runs import failpoints, worker
from audit.runs.engine import Driver, SilentObserver, Stop
from audit.runs.plan import Refused
from tests.database import rows
from tests.laws.world import go

TIMEOUT = 60.0
APPLICATION = "faults"
"""How PostgreSQL knows the sessions of forked processes."""


class Arm(NamedTuple):
    """What happens to the process when it comes by a failpoint for the `at`th time."""

    point: str
    at: int = 1
    action: str = "kill"


class Child:
    """A forked process; what it says is in `log`."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid = pid
        self.log = log
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, minus the signal that ended it; None while it lives."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def wait(self, seconds: float = TIMEOUT) -> int:
        """Its exit code. Raises when it does not end."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                self.send(signal.SIGKILL)
                raise AssertionError(f"process {self.pid} does not end: {self.said}")
            time.sleep(0.002)
        return code

    def wait_stopped(self, seconds: float = TIMEOUT) -> None:
        """Returns once it has been stopped (SIGSTOP), as a machine that hangs."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.poll() is None, self.said
            if Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
                return
            time.sleep(0.002)
        raise AssertionError(f"process {self.pid} does not stop: {self.said}")

    def send(self, sign: signal.Signals) -> None:
        """Nothing happens to one that has ended."""
        if self.poll() is None:
            os.kill(self.pid, sign)

    @property
    def said(self) -> str:
        """What it wrote, its traceback too."""
        return self.log.read_text() if self.log.exists() else ""


_number = 0


def fork(work: Callable[[], Any], folder: Path, *, arm: Arm | None = None) -> Child:
    """Does `work` in a process of its own, with connections of its own, armed."""
    global _number  # noqa: PLW0603 - names of log files
    _number += 1
    log = folder / f"child-{_number}.log"
    let_go()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Of Python 3.12 on: there is pytest-xdist's thread, which holds nothing of ours.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _live(work, log, arm)
    return Child(pid, log)


def let_go() -> None:
    """No connection, and no thread of the pool, may be shared with a fork."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


_inherited: list[Any] = []


def _forget_the_parents_connection() -> None:
    """A thread has one more Django connection beside the usual one while an event loop runs in it (Playwright's, for the rest of the session),
    and a fork finds itself outside of that loop: with the other one, which the parent could not close. It is kept, not closed: the socket is
    the parent's."""
    _inherited.append(connections["default"])
    connections["default"] = connections.create_connection("default")


def _live(work: Callable[[], Any], log: Path, arm: Arm | None) -> NoReturn:
    code = 1
    try:
        _forget_the_parents_connection()
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout = sys.stderr = os.fdopen(descriptor, "w")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        connection.settings_dict["OPTIONS"]["application_name"] = APPLICATION
        worker._random.seed(os.getpid())
        failpoints._armed = failpoints._Armed(*arm) if arm is not None else None
        failpoints._seen = 0
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


@contextmanager
def children(*started: Child) -> Iterator[list[Child]]:
    """None of them outlives the block."""
    alive = list(started)
    try:
        yield alive
    finally:
        for child in alive:
            child.send(signal.SIGKILL)
        for child in alive:
            child.wait()


def attend(run: MigrationRun, *, patience: float | None = None) -> None:
    """What `migration_worker` does."""
    if patience is not None:
        settings.MIGRATION_DATABASE_PATIENCE = patience
    Driver(MigrationRun.objects.get(pk=run.pk), SilentObserver(), Stop(), actor="worker", pauses=False).drive()


def resume(*, batch_size: int, runs_before: int, seconds: float = 30.0) -> MigrationRun:
    """What an operator does after a kill: starts the same command again. Where the run has ended already there is nothing to do."""
    deadline = time.monotonic() + seconds
    while MigrationRun.objects.count() == runs_before or MigrationRun.objects.filter(status__in=ACTIVE).exists():
        try:
            go(batch_size=batch_size)
        except Refused as refusal:  # PostgreSQL has not yet noticed the death of the one before
            if "another process drives it" not in str(refusal) or time.monotonic() > deadline:
                raise AssertionError(who_is_there()) from refusal
            time.sleep(0.01)
    return last_run()


def last_run() -> MigrationRun:
    run = MigrationRun.objects.order_by("-id").first()
    assert run is not None
    return run


def who_is_there() -> list[Any]:
    """For messages: the sessions of this database."""
    return rows(
        "SELECT pid, state, wait_event, now() - state_change, left(query, 80) FROM pg_stat_activity WHERE datname = current_database()"
    )


def cut(which: str = "all") -> int:
    """Ends the sessions of forked processes, as an administrator or a broken line would: `all`, the one that holds the run's lock (`main`), or
    all others (`ahead`). How many."""
    holds = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
    condition = {"all": "true", "main": holds, "ahead": f"NOT {holds}"}[which]
    ended = rows(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "  # noqa: S608 - our own words
        f"WHERE datname = current_database() AND application_name = %s AND {condition}",
        [APPLICATION],
    )
    return len(ended)


class EveryPoint(str):
    """A failpoint's name that is every name, and counts them."""

    __slots__ = ("seen",)
    seen: Counter[str]

    def __new__(cls) -> Self:
        """Nothing was seen yet."""
        every = super().__new__(cls)
        every.seen = Counter()
        return every

    def __eq__(self, other: object) -> bool:
        self.seen[str(other)] += 1
        return True

    __hash__ = str.__hash__


def shake(chance: random.Random, most_seconds: float = 0.01) -> None:
    """From now on this process dawdles wherever it comes by: so that processes overtake one another in ever other ways."""
    failpoints._armed = failpoints._Armed(EveryPoint(), 0, "")
    failpoints._act = lambda armed: time.sleep(chance.random() ** 4 * most_seconds)
