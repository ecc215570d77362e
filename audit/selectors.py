"""Reads for the pages about migrations and snapshots. Each says how many statements it takes; none counts a big table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Count, F, Func, Max, Model, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.fields import CharField
from django.db.models.functions import Collate, Left

from accounts.models import User
from audit.models import (
    ActivityLog,
    BatchStatus,
    ItemKind,
    MigrationBatch,
    MigrationEvent,
    MigrationOutcome,
    MigrationRun,
    MigrationRunSnapshot,
    MigrationTally,
    Outcome,
    SnapshotStatus,
    StorageSnapshot,
)
from audit.models.runs import ACTIVE

COUNTED_AT_MOST: Final = 10_000
OUTCOMES_GROUPED_LIVE: Final = 100_000
"""Above so many outcome rows, the reasons of a run that is still going on are not grouped for a page."""


class Found(NamedTuple):
    """The equation of one kind: what was found, and what became of it (in the order of `Outcome`)."""

    kind: str
    found: int
    outcomes: dict[str, int]

    @property
    def holds(self) -> bool:
        """Law 1: each item found has exactly one outcome."""
        return self.found == sum(self.outcomes.values())


def equation_of_run(run: MigrationRun) -> list[Found]:
    """The run's tallies summed by kind, every kind once, in the order of `ItemKind`. One statement."""
    return _equation(MigrationTally.objects.filter(run=run))


def equation_of_snapshot(run_id: int, snapshot: StorageSnapshot) -> list[Found]:
    """One snapshot's tallies in one run. One statement."""
    return _equation(MigrationTally.objects.filter(run_id=run_id, snapshot=snapshot))


def _equation(tallies: QuerySet[MigrationTally]) -> list[Found]:
    sums = {name: Sum(name) for name in ("found", *Outcome.values)}
    rows: dict[str, dict[str, Any]] = {
        row["kind"]: dict(row)
        for row in tallies.values("kind").order_by().annotate(**{f"sum_{name}": value for name, value in sums.items()})
    }
    return [
        Found(
            kind,
            rows[kind]["sum_found"] if kind in rows else 0,
            {outcome: rows[kind][f"sum_{outcome}"] if kind in rows else 0 for outcome in Outcome.values},
        )
        for kind in ItemKind.values
    ]


class BatchSums(NamedTuple):
    """A run's batches, added up."""

    by_status: dict[str, int]
    people: int
    people_done: int
    items_done: int
    days_done: int
    people_reverted: int = 0

    @property
    def planned(self) -> int:
        """Batches that count: those that were split live on in their parts."""
        return sum(count for status, count in self.by_status.items() if status != BatchStatus.SPLIT)

    @property
    def done(self) -> int:
        """Batches whose work is in the tables."""
        return self.by_status.get(BatchStatus.COMMITTED, 0)


def sums_of_batches(run: MigrationRun) -> BatchSums:
    """How far a run has come. One statement, over its batches only."""
    rows = list(
        MigrationBatch.objects.filter(run=run)
        .order_by()
        .values("status")
        .annotate(batches=Count("id"), people=Sum("users"), items_sum=Sum("items"), days_sum=Sum("days"))
    )
    done = [row for row in rows if row["status"] == BatchStatus.COMMITTED]
    return BatchSums(
        by_status={row["status"]: row["batches"] for row in rows},
        people=sum(row["people"] for row in rows if row["status"] != BatchStatus.SPLIT),
        people_done=sum(row["people"] for row in done),
        items_done=sum(row["items_sum"] for row in done),
        days_done=sum(row["days_sum"] for row in done),
        people_reverted=sum(row["people"] for row in rows if row["status"] == BatchStatus.REVERTED),
    )


class ReasonCount(NamedTuple):
    """How often a reason was given in a run, with the outcome where known."""

    code: str
    outcome: str
    times: int


def quarantine_by_reason(run: MigrationRun) -> list[ReasonCount]:
    """Quarantined items by cause, most frequent first. One statement, served by idx_outcomes_quarantine_run."""
    return _by_reason(MigrationOutcome.objects.filter(run=run, outcome=Outcome.QUARANTINED))


def all_reasons(run: MigrationRun) -> list[ReasonCount]:
    """Every reason given in a run by outcome, most frequent first. One statement; for runs of a bounded size only."""
    return _by_reason(MigrationOutcome.objects.filter(run=run))


def _by_reason(outcomes: QuerySet[MigrationOutcome]) -> list[ReasonCount]:
    rows = (
        outcomes.order_by()
        .annotate(reason=Collate(Func(F("reasons"), function="unnest", output_field=CharField()), "C"))
        .values("reason", "outcome")
        .annotate(times=Count("*"))
    )
    counts = [ReasonCount(row["reason"], row["outcome"], row["times"]) for row in rows]
    return sorted(counts, key=lambda row: (-row.times, row.code, row.outcome))


def batches_of_run(run: MigrationRun, *, at_most: int) -> list[MigrationBatch]:
    """The run's first batches, those that failed before the others. One statement."""
    return list(
        MigrationBatch.objects.filter(run=run)
        .annotate(failed=Q(status__in=[BatchStatus.FAILED, BatchStatus.EXHAUSTED]))
        .order_by("-failed", "number")[:at_most]
    )


def events_of_run(run: MigrationRun, *, at_most: int) -> list[MigrationEvent]:
    """The run's newest events. One statement, served by idx_migration_events_run."""
    return list(MigrationEvent.objects.filter(run=run).order_by("-id")[:at_most])


def snapshots_of_person(person: User) -> QuerySet[StorageSnapshot]:
    """A person's snapshots without their bytes, newest first; served by idx_storage_snapshots_user."""
    return StorageSnapshot.objects.filter(user=person).defer("payload").order_by("-captured_at")


def equation_of_person(person: User, run_id: int) -> list[Found]:
    """What became of a person's items in one run. One statement."""
    return _equation(MigrationTally.objects.filter(run_id=run_id, snapshot__user=person))


def reasons_of_person(person: User, run_id: int) -> list[ReasonCount]:
    """Why this person's items were not simply taken. One statement, served by idx_migration_outcomes_user."""
    return _by_reason(MigrationOutcome.objects.filter(user=person, run_id=run_id))


def activity_of_person(person: User, *, at_most: int) -> list[ActivityLog]:
    """The newest things somebody did. One statement, served by idx_activity_logs_user_created."""
    return list(ActivityLog.objects.filter(user=person).order_by("-created_at")[:at_most])


def plan_of_snapshot(snapshot: StorageSnapshot) -> MigrationRunSnapshot | None:
    """The newest plan row of a snapshot, with its run and batch. One statement."""
    return snapshot.plans.select_related("run", "batch").order_by("-run_id").first()


def latest_run() -> MigrationRun | None:
    """The newest run. One statement, by primary key."""
    return MigrationRun.objects.select_related("started_by").order_by("-id").first()


class Waiting(NamedTuple):
    """Snapshots that nobody has migrated yet; at most COUNTED_AT_MOST of each are counted."""

    waiting: int
    unclaimed: int


def waiting_snapshots() -> Waiting:
    """Two statements over partial indexes that hold only what waits."""
    staged = StorageSnapshot.objects.order_by()
    return Waiting(
        waiting=staged.filter(status=SnapshotStatus.WAITING)[:COUNTED_AT_MOST].count(),
        unclaimed=staged.filter(status=SnapshotStatus.UNCLAIMED)[:COUNTED_AT_MOST].count(),
    )


class Estimate(NamedTuple):
    """About how many rows a table has."""

    rows: int
    exact: bool


def estimated_counts(models: Iterable[type[Model]]) -> dict[type[Model], Estimate]:
    """Rows of each table: counted up to COUNTED_AT_MOST, beyond that as the planner's statistics say. At most one statement a table, and one."""
    counts: dict[type[Model], Estimate] = {}
    big: list[type[Model]] = []
    for model in models:
        counted = model._default_manager.order_by()[: COUNTED_AT_MOST + 1].count()
        counts[model] = Estimate(counted, exact=counted <= COUNTED_AT_MOST)
        if counted > COUNTED_AT_MOST:
            big.append(model)
    if big:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT oid::regclass::text, reltuples::bigint FROM pg_class WHERE oid = ANY(%s::regclass[])",
                [[model._meta.db_table for model in big]],
            )
            statistics: dict[str, int] = dict(cursor.fetchall())
        for model in big:
            counts[model] = Estimate(max(statistics.get(model._meta.db_table, 0), COUNTED_AT_MOST), exact=False)
    return counts


def row_exists(model: type[Model], pk: Any) -> bool:
    """Whether a row that an outcome speaks of is still there. One statement."""
    return model._default_manager.filter(pk=pk).exists()


class Pace(NamedTuple):
    """How fast a run moves at present."""

    items_per_second: float
    people_per_second: float


def recent_pace(run: MigrationRun, *, seconds: int = 60) -> Pace | None:
    """What the batches that ended in the last `seconds` moved; None when none did. One statement, over the run's batches only."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT COALESCE(sum(items), 0), COALESCE(sum(users), 0), count(*), EXTRACT(EPOCH FROM clock_timestamp()
                   - GREATEST(min(started_at), clock_timestamp() - %(seconds)s * interval '1 second'))::float
            FROM migration_batches
            WHERE run_id = %(run)s AND status = 'committed' AND finished_at > clock_timestamp() - %(seconds)s * interval '1 second'
            """,
            {"run": run.pk, "seconds": seconds},
        )
        items, people, batches, span = cursor.fetchone()
    if not batches or not span or span <= 0:
        return None
    return Pace(items / span, people / span)


class BatchFilter(NamedTuple):
    """Which of a run's batches are looked for; None and "" ask for nothing."""

    status: str = ""
    attempts: int | None = None
    """At least."""
    seconds: float | None = None
    """The last attempt took at least so long."""
    error: str = ""


def filtered_batches(run: MigrationRun, wanted: BatchFilter) -> QuerySet[MigrationBatch]:
    """A run's batches, those that failed before the others; served by migration_batches_run_number_key."""
    batches = MigrationBatch.objects.filter(run=run)
    if wanted.status:
        batches = batches.filter(status=wanted.status)
    if wanted.attempts is not None:
        batches = batches.filter(attempt__gte=wanted.attempts)
    if wanted.seconds is not None:
        batches = batches.filter(finished_at__gte=F("started_at") + timedelta(seconds=wanted.seconds))
    if wanted.error:
        batches = batches.filter(error__icontains=wanted.error)
    return batches.annotate(failed=Q(status__in=[BatchStatus.FAILED, BatchStatus.EXHAUSTED])).order_by(
        "-failed", "number"
    )


def partial_rollbacks_of_run(run: MigrationRun, *, at_most: int) -> list[MigrationEvent]:
    """The newest rollbacks of one batch or one person of a run. One statement, served by idx_migration_events_run."""
    return list(MigrationEvent.objects.filter(run=run, action="roll_back_part").order_by("-id")[:at_most])


def people_of_batch(batch: MigrationBatch, *, at_most: int) -> list[MigrationRunSnapshot]:
    """Plan rows of a batch with their person, in the order of their ids. One statement."""
    rows = MigrationRunSnapshot.objects.filter(batch=batch).select_related("user").defer("read_report")
    return list(rows.order_by("user_id", "snapshot_id")[:at_most])


def events_of_batch(batch: MigrationBatch, *, at_most: int) -> list[MigrationEvent]:
    """The newest events that name this batch. One statement over the run's events, which are few."""
    events = MigrationEvent.objects.filter(
        Q(data__batch=batch.number) | Q(data__scope__batch=batch.number), run_id=batch.run_id
    )
    return list(events.order_by("-id")[:at_most])


# --- One person ----------------------------------------------------------------------------------------------------------
class PersonSnapshots(NamedTuple):
    """How many of a person's snapshots there are in each state."""

    waiting: int
    migrated: int
    poisoned: int


def snapshot_counts_of_person(person: User) -> PersonSnapshots:
    """One statement over the person's few snapshots."""
    rows = StorageSnapshot.objects.filter(user=person).order_by().values_list("status").annotate(Count("id"))
    counts: dict[str, int] = dict(rows)
    return PersonSnapshots(*(counts.get(status, 0) for status in PersonSnapshots._fields))


def runs_to_take_back(person: User, *, at_most: int = 5) -> list[MigrationRun]:
    """Runs that brought this person something which was not taken back since, newest first. One statement."""
    planned = MigrationRunSnapshot.objects.filter(
        user=person, reverted_at=None, batch__status__in=[BatchStatus.COMMITTED, BatchStatus.REVERTED]
    )
    return list(MigrationRun.objects.filter(pk__in=planned.values("run_id")).order_by("-id")[:at_most])


def active_run_of_person(person: User) -> MigrationRun | None:
    """The run that has this person in its plan and has not ended. One statement."""
    planned = MigrationRunSnapshot.objects.filter(user=person, reverted_at=None)
    return MigrationRun.objects.filter(status__in=ACTIVE, pk__in=planned.values("run_id")).order_by("-id").first()


def quarantine_of_person(person: User) -> tuple[MigrationRun, int] | None:
    """The newest run that holds items of this person in quarantine, and how many. One statement, served by idx_migration_outcomes_user."""
    taken_back = MigrationRunSnapshot.objects.filter(user=person, reverted_at__isnull=False)
    waiting = (
        MigrationOutcome.objects.filter(user=person, outcome=Outcome.QUARANTINED)
        .exclude(run__in=taken_back.values("run_id"))
        .order_by()
    )
    items = waiting.filter(run=OuterRef("pk")).values("run_id").annotate(items=Count("id")).values("items")
    newest = MigrationRun.objects.filter(pk=waiting.order_by("-run_id").values("run_id")[:1]).annotate(
        items=Subquery(items)
    )
    run = newest.first()
    return None if run is None else (run, int(run.items))


class KindReason(NamedTuple):
    """How often a reason was given for a person's items of one kind, with what became of them."""

    kind: str
    outcome: str
    code: str
    times: int


def reasons_by_kind_of_person(person: User, run_id: int) -> list[KindReason]:
    """Why this person's items were not simply taken, most frequent first. One statement, served by idx_migration_outcomes_user."""
    rows = (
        MigrationOutcome.objects.filter(user=person, run_id=run_id)
        .order_by()
        .annotate(reason=Func(F("reasons"), function="unnest", output_field=CharField()))
        .values("kind", "outcome", "reason")
        .annotate(times=Count("*"))
    )
    counts = [KindReason(row["kind"], row["outcome"], row["reason"], row["times"]) for row in rows]
    return sorted(counts, key=lambda row: (-row.times, row.kind, row.outcome, row.code))


RAW_SHOWN: Final = 2_000
"""Characters of a raw item that a list reads: enough for what it is called, without its photo."""


def items_of_person(person: User, run_id: int, *, outcome: str = "") -> QuerySet[MigrationOutcome]:
    """This person's items of one run that have an outcome row, what waits for a decision first; `raw_start` is the beginning of the raw item."""
    rows = MigrationOutcome.objects.filter(user=person, run_id=run_id).defer("raw", "changes", "before")
    if outcome:
        rows = rows.filter(outcome=outcome)
    return rows.annotate(
        raw_start=Left("raw", RAW_SHOWN), waits=Q(outcome__in=[Outcome.QUARANTINED, Outcome.WAIVED])
    ).order_by("-waits", "kind", "id")


class PersonRun(NamedTuple):
    """A run that took a person's snapshots, and when what it brought was taken back."""

    run_id: int
    reverted_at: datetime | None


def runs_of_person(person: User, *, at_most: int) -> list[PersonRun]:
    """Newest first. One statement, served by idx_migration_plan_user."""
    rows = (
        MigrationRunSnapshot.objects.filter(
            user=person, batch__status__in=[BatchStatus.COMMITTED, BatchStatus.REVERTED]
        )
        .order_by()
        .values("run_id")
        .annotate(last_reverted=Max("reverted_at"))
        .order_by("-run_id")[:at_most]
    )
    return [PersonRun(row["run_id"], row["last_reverted"]) for row in rows]


def item_counts_of_person(person: User, run_id: int) -> dict[str, int]:
    """Outcome → items of this person that have an outcome row. One statement, served by idx_migration_outcomes_user."""
    rows = MigrationOutcome.objects.filter(user=person, run_id=run_id).order_by().values_list("outcome")
    return dict(rows.annotate(Count("id")))
