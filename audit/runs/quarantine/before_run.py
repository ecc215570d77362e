"""The tables' side of one person as it was before a run: what a replay compares with, to say what the run would have said.

Made from the present rows and the run's own book-keeping: rows that the run made are left out, rows that it changed get back what its outcomes
say they held. (What people changed since is not undone: it decides nothing here, since only fates that a repair changes are looked at.)
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from audit.local_storage.items import FavoriteContent, MealContent
from audit.local_storage.people import Goals
from audit.runs.existing import PROFILE_COLUMNS, Existing, ExistingEntry, ExistingGoals

_WRITTEN = """
    SELECT 'meal', id::text FROM meal_entries WHERE user_id = %(user)s AND import_run_id = %(run)s
    UNION ALL SELECT 'favorite', id::text FROM favorite_meals WHERE user_id = %(user)s AND import_run_id = %(run)s
    UNION ALL SELECT 'profile', id::text FROM user_profiles WHERE user_id = %(user)s AND import_run_id = %(run)s
"""
_DECIMALS = ("weight_kg", "body_fat_percentage")


def as_before(existing: Existing, *, run_id: int, user_id: UUID) -> Existing:
    """`existing` without what this run did. Two statements."""
    with connection.cursor() as cursor:
        cursor.execute(_WRITTEN, {"user": user_id, "run": run_id})
        written = set(cursor.fetchall())
        cursor.execute(
            "SELECT CASE kind WHEN 'preferences' THEN 'profile' ELSE kind END, row_id::text, before::text FROM migration_outcomes "
            "WHERE run_id = %s AND user_id = %s AND outcome = 'updated' AND row_id IS NOT NULL AND before IS NOT NULL",
            [run_id, user_id],
        )
        images: dict[tuple[str, str], dict[str, Any]] = {}
        for kind, row_id, before in cursor.fetchall():
            images.setdefault((kind, row_id), {}).update(msgspec.json.decode(before))
    return msgspec.structs.replace(
        existing,
        meals=_entries(existing.meals, "meal", written, images),
        favorites=_entries(existing.favorites, "favorite", written, images),
        **_profile(existing, written, images),
    )


def _entries(
    rows: dict[str, ExistingEntry],
    kind: str,
    written: set[tuple[str, str]],
    images: dict[tuple[str, str], dict[str, Any]],
) -> dict[str, ExistingEntry]:
    before = {}
    for row_id, row in rows.items():
        image = images.get((kind, row_id))
        if (kind, row_id) not in written:
            before[row_id] = row
        elif image is not None:
            before[row_id] = row._replace(content=_content(kind, image), untouched=True)
    return before


def _content(kind: str, image: dict[str, Any]) -> Any:
    shape = MealContent if kind == "meal" else FavoriteContent
    return shape(**{**image, "tags": tuple(image["tags"])})


def _profile(
    existing: Existing, written: set[tuple[str, str]], images: dict[tuple[str, str], dict[str, Any]]
) -> dict[str, Any]:
    key = ("profile", existing.profile_id or "")
    if existing.profile is None or key not in written:
        return {}
    image = images.get(key)
    if image is None:
        return {"profile": None, "profile_id": None, "profile_imported": False, "profile_untouched": False, "goals": []}
    columns = {name: _column(name, value) for name, value in image.items() if name in PROFILE_COLUMNS}
    before: dict[str, Any] = {"profile": {**existing.profile, **columns}, "profile_untouched": "kept" not in image}
    if "goals" in image:
        before["goals"] = [
            ExistingGoals(Goals(date.fromisoformat(day), protein, calories), from_server)
            for day, protein, calories, from_server in image["goals"]
        ]
    return before


def _column(name: str, value: Any) -> Any:
    return Decimal(value) if name in _DECIMALS and value is not None else value
