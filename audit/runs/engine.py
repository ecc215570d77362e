"""A migration from start to verdict. Commands, tasks and the admin come here through `control` and `Driver`; nothing else moves a run."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from audit.models import MigrationRun, RunStatus
from audit.models.runs import ACTIVE
from audit.runs import control
from audit.runs.control import UNTUNED, Tuning
from audit.runs.driver import DRIVEN, Driver
from audit.runs.dry_run import dry_run
from audit.runs.observer import Observer, SilentObserver, Watching
from audit.runs.plan import Refused, Scope
from audit.runs.presence import hold_driver_lock, release_driver_lock
from audit.runs.worker import BatchFailed, Interrupted, Stop

__all__ = [
    "BatchFailed",
    "Driver",
    "Interrupted",
    "Observer",
    "SilentObserver",
    "Stop",
    "Watching",
    "dry_run",
    "migrate",
    "open_run",
]


def migrate(
    *,
    scope: Scope,
    batch_size: int,
    observer: Observer,
    actor: str = "",
    started_by: User | None = None,
    rejected_lines: int = 0,
    tuning: Tuning = UNTUNED,
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Migrates what waits (or goes on with the run that was interrupted) and lets the verifier decide; returns the report.

    Raises `Refused` when another process drives a run, or the scope names nobody; `BatchFailed` when a batch cannot be written. People's
    data and the book-keeping of a batch are one transaction, so whatever happens in between, what is reported is what is in the tables.
    """
    run = open_run(scope=scope, batch_size=batch_size, actor=actor, started_by=started_by, tuning=tuning)
    driver = Driver(run, observer, stop or Stop(), actor=actor, rejected_lines=rejected_lines, alone=True)
    driver.drive()
    return driver.report()


def open_run(
    *,
    scope: Scope,
    batch_size: int,
    actor: str = "",
    started_by: User | None = None,
    tuning: Tuning = UNTUNED,
    plan_digest: str = "",
    governor: bool = False,
    largest_batch: int | None = None,
) -> MigrationRun:
    """A new run, or the active one when nobody is at work on it any more; this session is alone with it (`Driver(alone=True)`).

    What was seen before the lock may be history: another process may have taken the run, ended it and gone.
    """
    while (run := MigrationRun.objects.filter(status__in=ACTIVE).first()) is not None:
        if run.status == RunStatus.PAUSED:
            raise Refused("run {run} is paused: resume it (--resume {run}) or cancel it", run=run.pk)
        if run.status not in DRIVEN:
            raise Refused("run {run} is {status}: it has to be ended first", run=run.pk, status=run.status)
        if not hold_driver_lock(run):
            raise Refused("run {run} is active: another process drives it", run=run.pk)
        if _still_driven(run):
            return run
    run = control.start(
        scope=scope,
        batch_size=batch_size,
        actor=actor,
        started_by=started_by,
        tuning=tuning,
        plan_digest=plan_digest,
        governor=governor,
        largest_batch=largest_batch,
    )
    if not hold_driver_lock(run):
        raise Refused("run {run} was taken by another process", run=run.pk)
    if not _still_driven(run):
        raise Refused("run {run} was taken by another process, which has ended it", run=run.pk)
    return run


def _still_driven(run: MigrationRun) -> bool:
    """Whether the locked run is still to be driven; if not, the lock is given back."""
    run.refresh_from_db()
    if run.status in DRIVEN:
        return True
    release_driver_lock(run)
    return False
