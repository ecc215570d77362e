"""The one table of a run's legal transitions, each with the sentence that says when it happens, and the one function that makes them."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import transaction
from django.db.models.functions import Now

from audit.models import MigrationEvent, MigrationRun, RunStatus
from audit.runs.refusals import IllegalTransition

__all__ = ["TRANSITIONS", "IllegalTransition", "Transition", "record", "transition"]

R = RunStatus


class Transition(NamedTuple):
    """From one status to another; `action` is the event's name, `when` a sentence for people."""

    source: RunStatus
    action: str
    target: RunStatus
    when: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition(R.PENDING, "start", R.RUNNING, "The first worker takes the run."),
    Transition(R.PENDING, "cancel", R.CANCELLED, "Somebody calls it off before any work was done."),
    Transition(
        R.RUNNING, "resume", R.RUNNING, "A process was lost; another one goes on where the last batch was committed."
    ),
    Transition(
        R.RUNNING,
        "pause",
        R.PAUSING,
        "Somebody asks for a pause, or the error budget is used up; batches under way are finished.",
    ),
    Transition(R.PAUSING, "paused", R.PAUSED, "The last batch under way is committed."),
    Transition(R.PAUSING, "resume", R.RUNNING, "The pause is taken back."),
    Transition(R.PAUSED, "resume", R.RUNNING, "Somebody continues the run."),
    Transition(R.RUNNING, "verify", R.VERIFYING, "Every batch is committed; the second path compares."),
    Transition(
        R.VERIFYING, "verify", R.VERIFYING, "A process was lost while verifying; another one verifies from the start."
    ),
    Transition(R.VERIFYING, "complete", R.COMPLETED, "The verification passed and nothing is in quarantine."),
    Transition(
        R.VERIFYING, "complete", R.COMPLETED_WITH_QUARANTINE, "The verification passed; some items wait in quarantine."
    ),
    Transition(R.VERIFYING, "fail", R.FAILED, "The verification found differences."),
    Transition(
        R.VERIFYING, "cohort_done", R.PAUSED, "The cohort is moved and verified; somebody decides about the rest."
    ),
    Transition(R.RUNNING, "fail", R.FAILED, "A batch failed for good, or met an error that nobody foresaw."),
    Transition(R.PAUSING, "fail", R.FAILED, "A batch under way met an error that nobody foresaw."),
    Transition(R.CANCELLING, "fail", R.FAILED, "A batch under way met an error that nobody foresaw."),
    Transition(R.RUNNING, "cancel", R.CANCELLING, "Somebody stops the run for good; batches under way are finished."),
    Transition(R.PAUSING, "cancel", R.CANCELLING, "Somebody stops the run for good while it pauses."),
    Transition(R.PAUSED, "cancel", R.CANCELLED, "Somebody gives up a paused run; what was committed stays."),
    Transition(R.CANCELLING, "cancelled", R.CANCELLED, "The last batch under way is committed."),
    Transition(R.FAILED, "retry", R.RUNNING, "Somebody tries the failed batches and the verification again."),
    Transition(R.PAUSED, "retry", R.RUNNING, "Somebody tries the failed batches again and continues the run."),
    *(
        Transition(source, "verify", R.VERIFYING, "Somebody repaired or waived items; the second path compares again.")
        for source in (R.COMPLETED, R.COMPLETED_WITH_QUARANTINE, R.FAILED)
    ),
    *(
        Transition(source, "roll_back", R.ROLLING_BACK, "Somebody takes the run back.")
        for source in (R.PAUSED, R.COMPLETED, R.COMPLETED_WITH_QUARANTINE, R.FAILED, R.CANCELLED, R.ROLLBACK_FAILED)
    ),
    Transition(
        R.ROLLING_BACK,
        "roll_back",
        R.ROLLING_BACK,
        "A process was lost while taking back; another one goes on with the people who are left.",
    ),
    Transition(
        R.ROLLING_BACK,
        "rolled_back",
        R.ROLLED_BACK,
        "The content is as it was before the run, except what people changed since.",
    ),
    Transition(
        R.ROLLING_BACK, "rollback_failed", R.ROLLBACK_FAILED, "The rollback met an error; it can be started again."
    ),
)

_LEGAL = {(line.source, line.action, line.target) for line in TRANSITIONS}


def transition(
    *, run: MigrationRun, action: str, target: RunStatus, actor: str = "", reason: str = "", **changes: Any
) -> MigrationRun:
    """Moves `run` to `target`, with an event, in one transaction, checking the status that the database has now.

    `changes` are further columns to set. Raises `IllegalTransition` where the table has no such line.
    """
    with transaction.atomic():
        current = MigrationRun.objects.select_for_update().only("status").get(pk=run.pk)
        source = RunStatus(current.status)
        if (source, action, target) not in _LEGAL:
            raise IllegalTransition(
                "run {run} is {status}: it cannot {action} to {target}",
                run=run.pk,
                status=source.value,
                action=action,
                target=target.value,
            )
        MigrationRun.objects.filter(pk=run.pk).update(status=target, **changes)
        record(run=run, action=action, old_status=source, new_status=target, actor=actor, reason=reason)
    run.refresh_from_db()
    return run


def record(
    *,
    run: MigrationRun,
    action: str,
    old_status: str = "",
    new_status: str = "",
    actor: str = "",
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Appends one event to the story of a run."""
    MigrationEvent.objects.create(
        run=run,
        action=action,
        old_status=old_status,
        new_status=new_status,
        actor=actor,
        reason=reason,
        data=data or {},
        at=Now(),
    )
