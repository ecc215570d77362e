"""Which items of a run somebody means, and whether anything may be done about them now."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from audit.models import MigrationOutcome, MigrationRun, Outcome, RunStatus
from audit.runs.plan import Refused


class Selection(NamedTuple):
    """Items of a run; each condition narrows, none means all of them."""

    outcome_ids: tuple[int, ...] | None = None
    reason_code: str = ""
    user: User | None = None
    snapshot_id: int | None = None
    path: str | None = None
    kind: str = ""
    after: int = 0
    """Only items that were found later than the one with this id: for going on with a big group, part by part."""

    def of(self, run: MigrationRun, outcome: Outcome = Outcome.QUARANTINED) -> QuerySet[MigrationOutcome]:
        """The chosen items that have this outcome, in the order in which they were found."""
        chosen = MigrationOutcome.objects.filter(run=run, outcome=outcome)
        if self.outcome_ids is not None:
            chosen = chosen.filter(pk__in=self.outcome_ids)
        if self.reason_code:
            chosen = chosen.filter(reasons__contains=[self.reason_code])
        if self.user is not None:
            chosen = chosen.filter(user=self.user)
        if self.snapshot_id is not None:
            chosen = chosen.filter(snapshot_id=self.snapshot_id)
        if self.path is not None:
            chosen = chosen.filter(path=self.path)
        if self.kind:
            chosen = chosen.filter(kind=self.kind)
        if self.after:
            chosen = chosen.filter(pk__gt=self.after)
        return chosen.order_by("id")


ALL = Selection()

SETTLED = (
    RunStatus.PAUSED,
    RunStatus.COMPLETED,
    RunStatus.COMPLETED_WITH_QUARANTINE,
    RunStatus.FAILED,
    RunStatus.CANCELLED,
)
"""In which nobody else moves a run's items. (A run that was taken back has none left.)"""


def check_said(actor: str, reason: str) -> None:
    """Nothing is decided about people's data by nobody, or for no reason. Raises `Refused`."""
    if not actor.strip():
        raise Refused("somebody has to answer for this: the actor is missing")
    if not reason.strip():
        raise Refused("the reason is missing: it is kept with the run's story")


def lock_run(run: MigrationRun) -> MigrationRun:
    """Holds the run until the transaction ends, so that its status stays and decisions come one after the other. Raises `Refused`."""
    locked = MigrationRun.objects.select_for_update(no_key=True).get(pk=run.pk)
    if locked.status not in SETTLED:
        raise Refused(
            "run {run} is {status}: its quarantine can be worked on when nothing else moves its items",
            run=run.pk,
            status=locked.status,
        )
    return locked


def without_reverted(run: MigrationRun, chosen: QuerySet[MigrationOutcome]) -> QuerySet[MigrationOutcome]:
    """Leaves out people for whom the run was taken back. Raises `Refused` when nobody else was meant."""
    reverted = run.plan.filter(reverted_at__isnull=False).values("user_id")
    left = chosen.exclude(user_id__in=reverted)
    if chosen.exists() and not left.exists():
        raise Refused(
            "what run {run} brought these people was taken back: migrate their snapshots again first", run=run.pk
        )
    return left


def check_not_reverted(run: MigrationRun, user_id: UUID) -> None:
    """Raises `Refused` for a person for whom the run was taken back."""
    if run.plan.filter(user_id=user_id, reverted_at__isnull=False).exists():
        raise Refused(
            "what run {run} brought this person was taken back: migrate the snapshots again first", run=run.pk
        )
