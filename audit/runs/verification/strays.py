"""What a run left where it had no business: rows, tallies and outcomes of people or snapshots that it never took."""

from __future__ import annotations

from audit.runs.verification.tables import Session
from audit.runs.verification.verdict import Findings

_TAKEN = """
    SELECT plan.{column} FROM migration_run_snapshots AS plan
    JOIN migration_batches AS batches ON batches.id = plan.batch_id AND batches.status IN ('committed', 'reverted')
    WHERE plan.run_id = %(run)s
"""
_ROWS = """
    SELECT user_id, id FROM {table} WHERE import_run_id = %(run)s AND user_id NOT IN ({taken}) ORDER BY id LIMIT 200
"""
_RECORDS = """
    SELECT snapshot_id, kind, count(*) FROM {table} WHERE run_id = %(run)s AND snapshot_id NOT IN ({taken})
    GROUP BY snapshot_id, kind ORDER BY snapshot_id, kind LIMIT 200
"""
_TABLES = {
    "meal_entries": "meal",
    "favorite_meals": "favorite",
    "user_profiles": "profile",
    "goal_history": "goal",
}


Stray = tuple[str, str | None, int | None, str, str]
"""Kind, person, snapshot, field, and what is there."""


def find_strays(session: Session, run: int) -> list[Stray]:
    """One scan a table, since nobody else ever asks by run."""
    cursor = session.cursor()
    strays: list[Stray] = []
    for table, kind in _TABLES.items():
        taken = _TAKEN.format(column="user_id")
        rows = cursor.execute(_ROWS.format(table=table, taken=taken), {"run": run})
        strays.extend((kind, str(user), None, "row", str(row)) for user, row in rows)
    for table, field in (("migration_tallies", "tally"), ("migration_outcomes", "outcome")):
        records = cursor.execute(_RECORDS.format(table=table, taken=_TAKEN.format(column="snapshot_id")), {"run": run})
        strays.extend((kind, None, snapshot, field, str(number)) for snapshot, kind, number in records)
    return strays


def report_strays(findings: Findings, strays: list[Stray]) -> None:
    for kind, user, snapshot, field, actual in strays:
        problem = f"the run did not take this {'person' if user else 'snapshot'}"
        findings.differ(kind, problem, user=user, snapshot=snapshot, field=field, actual=actual)
