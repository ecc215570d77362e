"""All that a run has brought about, to be compared with another run over the same world: not one row more, less or other.

Left out is only what tells two runs of the same world apart rightfully: the run's number, which sequences handed out (a killed process takes
its numbers with it), moments, and how the people were cut into batches.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from audit.digest import content_digest
from audit.models import MigrationRun
from audit.runs.report import numbers_of
from tests.database import rows, value
from tests.faults.harness.saved import TABLES

_OF_A_RUN = {
    "tallies": "SELECT snapshot_id, kind, found, created, updated, unchanged, duplicate, superseded, quarantined, waived "
    "FROM migration_tallies WHERE run_id = %s",
    "outcomes": "SELECT snapshot_id, user_id::text, kind, path, outcome, reasons::text, raw, changes::text, row_id::text, before::text "
    "FROM migration_outcomes WHERE run_id = %s",
    "plan": "SELECT snapshot_id, user_id::text, read_report::text, poison_digest <> '' FROM migration_run_snapshots WHERE run_id = %s",
}
_OF_ALL = {
    "snapshots": "SELECT id, status FROM storage_snapshots",
    "meals": "SELECT id::text, user_id::text, legacy_id FROM meal_entries",
    "favorites": "SELECT id::text, user_id::text, legacy_id FROM favorite_meals",
    "days": "SELECT user_id::text, summary_date::text FROM daily_summaries",
}
_ONE_EACH = ("migration_runs", "migration_events", "migration_batches")
"""Which may have more rows after a kill: a story of it, or batches that were cut otherwise."""


def fingerprint(run: MigrationRun) -> dict[str, Any]:
    """The content, the books and the report of `run`, in an order of their own."""
    found: dict[str, Any] = {
        name: sorted(map(repr, rows(statement, [run.pk]))) for name, statement in _OF_A_RUN.items()
    }
    found |= {name: sorted(map(repr, rows(statement))) for name, statement in _OF_ALL.items()}
    found["digest"] = content_digest()
    found["rows"] = {table: value(f"SELECT count(*) FROM {table}") for table in TABLES if table not in _ONE_EACH}  # noqa: S608
    found["files"] = sorted(str(path.relative_to(settings.MEDIA_ROOT)) for path in Path(settings.MEDIA_ROOT).rglob("*"))
    numbers = numbers_of(run)
    found["numbers"] = {
        name: getattr(numbers, name) for name in ("users", "read", "unreadable", "failed", "items", "reasons")
    }
    found["report"] = {
        name: run.report.get(name) for name in ("status", "items", "reasons", "users", "snapshots", "digest")
    }
    found["run"] = (run.status, run.verdict, run.digest_before, run.digest_after)
    return found


def check_settled(run: MigrationRun) -> None:
    """Verified, and nothing of it is under way or was done twice."""
    assert run.status in ("completed", "completed_with_quarantine"), (run.status, run.error)
    assert run.verdict == "passed"
    batches = list(run.batches.values_list("status", flat=True))
    assert set(batches) <= {"committed", "split"}, batches
    assert run.plan.exclude(batch__status="committed").count() == 0
    committed = run.batches.filter(status="committed").values_list("users", "snapshots", "items", "quarantined")
    sums = [sum(column) for column in zip(*committed, strict=True)] or [0, 0, 0, 0]
    assert sums[:2] == [run.users_planned, run.snapshots_planned]
    tallied = rows(
        "SELECT COALESCE(sum(found), 0), COALESCE(sum(quarantined), 0) FROM migration_tallies WHERE run_id = %s",
        [run.pk],
    )
    assert [tuple(sums[2:])] == tallied


def check_same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Names the first part that differs, and how, instead of printing both worlds."""
    for name, expected in wanted.items():
        assert found[name] == expected, f"{name}: {_difference(found[name], expected)}"


def _difference(found: Any, expected: Any) -> str:
    if not isinstance(expected, list):
        return f"{found} instead of {expected}"
    more, less = set(found) - set(expected), set(expected) - set(found)
    return f"{len(found)} instead of {len(expected)}; more: {more}; less: {less}"
