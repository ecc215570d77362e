"""Ways in which a migration can be wrong, one statement each: outcome rows, tallies and day summaries."""

# ruff: noqa: S608 - the statements are made of this file's own constants
from __future__ import annotations

from tests.audit.verification.corruptions import Corruption


def _outcome(path: str, assignment: str, field: str) -> Corruption:
    kind = "profile" if "user" in path else "meal"
    statement = f"UPDATE migration_outcomes SET {assignment} WHERE path LIKE '%{path}' AND snapshot_id = (SELECT min(snapshot_id) FROM migration_outcomes)"
    return Corruption(f"outcome {path} {assignment}", kind, field, statement)


OUTCOMES = [
    _outcome("state-alice1.meals[2]", "raw = replace(raw, 'Caf', 'caf')", "raw"),
    _outcome("state-alice1.meals[2]", "raw = ''", "raw"),
    _outcome("state-alice1.meals[3]", "raw = '\"Soup\"'", "raw"),
    _outcome("bob9[0]", "raw = '{\"protein\": \"5\"}'", "raw"),
    _outcome("meals-alice1[0]", "raw = replace(raw, '30.5', '30.50001')", "raw"),
    _outcome("state-alice1.meals[2]", "reasons = '{missing_timestamp}'", "reasons"),
    _outcome("bob9[0]", "reasons = '{ambiguous_owner}'", "reasons"),
    _outcome("meals-alice1[0]", "reasons = '{copies_disagree}'", "reasons"),
    _outcome("meals-alice1[0]", "outcome = 'superseded'", "outcome"),
    _outcome("state-alice1.meals[0]", "outcome = 'duplicate', reasons = '{copy}'", "outcome"),
    _outcome("state-alice1.meals[2]", "outcome = 'duplicate'", "outcome"),
    _outcome("state-alice1.meals[1]", "outcome = 'unchanged'", "outcome"),
    _outcome("state-alice1.meals[1]", "outcome = 'quarantined'", "outcome"),
    _outcome("state-alice1.meals[1]", "reasons = '{number_from_text}'", "reasons"),
    _outcome("state-alice1.meals[1]", "changes = '[]'", "changes"),
    _outcome("state-alice1.meals[1]", "changes = jsonb_set(changes, '{0,raw}', '\"\\\"12,4 g\\\"\"')", "changes.protein.raw"),
    _outcome("state-alice1.meals[1]", "changes = jsonb_set(changes, '{1,value}', '\"ai_scan\"')", "changes.source.value"),
    _outcome("state-alice1.meals[1]", "raw = '{}'", "raw"),
    _outcome("meals-alice1[0]", "row_id = (SELECT id FROM meal_entries WHERE description = 'Yaourt')", "row_id"),
    _outcome("meals-alice1[0]", "row_id = NULL", "row_id"),
    _outcome("state-alice1.meals[2]", "row_id = (SELECT id FROM meal_entries WHERE description = 'Yaourt')", "row_id"),
    _outcome("meals-alice1[0]", "kind = 'favorite'", "kind"),
    _outcome("state-alice1.meals[2]", "path = 'dynprot-app-state-alice1.meals[9]'", "outcome"),
    _outcome(".userSettings", "raw = replace(raw, '72.5', '72.6')", "raw"),
    _outcome(".userSettings", "reasons = '{older_copy,goal_mapped}'", "reasons"),
    _outcome("-user-profile", "reasons = '{unreadable_base64}'", "reasons"),
    *(
        Corruption(f"outcome missing {path}", kind, "outcome", f"DELETE FROM migration_outcomes WHERE path LIKE '%{path}'")
        for path, kind in (
            ("state-alice1.meals[0]", "meal"), ("state-alice1.meals[1]", "meal"), ("state-alice1.meals[2]", "meal"),
            ("meals-alice1[0]", "meal"), ("bob9[0]", "meal"), (".user", "profile"), ("-user-profile", "profile"),
        )
    ),
    Corruption("an outcome of a snapshot that was not taken", "meal", "outcome", """
        WITH other AS (
            INSERT INTO storage_snapshots (sha256, payload, size_bytes, user_id, captured_at, timezone)
            SELECT '\\x00', '\\x7b7d', 2, user_id, captured_at, timezone FROM storage_snapshots LIMIT 1 RETURNING id, user_id)
        INSERT INTO migration_outcomes (run_id, snapshot_id, user_id, kind, path, outcome, reasons, raw, changes)
        SELECT run_id, other.id, other.user_id, 'meal', 'x', 'quarantined', '{}', '', '[]' FROM migration_outcomes, other LIMIT 1"""),
]  # fmt: skip

TALLIES = [
    Corruption(f"tally {name}", kind, field, f"UPDATE migration_tallies SET {change} WHERE kind = '{kind}' AND {where}")
    for name, kind, field, change, where in (
        ("found", "meal", "tally.found", "found = found + 1, created = created + 1", "quarantined = 3"),
        (
            "created as unchanged",
            "meal",
            "tally.created",
            "created = created - 1, unchanged = unchanged + 1",
            "quarantined = 3",
        ),
        ("quarantined as waived", "meal", "tally.quarantined", "quarantined = 2, waived = 1", "quarantined = 3"),
        ("duplicate as superseded", "meal", "tally.duplicate", "duplicate = 0, superseded = 2", "quarantined = 3"),
        ("favourite", "favorite", "tally.found", "found = 0, created = 0", "found = 1"),
        ("profile", "profile", "tally.superseded", "superseded = 1, unchanged = 1", "superseded = 2"),
        ("preferences", "preferences", "tally.created", "created = 0, updated = 1", "found = 1"),
    )
] + [
    Corruption(
        "tally missing", "meal", "tally.found", "DELETE FROM migration_tallies WHERE kind = 'meal' AND quarantined = 3"
    )
]

SUMMARIES = [
    Corruption(f"summary {column}", "summary", column, f"UPDATE daily_summaries SET {column} = {value} WHERE total_calories > 0")
    for column, value in (
        ("total_protein", "total_protein + 0.01"),
        ("total_calories", "451"),
        ("total_carbs", "9.99"),
        ("total_fat", "0"),
        ("total_fiber", "2.01"),
        ("total_meals", "3"),
        ("morning_meals", "0"),
        ("afternoon_meals", "1"),
        ("evening_meals", "1"),
        ("night_meals", "0"),
        ("ai_assisted_meals", "2"),
        ("protein_goal", "140"),
        ("calorie_goal", "NULL"),
        ("protein_goal_met", "true"),
        ("calorie_goal_met", "true"),
        ("protein_goal_percentage", "protein_goal_percentage + 0.01"),
        ("calorie_goal_percentage", "calorie_goal_percentage - 0.01"),
    )
] + [
    Corruption("summary missing", "summary", "summary_date", "DELETE FROM daily_summaries WHERE total_calories > 0"),
    Corruption("summary of a day without meals", "summary", "summary_date", """
        INSERT INTO daily_summaries (user_id, summary_date, protein_goal) SELECT user_id, summary_date - 1, 120 FROM daily_summaries"""),
    Corruption("summary of another day", "summary", "summary_date", "UPDATE daily_summaries SET summary_date = summary_date - 1"),
    Corruption("summary after a meal was moved", "summary", "total_protein", "UPDATE meal_entries SET local_date = '2026-02-02' WHERE description = 'Kumara'"),
]  # fmt: skip
