"""What the tables say now about the people of a batch: read once, set-wise, under the lock that the batch holds on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from audit.local_storage.items import FavoriteContent, MealContent
from audit.local_storage.people import Goals

PROFILE_COLUMNS = (
    "weight_kg",
    "height_cm",
    "age",
    "gender",
    "body_fat_percentage",
    "daily_protein_goal",
    "daily_calorie_goal",
    "activity_level",
    "fitness_goal",
    "training_days_per_week",
    "preferred_units",
    "diet_preferences",
    "dark_mode",
    "notifications_enabled",
    "share_data",
    "allow_analytics",
    "reduced_motion",
    "high_contrast",
    "large_text",
    "timezone",
    "imported_defaults",
)


class ExistingEntry(NamedTuple):
    """A meal or favourite that is there. `untouched`: it came from a browser and nobody changed it on the server since."""

    id: str
    content: Any
    imported: bool
    untouched: bool
    legacy_id: str | None


class ExistingGoals(NamedTuple):
    """One row of the goal history."""

    goals: Goals
    from_server: bool


class Existing(msgspec.Struct):
    """The tables' side of one person."""

    first_name: str | None = None
    last_name: str | None = None
    meals: dict[str, ExistingEntry] = {}
    favorites: dict[str, ExistingEntry] = {}
    deleted: set[str] = msgspec.field(default_factory=set)
    profile: dict[str, Any] | None = None
    profile_id: str | None = None
    profile_imported: bool = False
    profile_untouched: bool = False
    goals: list[ExistingGoals] = []


_MEALS = """
    SELECT user_id, id::text, (extract(epoch FROM meal_timestamp) * 1000000)::bigint, description, (protein_grams * 100)::int, calories,
           (carbs_grams * 100)::int, (fat_grams * 100)::int, (fiber_grams * 100)::int, source_type, ai_estimated,
           COALESCE(tags, '{}'), photo_url, substring(photo_file from '[^/]*$'),
           imported_at IS NOT NULL, imported_at IS NOT DISTINCT FROM updated_at, legacy_id
    FROM meal_entries WHERE user_id = ANY (%s)
"""
_FAVORITES = """
    SELECT user_id, id::text, name, description, (protein_grams * 100)::int, calories, (carbs_grams * 100)::int, (fat_grams * 100)::int,
           use_count, (extract(epoch FROM last_used_at) * 1000000)::bigint, COALESCE(tags, '{}'), photo_url,
           (extract(epoch FROM created_at) * 1000000)::bigint,
           imported_at IS NOT NULL, imported_at IS NOT DISTINCT FROM updated_at, legacy_id
    FROM favorite_meals WHERE user_id = ANY (%s)
"""


def lock_people(user_ids: Sequence[UUID]) -> dict[UUID, Existing]:
    """Locks the people who are still there, in id order, against other writers of their summaries; everything is read after this."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, first_name, last_name FROM users WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE",
            [list(user_ids)],
        )
        return {user_id: Existing(first_name=first, last_name=last) for user_id, first, last in cursor.fetchall()}


def read_existing(people: dict[UUID, Existing]) -> None:
    """Fills in what the tables hold of these people; for those who have nothing it costs two index look-ups each."""
    everybody = list(people)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT candidate, EXISTS (SELECT FROM meal_entries WHERE user_id = candidate), "
            "EXISTS (SELECT FROM favorite_meals WHERE user_id = candidate) FROM unnest(%s::uuid[]) AS candidate",
            [everybody],
        )
        flags = cursor.fetchall()
        _entries(people, [user for user, meals, _ in flags if meals], _MEALS, _meal_content, "meals")
        _entries(
            people, [user for user, _, favorites in flags if favorites], _FAVORITES, _favorite_content, "favorites"
        )
        cursor.execute("SELECT user_id, row_id::text FROM deleted_entries WHERE user_id = ANY (%s)", [everybody])
        for user_id, row_id in cursor.fetchall():
            people[user_id].deleted.add(row_id)
        _profiles(people, everybody)


def _meal_content(row: tuple[Any, ...]) -> MealContent:
    return MealContent._make((*row[:9], tuple(row[9]), *row[10:12]))


def _favorite_content(row: tuple[Any, ...]) -> FavoriteContent:
    return FavoriteContent._make((*row[:8], tuple(row[8]), *row[9:11]))


def _entries(
    people: dict[UUID, Existing],
    owners: list[UUID],
    query: str,
    content_of: Callable[[tuple[Any, ...]], Any],
    kind: str,
) -> None:
    if not owners:
        return
    with connection.cursor() as cursor:
        cursor.execute(query, [owners])
        for user_id, row_id, *row, imported, untouched, legacy_id in cursor:
            entry = ExistingEntry(row_id, content_of(tuple(row)), imported, imported and untouched, legacy_id)
            getattr(people[user_id], kind)[row_id] = entry


def _profiles(people: dict[UUID, Existing], everybody: list[UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT user_id, id::text, imported_at IS NOT NULL, imported_at IS NOT DISTINCT FROM updated_at, {', '.join(PROFILE_COLUMNS)} "
            "FROM user_profiles WHERE user_id = ANY (%s)",
            [everybody],
        )
        for user_id, profile_id, imported, untouched, *values in cursor.fetchall():
            person = people[user_id]
            person.profile = dict(zip(PROFILE_COLUMNS, values, strict=True))
            person.profile_id = profile_id
            person.profile_imported = imported
            person.profile_untouched = imported and untouched
        cursor.execute(
            "SELECT user_id, effective_from, daily_protein_goal, COALESCE(daily_calorie_goal, 2000), source = 'server' "
            "FROM goal_history WHERE user_id = ANY (%s) ORDER BY user_id, effective_from",
            [everybody],
        )
        for user_id, effective_from, protein, calories, from_server in cursor.fetchall():
            _add_goals(people[user_id], effective_from, protein, calories, from_server=from_server)


def _add_goals(person: Existing, effective_from: date, protein: int, calories: int, *, from_server: bool) -> None:
    person.goals.append(ExistingGoals(Goals(effective_from, protein, calories), from_server))
