"""The numbers of a run, from the tables, in the published JSON form."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from django.db import connection

from audit.local_storage.items import KINDS
from audit.models import MigrationRun
from audit.runs.ledger import OUTCOMES
from audit.runs.verification import Verdict

COUNTS = ("found", *OUTCOMES)


class Numbers(msgspec.Struct):
    """What a run has done so far."""

    users: int = 0
    read: int = 0
    unreadable: int = 0
    planned: int = 0
    committed: int = 0
    failed: int = 0
    days: int = 0
    items: dict[str, dict[str, int]] = msgspec.field(
        default_factory=lambda: {kind: dict.fromkeys(COUNTS, 0) for kind in KINDS}
    )
    reasons: dict[str, int] = {}

    @property
    def quarantined(self) -> int:
        """Items of all kinds that wait in quarantine."""
        return sum(counts["quarantined"] for counts in self.items.values())

    @property
    def found(self) -> int:
        """Items of all kinds."""
        return sum(counts["found"] for counts in self.items.values())

    def add_ledger(
        self, people: int, days: int, totals: dict[str, Counter[str]], reasons: Counter[str], snapshots: int
    ) -> None:
        """Counts one batch in, for live progress and dry runs."""
        self.users += people
        self.days += days
        unreadable = reasons["unreadable_snapshot"] + reasons["poison_snapshot"]
        self.read += snapshots - unreadable
        self.unreadable += unreadable
        self.committed += 1
        for kind, counts in totals.items():
            for name in COUNTS:
                self.items[kind][name] += counts[name]
        self.reasons = dict(Counter(self.reasons) + reasons)


def numbers_of(run: MigrationRun) -> Numbers:
    """The truth about a run: counted by PostgreSQL, whoever did the work and however often it was interrupted."""
    numbers = Numbers()
    sums = ", ".join(f"sum({name})" for name in COUNTS)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT kind, {sums} FROM migration_tallies WHERE run_id = %s GROUP BY kind", [run.pk])
        for kind, *values in cursor.fetchall():
            numbers.items[kind] = dict(zip(COUNTS, values, strict=True))
        cursor.execute(
            "SELECT reason, count(*) FROM migration_outcomes, unnest(reasons) AS reason WHERE run_id = %s GROUP BY reason ORDER BY reason",
            [run.pk],
        )
        numbers.reasons = dict(cursor.fetchall())
        cursor.execute(
            "SELECT count(*) FILTER (WHERE status <> 'split'), count(*) FILTER (WHERE status IN ('committed', 'reverted')), "
            "count(*) FILTER (WHERE status IN ('failed', 'exhausted')), COALESCE(sum(days), 0) "
            "FROM migration_batches WHERE run_id = %s",
            [run.pk],
        )
        numbers.planned, numbers.committed, numbers.failed, numbers.days = cursor.fetchone()
        cursor.execute(
            "SELECT count(DISTINCT plan.user_id), count(*) FROM migration_run_snapshots AS plan "
            "JOIN migration_batches AS batch ON batch.id = plan.batch_id WHERE plan.run_id = %s AND batch.status IN ('committed', 'reverted')",
            [run.pk],
        )
        numbers.users, snapshots = cursor.fetchone()
    numbers.unreadable = numbers.reasons.get("unreadable_snapshot", 0) + numbers.reasons.get("poison_snapshot", 0)
    numbers.read = snapshots - numbers.unreadable
    return numbers


def seconds_of_batches(run: MigrationRun) -> float:
    """From the first lease of a batch to the last commit, whoever did the work."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXTRACT(EPOCH FROM max(finished_at) - min(started_at))::float FROM migration_batches WHERE run_id = %s",
            [run.pk],
        )
        return float(cursor.fetchone()[0] or 0.0)


def waiting_for_account() -> int:
    """Snapshots of people who have no account yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM storage_snapshots WHERE status = 'unclaimed'")
        count: int = cursor.fetchone()[0]
    return count


def report_json(
    *,
    run: int | None,
    status: str,
    dry_run: bool,
    batch_size: int,
    numbers: Numbers,
    rejected_lines: int,
    verdict: Verdict | None,
    digest: str,
    phases: dict[str, float],
    plan_digest: str = "",
) -> dict[str, Any]:
    """The report of `--report`; every item in every key counts in `found`, copies too."""
    waiting = waiting_for_account()
    seconds = round(sum(phases.values()), 3)
    moving = phases.get("migrate", 0.0)
    return {
        "run": run,
        "status": status,
        "dry_run": dry_run,
        "batch_size": batch_size,
        "batches": {"planned": numbers.planned, "committed": numbers.committed, "failed": numbers.failed},
        "snapshots": {
            "found": numbers.read + numbers.unreadable + rejected_lines + waiting,
            "read": numbers.read,
            "unreadable": numbers.unreadable + rejected_lines,
            "waiting": waiting,
        },
        "users": numbers.users,
        "items": numbers.items,
        "reasons": numbers.reasons,
        "summaries": {"days": numbers.days},
        "verification": {
            "verdict": verdict.verdict if verdict else "not_run",
            "compared": verdict.compared if verdict else 0,
            "differences": [difference.as_json() for difference in verdict.differences] if verdict else [],
        },
        "digest": digest,
        "plan_digest": plan_digest,
        "seconds": seconds,
        "phases": {name: round(value, 3) for name, value in phases.items()},
        "meals_per_second": round(numbers.items["meal"]["found"] / moving, 1) if moving > 0 else 0.0,
    }


_ORDER = (
    "run", "status", "dry_run", "batch_size", "batches", "snapshots", "users", "items", "reasons", "summaries", "verification", "digest",
    "plan_digest", "seconds", "phases", "meals_per_second",
)  # fmt: skip


def in_published_order(stored: dict[str, Any]) -> dict[str, Any]:
    """A report as it came out of the tables, where JSON loses the order of its keys."""
    items = {kind: {name: stored["items"][kind][name] for name in COUNTS} for kind in KINDS}
    return {**{name: stored[name] for name in _ORDER if name in stored}, "items": items}
