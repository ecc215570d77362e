"""The writing of a batch: COPY into a temporary table, then one INSERT and one UPDATE a table. Nothing row by row.

What is overwritten or removed leaves its pre-image behind first (preimages.py), in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import connection

from audit.local_storage.items import FavoriteContent
from audit.local_storage.values import EPOCH
from audit.runs.copying import NULL, copy_lines, hundredths
from audit.runs.existing import PROFILE_COLUMNS
from audit.runs.meal_lines import COLUMNS
from audit.runs.preimages import keep_rows, remove_goals, replace_names
from audit.runs.reconcile_settings import SettingsPlan, json_value, profile_row_id
from audit.runs.wanted import WantedRow
from dynprot.identifiers import RowIds

_MEAL_CHANGES = (
    "legacy_id",
    "description",
    "meal_timestamp",
    "created_at",
    "local_date",
    "protein_grams",
    "calories",
    "carbs_grams",
    "fat_grams",
    "fiber_grams",
    "source_type",
    "ai_estimated",
    "photo_url",
    "photo_file",
    "tags",
    "meal_time_category",
    "import_snapshot_id",
)
_TEMPORARY_MEALS = """
    CREATE TEMPORARY TABLE IF NOT EXISTS importing_meals (
        id uuid, user_id uuid, description text, meal_timestamp timestamptz, created_at timestamptz, local_date date,
        protein_grams numeric(6, 2), calories integer, carbs_grams numeric(6, 2), fat_grams numeric(6, 2), fiber_grams numeric(5, 2),
        source_type text, ai_estimated boolean, photo_url text, photo_file text, tags text[], meal_time_category text, legacy_id text,
        import_snapshot_id bigint
    ) ON COMMIT DELETE ROWS
"""


def create_meals(*, run_id: int | None, lines: Iterable[str]) -> None:
    """Adds meals straight into their table; each of `lines` holds any number of rows with the columns of meal_lines.COLUMNS."""
    lines = filter(None, lines)
    first = next(lines, None)
    if first is None:
        return
    with connection.cursor() as cursor:
        # To the microsecond what `updated_at` gets by default: so the row counts as untouched.
        cursor.execute("SELECT now()::text")
        tail = f"\t{NULL if run_id is None else run_id}\t{cursor.fetchone()[0]}\n"
        # No line break is within a value (they are escaped), so each ends a row.
        copy_lines(
            cursor,
            f"COPY meal_entries ({COLUMNS}, import_run_id, imported_at) FROM STDIN",
            (block.replace("\n", tail) for block in chain((first,), lines)),
        )


def update_meals(*, run_id: int | None, lines: Iterable[str]) -> None:
    """Overwrites meals that nobody has changed since their import; `lines` as for `create_meals`."""
    changes = ", ".join(f"{column} = wanted.{column}" for column in _MEAL_CHANGES)
    with connection.cursor() as cursor:
        cursor.execute(_TEMPORARY_MEALS)
        copy_lines(cursor, f"COPY importing_meals ({COLUMNS}) FROM STDIN", lines)
        overwritten = "kept.id IN (SELECT id FROM importing_meals)"
        keep_rows(cursor, run_id=run_id, table="meal_entries", chosen=overwritten, parameters={})
        cursor.execute(
            f"UPDATE meal_entries AS kept SET {changes}, updated_at = now(), imported_at = now(), import_run_id = %s "
            "FROM importing_meals AS wanted WHERE kept.id = wanted.id",
            [run_id],
        )


_FAVORITE_COLUMNS = (
    "id",
    "user_id",
    "name",
    "description",
    "protein_grams",
    "calories",
    "carbs_grams",
    "fat_grams",
    "use_count",
    "last_used_at",
    "tags",
    "photo_url",
    "created_at",
    "legacy_id",
    "import_snapshot_id",
)


def _iso(instant: int | None) -> str | None:
    return None if instant is None else (EPOCH + timedelta(microseconds=instant)).isoformat()


def _decimal(value: int | None) -> str | None:
    return None if value is None else hundredths(value)


def favorite_json(row: WantedRow) -> dict[str, Any]:
    """A favourite's row as PostgreSQL reads it from JSON."""
    content: FavoriteContent = row.content
    values = (
        row.id,
        str(row.user_id),
        content.name,
        content.description,
        _decimal(content.protein),
        content.calories,
        _decimal(content.carbs),
        _decimal(content.fat),
        content.use_count,
        _iso(content.last_used),
        list(content.tags),
        content.photo_url,
        _iso(content.created),
        row.legacy_id,
        row.snapshot_id,
    )
    return dict(zip(_FAVORITE_COLUMNS, values, strict=True))


def load_favorites(*, run_id: int | None, create: Sequence[WantedRow], update: Sequence[WantedRow]) -> None:
    """Writes favourites (some ten a person)."""
    columns = ", ".join(_FAVORITE_COLUMNS)
    with connection.cursor() as cursor:
        if update:
            changed = [column for column in _FAVORITE_COLUMNS if column not in ("id", "user_id")]
            ids = [row.id for row in update]
            keep_rows(
                cursor,
                run_id=run_id,
                table="favorite_meals",
                chosen="kept.id = ANY (%(ids)s::uuid[])",
                parameters={"ids": ids},
            )
            # Names are moved out of the way first: two rows may swap theirs.
            cursor.execute("UPDATE favorite_meals SET name = id::text WHERE id = ANY (%s::uuid[])", [ids])
            cursor.execute(
                f"UPDATE favorite_meals AS kept SET {', '.join(f'{column} = wanted.{column}' for column in changed)}, "
                "updated_at = now(), imported_at = now(), import_run_id = %s "
                "FROM jsonb_populate_recordset(NULL::favorite_meals, %s) AS wanted WHERE kept.id = wanted.id",
                [run_id, json.dumps([favorite_json(row) for row in update])],
            )
        if create:
            cursor.execute(
                f"INSERT INTO favorite_meals ({columns}, updated_at, imported_at, import_run_id) "
                f"SELECT {columns}, now(), now(), %s FROM jsonb_populate_recordset(NULL::favorite_meals, %s)",
                [run_id, json.dumps([favorite_json(row) for row in create])],
            )


def load_settings(*, run_id: int | None, plans: dict[UUID, SettingsPlan]) -> None:
    """Writes profiles, goals and names."""
    with connection.cursor() as cursor:
        _create_profiles(cursor, run_id, {user: plan for user, plan in plans.items() if plan.create})
        _update_profiles(
            cursor, run_id, {user: plan for user, plan in plans.items() if plan.columns and not plan.create}
        )
        _replace_goals(cursor, run_id, {user: plan for user, plan in plans.items() if plan.goals is not None})
        names = [[str(user), *plan.names] for user, plan in plans.items() if plan.names]
        if names:
            replace_names(cursor, run_id=run_id, names=json.dumps(names))


def _profile_json(user_id: UUID, plan: SettingsPlan) -> dict[str, Any]:
    values = {column: json_value(value) for column, value in plan.columns.items()}
    return {"user_id": str(user_id), "import_snapshot_id": plan.snapshot_id, **values}


def _create_profiles(cursor: Any, run_id: int | None, plans: dict[UUID, SettingsPlan]) -> None:
    if not plans:
        return
    columns = ", ".join(("id", "user_id", "import_snapshot_id", *PROFILE_COLUMNS))
    rows = [{**_profile_json(user, plan), "id": profile_row_id(user)} for user, plan in plans.items()]
    cursor.execute(
        f"INSERT INTO user_profiles ({columns}, created_at, updated_at, imported_at, import_run_id) "
        f"SELECT {columns}, now(), now(), now(), %s FROM jsonb_populate_recordset(NULL::user_profiles, %s)",
        [run_id, json.dumps(rows)],
    )


def _update_profiles(cursor: Any, run_id: int | None, plans: dict[UUID, SettingsPlan]) -> None:
    """Rows over the person's own: populating from the present row leaves columns that the plan does not name as they are."""
    if not plans:
        return
    rows = [{**_profile_json(user, plan), "untouched": plan.mark_untouched} for user, plan in plans.items()]
    columns = ", ".join(f"{column} = wanted.{column}" for column in PROFILE_COLUMNS)
    keep_rows(
        cursor,
        run_id=run_id,
        table="user_profiles",
        chosen="kept.user_id = ANY (%(users)s)",
        parameters={"users": list(plans)},
    )
    cursor.execute(
        f"""
        UPDATE user_profiles AS kept SET {columns}, updated_at = now(),
            imported_at = CASE WHEN (change->>'untouched')::boolean THEN now() ELSE kept.imported_at END,
            import_run_id = CASE WHEN (change->>'untouched')::boolean THEN %s ELSE kept.import_run_id END,
            import_snapshot_id = CASE WHEN (change->>'untouched')::boolean THEN wanted.import_snapshot_id ELSE kept.import_snapshot_id END
        FROM jsonb_array_elements(%s::jsonb) AS change
        JOIN user_profiles AS present ON present.user_id = (change->>'user_id')::uuid
        CROSS JOIN LATERAL jsonb_populate_record(present, change) AS wanted
        WHERE kept.id = present.id
        """,
        [run_id, json.dumps(rows)],
    )


def _replace_goals(cursor: Any, run_id: int | None, plans: dict[UUID, SettingsPlan]) -> None:
    if not plans:
        return
    keep = [user for user, plan in plans.items() if plan.keep_server_goals]
    remove_goals(
        cursor,
        run_id=run_id,
        chosen="user_id = ANY (%(users)s) AND NOT (source = 'server' AND user_id = ANY (%(keep)s))",
        parameters={"users": list(plans), "keep": keep},
    )
    rows = [
        [
            RowIds(user).text("goals", str(goals.effective_from)),
            str(user),
            str(goals.effective_from),
            goals.protein,
            goals.calories,
        ]
        for user, plan in plans.items()
        for goals in plan.goals or ()
    ]
    cursor.execute(
        "INSERT INTO goal_history (id, user_id, effective_from, daily_protein_goal, daily_calorie_goal, source, import_run_id) "
        "SELECT (row->>0)::uuid, (row->>1)::uuid, (row->>2)::date, (row->>3)::int, (row->>4)::int, 'import', %s "
        "FROM jsonb_array_elements(%s::jsonb) AS wanted(row)",
        [run_id, json.dumps(rows)],
    )
