"""One process's part in a run: whatever the run's status asks for, step by step, alone or beside others."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.db.models.functions import Now

from audit.digest import content_digest
from audit.models import MigrationRun, RunStatus
from audit.models.runs import ACTIVE
from audit.runs import control, sentences
from audit.runs.batch import BatchResult
from audit.runs.claim import release_leases
from audit.runs.control import settle
from audit.runs.dry_run import predict
from audit.runs.failpoints import reach
from audit.runs.failures import describe
from audit.runs.flow.errors import classify
from audit.runs.flow.verified import note_verified
from audit.runs.observer import Observer, Phases, count
from audit.runs.plan import plan_of
from audit.runs.presence import cut_off_silent, hold_driver_lock, join, release_driver_lock
from audit.runs.report import Numbers, in_published_order, numbers_of, report_json, seconds_of_batches
from audit.runs.rollback import RollbackFailed, RollbackInterrupted, roll_back
from audit.runs.transitions import IllegalTransition, transition
from audit.runs.verification import verify_run
from audit.runs.worker import (
    MOST_ATTEMPTS,
    BatchFailed,
    End,
    Interrupted,
    Stop,
    Worker,
    leave_quietly,
    reach_database,
)

DRIVEN = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.PAUSING, RunStatus.CANCELLING, RunStatus.VERIFYING)
"""In which processes go on with a run."""
VERIFICATION_TOLD_EVERY = 1.0
"""Seconds between two notes for those who watch from other processes."""
_POLL_SECONDS = 0.2


class _VerificationStopped(Exception):
    """The operator has asked to stop; the run stays `verifying`, and whoever takes it up verifies from the start."""


class Driver:
    """One process's part in a run: does what the run's status asks for until there is nothing more to do.

    `patient`: waits for what others do (a command), instead of leaving it to them (a short task). `most_batches` bounds a task's share.
    `alone`: this session holds the run's lock (`open_run`), until others may join. `pauses`: being asked to stop pauses the run (the operator's Ctrl-C) rather than only ending this worker. `on_begun` is called when this process has begun the run: others, who could not
    begin it too, may come now. `taken_up`: whether somebody else was at it before (by default: unless it is new), which an event then says.
    """

    def __init__(
        self,
        run: MigrationRun,
        observer: Observer,
        stop: Stop,
        *,
        actor: str = "",
        rejected_lines: int = 0,
        patient: bool = True,
        pauses: bool = True,
        most_batches: int | None = None,
        alone: bool = False,
        on_begun: Callable[[], None] | None = None,
        taken_up: bool | None = None,
    ) -> None:
        self.run = run
        self._is_alone = alone
        self._on_begun = on_begun
        self.phases = Phases()
        self._observer = observer
        self._stop = stop
        self._actor = actor
        self._rejected_lines = rejected_lines
        self._patient = patient
        self._pauses = pauses
        self._most_batches = most_batches
        self._numbers: Numbers | None = None
        self._resumed = run.status != RunStatus.PENDING if taken_up is None else taken_up
        self._troubles = 0
        self._told = 0.0
        self._shown = False
        self._final: dict[str, Any] | None = None

    def drive(self) -> End:
        """Works on the run; returns why this process has ended. Raises `BatchFailed` and `Interrupted`."""
        try:
            return self._drive()
        finally:
            self.let_others_join()

    def let_others_join(self) -> None:
        """This session is no longer alone with the run."""
        if self._is_alone:
            self._is_alone = False
            with suppress(DatabaseError, InterfaceError):  # the connection is gone, and the lock with it
                release_driver_lock(self.run)

    def _drive(self) -> End:
        steps: dict[str, Callable[[], End | None]] = {
            RunStatus.PENDING: lambda: self._alone(self._begin),
            RunStatus.RUNNING: self._work,
            RunStatus.PAUSING: self._settle,
            RunStatus.CANCELLING: self._settle,
            RunStatus.VERIFYING: lambda: self._alone(self._judge),
            RunStatus.ROLLING_BACK: lambda: self._alone(self._roll_back),
        }
        while True:
            try:
                self.run.refresh_from_db()
                step = steps.get(self.run.status)
                if step is None:
                    return End.NOT_RUNNING
                if self._stop.requested:
                    return self._stopped()
                if (end := step()) is not None:
                    return end
            except (BatchFailed, Interrupted):
                raise
            except Exception as error:
                trouble = classify(error, preparing=False)
                if trouble.kind != "transient":
                    raise
                self._troubles += 0 if trouble.lost else 1
                if self._troubles > MOST_ATTEMPTS:
                    raise Interrupted(describe(error)) from error
                reach_database(self._stop, error, self._anew)

    def _anew(self) -> bool:
        """On a new connection: what the old one held is gone, and whoever goes on with a step says so."""
        self.run.refresh_from_db()
        self._is_alone, self._resumed = False, self.run.status != RunStatus.PENDING
        return True

    def report(self) -> dict[str, Any]:
        """The run's report; of one that has not ended, what it has done so far."""
        if self._final is not None:
            return self._final
        if self.run.report and self.run.status not in ACTIVE:
            return in_published_order(self.run.report)
        with self.phases.time("digest"):
            digest = content_digest()
        return self._report(self.run.status, numbers_of(self.run), None, digest)

    # --- steps ------------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self.run.status != RunStatus.PENDING:
            return
        if self.run.options.get("bound") and not self._as_previewed():
            return
        with self.phases.time("digest"):
            digest = content_digest()
        reach("start.digested")
        transition(
            run=self.run,
            action="start",
            target=RunStatus.RUNNING,
            actor=self._actor,
            started_at=Now(),
            digest_before=digest,
        )
        reach("start.committed")
        if self._on_begun is not None:
            self._on_begun()

    def _as_previewed(self) -> bool:
        """Whether the run would still have the effects that somebody has seen and agreed to; if not, it is called off."""
        with self.phases.time("preview"):
            now = predict(plan_of(self.run), batch_size=self.run.batch_size).plan_digest
        if now == self.run.plan_digest:
            return True
        reason = sentences.NOT_AS_PREVIEWED.format(digest=now)
        transition(
            run=self.run,
            action="cancel",
            target=RunStatus.CANCELLED,
            actor=self._actor,
            reason=reason,
            finished_at=Now(),
            error=reason,
        )
        return False

    def _work(self) -> End | None:
        if self._resumed:
            self._resumed = False
            self._alone(self._take_up)
        if not join(self.run):
            return self._leave_it_to_others()
        self.let_others_join()
        self._show()
        try:
            with self.phases.time("migrate"):
                worker = Worker(self.run, self, self._stop, most_batches=self._most_batches, patient=self._patient)
                end = worker.work()
        finally:
            leave_quietly(self.run)
        if end is End.OTHERS and worker.batches:
            return None  # what it looked ahead at may have been its own; now it is not
        if end in (End.ENOUGH, End.OTHERS):
            return end
        return self._alone(self._finish) if end is End.NOTHING_LEFT else None

    def _take_up(self) -> None:
        """The run was running and nobody was there: its processes were lost."""
        if self.run.status != RunStatus.RUNNING:
            return
        released = release_leases(self.run)
        last = self.run.events.order_by("-id").values_list("action", flat=True).first()
        if not released and (last in ("resume", "retry") or not self._patient):
            return  # somebody has just let it go on, and this is the first to come; or it is the next of many short tasks
        reason = sentences.LOST_UNDER_WAY.format(batches=released) if released else sentences.LOST
        transition(run=self.run, action="resume", target=RunStatus.RUNNING, actor=self._actor, reason=reason)

    def _settle(self) -> End | None:
        settle(self.run)
        return None if self.run.status not in (RunStatus.PAUSING, RunStatus.CANCELLING) else self._leave_it_to_others()

    def _finish(self) -> None:
        """No batch is left: what could not be written fails the run, everything else goes to the verifier."""
        if self.run.status != RunStatus.RUNNING or self.run.batches.filter(status__in=["planned", "leased"]).exists():
            return
        reach("finish.begun")
        given_up = self.run.batches.filter(status__in=["failed", "exhausted"]).count()
        if given_up:
            reason = sentences.GIVEN_UP.format(batches=given_up)
            transition(
                run=self.run,
                action="fail",
                target=RunStatus.FAILED,
                reason=reason,
                finished_at=Now(),
                error=reason,
                report=self._report("failed", numbers_of(self.run), None, content_digest()),
            )
            raise BatchFailed(reason)
        transition(run=self.run, action="verify", target=RunStatus.VERIFYING, actor=self._actor)
        self._resumed = False
        self._judge()

    def _judge(self) -> None:
        if self.run.status != RunStatus.VERIFYING:
            return
        self._show()
        reach("verify.begun")
        if self._resumed and not self._just_asked("verify"):
            reason = sentences.LOST
            transition(run=self.run, action="verify", target=RunStatus.VERIFYING, actor=self._actor, reason=reason)
        self._resumed = False
        try:
            self._told = time.monotonic()
            self._observer.verifying(0, self.run.users_planned)
            with self.phases.time("verify"):
                verdict = verify_run(self.run, on_progress=self._verifying)
        except _VerificationStopped:
            return
        except Exception as error:
            if classify(error, preparing=False).lost:
                raise
            # A verifier that breaks off has not verified: the run fails and says why, rather than being resumed into the same error for ever.
            reason = sentences.BROKE_OFF.format(error=describe(error))
            transition(
                run=self.run, action="fail", target=RunStatus.FAILED, reason=reason, finished_at=Now(), error=reason
            )
            raise BatchFailed(reason) from error
        reach("verify.done")
        with self.phases.time("digest"):
            digest = content_digest()
        numbers = numbers_of(self.run)
        changes: dict[str, Any] = {}
        if verdict.verdict != "passed":
            action, target = "fail", RunStatus.FAILED
            changes["error"] = sentences.DIFFERENCES.format(differences=len(verdict.differences))
        elif self.run.plan.filter(batch__isnull=True).exists():
            action, target = "cohort_done", RunStatus.PAUSED
        else:
            action = "complete"
            target = RunStatus.COMPLETED_WITH_QUARANTINE if numbers.quarantined else RunStatus.COMPLETED
        if target != RunStatus.PAUSED:
            changes |= {"verdict": verdict.verdict, "finished_at": Now()}
        self._final = self._report(target.value, numbers, verdict, digest)
        transition(
            run=self.run,
            action=action,
            target=target,
            actor=self._actor,
            reason=changes.get("error", ""),
            digest_after=digest,
            report=self._final,
            **changes,
        )
        reach("finish.completed")

    def _just_asked(self, action: str) -> bool:
        """Whether the run's last event is somebody's wish, from another status, which this process is the first to answer."""
        last = self.run.events.order_by("-id").values_list("action", "old_status").first()
        return last is not None and last[0] == action and last[1] not in (RunStatus.RUNNING, self.run.status)

    def _roll_back(self) -> None:
        if self.run.status == RunStatus.ROLLING_BACK:
            try:
                roll_back(run=self.run, actor=self._actor)
            except RollbackFailed as error:
                raise BatchFailed(str(error)) from error
            except RollbackInterrupted as error:
                raise Interrupted(str(error)) from error

    # --- with others ------------------------------------------------------------------------------------------------------

    def _alone(self, step: Callable[[], None]) -> End | None:
        """Does what one process must do alone, when no other is at work on the run."""
        if not hold_driver_lock(self.run):
            cut_off_silent(self.run)
            return self._leave_it_to_others()
        try:
            self.run.refresh_from_db()
            step()
        finally:
            with suppress(DatabaseError, InterfaceError):  # the connection is gone, and the lock with it
                release_driver_lock(self.run)
        return None

    def _leave_it_to_others(self) -> End | None:
        if not self._patient:
            return End.OTHERS
        self._stop.wait(_POLL_SECONDS)
        return None

    def _stopped(self) -> End:
        if self._pauses and self.run.status == RunStatus.RUNNING:
            with suppress(IllegalTransition):
                control.pause(run=self.run, actor=self._actor, reason=self._stop.reason)
        self.run.refresh_from_db()
        return End.STOPPED

    # --- what is told -----------------------------------------------------------------------------------------------------

    def committed(self, result: BatchResult) -> None:
        """A batch of this process is in the tables."""
        if self._numbers is not None:
            count(self._numbers, result)
            self._observer.advanced(self._numbers)

    def _verifying(self, done: int, total: int) -> None:
        self._observer.verifying(done, total)
        if time.monotonic() - self._told >= VERIFICATION_TOLD_EVERY:
            self._told = time.monotonic()
            note_verified(self.run, done, total)
        if self._stop.requested:
            raise _VerificationStopped

    def _show(self) -> None:
        if not self._shown:
            self._shown = True
            resumed = self.run.batches.exists()
            self._observer.started(
                run=self.run.pk, people=self.run.users_planned, snapshots=self.run.snapshots_planned, resumed=resumed
            )
            self._numbers = numbers_of(self.run)
            if resumed:
                self._observer.advanced(self._numbers)

    def _report(self, status: str, numbers: Numbers, verdict: Any, digest: str) -> dict[str, Any]:
        if self.run.workers > 1:  # the time of all of them, not of the one that was last
            self.phases.seconds["migrate"] = seconds_of_batches(self.run)
        return report_json(
            run=self.run.pk,
            status=status,
            dry_run=False,
            batch_size=self.run.batch_size,
            numbers=numbers,
            rejected_lines=self._rejected_lines,
            verdict=verdict,
            digest=digest,
            phases=self.phases.seconds,
            plan_digest=self.run.plan_digest,
        )
