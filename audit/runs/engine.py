"""A migration from start to verdict. Commands, tasks and the admin call `migrate` and `dry_run`; nothing else starts one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models.functions import Now

from accounts.models import User
from audit.digest import content_digest
from audit.models import MigrationRun, RunStatus
from audit.models.runs import ACTIVE
from audit.runs.batch import BatchResult, LeaseLost, commit_batch
from audit.runs.claim import ClaimedBatch, claim_batch, hold_driver_lock, release_driver_lock, release_leases
from audit.runs.failures import describe
from audit.runs.lookahead import Next, prepared_batches
from audit.runs.plan import PlannedPerson, Refused, Scope, list_people, plan_run
from audit.runs.report import Numbers, numbers_of, report_json
from audit.runs.transitions import transition
from audit.runs.verification import verify_run


class Observer(Protocol):
    """Is told how a migration goes on. `people` and `meals` count what is done."""

    def started(self, *, run: int | None, people: int, snapshots: int, resumed: bool) -> None:
        """The plan stands."""

    def advanced(self, numbers: Numbers) -> None:
        """A batch is committed (or, in a dry run, rolled back)."""

    def verifying(self, done: int, total: int) -> None:
        """The second path has compared `done` of `total` snapshots."""


class SilentObserver:
    """Watches nothing: for workers."""

    def started(self, *, run: int | None, people: int, snapshots: int, resumed: bool) -> None:
        """Not shown."""

    def advanced(self, numbers: Numbers) -> None:
        """Not shown."""

    def verifying(self, done: int, total: int) -> None:
        """Not shown."""


class BatchFailed(Exception):
    """A batch could not be committed; the run has failed and what was committed before stays."""


class Interrupted(Exception):
    """The database went away, or another process took the batch; the run is as it was after its last batch and goes on when it is started
    again."""


DRIVEN = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.VERIFYING)
"""In which a process goes on with a run."""


class Phases:
    """How long each part took, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Adds the time of the block to phase `name`."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin


def migrate(
    *,
    scope: Scope,
    batch_size: int,
    observer: Observer,
    actor: str = "",
    started_by: User | None = None,
    rejected_lines: int = 0,
) -> dict[str, Any]:
    """Migrates what waits (or goes on with the run that was interrupted) and lets the verifier decide; returns the report.

    Raises `Refused` when another process drives a run, or the scope names nobody; `BatchFailed` when a batch cannot be written. People's
    data and the book-keeping of a batch are one transaction, so whatever happens in between, what is reported is what is in the tables.
    """
    phases = Phases()
    run, resumed = _open(scope, batch_size, actor, started_by)
    try:
        with phases.time("digest"):
            _start(run, actor, resumed=resumed)
        observer.started(run=run.pk, people=run.users_planned, snapshots=run.snapshots_planned, resumed=resumed)
        if run.status == RunStatus.RUNNING:
            with phases.time("migrate"):
                _move(run, observer)
            transition(run=run, action="verify", target=RunStatus.VERIFYING, actor=actor)
        return _judge(run, observer, phases, actor, rejected_lines)
    finally:
        with suppress(
            DatabaseError, InterfaceError
        ):  # where the connection is gone, PostgreSQL has taken the lock back already
            release_driver_lock(run)


def dry_run(*, scope: Scope, batch_size: int, observer: Observer, rejected_lines: int = 0) -> dict[str, Any]:
    """What `migrate` would do: the same code in transactions that are rolled back. Leaves no run, no row, no file behind."""
    phases = Phases()
    people = list_people(scope)
    observer.started(
        run=None, people=len(people), snapshots=sum(len(person.snapshot_ids) for person in people), resumed=False
    )
    position = 0

    def next_batch() -> tuple[None, list[PlannedPerson]] | None:
        nonlocal position
        chosen = people[position : position + batch_size]
        position += len(chosen)
        return (None, chosen) if chosen else None

    numbers = Numbers(planned=-(-len(people) // batch_size))
    with phases.time("migrate"):
        for result in _commit_all(next_batch, run_id=None):
            _count(numbers, result)
            observer.advanced(numbers)
    numbers.committed = 0
    with phases.time("digest"):
        digest = content_digest()
    return report_json(
        run=None,
        status="completed_with_quarantine" if numbers.quarantined else "completed",
        dry_run=True,
        batch_size=batch_size,
        numbers=numbers,
        rejected_lines=rejected_lines,
        verdict=None,
        digest=digest,
        phases=phases.seconds,
    )


def _open(scope: Scope, batch_size: int, actor: str, started_by: User | None) -> tuple[MigrationRun, bool]:
    """A new run, or the active one when the process that drove it is gone; this session drives it from here on.

    What was seen before the lock may be history: another process may have taken the run, ended it and gone.
    """
    active = MigrationRun.objects.filter(status__in=ACTIVE).first()
    if active is None:
        run = plan_run(scope=scope, batch_size=batch_size, actor=actor, started_by=started_by, options={})
        if not hold_driver_lock(run):
            raise Refused(f"run {run.pk} was taken by another process")
        run.refresh_from_db()
        if run.status in DRIVEN:
            return run, run.status != RunStatus.PENDING
        release_driver_lock(run)
        raise Refused(f"run {run.pk} was taken by another process, which has ended it")
    if active.status not in DRIVEN:
        raise Refused(f"run {active.pk} is {active.status}: it has to be ended first")
    if not hold_driver_lock(active):
        raise Refused(f"run {active.pk} is active: another process drives it")
    active.refresh_from_db()
    if active.status in DRIVEN:
        return active, True
    release_driver_lock(active)
    return _open(scope, batch_size, actor, started_by)


def _start(run: MigrationRun, actor: str, *, resumed: bool) -> None:
    if run.status == RunStatus.PENDING:
        digest = content_digest()
        transition(
            run=run, action="start", target=RunStatus.RUNNING, actor=actor, started_at=Now(), digest_before=digest
        )
    elif resumed:
        released = release_leases(run)
        reason = (
            f"its process was lost; {released} batches under way are done again" if released else "its process was lost"
        )
        action = "resume" if run.status == RunStatus.RUNNING else "verify"
        transition(run=run, action=action, target=RunStatus(run.status), actor=actor, reason=reason)


def _move(run: MigrationRun, observer: Observer) -> None:
    """Every batch that is left, then the proof that none is."""

    def next_batch() -> tuple[ClaimedBatch, list[PlannedPerson]] | None:
        claim = claim_batch(run, run.batch_size)
        return (claim, claim.people) if claim else None

    numbers = numbers_of(run)
    try:
        for result in _commit_all(next_batch, run_id=run.pk):
            _count(numbers, result)
            observer.advanced(numbers)
    except LeaseLost as error:  # the run is in other hands: neither it nor its batches are ours to mark
        raise Interrupted(str(error)) from error
    except Exception as error:
        if _connection_lost(error):
            raise Interrupted(describe(error)) from error
        _fail(run, error)
        raise BatchFailed(describe(error)) from error


def _connection_lost(error: Exception) -> bool:
    return isinstance(error, OperationalError | InterfaceError) and not connection.is_usable()


def _commit_all(next_batch: Next, *, run_id: int | None) -> Iterator[BatchResult]:
    for prepared in prepared_batches(next_batch):
        yield commit_batch(prepared.people, run_id=run_id, claim=prepared.claim)


def _count(numbers: Numbers, result: BatchResult) -> None:
    ledger = result.ledger
    numbers.add_ledger(result.people, result.days, ledger.totals(), ledger.reasons, len(ledger.found))


def _fail(run: MigrationRun, error: Exception) -> None:
    """Says what failed without any of the data that made it fail."""
    run.batches.filter(status="leased").update(
        status="failed", error=describe(error), lease_owner="", lease_expires_at=None, finished_at=Now()
    )
    transition(
        run=run,
        action="fail",
        target=RunStatus.FAILED,
        reason=describe(error),
        finished_at=Now(),
        error=describe(error),
    )


def _judge(run: MigrationRun, observer: Observer, phases: Phases, actor: str, rejected_lines: int) -> dict[str, Any]:
    try:
        with phases.time("verify"):
            verdict = verify_run(run, on_progress=observer.verifying)
    except Exception as error:
        if _connection_lost(error):
            raise Interrupted(describe(error)) from error
        # A verifier that breaks off has not verified: the run fails and says why, rather than being resumed into the same error for ever.
        reason = f"the verification broke off: {describe(error)}"
        transition(run=run, action="fail", target=RunStatus.FAILED, reason=reason, finished_at=Now(), error=reason)
        raise BatchFailed(reason) from error
    with phases.time("digest"):
        digest = content_digest()
    numbers = numbers_of(run)
    if verdict.verdict != "passed":
        action, target = "fail", RunStatus.FAILED
    else:
        action = "complete"
        target = RunStatus.COMPLETED_WITH_QUARANTINE if numbers.quarantined else RunStatus.COMPLETED
    report = report_json(
        run=run.pk,
        status=target.value,
        dry_run=False,
        batch_size=run.batch_size,
        numbers=numbers,
        rejected_lines=rejected_lines,
        verdict=verdict,
        digest=digest,
        phases=phases.seconds,
    )
    transition(
        run=run,
        action=action,
        target=target,
        actor=actor,
        verdict=verdict.verdict,
        digest_after=digest,
        finished_at=Now(),
        report=report,
        error="" if target != RunStatus.FAILED else f"verification found {len(verdict.differences)} differences",
    )
    return report
