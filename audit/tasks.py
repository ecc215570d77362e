"""Celery's way to the same services: ids in, one call. A message is only a hint; what is to be done stands in PostgreSQL.

So a message may be delivered twice, late, in any order or never, and Redis may be flushed: the worst is that work waits for the next sweep.
"""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from audit.models import MigrationRun, RunStatus, StorageSnapshot
from audit.runs import control
from audit.runs.dispatch import call_workers
from audit.runs.engine import Driver, SilentObserver
from audit.runs.plan import Refused, Scope
from audit.runs.presence import cut_off_silent
from audit.runs.previewing import held_back_by, run_preview
from audit.runs.status import active_run, is_stalled, missing_workers
from audit.runs.worker import BatchFailed, End, Interrupted, Stop

BATCHES_A_TASK = 10
"""Short enough that a redelivered message costs little, long enough that a batch is prepared while another is written."""


@shared_task(name="audit.attend_run")
def attend_run(run_id: int) -> str:
    """Does what the run asks for now: begins it, moves some batches, verifies it; calls the next worker when there is more."""
    run = MigrationRun.objects.filter(pk=run_id).first()
    if run is None:
        return "there is no such run"
    others = run.workers - 1
    driver = Driver(
        run,
        SilentObserver(),
        Stop(),
        actor="celery",
        patient=False,
        pauses=False,
        most_batches=BATCHES_A_TASK,
        on_begun=(lambda: call_workers(run, number=others)) if others else None,
    )
    try:
        end = driver.drive()
    except BatchFailed as failure:  # the run says so itself, to people
        return f"the run has failed: {failure}"
    except Interrupted as loss:
        return f"interrupted: {loss}"  # the sweep finds it stalled and calls again
    if end is End.ENOUGH:
        call_workers(run, number=1)
    return end.value


@shared_task(name="audit.preview")
def preview(preview_id: int) -> str:
    """Makes a preview of a migration: minutes of reading, nothing written but the preview itself."""
    return run_preview(preview_id)


@shared_task(name="audit.sweep")
def sweep() -> str:
    """Takes up what nobody is at work on: a run whose messages or workers were lost, a pause or a cancellation that nobody ended."""
    run = active_run()
    if run is None:
        return "nothing is active"
    cut_off_silent(run)
    run = control.settle(run)
    if run.status in (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.VERIFYING, RunStatus.ROLLING_BACK) and (
        run.status == RunStatus.PENDING or is_stalled(run)
    ):
        call_workers(run)
        return f"run {run.pk} was stalled: workers are called"
    if missing := missing_workers(run):
        call_workers(run, number=missing)
        return f"run {run.pk} wants {missing} more workers"
    return f"run {run.pk} is {run.status}"


@shared_task(name="audit.migrate_new_snapshots")
def migrate_new_snapshots(batch_size: int = 100) -> str:
    """Starts a run for snapshots that have arrived. Off until migration day is over (MIGRATE_NEW_SNAPSHOTS): before that, people start runs."""
    if not settings.MIGRATE_NEW_SNAPSHOTS:
        return "switched off"
    if not StorageSnapshot.objects.filter(status="waiting").exists():
        return "nothing waits"
    if (preview := held_back_by()) is not None:
        return f"preview {preview.pk} is being looked at"
    try:
        run = control.start(scope=Scope(), batch_size=batch_size, actor="celery")
    except Refused as refusal:
        return str(refusal)
    call_workers(run)
    return f"run {run.pk} is started"
