"""One worker: takes batches of a run until none is left, and gets along with whatever goes wrong on the way.

Any number of workers, in any processes on any machines, work on the same run; PostgreSQL alone says who has what.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Protocol

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Sum
from django.db.models.functions import Now

from audit.models import MigrationRun, RunStatus
from audit.runs import sentences
from audit.runs.batch import BatchResult, LeaseLost, commit_batch
from audit.runs.claim import (
    ClaimedBatch,
    Idle,
    claim_batch,
    exhaust_batch,
    release_claim,
    release_leases,
    split_batch,
)
from audit.runs.failures import describe
from audit.runs.flow.batch_size import MAX_PEOPLE, BatchSizer
from audit.runs.flow.budget import over_budget
from audit.runs.flow.errors import Trouble, backoff_seconds, classify, traceback_digest
from audit.runs.flow.steering import Steering
from audit.runs.lookahead import Lookahead, Prepared, PreparingFailed, tuned_interpreter
from audit.runs.plan import PlannedPerson
from audit.runs.poison import find_poison
from audit.runs.prepare import prepare
from audit.runs.presence import join, leave, worker_name
from audit.runs.transitions import IllegalTransition, record, transition

MOST_ATTEMPTS = 6
"""With passing troubles; then the batch is given up until somebody retries it."""
MOST_LEASES = 12
"""Of one batch; more than its attempts only when workers die with it."""
_POLL_SECONDS = 0.2
_random = random.Random()  # noqa: S311 - spreads attempts, protects nothing


class BatchFailed(Exception):
    """An error that nobody foresaw: the run has failed, what was committed before stays."""


class Interrupted(Exception):
    """The database went away and did not come back; the run is as it was after its last batch and goes on when it is started again."""


class Stop:
    """Asked from outside (a signal, a test) to end after the batch under way."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason = ""

    def request(self, reason: str) -> None:
        """Ends the work after the batch under way."""
        self.reason = reason
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether the work is to end."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleeps, unless or until the work is to end."""
        return self._event.wait(seconds)


class Watcher(Protocol):
    """Is told of every batch that this worker commits."""

    def committed(self, result: BatchResult) -> None:
        """A batch is in the tables."""


class End(Enum):
    """Why a worker has ended."""

    STOPPED = "it was asked to"
    NOT_RUNNING = "the run was paused, cancelled or has failed"
    NOTHING_LEFT = "every batch is settled"
    ENOUGH = "it has done its share"
    OTHERS = "the rest is in other hands"


_ENDS = {Idle.STOPPED: End.NOT_RUNNING, Idle.NOTHING_LEFT: End.NOTHING_LEFT, Idle.WAIT: End.OTHERS}


class Worker:
    """Works on one run. `most_batches` bounds its share (a short task); `patient` makes it wait for batches that are in other hands, in
    case these let go of them."""

    def __init__(
        self,
        run: MigrationRun,
        watcher: Watcher,
        stop: Stop,
        *,
        most_batches: int | None = None,
        patient: bool = True,
    ) -> None:
        self._run = run
        self._watcher = watcher
        self._stop = stop
        self._closing = threading.Event()
        self._idle = Idle.NOTHING_LEFT
        self.batches = 0
        """Committed by this worker."""
        self._over_budget = False
        self._patient = patient
        self._left = most_batches
        self._claims_left = most_batches
        self._troubles = 0
        """Since the last batch that was written."""
        self._sizer = BatchSizer(run.batch_size, run.target_seconds, fixed=run.fixed_size)
        self._steering = Steering(run)

    def work(self) -> End:
        """Until nothing is left, the run stops running, or this worker is asked to stop. The caller has joined the run.

        Raises `BatchFailed` for errors that nobody foresaw (the run has failed) and `Interrupted` when the database stays away.
        """
        while True:
            try:
                self._steering.check()
                with tuned_interpreter():
                    return self._pass()
            except BatchFailed:
                raise
            except Exception as error:
                self._recover(error)

    # --- batch after batch ------------------------------------------------------------------------------------------------

    def _pass(self) -> End:
        self._closing.clear()
        with Lookahead(self._next, say_something=say_something) as ahead:
            try:
                for prepared in ahead:
                    result = self._settle(prepared)
                    if result is not None:
                        self.batches += 1
                        self._watcher.committed(result)
                        self._check_budget()
                    if self._left is not None:
                        self._left -= 1
                    if self._over_budget:
                        self._idle = Idle.STOPPED
                        break
                    if self._stop.requested or self._left == 0:
                        break
            finally:
                self._closing.set()
                if (claim := ahead.untaken()) is not None:
                    release_claim(claim, attempted=False)
        if self._stop.requested:
            return End.STOPPED
        if self._left == 0:
            return End.ENOUGH
        return _ENDS[self._idle]

    def _next(self) -> tuple[ClaimedBatch, list[PlannedPerson]] | None:
        """Claims the next batch; waits while the rest is in other hands. Runs in the preparing thread."""
        if self._claims_left == 0:
            return None
        while not self._stop.requested and not self._closing.is_set():
            claim = claim_batch(self._run)
            if isinstance(claim, ClaimedBatch) and claim.attempt > MOST_LEASES:
                self._break_up(claim)
                continue
            if isinstance(claim, ClaimedBatch):
                if self._claims_left is not None:
                    self._claims_left -= 1
                return claim, claim.people
            self._idle = claim
            if claim is not Idle.WAIT or not self._patient:
                return None
            self._stop.wait(_POLL_SECONDS)
        return None

    def _break_up(self, claim: ClaimedBatch) -> None:
        """A batch with which worker after worker was lost (its memory did not suffice, say) must not take all of them with it."""
        lost = RuntimeError(f"{claim.attempt - 1} workers were lost with it")
        if len(claim.people) > 1:
            self._split(claim, lost)
        else:
            self._give_up(claim, lost)

    def _settle(self, prepared: Prepared) -> BatchResult | None:
        """Writes one batch, or does what its trouble asks for."""
        claim = prepared.claim
        assert claim is not None
        if claim.pause_seconds and self._pause(claim.pause_seconds):
            release_claim(claim, attempted=False)
            return None
        begin = time.perf_counter()
        try:
            result = commit_batch(prepared.people, run_id=self._run.pk, claim=claim)
        except LeaseLost:  # somebody else has it, or has done it
            return None
        except PreparingFailed as failed:
            return self._trouble(claim, failed.error, preparing=True)
        except Exception as error:
            return self._trouble(claim, error, preparing=False)
        self._troubles = 0
        self._adapt(result.people, time.perf_counter() - begin)
        self._steering.check()
        return result

    def _pause(self, seconds: float) -> bool:
        """Whether it was broken off."""
        end, often = time.monotonic() + seconds, settings.MIGRATION_LEASE_SECONDS / 4
        while (left := end - time.monotonic()) > 0 and not self._stop.wait(min(left, often)):
            say_something()
        return self._stop.requested

    # --- trouble ----------------------------------------------------------------------------------------------------------

    def _trouble(self, claim: ClaimedBatch, error: Exception, *, preparing: bool) -> BatchResult | None:
        trouble = classify(error, preparing=preparing)
        if trouble.lost:
            raise error
        if trouble.kind == "transient":
            self._try_later(claim, trouble, error)
            return None
        if trouble.kind == "definitive":
            if len(claim.people) > 1:
                self._split(claim, error)
                return None
            if (
                not preparing and claim.attempt == 1
            ):  # a constraint may have been broken by somebody who wrote at that moment
                self._try_later(claim, trouble, error)
                return None
            return self._set_aside(claim, error)
        self._fail(error, claim)
        raise BatchFailed(describe(error)) from error

    def _try_later(self, claim: ClaimedBatch, trouble: Trouble, error: Exception) -> None:
        if trouble.halve and len(claim.people) > 1:
            self._split(claim, error)
            self._resize(self._sizer.timed_out(), sentences.TIMED_OUT.format(batch=claim.number))
        elif claim.attempt >= MOST_ATTEMPTS:
            self._give_up(claim, error)
        else:
            release_claim(claim, after_seconds=backoff_seconds(claim.attempt, _random), error=describe(error))

    def _split(self, claim: ClaimedBatch, error: Exception) -> None:
        if split_batch(claim, error=describe(error)):
            self._record("split", claim, describe(error))

    def _give_up(self, claim: ClaimedBatch, error: Exception) -> None:
        if exhaust_batch(claim, error=describe(error)):
            self._record("exhausted", claim, describe(error))
            self._check_budget(failed=True)

    def _set_aside(self, claim: ClaimedBatch, error: Exception) -> BatchResult | None:
        """Quarantines whole those snapshots of one person that make the trouble, and writes the others."""
        (person,) = claim.people
        digest = traceback_digest(error)
        try:
            person = find_poison(person, digest)
            result = commit_batch(list(prepare([person])), run_id=self._run.pk, claim=claim)
        except LeaseLost:
            return None
        except Exception as again:
            trouble = classify(again, preparing=True)
            if trouble.lost:
                raise
            if trouble.kind == "transient":
                self._try_later(claim, trouble, again)
            elif trouble.kind == "definitive":
                self._give_up(claim, again)
            else:
                self._fail(again, claim)
                raise BatchFailed(describe(again)) from again
            return None
        if person.poisoned:
            found: dict[str, object] = {"snapshots": list(person.poisoned), "traceback": digest}
            self._record("poison", claim, describe(error), found)
            self._check_budget(failed=True)
        return result

    def _fail(self, error: Exception, claim: ClaimedBatch | None = None) -> None:
        """Says what failed without any of the data that made it fail. Touches nothing else: nobody knows yet what it means."""
        reason = describe(error)
        if claim is not None:
            self._run.batches.filter(pk=claim.id, epoch=claim.epoch, status="leased").update(
                status="failed", error=reason, lease_owner="", lease_expires_at=None, finished_at=Now()
            )
        with suppress(IllegalTransition):  # paused or failed by somebody else meanwhile
            transition(
                run=self._run, action="fail", target=RunStatus.FAILED, reason=reason, finished_at=Now(), error=reason
            )

    def _recover(self, error: Exception) -> None:
        """From a passing trouble between batches, or with the connection: begins afresh. What this worker had leased is planned again."""
        trouble = classify(error, preparing=False)
        if trouble.kind != "transient":
            self._fail(error)
            raise BatchFailed(describe(error)) from error
        self._troubles += 0 if trouble.lost else 1
        if self._troubles > MOST_ATTEMPTS:
            raise Interrupted(describe(error)) from error
        reach_database(self._stop, error, self._rejoin)

    def _rejoin(self) -> bool:
        if not join(self._run):
            return False
        release_leases(self._run, worker_name())
        return True

    # --- flow -------------------------------------------------------------------------------------------------------------

    def _adapt(self, people: int, seconds: float) -> None:
        run = self._run
        run.refresh_from_db(
            fields=["batch_size", "fixed_size", "target_seconds", "max_failures", "max_quarantine_percent", "workers"]
        )
        self._sizer.retune(size=run.batch_size, target_seconds=run.target_seconds, fixed=run.fixed_size)
        size = min(self._sizer.after(people, seconds), run.options.get("largest_batch") or MAX_PEOPLE)
        if size != run.batch_size:
            aimed_at = f"{self._run.target_seconds:g}"
            self._resize(size, sentences.TOOK.format(people=people, seconds=f"{seconds:.1f}", aimed_at=aimed_at))

    def _resize(self, size: int, reason: str) -> None:
        if self._run.fixed_size or size == self._run.batch_size:
            return
        old, self._run.batch_size = self._run.batch_size, size
        MigrationRun.objects.filter(pk=self._run.pk, fixed_size=False).update(batch_size=size)
        record(run=self._run, action="retune", actor="engine", reason=reason, data={"batch_size": [old, size]})

    def _check_budget(self, *, failed: bool = False) -> None:
        sums = self._run.batches.aggregate(items=Sum("items"), quarantined=Sum("quarantined"))
        failures = 0
        if failed:
            failures = self._run.batches.filter(status="exhausted").count()
            failures += self._run.plan.exclude(poison_digest="").count()
        sentence = over_budget(
            failures=failures,
            max_failures=self._run.max_failures,
            quarantined=sums["quarantined"] or 0,
            found=sums["items"] or 0,
            max_quarantine_percent=self._run.max_quarantine_percent,
        )
        if sentence:
            self._over_budget = True
            with suppress(IllegalTransition):  # somebody else paused it already
                transition(run=self._run, action="pause", target=RunStatus.PAUSING, actor="engine", reason=sentence)

    def _record(self, action: str, claim: ClaimedBatch, reason: str, data: dict[str, object] | None = None) -> None:
        record(
            run=self._run, action=action, actor="engine", reason=reason, data={"batch": claim.number, **(data or {})}
        )


def say_something() -> None:
    """Who says nothing for the time of a lease is taken for dead (`presence.cut_off_silent`)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT")


def reach_database(stop: Stop, error: Exception, ready: Callable[[], bool]) -> None:
    """Waits for the database to come back, until `ready` says yes on a new connection. Raises `Interrupted` when it stays away too long.

    The old connection is ended for good: one that is still alive would take the run's lock with it into the pool, and nobody could ever be
    alone with the run.
    """
    deadline = time.monotonic() + settings.MIGRATION_DATABASE_PATIENCE
    attempt = 0
    while True:
        attempt += 1
        with suppress(DatabaseError, InterfaceError):
            if connection.connection is not None:
                connection.connection.close()
            connection.close()
        if stop.wait(backoff_seconds(attempt, _random)) or time.monotonic() > deadline:
            raise Interrupted(describe(error)) from error
        try:
            if ready():
                return
        except Exception as again:
            if classify(again, preparing=False).kind != "transient":
                raise


def leave_quietly(run: MigrationRun) -> None:
    """Where the connection is gone, PostgreSQL has taken the lock back already."""
    with suppress(DatabaseError, InterfaceError):
        leave(run)
