"""A state of the whole database, kept aside in it and put back in some milliseconds: hundreds of kills begin at the same point."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from tests.database import rows
from tests.laws.world import ALL_TABLES

TABLES = (
    # Referenced tables before those that refer to them.
    "users",
    "user_profiles",
    "migration_runs",
    "migration_batches",
    "storage_snapshots",
    "goal_history",
    "meal_entries",
    "favorite_meals",
    "meal_analyses",
    "daily_summaries",
    "deleted_entries",
    "migration_run_snapshots",
    "migration_events",
    "migration_tallies",
    "migration_outcomes",
    "migration_preimages",
    "item_repairs",
    "activity_logs",
)
"""All that a run may touch, and what there was before it."""
assert set(ALL_TABLES) <= set(TABLES)


class Saved:
    """Everything as it is now: rows, sequences, files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS saved CASCADE; CREATE SCHEMA saved")
            for table in TABLES:
                cursor.execute(f"CREATE TABLE saved.{table} AS TABLE {table}")
            cursor.execute(
                "CREATE TABLE saved.sequences AS SELECT schemaname, sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
            )
        self._columns = {table: _columns(table) for table in TABLES}
        shutil.rmtree(folder, ignore_errors=True)
        if _media().exists():
            shutil.copytree(_media(), folder)

    def restore(self) -> None:
        """Puts all of it back, ids and sequences too: the same run then has the same numbers."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {', '.join(TABLES)} CASCADE")
            for table in TABLES:
                names = ", ".join(self._columns[table])
                cursor.execute(
                    f"ALTER TABLE {table} DISABLE TRIGGER USER; "  # noqa: S608
                    f"INSERT INTO {table} ({names}) SELECT {names} FROM saved.{table}; "
                    f"ALTER TABLE {table} ENABLE TRIGGER USER"
                )
            cursor.execute(
                "SELECT setval(quote_ident(sequencename)::regclass, COALESCE(last_value, 1), last_value IS NOT NULL) FROM saved.sequences"
            )
        shutil.rmtree(_media(), ignore_errors=True)
        if self._folder.exists():
            shutil.copytree(self._folder, _media())


def _media() -> Path:
    return Path(settings.MEDIA_ROOT)


def _columns(table: str) -> Sequence[str]:
    return [
        name
        for (name,) in rows(
            "SELECT quote_ident(column_name) FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
            [table],
        )
    ]
