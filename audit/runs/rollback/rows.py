"""Some people's rows put back, set-wise, in the caller's transaction.

First every row that the run wrote gets its fate - `delete`, `restore` or `keep` - in a temporary table, then the fates are carried out. The rows
are locked before they are looked at, so nothing that a person does at the same time falls between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection, models

from accounts.models import UserProfile
from audit.runs.failpoints import reach
from audit.runs.rollback.receipt import Kept, KeptReason, Taken
from nutrition import summaries
from nutrition.models import FavoriteMeal, MealEntry

_FATES = """
    CREATE TEMPORARY TABLE IF NOT EXISTS rolling_back (
        table_name text, row_id uuid, user_id uuid, fate text, reason text, PRIMARY KEY (table_name, row_id)
    ) ON COMMIT DELETE ROWS
"""
_MODELS: tuple[type[models.Model], ...] = (MealEntry, FavoriteMeal, UserProfile)
"""Tables with `updated_at` and `imported_at`; goals and names have rules of their own."""

_LOCK = """
    SELECT FROM {table} WHERE user_id = ANY (%(people)s) AND (import_run_id = %(run)s OR id IN (
        SELECT row_id FROM migration_preimages
        WHERE user_id = ANY (%(people)s) AND run_id = %(run)s AND table_name = '{table}'))
    ORDER BY id FOR UPDATE
"""

_ANALYSED = "EXISTS (SELECT FROM meal_analyses AS made WHERE made.meal_entry_id = kept.id AND {since})"

# Created by the run: no pre-image.
_CREATED = """
    INSERT INTO rolling_back
    SELECT '{table}', kept.id, kept.user_id, CASE WHEN why.reason IS NULL THEN 'delete' ELSE 'keep' END, why.reason
    FROM {table} AS kept CROSS JOIN LATERAL (SELECT CASE
        WHEN kept.updated_at IS DISTINCT FROM kept.imported_at THEN %(changed)s
        WHEN {analysed} THEN %(analysed)s
    END AS reason) AS why
    WHERE kept.user_id = ANY (%(people)s) AND kept.import_run_id = %(run)s AND NOT EXISTS (
        SELECT FROM migration_preimages AS image
        WHERE image.run_id = %(run)s AND image.table_name = '{table}' AND image.row_id = kept.id)
"""

# Changed by the run: the row as it was is known, and the moment at which the run left it.
_CHANGED = """
    INSERT INTO rolling_back
    SELECT '{table}', image.row_id, image.user_id, CASE WHEN why.reason IS NULL THEN 'restore' ELSE 'keep' END, why.reason
    FROM migration_preimages AS image LEFT JOIN {table} AS kept ON kept.id = image.row_id
    CROSS JOIN LATERAL (SELECT CASE
        WHEN kept.id IS NULL THEN %(deleted)s
        WHEN kept.updated_at IS DISTINCT FROM (image.before->>'written_at')::timestamptz THEN %(changed)s
        WHEN {analysed} THEN %(analysed)s
    END AS reason) AS why
    WHERE image.user_id = ANY (%(people)s) AND image.run_id = %(run)s AND image.table_name = '{table}'
"""

_NAMES = """
    INSERT INTO rolling_back
    SELECT 'users', image.row_id, image.user_id, CASE WHEN same THEN 'restore' ELSE 'keep' END, CASE WHEN NOT same THEN %(changed)s END
    FROM migration_preimages AS image JOIN users ON users.id = image.row_id
    CROSS JOIN LATERAL (
        SELECT (first_name, last_name) IS NOT DISTINCT FROM (image.before->'after'->>0, image.before->'after'->>1) AS same
    ) AS names
    WHERE image.user_id = ANY (%(people)s) AND image.run_id = %(run)s AND image.table_name = 'users'
"""

# A favourite whose former name is held by one that stays keeps its present name - which may again be the former name of another.
_NAME_TAKEN = """
    UPDATE rolling_back AS mine SET fate = 'keep', reason = %(name_taken)s
    FROM migration_preimages AS image
    WHERE mine.table_name = 'favorite_meals' AND mine.fate = 'restore'
      AND image.run_id = %(run)s AND image.table_name = 'favorite_meals' AND image.row_id = mine.row_id
      AND EXISTS (
        SELECT FROM favorite_meals AS other
        WHERE other.user_id = mine.user_id AND other.id <> mine.row_id AND lower(other.name) = lower(image.before->>'name')
          AND NOT EXISTS (
            SELECT FROM rolling_back AS going
            WHERE going.table_name = 'favorite_meals' AND going.row_id = other.id AND going.fate <> 'keep'))
"""

# Profile and goals say the same thing twice: where the profile stays, goals that contradict it must not come back.
_PROFILE_STAYS = """EXISTS (
        SELECT FROM rolling_back AS profile WHERE profile.table_name = 'user_profiles' AND profile.user_id = {row}.user_id
        AND profile.reason = %(changed)s)"""
_OURS = "{row}.import_run_id = %(run)s AND {row}.source = 'import'"
"""A goal as the run left it: the person's own change of that day makes it `server`."""

_GOALS_CREATED = f"""
    INSERT INTO rolling_back
    SELECT 'goal_history', kept.id, kept.user_id, CASE WHEN why.reason IS NULL THEN 'delete' ELSE 'keep' END, why.reason
    FROM goal_history AS kept CROSS JOIN LATERAL (SELECT CASE
        WHEN NOT ({_OURS.format(row="kept")}) THEN %(changed)s
        WHEN {_PROFILE_STAYS.format(row="kept")} THEN %(profile_kept)s
    END AS reason) AS why
    WHERE kept.user_id = ANY (%(people)s) AND kept.import_run_id = %(run)s AND NOT EXISTS (
        SELECT FROM migration_preimages AS image
        WHERE image.run_id = %(run)s AND image.table_name = 'goal_history' AND image.row_id = kept.id)
"""
_GOALS_REMOVED = f"""
    INSERT INTO rolling_back
    SELECT 'goal_history', image.row_id, image.user_id, CASE WHEN why.reason IS NULL THEN 'restore' ELSE 'keep' END, why.reason
    FROM migration_preimages AS image CROSS JOIN LATERAL (SELECT CASE
        WHEN {_PROFILE_STAYS.format(row="image")} THEN %(profile_kept)s
        WHEN EXISTS (
            SELECT FROM goal_history AS other
            WHERE other.user_id = image.user_id AND NOT ({_OURS.format(row="other")})
              AND (other.id = image.row_id OR other.effective_from = (image.before->>'effective_from')::date)) THEN %(day_taken)s
    END AS reason) AS why
    WHERE image.user_id = ANY (%(people)s) AND image.run_id = %(run)s AND image.table_name = 'goal_history'
"""

_IMAGES = """
    rolling_back AS todo JOIN migration_preimages AS image
      ON image.run_id = %(run)s AND image.table_name = todo.table_name AND image.row_id = todo.row_id
"""
_DELETE = """
    DELETE FROM {table} USING rolling_back AS todo
    WHERE todo.table_name = '{table}' AND todo.fate = ANY (%(fates)s) AND {table}.id = todo.row_id
"""
_FREE_NAMES = """
    UPDATE favorite_meals SET name = id::text FROM rolling_back AS todo
    WHERE todo.table_name = 'favorite_meals' AND todo.fate = 'restore' AND favorite_meals.id = todo.row_id
"""
# Populating over the present row leaves columns that are younger than the image as they are.
_RESTORE = f"""
    UPDATE {{table}} AS kept SET {{changes}}
    FROM {_IMAGES} JOIN {{table}} AS present ON present.id = todo.row_id
    CROSS JOIN LATERAL jsonb_populate_record(present, image.before) AS former
    WHERE todo.table_name = '{{table}}' AND todo.fate = 'restore' AND kept.id = todo.row_id
"""
_RESTORE_GOALS = f"""
    INSERT INTO goal_history SELECT former.* FROM {_IMAGES}
    CROSS JOIN LATERAL jsonb_populate_record(NULL::goal_history, image.before) AS former
    WHERE todo.table_name = 'goal_history' AND todo.fate = 'restore'
"""
_RESTORE_NAMES = f"""
    UPDATE users SET first_name = image.before->>'first_name', last_name = image.before->>'last_name', updated_at = now()
    FROM {_IMAGES} WHERE todo.table_name = 'users' AND todo.fate = 'restore' AND users.id = todo.row_id
"""

# A snapshot that an earlier run moved, and that was not taken back there, is again as that run left it.
_SNAPSHOTS = """
    UPDATE storage_snapshots AS snapshot
    SET status = CASE WHEN earlier.run_id IS NULL THEN 'waiting' ELSE 'migrated' END, last_run_id = earlier.run_id
    FROM migration_run_snapshots AS plan
    JOIN migration_batches AS batch ON batch.id = plan.batch_id AND batch.status = 'committed'
    LEFT JOIN LATERAL (
        SELECT before.run_id FROM migration_run_snapshots AS before
        JOIN migration_batches AS moved ON moved.id = before.batch_id AND moved.status = 'committed'
        WHERE before.user_id = plan.user_id AND before.snapshot_id = plan.snapshot_id AND before.run_id < plan.run_id
          AND before.reverted_at IS NULL AND before.poison_digest = ''
        ORDER BY before.run_id DESC LIMIT 1
    ) AS earlier ON true
    WHERE plan.run_id = %(run)s AND plan.user_id = ANY (%(people)s) AND plan.reverted_at IS NULL
      AND snapshot.id = plan.snapshot_id AND snapshot.user_id = plan.user_id AND snapshot.status IN ('migrated', 'poisoned')
"""
_MARK = """
    UPDATE migration_run_snapshots AS plan SET reverted_at = now()
    FROM migration_batches AS batch
    WHERE batch.id = plan.batch_id AND batch.status = 'committed'
      AND plan.run_id = %(run)s AND plan.user_id = ANY (%(people)s) AND plan.reverted_at IS NULL
    RETURNING batch.id
"""
_MARK_BATCHES = """
    UPDATE migration_batches AS batch SET status = 'reverted'
    WHERE batch.id = ANY (%s) AND batch.status = 'committed'
      AND NOT EXISTS (SELECT FROM migration_run_snapshots AS plan WHERE plan.batch_id = batch.id AND plan.reverted_at IS NULL)
"""


def take_back(*, run_id: int, people: Sequence[UUID]) -> Taken:
    """Puts back what the run did to these people, who are locked by the caller, and marks them as reverted."""
    parameters: dict[str, Any] = {
        "run": run_id,
        "people": list(people),
        "changed": KeptReason.CHANGED,
        "deleted": KeptReason.DELETED,
        "analysed": KeptReason.ANALYSED,
        "name_taken": KeptReason.NAME_TAKEN,
        "day_taken": KeptReason.DAY_TAKEN,
        "profile_kept": KeptReason.PROFILE_KEPT,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL dynprot.bulk = 'on'")
        cursor.execute(_FATES)
        _decide(cursor, parameters)
        _carry_out(cursor, parameters)
        taken = _account(cursor, people)
    taken.days = summaries.recompute(user_ids=people)
    reach("rollback.people")
    with connection.cursor() as cursor:
        cursor.execute(_SNAPSHOTS, parameters)
        cursor.execute(_MARK, parameters)
        cursor.execute(_MARK_BATCHES, [sorted({batch for (batch,) in cursor.fetchall()})])
    return taken


def _decide(cursor: Any, parameters: dict[str, Any]) -> None:
    tables = [model._meta.db_table for model in _MODELS]
    for table in (*tables, "goal_history"):
        cursor.execute(_LOCK.format(table=table), parameters)
    for table in tables:
        meals = table == "meal_entries"
        any_time = _ANALYSED.format(since="true") if meals else "false"
        since = _ANALYSED.format(since="made.created_at > kept.updated_at") if meals else "false"
        cursor.execute(_CREATED.format(table=table, analysed=any_time), parameters)
        cursor.execute(_CHANGED.format(table=table, analysed=since), parameters)
    cursor.execute(_NAMES, parameters)
    cursor.execute(_GOALS_CREATED, parameters)
    cursor.execute(_GOALS_REMOVED, parameters)
    cursor.execute(_NAME_TAKEN, parameters)
    while cursor.rowcount:
        cursor.execute(_NAME_TAKEN, parameters)


def _carry_out(cursor: Any, parameters: dict[str, Any]) -> None:
    for model in _MODELS:
        table = model._meta.db_table
        cursor.execute(_DELETE.format(table=table), {"fates": ["delete"]})
        if model is FavoriteMeal:  # two rows may have swapped their names
            cursor.execute(_FREE_NAMES)
        columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
        changes = ", ".join(f"{column} = former.{column}" for column in columns)
        cursor.execute(_RESTORE.format(table=table, changes=changes), parameters)
    # A goal that the run wrote again under the same id makes room for the former one.
    cursor.execute(_DELETE.format(table="goal_history"), {"fates": ["delete", "restore"]})
    cursor.execute(_RESTORE_GOALS, parameters)
    cursor.execute(_RESTORE_NAMES, parameters)


def _account(cursor: Any, people: Sequence[UUID]) -> Taken:
    taken = Taken(people=len(people))
    cursor.execute("SELECT table_name, fate, count(*) FROM rolling_back WHERE fate <> 'keep' GROUP BY table_name, fate")
    for table, fate, number in cursor.fetchall():
        (taken.deleted if fate == "delete" else taken.restored)[table] = number
    cursor.execute(
        "SELECT table_name, row_id::text, user_id::text, reason FROM rolling_back WHERE fate = 'keep' "
        "ORDER BY user_id, table_name, row_id"
    )
    taken.kept = [Kept(*row) for row in cursor.fetchall()]
    return taken
