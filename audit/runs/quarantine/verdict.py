"""After a decision the verifier compares again: nothing else makes a run complete (law 5)."""

from __future__ import annotations

from django.db import IntegrityError
from django.db.models import Max

from audit.models import MigrationRun, RunStatus
from audit.runs.control import verify_again
from audit.runs.dispatch import call_workers
from audit.runs.engine import Driver, Observer, SilentObserver, Stop
from audit.runs.plan import Refused
from audit.runs.quarantine.selection import check_said
from audit.runs.transitions import TRANSITIONS, transition

_DECISIONS = ("replay", "waive", "unwaive")
_VERDICTS = ("complete", "fail", "cohort_done")


def can_be_judged_again(run: MigrationRun) -> bool:
    """Whether the run's status lets the verifier decide anew: it has ended, and every batch of its plan is in the tables.

    A run with batches that were given up is not complete whatever its quarantine says; a paused one is verified when it has gone on.
    """
    legal = any(
        line.source == run.status and line.action == "verify" and line.target == RunStatus.VERIFYING
        for line in TRANSITIONS
    )
    if not legal or run.status not in (RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_QUARANTINE, RunStatus.FAILED):
        return False
    unsettled = run.batches.filter(status__in=["planned", "leased", "failed", "exhausted"])
    return not unsettled.exists() and not run.plan.filter(batch__isnull=True).exists()


def is_stale(run: MigrationRun) -> bool:
    """Whether something was decided since the last verdict (a process may have died in between)."""
    last = run.events.filter(action__in=_DECISIONS).aggregate(id=Max("id"))["id"]
    return last is not None and not run.events.filter(action__in=_VERDICTS, id__gt=last).exists()


def judge_again(*, run: MigrationRun, actor: str, reason: str, observer: Observer | None = None) -> MigrationRun:
    """Has the run verified again; it comes out completed, completed with quarantine, or failed.

    Raises `Refused` when its status does not allow it or another migration is active; what was decided stays, and this can be called later.
    """
    check_said(actor, reason)
    run.refresh_from_db()
    if not can_be_judged_again(run):
        raise Refused("run {run} is {status}: it cannot be verified again from there", run=run.pk, status=run.status)
    try:
        transition(run=run, action="verify", target=RunStatus.VERIFYING, actor=actor, reason=reason)
    except IntegrityError as error:
        if "migration_runs_one_active_key" not in str(error):
            raise
        raise Refused("another migration is active: have this one verified when it has ended") from error
    Driver(run, observer or SilentObserver(), Stop(), actor=actor, pauses=False, taken_up=False).drive()
    run.refresh_from_db()
    return run


def ask_for_verdict(*, run: MigrationRun, actor: str, reason: str) -> MigrationRun:
    """As `judge_again`, but returns at once: workers that are called after the commit do it. Until their verdict, the quarantine rests."""
    check_said(actor, reason)
    verifying = verify_again(run=run, actor=actor, reason=reason)
    call_workers(verifying, number=1)
    return verifying
