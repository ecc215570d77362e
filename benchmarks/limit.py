"""The limit: bare COPY of the same finished rows into the same table, and one set-wise summary statement. No reading, cleaning or book-keeping.

The table keeps its constraints, its foreign key, its indexes and its triggers; `dynprot.bulk` is on, as in the engine. Rows come in id order.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psycopg

_BLOCK = 1 << 18
_BEFORE_MEALS = ("user_profiles", "goal_history")
"""What the summaries need besides meals; put in place without being timed."""

_SUMMARY_COLUMNS = (
    "user_id, summary_date, total_protein, total_calories, total_carbs, total_fat, total_fiber, total_meals, morning_meals, "
    "afternoon_meals, evening_meals, night_meals, ai_assisted_meals, protein_goal, calorie_goal, protein_goal_met, calorie_goal_met, "
    "protein_goal_percentage, calorie_goal_percentage"
)
_SUMMARIES = (
    f"INSERT INTO daily_summaries (id, {_SUMMARY_COLUMNS}) SELECT daily_summary_id(user_id, summary_date), {_SUMMARY_COLUMNS} "  # noqa: S608
    "FROM computed_daily_summaries(%s::uuid[], NULL, NULL)"
)


class Finished(NamedTuple):
    """The rows that a run left behind, as COPY writes them, one file a batch; and who is in each batch."""

    folder: Path
    batches: list[list[UUID]]
    meals: int

    def meal_files(self) -> list[Path]:
        """In id order."""
        return [self.folder / f"meals-{number}" for number in range(len(self.batches))]


class LimitTime(NamedTuple):
    """Seconds, COPY and summaries apart, commits included in the total."""

    total: float
    copying: float
    summaries: float


def export_finished(url: str, folder: Path, batch_size: int) -> Finished:
    """Takes the finished rows out of the database that a run has filled."""
    folder.mkdir(parents=True, exist_ok=True)
    with psycopg.connect(url) as connection:
        people = [row[0] for row in connection.execute("SELECT DISTINCT user_id FROM meal_entries ORDER BY user_id")]
        batches = [people[first : first + batch_size] for first in range(0, len(people), batch_size)]
        for table in _BEFORE_MEALS:
            _to_file(connection, f"COPY {table} TO STDOUT", folder / table)
        for number, batch in enumerate(batches):
            everybody = ", ".join(f"'{user_id}'" for user_id in batch)
            _to_file(
                connection,
                f"COPY (SELECT * FROM meal_entries WHERE user_id IN ({everybody}) ORDER BY id) TO STDOUT",  # noqa: S608
                folder / f"meals-{number}",
            )
        row = connection.execute("SELECT count(*) FROM meal_entries").fetchone()
    assert row is not None
    return Finished(folder, batches, row[0])


def limit_seconds(url: str, finished: Finished, *, whole: bool) -> LimitTime:
    """Loads the finished rows into the empty tables at `url`, a transaction a batch, or all as one."""
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        for table in _BEFORE_MEALS:
            _from_files(connection, f"COPY {table} FROM STDIN", [finished.folder / table])
        connection.commit()
        files = finished.meal_files()
        if whole:
            portions = [(files, [user_id for batch in finished.batches for user_id in batch])]
        else:
            portions = [([file], batch) for file, batch in zip(files, finished.batches, strict=True)]
        for file in files:
            file.read_bytes()  # from the disk, once, before the clock starts
        copying = summaries = 0.0
        begin = time.perf_counter()
        for some, people in portions:
            connection.execute("SET LOCAL dynprot.bulk = 'on'")
            first = time.perf_counter()
            _from_files(connection, "COPY meal_entries FROM STDIN", some)
            second = time.perf_counter()
            connection.execute(_SUMMARIES, [people])
            third = time.perf_counter()
            connection.commit()
            copying, summaries = copying + second - first, summaries + third - second
        return LimitTime(time.perf_counter() - begin, copying, summaries)


def _to_file(connection: psycopg.Connection, statement: str, target: Path) -> None:
    with target.open("wb") as file, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in copy:
            file.write(block)


def _from_files(connection: psycopg.Connection, statement: str, sources: Sequence[Path]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for source in sources:
            with source.open("rb") as file:
                while block := file.read(_BLOCK):
                    copy.write(block)
