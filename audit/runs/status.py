"""Where a run stands, from the tables alone: for `migration_status`, the admin and whoever watches. Reads only, and cheap enough to repeat."""

from __future__ import annotations

from typing import Any

from django.db import connection

from audit.models import MigrationRun, RunStatus
from audit.models.runs import ACTIVE
from audit.runs.flow.verified import verified_so_far
from audit.runs.presence import present

_WORKED_ON = (
    RunStatus.RUNNING,
    RunStatus.PAUSING,
    RunStatus.CANCELLING,
    RunStatus.VERIFYING,
    RunStatus.ROLLING_BACK,
)
"""In which somebody ought to be at work."""

_BATCHES = """
    SELECT count(*) FILTER (WHERE status <> 'split'), count(*) FILTER (WHERE status IN ('committed', 'reverted')),
           count(*) FILTER (WHERE status IN ('failed', 'exhausted')), count(*) FILTER (WHERE status = 'leased'),
           COALESCE(sum(users) FILTER (WHERE status IN ('committed', 'reverted')), 0), COALESCE(sum(items), 0),
           COALESCE(sum(quarantined), 0), COALESCE(sum(days), 0),
           count(DISTINCT lease_owner) FILTER (WHERE status = 'leased'),
           bool_or(status = 'leased' AND lease_expires_at < clock_timestamp())
    FROM migration_batches WHERE run_id = %s
"""


def status_of(run: MigrationRun) -> dict[str, Any]:
    """One run as JSON: `batches`, `people` and `items` are counts; `seconds` and `items_per_second` of its work so far; `eta_seconds` is None
    when nothing can be said; `verified`: (people compared, of how many) while it is being verified; `stalled`: somebody ought to be at work and nobody is; `last_event` says why it is as it is."""
    with connection.cursor() as cursor:
        cursor.execute(_BATCHES, [run.pk])
        cut, committed, failed, leased, people, items, quarantined, days, owners, expired = cursor.fetchone()
        cursor.execute(
            "SELECT EXTRACT(EPOCH FROM COALESCE(finished_at, clock_timestamp()) - started_at)::float FROM migration_runs WHERE id = %s",
            [run.pk],
        )
        (seconds,) = cursor.fetchone()
    event = run.events.order_by("-id").values("action", "actor", "reason", "at").first()
    rate = items / seconds if seconds else 0.0
    left = run.users_planned - people
    moving = run.status in (RunStatus.RUNNING, RunStatus.PAUSING) and people > 0
    return {
        "run": run.pk,
        "status": run.status,
        "stalled": is_stalled(run, expired=bool(expired)),
        "batches": {"planned": cut, "committed": committed, "failed": failed, "leased": leased},
        "people": {"planned": run.users_planned, "done": people},
        "verified": verified_so_far(run),
        "items": {"found": items, "quarantined": quarantined},
        "days": days,
        "seconds": round(seconds or 0.0, 1),
        "items_per_second": round(rate, 1),
        "eta_seconds": round(seconds * left / people, 1) if moving and seconds else None,
        "tuning": {
            "batch_size": run.batch_size,
            "fixed_size": run.fixed_size,
            "workers": run.workers,
            "pause_seconds": run.pause_seconds,
            "cohort_percent": run.cohort_percent,
        },
        "workers": owners,
        "flow": run.flow,
        "verdict": run.verdict,
        "error": run.error,
        "last_event": {**event, "at": event["at"].isoformat()} if event else None,
    }


def is_stalled(run: MigrationRun, *, expired: bool = False) -> bool:
    """Whether somebody ought to be at work on the run and nobody is; or (`expired`) a worker has not come back in the time of its lease."""
    return run.status in _WORKED_ON and (expired or not present(run))


def missing_workers(run: MigrationRun) -> int:
    """How many more workers a running run wants: calls get lost, and the governor gives back what it took."""
    if run.status != RunStatus.RUNNING:
        return 0
    allowed = min(run.workers, run.flow.get("concurrency") or run.workers)
    return max(allowed - len(present(run)), 0)


def list_status(*, limit: int = 20) -> list[dict[str, Any]]:
    """The latest runs, newest first."""
    return [status_of(run) for run in MigrationRun.objects.order_by("-id")[:limit]]


def active_run() -> MigrationRun | None:
    """The run that has not ended, if there is one."""
    return MigrationRun.objects.filter(status__in=ACTIVE).order_by("-id").first()
