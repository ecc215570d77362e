"""Which snapshots a run takes, and for whom; the plan is written down before the first batch, so that it cannot shift under the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from accounts.models import User
from audit.models import MigrationRun, RunStatus
from audit.runs.failpoints import reach
from audit.runs.refusals import Refused
from audit.runs.transitions import record

__all__ = ["PlannedPerson", "Refused", "Scope", "list_people", "people_of", "plan_of", "plan_run", "snapshots_of"]


class Scope(NamedTuple):
    """What was asked for: everybody's waiting snapshots, or narrower."""

    emails: tuple[str, ...] = ()
    limit: int | None = None
    """At most so many people, in the order of their ids."""
    again: bool = False
    """Also the snapshots that were migrated before, or set aside."""

    def as_json(self) -> dict[str, Any]:
        """For `MigrationRun.options`."""
        return {"emails": list(self.emails), "limit": self.limit, "again": self.again}


class PlannedPerson(NamedTuple):
    """One person and the snapshots of theirs that the run accounts for."""

    user_id: UUID
    snapshot_ids: tuple[int, ...]
    poisoned: Mapping[int, str] = {}
    """Snapshots to be set aside → digest of the traceback that each causes."""


_CHOSEN = """
    SELECT snapshots.user_id, snapshots.id FROM storage_snapshots AS snapshots
    JOIN (
        SELECT DISTINCT candidates.user_id FROM storage_snapshots AS candidates
        WHERE candidates.status = ANY (%(statuses)s) AND candidates.user_id IS NOT NULL
          AND (%(users)s::uuid[] IS NULL OR candidates.user_id = ANY (%(users)s))
        ORDER BY candidates.user_id LIMIT %(limit)s
    ) AS people ON people.user_id = snapshots.user_id
    WHERE snapshots.status = ANY (%(statuses)s)
"""


def _parameters(scope: Scope) -> dict[str, Any]:
    users: list[UUID] | None = None
    if scope.emails:
        users = []
        for email in scope.emails:
            user = User.objects.with_email(email).values_list("pk", flat=True).first()
            if user is None:
                raise Refused("nobody has the e-mail address {email}", email=email)
            users.append(user)
    return {
        "statuses": ["waiting", "migrated", "poisoned"] if scope.again else ["waiting"],
        "users": users,
        "limit": scope.limit,
    }


def list_people(scope: Scope) -> list[PlannedPerson]:
    """The plan without a run, for a dry run: people in id order with their snapshots."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT user_id, array_agg(id ORDER BY id) FROM ({_CHOSEN}) AS chosen GROUP BY user_id ORDER BY user_id",
            _parameters(scope),
        )
        return [PlannedPerson(user_id, tuple(ids)) for user_id, ids in cursor.fetchall()]


def plan_run(
    *,
    scope: Scope,
    columns: dict[str, Any],
    actor: str = "",
    started_by: User | None = None,
    options: dict[str, Any],
) -> MigrationRun:
    """Creates a run with its plan; `columns` are further columns of `MigrationRun` (batch size, tuning). Raises `Refused` when another run is active (a partial unique index decides, not a look)."""
    parameters = _parameters(scope)
    try:
        with transaction.atomic():
            run = MigrationRun.objects.create(
                **columns,
                options={**scope.as_json(), **options},
                started_by=started_by,
                status=RunStatus.PENDING,
            )
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO migration_run_snapshots (run_id, user_id, snapshot_id) "
                    f"SELECT %(run)s, chosen.user_id, chosen.id FROM ({_CHOSEN}) AS chosen ORDER BY chosen.user_id, chosen.id",
                    {**parameters, "run": run.pk},
                )
                run.snapshots_planned = cursor.rowcount
                cursor.execute(
                    "SELECT count(DISTINCT user_id) FROM migration_run_snapshots WHERE run_id = %s", [run.pk]
                )
                run.users_planned = cursor.fetchone()[0]
                cursor.execute("ANALYZE migration_run_snapshots")
            run.save(update_fields=["snapshots_planned", "users_planned"])
            record(
                run=run,
                action="plan",
                new_status=RunStatus.PENDING,
                actor=actor,
                data={"users": run.users_planned, "snapshots": run.snapshots_planned},
            )
            reach("plan.written")
    except IntegrityError as error:
        if "migration_runs_one_active_key" not in str(error):
            raise
        raise Refused("another process has just started a migration") from error
    reach("plan.committed")
    return run


def people_of(run: MigrationRun) -> list[UUID]:
    """Everybody in the plan of a run, in id order."""
    rows = run.plan.order_by("user_id").values_list("user_id", flat=True).distinct()
    return list(rows)


def plan_of(run: MigrationRun) -> list[PlannedPerson]:
    """Everybody in the plan of a run with their snapshots, in id order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT user_id, array_agg(snapshot_id ORDER BY snapshot_id) FROM migration_run_snapshots WHERE run_id = %s "
            "GROUP BY user_id ORDER BY user_id",
            [run.pk],
        )
        return [PlannedPerson(user_id, tuple(ids)) for user_id, ids in cursor.fetchall()]


def snapshots_of(people: Sequence[PlannedPerson]) -> list[int]:
    """All snapshot ids of a plan."""
    return [snapshot for person in people for snapshot in person.snapshot_ids]
