"""What a run left where it had no business: rows, tallies and outcomes of people or snapshots that it never took."""

from __future__ import annotations

from audit.runs.verification.tables import Session
from audit.runs.verification.verdict import Findings

_TAKEN = """
    SELECT plan.{column} FROM migration_run_snapshots AS plan
    JOIN migration_batches AS batches ON batches.id = plan.batch_id AND batches.status = 'committed' WHERE plan.run_id = %(run)s
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


def check_strays(findings: Findings, session: Session, run: int) -> None:
    """One scan a table, since nobody else ever asks by run."""
    cursor = session.cursor()
    for table, kind in _TABLES.items():
        rows = cursor.execute(_ROWS.format(table=table, taken=_TAKEN.format(column="user_id")), {"run": run})
        for user, row in rows:
            findings.differ(kind, "the run did not take this person", user=str(user), field="row", actual=str(row))
    for table, field in (("migration_tallies", "tally"), ("migration_outcomes", "outcome")):
        rows = cursor.execute(_RECORDS.format(table=table, taken=_TAKEN.format(column="snapshot_id")), {"run": run})
        for snapshot, kind, number in rows:
            problem = "the run did not take this snapshot"
            findings.differ(kind, problem, snapshot=snapshot, field=field, actual=str(number))
