"""What stands in the tables, fetched by COPY for some hundred people at once, as the text that COPY prints."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import psycopg

from audit.runs.verification.copied import NULL
from audit.runs.verification.outcome_rows import OutcomeRow
from audit.runs.verification.profile_rules import COLUMNS, PREFERENCE_COLUMNS
from audit.runs.verification.rows import FAVORITE_LINE, MEAL_FILE, ORIGIN, Rows


def _answered(table: str) -> str:
    """Whether a row was changed since its import *and* the activity log answers for it (importing.md section 8)."""
    return (
        "(updated_at IS DISTINCT FROM imported_at AND EXISTS (SELECT FROM activity_logs AS log"
        f" WHERE log.table_name = '{table}' AND log.record_id = {table}.id AND log.created_at >= {table}.imported_at))"
    )


# What COPY escapes, and how.
_SPECIAL = {
    "\\\\": "\\\\\\\\",
    "\\t": "\\\\t",
    "\\n": "\\\\n",
    "\\r": "\\\\r",
    "\\b": "\\\\b",
    "\\f": "\\\\f",
    "\\v": "\\\\v",
}
_HAS_SPECIAL = r"E'[\\\\\\t\\n\\r\\b\\f\\v]'"
_TEXTS = frozenset({
    "legacy_id", "description", "source_type", "photo_url", "tags", "meal_time_category", "photo_data", "meal_type", "photo_file", "name",
})  # fmt: skip
_FLAGS = frozenset({"ai_estimated", "imported", "edited"})


def _lines_of_people(table: str, names: tuple[str, ...]) -> str:
    """A statement that gives each of the people and their rows in one text, a line each, exactly as COPY prints them.

    One value a person is taken over in one piece, without Python having a hand in it, where COPY hands over row by row; and a search by
    person needs no statistics to be planned right. Texts are escaped only where one of them has anything to escape.
    """
    sources = {
        "photo_data": "left(photo_data, 100)",  # an API's photo in the row can be megabytes; what matters is that an imported row has none
        "imported": "imported_at IS NOT NULL",
        "edited": _answered(table),
    }
    if table == "favorite_meals":
        sources["photo_file"] = "NULL"
    values = {name: f"({sources.get(name, name)})::text" for name in names}
    texts = ", ".join(values[name] for name in names if name in _TEXTS)
    plain = {name: f"left({value}, 1)" if name in _FLAGS else value for name, value in values.items()}
    escaped = {name: _escaped(value) if name in _TEXTS else value for name, value in plain.items()}
    return (
        f"SELECT people.id::text, (SELECT string_agg(CASE WHEN concat({texts}) ~ {_HAS_SPECIAL} THEN {_line(escaped)} ELSE {_line(plain)} END,"
        f" E'\\n') FROM {table} WHERE user_id = people.id) FROM unnest($1::uuid[]) AS people (id)"
    )


def _line(columns: dict[str, str]) -> str:
    return "concat_ws(E'\\t', " + ", ".join(f"coalesce({column}, '{NULL}')" for column in columns.values()) + ")"


def _escaped(text: str) -> str:
    for special, escape in _SPECIAL.items():
        text = f"replace({text}, E'{special}', E'{escape}')"
    return text


_OF_PEOPLE = "WHERE user_id = ANY (%s)"
PROFILE_COLUMNS = (
    *(column.name for column in (*COLUMNS, *PREFERENCE_COLUMNS)),
    "timezone",
    "imported_defaults",
    "import_run_id",
    "imported_at",
    "edited",
)

_STATEMENTS = {
    "profiles": (
        f"SELECT user_id, {', '.join(PROFILE_COLUMNS[:-1])}, {_answered('user_profiles')}, id"
        f" FROM user_profiles {_OF_PEOPLE}"
    ),
    "names": "SELECT id, first_name, last_name FROM users WHERE id = ANY (%s)",
    "goals": (
        "SELECT user_id, effective_from, daily_protein_goal, daily_calorie_goal, source, import_run_id"
        f" FROM goal_history {_OF_PEOPLE} ORDER BY user_id, effective_from"
    ),
    "deleted": (
        "SELECT user_id, row_id, kind, EXISTS (SELECT FROM activity_logs AS log WHERE log.record_id = row_id"
        " AND log.table_name = CASE kind WHEN 'meal' THEN 'meal_entries' ELSE 'favorite_meals' END"
        f" AND log.created_at >= deleted_at) FROM deleted_entries {_OF_PEOPLE}"
    ),
}


_MEALS = _lines_of_people("meal_entries", MEAL_FILE)
_FAVORITES = _lines_of_people("favorite_meals", ("user_id", "id", "legacy_id", *FAVORITE_LINE, *ORIGIN))

_COUNTS = ("found", "created", "updated", "unchanged", "duplicate", "superseded", "quarantined", "waived")

Session = psycopg.Connection[tuple[Any, ...]]
"""psycopg's own connection: Django's belongs to one thread, and this work has a thread of its own."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A row of `goal_history`; texts as COPY prints them."""

    day: str
    protein: str
    calories: str
    source: str
    run: int | None


@dataclass(slots=True)
class Tables:
    """One chunk of people. The copied texts of meals and goals are kept for the second engine."""

    meals: Rows
    favorites: Rows
    profiles: dict[str, dict[str, str]]
    names: dict[str, tuple[str, str]]
    goals: dict[str, list[Goal]]
    deleted: dict[tuple[str, str], dict[str, bool]]
    """Person and kind → id of a deleted row → whether the activity log answers for its deletion."""
    outcomes: dict[str, list[OutcomeRow]]
    tallies: dict[tuple[int, str], dict[str, int]]
    meal_texts: list[bytes]
    goal_text: bytes


def copy_out(session: Session, statement: str, parameters: list[Any]) -> bytes:
    """What COPY sends, whole: some megabytes for a chunk.

    By libpq itself: a cursor's `copy` waits in Python for each row, at four times the cost.
    """
    query = psycopg.ClientCursor(session).mogrify(f"COPY ({statement}) TO STDOUT", parameters)
    server = session.pgconn
    result = server.exec_(query.encode())
    if result.status != psycopg.pq.ExecStatus.COPY_OUT:
        raise psycopg.errors.error_from_result(result)
    rows = []
    while True:
        length, row = server.get_copy_data(0)
        if length < 0:
            break
        rows.append(bytes(row))
    while (last := server.get_result()) is not None:
        if last.status == psycopg.pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(last)
    return b"".join(rows)


def rows_of(session: Session, statement: str, users: list[Any], *more: bytes) -> list[tuple[Any, ...]]:
    """What a statement gives whose first parameter are these people, in binary; texts are texts then.

    By libpq itself, in one wait without Python's lock: psycopg waits in small steps, each of which would have to get the lock back from the
    thread that compares.
    """
    people = "{" + ",".join(map(str, users)) + "}"
    result = session.pgconn.exec_params(statement.encode(), [people.encode(), *more], result_format=1)
    if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
        raise psycopg.errors.error_from_result(result)
    columns = range(result.nfields)
    return [tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples)]


def fetch_tables(session: Session, run: int, users: list[Any], snapshots: list[int]) -> Tables:
    """Everything about these people that a run may have written, and what the run says of these snapshots."""
    meals, favorites = (
        {user.decode(): lines for user, lines in rows_of(session, statement, users) if lines is not None}
        for statement in (_MEALS, _FAVORITES)
    )
    texts = {name: copy_out(session, statement, [users]) for name, statement in _STATEMENTS.items()}
    goals = defaultdict(list)
    for user, day, protein, calories, source, goal_run in _lines(texts["goals"]):
        goals[user].append(Goal(day, protein, calories, source, None if goal_run == NULL else int(goal_run)))
    deleted: dict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    for user, row_id, kind, answered in _lines(texts["deleted"]):
        deleted[user, kind][row_id] = answered == "t"
    return Tables(
        meals=Rows(meals),
        favorites=Rows(favorites),
        profiles={
            user: dict(zip((*PROFILE_COLUMNS, "id"), row, strict=True)) for user, *row in _lines(texts["profiles"])
        },
        names={user: (first, last) for user, first, last in _lines(texts["names"])},
        goals=goals,
        deleted=deleted,
        outcomes=_outcomes(session, run, users),
        tallies=_tallies(session, run, snapshots),
        meal_texts=list(meals.values()),
        goal_text=texts["goals"],
    )


def _lines(text: bytes) -> list[list[str]]:
    return [line.split("\t") for line in text.decode().split("\n") if line]


def _outcomes(session: Session, run: int, users: list[Any]) -> dict[str, list[OutcomeRow]]:
    found = defaultdict(list)
    rows = session.cursor().execute(
        "SELECT user_id, snapshot_id, kind, path, outcome, reasons, raw, changes::text, row_id, before::text"
        " FROM migration_outcomes WHERE run_id = %s AND user_id = ANY (%s)",
        [run, users],
    )
    for user, snapshot, kind, path, outcome, reasons, raw, changes, row_id, before in rows:
        row = OutcomeRow(
            snapshot=snapshot,
            kind=kind,
            path=path,
            outcome=outcome,
            reasons=reasons,
            raw=raw,
            changes=json.loads(changes),
            row_id=None if row_id is None else str(row_id),
            before=None if before is None else json.loads(before),
        )
        found[str(user)].append(row)
    return found


def _tallies(session: Session, run: int, snapshots: list[int]) -> dict[tuple[int, str], dict[str, int]]:
    rows = session.cursor().execute(
        f"SELECT snapshot_id, kind, {', '.join(_COUNTS)} FROM migration_tallies WHERE run_id = %s AND snapshot_id = ANY (%s)",
        [run, snapshots],
    )
    return {(snapshot, kind): dict(zip(_COUNTS, counts, strict=True)) for snapshot, kind, *counts in rows}
