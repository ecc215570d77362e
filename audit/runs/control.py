"""What people can do to a run. Admin, commands and tasks call these functions and no others; each leaves an event with actor and reason.

None of them does the work itself: they change what PostgreSQL says, and workers, wherever they are, see it at their next batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction

from accounts.models import User
from audit.models import MigrationRun, RunStatus
from audit.runs.claim import release_leases
from audit.runs.plan import Refused, Scope, plan_run
from audit.runs.presence import hold_driver_lock, release_driver_lock
from audit.runs.rollback.scope import WHOLE_RUN, select_people
from audit.runs.transitions import IllegalTransition, record, transition

R = RunStatus


class Tuning(NamedTuple):
    """What can be turned while a run goes on; None leaves it alone."""

    batch_size: int | None = None
    fixed_size: bool | None = None
    target_seconds: float | None = None
    workers: int | None = None
    pause_seconds: float | None = None
    cohort_percent: float | None = None
    max_failures: int | None = None
    max_quarantine_percent: float | None = None

    def given(self) -> dict[str, Any]:
        """What is to be changed."""
        return {name: value for name, value in self._asdict().items() if value is not None}


UNTUNED = Tuning()

BOUNDS: dict[str, tuple[float, float]] = {
    "batch_size": (1, 10_000),
    "target_seconds": (0.1, 600),
    "workers": (1, 64),
    "pause_seconds": (0, 3600),
    "cohort_percent": (0.01, 100),
    "max_failures": (0, 1_000_000),
    "max_quarantine_percent": (0, 100),
}
"""From where to where each value may be turned."""


@contextmanager
def refused_when_another_is_active() -> Iterator[None]:
    """An ended run becomes active again only while no other one is; the partial unique index decides."""
    try:
        yield
    except IntegrityError as error:
        if "migration_runs_one_active_key" not in str(error):
            raise
        raise Refused("another migration is active") from error


def _checked(tuning: Tuning) -> dict[str, Any]:
    given = tuning.given()
    for name, (lowest, highest) in BOUNDS.items():
        if name in given and not lowest <= given[name] <= highest:
            raise Refused(
                "{name} is {value}: it goes from {lowest:g} to {highest:g}",
                name=name,
                value=given[name],
                lowest=lowest,
                highest=highest,
            )
    return given


def start(
    *,
    scope: Scope,
    batch_size: int,
    tuning: Tuning = UNTUNED,
    actor: str = "",
    started_by: User | None = None,
    plan_digest: str = "",
    governor: bool = False,
    largest_batch: int | None = None,
    bound: bool = False,
) -> MigrationRun:
    """Plans a run; the first worker that comes begins it. A batch size that follows the target duration stays below
    `largest_batch`. A run that is `bound` predicts first, and is called off when its effects are not those of `plan_digest`. Raises `Refused` when another one is active, or for a tuning out of bounds."""
    given = _checked(tuning._replace(batch_size=batch_size))
    return plan_run(
        scope=scope,
        actor=actor,
        started_by=started_by,
        options={"governor": governor, "largest_batch": largest_batch, "bound": bound},
        columns={**given, "plan_digest": plan_digest},
    )


def pause(*, run: MigrationRun, actor: str, reason: str = "") -> MigrationRun:
    """Asks for a pause: batches under way are finished, no new one is begun. Where nobody is at work, the run is paused at once."""
    transition(run=run, action="pause", target=R.PAUSING, actor=actor, reason=reason)
    return settle(run)


def cancel(*, run: MigrationRun, actor: str, reason: str = "") -> MigrationRun:
    """Stops the run for good; what was committed stays, and the people that are left can be migrated by another run."""
    idle = run.status in (R.PENDING, R.PAUSED)
    transition(run=run, action="cancel", target=R.CANCELLED if idle else R.CANCELLING, actor=actor, reason=reason)
    return run if idle else settle(run)


def settle(run: MigrationRun) -> MigrationRun:
    """Ends a pausing or cancelling run's last step once no batch is under way: called by whoever finished the last one.

    Leases of workers that are gone do not count: they are planned again.
    """
    alone = hold_driver_lock(run)
    try:
        with transaction.atomic():
            locked = MigrationRun.objects.select_for_update(no_key=True).get(pk=run.pk)
            if locked.status in (R.PAUSING, R.CANCELLING):
                if alone:
                    release_leases(run)
                if not locked.batches.filter(status="leased").exists():
                    target = {"pausing": ("paused", R.PAUSED), "cancelling": ("cancelled", R.CANCELLED)}
                    action, status = target[locked.status]
                    transition(run=locked, action=action, target=status)
    finally:
        if alone:
            release_driver_lock(run)
    run.refresh_from_db()
    return run


def resume(*, run: MigrationRun, actor: str, reason: str = "") -> MigrationRun:
    """Lets a paused (or pausing) run go on, on the whole of its plan if it was a cohort that was done, and a stalled one be taken up."""
    if run.status in (R.PAUSED, R.PAUSING):
        return transition(run=run, action="resume", target=R.RUNNING, actor=actor, reason=reason)
    if run.status in (R.PENDING, R.RUNNING, R.VERIFYING):  # its workers were lost; new ones take it up, and say so
        return run
    raise IllegalTransition("run {run} is {status}: it cannot be resumed", run=run.pk, status=run.status)


def continue_with_rest(*, run: MigrationRun, actor: str, percent: float = 100.0, reason: str = "") -> MigrationRun:
    """Widens the cohort of a paused run and lets it go on."""
    if percent <= run.cohort_percent < 100:
        raise Refused("run {run} has moved {percent:g} % already", run=run.pk, percent=run.cohort_percent)
    with transaction.atomic():
        retune(run=run, tuning=Tuning(cohort_percent=percent), actor=actor, reason=reason)
        return resume(run=run, actor=actor, reason=reason)


def retune_quietly(*, run: MigrationRun, workers: int, actor: str) -> None:
    """The number of workers that a resumed run gets is part of resuming it, not worth a refusal."""
    if run.workers != workers and run.status in (R.PENDING, R.RUNNING, R.PAUSING, R.PAUSED):
        retune(run=run, tuning=Tuning(workers=workers), actor=actor)


def retry_failed(*, run: MigrationRun, actor: str, reason: str = "") -> MigrationRun:
    """Plans batches that failed or were given up again, and lets the run go on.

    Snapshots that it has set aside stay in its quarantine; a run with `Scope(again=True)` tries them once more.
    """
    with refused_when_another_is_active(), transaction.atomic():
        transition(run=run, action="retry", target=R.RUNNING, actor=actor, reason=reason, finished_at=None, error="")
        run.batches.filter(status__in=["failed", "exhausted"]).update(
            status="planned", attempt=0, not_before=None, finished_at=None
        )
    return run


def verify_again(*, run: MigrationRun, actor: str, reason: str) -> MigrationRun:
    """Has an ended run compared again, in the background: workers that are called next do it. Its old verdict counts no longer.

    Raises `Refused` or `IllegalTransition` when that is not possible; nothing is changed then.
    """
    from audit.runs.quarantine.verdict import can_be_judged_again

    with refused_when_another_is_active(), transaction.atomic():
        run = MigrationRun.objects.select_for_update(no_key=True).get(pk=run.pk)
        if not can_be_judged_again(run):
            raise Refused(
                "run {run} is {status} and not all of its batches are written: it cannot be verified",
                run=run.pk,
                status=run.status,
            )
        return transition(run=run, action="verify", target=R.VERIFYING, actor=actor, reason=reason, error="")


def call_again(*, run: MigrationRun, actor: str, reason: str) -> MigrationRun:
    """Writes down that somebody calls workers to a run that nobody is at work on, and ends a pause or cancellation that nobody has ended.

    The caller calls them; whoever comes goes on where the run was.
    """
    run.refresh_from_db()
    if run.status not in (R.PENDING, R.RUNNING, R.PAUSING, R.CANCELLING, R.VERIFYING, R.ROLLING_BACK):
        raise IllegalTransition("run {run} is {status}: there is nothing to be done", run=run.pk, status=run.status)
    record(run=run, action="call", old_status=run.status, new_status=run.status, actor=actor, reason=reason)
    return settle(run) if run.status in (R.PAUSING, R.CANCELLING) else run


def begin_rollback(*, run: MigrationRun, actor: str, reason: str) -> MigrationRun:
    """Takes a whole run back, in the background: workers that are called next do it. (`audit.runs.rollback.roll_back` does it here and now.)

    Raises `Refused` or `IllegalTransition` when that is not possible; nothing is changed then.
    """
    with refused_when_another_is_active(), transaction.atomic():
        select_people(run, WHOLE_RUN)
        return transition(run=run, action="roll_back", target=R.ROLLING_BACK, actor=actor, reason=reason, error="")


def retune(*, run: MigrationRun, tuning: Tuning, actor: str, reason: str = "") -> MigrationRun:
    """Changes size, workers, pauses, cohort or error budget while the run goes on; the event says old → new."""
    given = _checked(tuning)
    with transaction.atomic():
        locked = MigrationRun.objects.select_for_update(no_key=True).get(pk=run.pk)
        if locked.status not in (R.PENDING, R.RUNNING, R.PAUSING, R.PAUSED):
            raise Refused("run {run} is {status}: there is nothing to tune any more", run=run.pk, status=locked.status)
        changed = {
            name: [getattr(locked, name), value] for name, value in given.items() if getattr(locked, name) != value
        }
        if changed:
            MigrationRun.objects.filter(pk=run.pk).update(**{name: new for name, (_, new) in changed.items()})
            record(
                run=locked,
                action="retune",
                old_status=locked.status,
                new_status=locked.status,
                actor=actor,
                reason=reason,
                data=changed,
            )
    run.refresh_from_db()
    return run
