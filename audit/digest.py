"""One SHA-256 over what the people's tables say: how equality is shown everywhere.

Two databases have the same digest exactly when every person has the same names, profile, goals, meals, favourites, analyses and day
summaries in both: whatever the physical order, the ids, the runs and snapshots that brought the rows, and when they were written. A person is
known by the e-mail address. An account without any such row contributes nothing.

A row becomes PostgreSQL's text form of a record, in which NULL is not '' and no value can pose as two; instants enter as seconds since 1970
with six decimals, days as numbers, amounts at their column's scale. A person's rows of one table, sorted, make one hash; these and the names
make the person's; the people, sorted, the digest. None of it depends on the server's version, collation, time zone or date style.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connections, models, transaction

from accounts.models import GoalHistory, UserProfile
from nutrition.models import DailySummary, FavoriteMeal, MealAnalysis, MealEntry

PEOPLE_A_QUERY = 100

PROVENANCE = frozenset(
    {
        "id",
        "user_id",
        "meal_entry_id",
        "legacy_id",
        "import_run_id",
        "import_snapshot_id",
        "imported_at",
        "created_at",
        "updated_at",
    }
)
"""Columns that say where a row comes from, not what it says. Every other column of the tables below is content."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One table of a person; `ordered_by` is a column that sorts most rows cheaply before the text of the row decides."""

    name: str
    model: type[models.Model]
    ordered_by: str | None = None


_PARTS = (
    _Part("profile", UserProfile),
    _Part("goals", GoalHistory, "effective_from"),
    _Part("meals", MealEntry, "meal_timestamp"),
    _Part("favorites", FavoriteMeal),
    _Part("analyses", MealAnalysis),
    _Part("summaries", DailySummary, "summary_date"),
)


def content_digest(*, user_ids: Sequence[UUID] | None = None, using: str = "default") -> str:
    """64 hexadecimal digits for the content of these people (None: everybody).

    Outside of a transaction it reads one snapshot of the database, so writers neither wait nor tear it. Memory stays flat: people come in
    chunks of PEOPLE_A_QUERY, and each leaves 32 bytes in the hash.
    """
    digest = hashlib.sha256()
    with _one_view(using), connections[using].cursor() as cursor:
        for people in _chunks(user_ids, using):
            cursor.execute(_PEOPLE_HASHES, {"people": people})
            for (person,) in cursor.fetchall():
                digest.update(person)
    return digest.hexdigest()


@contextmanager
def _one_view(using: str) -> Iterator[None]:
    """The caller's transaction, else one of our own in which every statement sees the same state."""
    begins = not connections[using].in_atomic_block
    with transaction.atomic(using=using):
        if begins:
            with connections[using].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute("SET LOCAL jit = off")  # compiling costs more than a chunk
        yield


def _chunks(user_ids: Sequence[UUID] | None, using: str) -> Iterator[list[UUID]]:
    """Ids of people in the order of their e-mail address, which is the same in every database."""
    with connections[using].chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM users WHERE %(everybody)s OR id = ANY (%(people)s::uuid[]) ORDER BY {_PERSON_KEY}",  # noqa: S608
            {"everybody": user_ids is None, "people": list(user_ids or ())},
        )
        while rows := cursor.fetchmany(PEOPLE_A_QUERY):
            yield [row[0] for row in rows]


def _value(field: models.Field[Any, Any], table: str) -> str:
    """The column in a form whose text is the same in every session: that of dates and times is not."""
    column = f"{table}.{field.column}"
    if field.column == "photo_file":  # <folder>/<user id>/<name>: the person's id is not content
        return f"substring({column} from '[^/]*$')"
    if field.column == "photo_data":  # megabytes; the aggregate of a person may not exceed 1 GB
        return f"encode(sha256(convert_to({column}, 'UTF8')), 'hex')"
    if isinstance(field, models.DateTimeField):
        return f"extract(epoch FROM {column})"
    if isinstance(field, models.DateField):
        return f"{column} - DATE '2000-01-01'"
    return column


def _row(model: type[models.Model], table: str) -> str:
    """The content of one row as text. A record's text was measured at 1.4 times the speed of a JSON array's."""
    fields = [field for field in model._meta.concrete_fields if field.column not in PROVENANCE]
    return f"ROW({', '.join(_value(field, table) for field in fields)})::text"


def _hash_of_rows(part: _Part) -> str:
    """A lateral subquery: one column `hash`, NULL when the person has no such row.

    The text of a row is made once, inside, and sorted person by person: a sort of all people's rows at once would go to disk.
    """
    content, joined = _row(part.model, "item"), ""
    if part.model is MealAnalysis:  # whose meal it is, said by the meal's content
        content = f"ROW({content}, CASE WHEN meal.id IS NOT NULL THEN {_row(MealEntry, 'meal')} END)::text"
        joined = "LEFT JOIN meal_entries AS meal ON meal.id = item.meal_entry_id"
    first = f"item.{part.ordered_by}" if part.ordered_by else "NULL"
    return f"""LATERAL (
        SELECT encode(sha256(convert_to(string_agg(content, E'\\n' ORDER BY first, content COLLATE "C"), 'UTF8')), 'hex') AS hash
        FROM (
            SELECT {first} AS first, {content} AS content
            FROM {part.model._meta.db_table} AS item {joined}
            WHERE item.user_id = person.id OFFSET 0
        ) AS rows
    ) AS {part.name}"""  # noqa: S608 - names of our own models


_PERSON_KEY = 'lower(email COLLATE "C")'
"""Lower case of ASCII letters only, and order by code point, whatever the database's locale."""

_HASHES = ", ".join(f"{part.name}.hash" for part in _PARTS)
_PEOPLE_HASHES = f"""
SELECT sha256(convert_to(json_build_array({_PERSON_KEY}, first_name, last_name, {_HASHES})::text, 'UTF8'))
FROM users AS person CROSS JOIN {" CROSS JOIN ".join(_hash_of_rows(part) for part in _PARTS)}
WHERE person.id = ANY (%(people)s::uuid[]) AND COALESCE({_HASHES}) IS NOT NULL
ORDER BY {_PERSON_KEY}
"""  # noqa: S608
