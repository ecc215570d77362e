"""A small world on the real PostgreSQL: people, their snapshots, and everything that a run may have touched."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts.models import User
from audit.models import StorageSnapshot
from audit.runs.engine import dry_run, migrate
from audit.runs.plan import Scope
from audit.runs.report import Numbers
from tests.captures import CAPTURED, LOADED
from tests.database import rows, run
from tests.laws.strategies import Browser

PEOPLES_TABLES = (
    "users",
    "user_profiles",
    "goal_history",
    "meal_entries",
    "favorite_meals",
    "meal_analyses",
    "daily_summaries",
    "deleted_entries",
)
ALL_TABLES = (
    *PEOPLES_TABLES,
    "storage_snapshots",
    "migration_runs",
    "migration_batches",
    "migration_run_snapshots",
    "migration_events",
    "migration_tallies",
    "migration_outcomes",
    "activity_logs",
)


class Silent:
    """An observer that only remembers."""

    def __init__(self) -> None:
        self.batches = 0
        self.resumed: bool | None = None

    def started(self, *, run: int | None, people: int, snapshots: int, resumed: bool) -> None:
        self.resumed = resumed

    def advanced(self, numbers: Numbers) -> None:
        self.batches += 1

    def verifying(self, done: int, total: int) -> None:
        """Nobody looks."""


def empty() -> None:
    """Nobody is there and nothing was ever done; sequences go on, as they would."""
    run(f"TRUNCATE {', '.join(ALL_TABLES)} CASCADE")


def person_id(number: int) -> UUID:
    """The same person has the same id in every world, so that two worlds can be compared."""
    return UUID(f"01890a5d-ac96-774b-8000-{number:012x}")


def stage(browsers: Sequence[Browser]) -> None:
    """The people of these browsers, as far as they are not there yet, and their snapshots, waiting."""
    for number in sorted({browser.person for browser in browsers}):
        names = {"email": f"person{number}@example.fr", "username": f"person{number}", "password": "!"}
        User.objects.get_or_create(id=person_id(number), defaults=names)
    StorageSnapshot.objects.bulk_create(
        StorageSnapshot(
            sha256=hashlib.sha256(browser.payload).digest(),
            payload=browser.payload,
            size_bytes=len(browser.payload),
            user_id=person_id(browser.person),
            status="waiting",
            captured_at=CAPTURED + timedelta(days=browser.day),
            loaded_at=LOADED + timedelta(days=browser.day),
            timezone=browser.zone,
        )
        for browser in browsers
    )


def go(*, batch_size: int = 100, again: bool = False) -> dict[str, Any]:
    """One migration, from start to verdict."""
    return migrate(scope=Scope(again=again), batch_size=batch_size, observer=Silent())


def predict(*, batch_size: int = 100, again: bool = False) -> dict[str, Any]:
    return dry_run(scope=Scope(again=again), batch_size=batch_size, observer=Silent())


def versions() -> dict[str, list[Any]]:
    """Which transaction wrote which row of the people's tables."""
    return {table: rows(f"SELECT ctid::text, xmin::text FROM {table} ORDER BY 1") for table in PEOPLES_TABLES}  # noqa: S608 - our own names


def everything() -> dict[str, Any]:
    """Every row of every table, every sequence, every file."""
    tables = {table: rows(f"SELECT md5(t::text), xmin::text FROM {table} AS t ORDER BY 1") for table in ALL_TABLES}  # noqa: S608
    sequences = rows("SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2")
    media = Path(settings.MEDIA_ROOT)
    files = sorted(str(path.relative_to(media)) for path in media.rglob("*")) if media.exists() else []
    return {**tables, "sequences": sequences, "files": files}
