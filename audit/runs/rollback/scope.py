"""Whom a rollback is about, and whether it may begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from accounts.models import User
from audit.models import MigrationRun, RunStatus
from audit.models.runs import ACTIVE
from audit.runs.refusals import Refusal, Refused

BUSY = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.PAUSING, RunStatus.VERIFYING, RunStatus.CANCELLING)
"""In which somebody else is at work on a run, or is about to be."""


class RollbackScope(NamedTuple):
    """What is to be taken back: the whole run, one of its batches (with the parts it was split into), or one person in it."""

    batch: int | None = None
    email: str | None = None

    @property
    def whole(self) -> bool:
        """Whether all of the run."""
        return self.batch is None and self.email is None

    def as_json(self) -> dict[str, Any]:
        """For receipts, which go to whoever asked."""
        if self.batch is not None:
            return {"batch": self.batch}
        return {"whole": True} if self.email is None else {"user": self.email}


WHOLE_RUN = RollbackScope()


class Selection(NamedTuple):
    """The people whom the run moved, as far as they are asked for, in id order."""

    left: list[UUID]
    """Still to be taken back."""
    reverted: list[UUID]
    """Taken back before."""


class Overtaken(Refusal):
    """A later run has these people now; the sentence names it."""


def select_people(run: MigrationRun, scope: RollbackScope) -> Selection:
    """The people of `scope`. Raises `Refused` where there is nobody, or the run cannot be taken back now."""
    if scope.batch is not None and scope.email is not None:
        raise ValueError("a batch or a person, not both")
    _check_status(run, scope)
    user, batches = None, None
    if scope.email is not None:
        user = User.objects.with_email(scope.email).values_list("pk", flat=True).first()
        if user is None:
            raise Refused("nobody has the e-mail address {email}", email=scope.email)
    if scope.batch is not None:
        batches = _with_parts(run, scope.batch)
        if not batches:
            raise Refused("run {run} has no batch {batch}", run=run.pk, batch=scope.batch)
    selection = _moved(run, user, batches)
    if user is not None and not (selection.left or selection.reverted):
        raise Refused("run {run} has moved nothing of {email}", run=run.pk, email=scope.email)
    try:
        check_not_overtaken(run, selection.left)
    except Overtaken as overtaken:
        raise Refused(overtaken.template, **overtaken.facts) from overtaken
    return selection


def _check_status(run: MigrationRun, scope: RollbackScope) -> None:
    if run.status in BUSY:
        raise Refused(
            "run {run} is {status}: it has to be paused, cancelled or done first", run=run.pk, status=run.status
        )
    if run.status == RunStatus.ROLLED_BACK:
        raise Refused("run {run} is rolled back already", run=run.pk)
    if run.status == RunStatus.ROLLING_BACK and not scope.whole:
        raise Refused("run {run} is being rolled back as a whole: that has to be finished first", run=run.pk)


def _with_parts(run: MigrationRun, number: int) -> list[int]:
    """The ids of a batch and of the batches that it was split into."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE family AS (
                SELECT id FROM migration_batches WHERE run_id = %(run)s AND number = %(number)s
                UNION ALL
                SELECT part.id FROM migration_batches AS part JOIN family ON part.parent_id = family.id
            )
            SELECT id FROM family
            """,
            {"run": run.pk, "number": number},
        )
        return [row[0] for row in cursor.fetchall()]


def _moved(run: MigrationRun, user: UUID | None, batches: list[int] | None) -> Selection:
    """Whom the run has moved. Who is only planned has nothing to be taken back and goes on waiting."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT plan.user_id, bool_and(plan.reverted_at IS NOT NULL)
            FROM migration_run_snapshots AS plan JOIN migration_batches AS batch ON batch.id = plan.batch_id
            WHERE plan.run_id = %(run)s AND batch.status IN ('committed', 'reverted')
              AND (%(user)s::uuid IS NULL OR plan.user_id = %(user)s)
              AND (%(batches)s::bigint[] IS NULL OR batch.id = ANY (%(batches)s))
            GROUP BY plan.user_id ORDER BY plan.user_id
            """,
            {"run": run.pk, "user": user, "batches": batches},
        )
        rows = cursor.fetchall()
    return Selection([user for user, reverted in rows if not reverted], [user for user, reverted in rows if reverted])


def check_not_overtaken(run: MigrationRun, people: Sequence[UUID]) -> None:
    """Raises `Overtaken` when a later run has moved one of these people and stands, or is active and about to.

    What is below a later import cannot be pulled away: its rows and pre-images build on this run's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT later.run_id, count(DISTINCT later.user_id), other.status = ANY (%(active)s)
            FROM migration_run_snapshots AS later
            JOIN migration_runs AS other ON other.id = later.run_id
            LEFT JOIN migration_batches AS batch ON batch.id = later.batch_id
            WHERE later.user_id = ANY (%(people)s) AND later.run_id > %(run)s AND later.reverted_at IS NULL
              AND (batch.status = 'committed' OR other.status = ANY (%(active)s))
            GROUP BY later.run_id, other.status ORDER BY later.run_id DESC
            """,
            {"people": list(people), "run": run.pk, "active": [status.value for status in ACTIVE]},
        )
        later = cursor.fetchall()
    if later:
        parts = [
            f"run {number} ({affected} people{', active' if active else ''})" for number, affected, active in later
        ]
        raise Overtaken(
            "later runs have moved people of run {run} again: {later}; roll these back first, the latest before the others (for one person: that person in them)",
            run=run.pk,
            later=", ".join(parts),
        )
