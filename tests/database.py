"""Raw SQL for tests: as support writes it, as the old back end wrote it, and from several connections at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

Row = tuple[Any, ...]
Params = Sequence[Any] | dict[str, Any] | None


def rows(statement: str, params: Params = None) -> list[Row]:
    """Runs `statement` on the test's own connection; its rows, or none when it gives none."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall()) if cursor.description else []


def value(statement: str, params: Params = None) -> Any:
    """The one value that `statement` gives."""
    ((answer,),) = rows(statement, params)
    return answer


def run(statement: str, params: Params = None) -> int:
    """Runs `statement`; how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


@contextmanager
def other_connection() -> Iterator[psycopg.Connection[Row]]:
    """A real second connection to the test's database, in autocommit: what it writes is there for all. Clean up what it commits."""
    connection.ensure_connection()
    info = connection.connection.info
    parameters = {**info.get_parameters(), "password": info.password or None, "options": "-c lock_timeout=20s"}
    with psycopg.connect(**parameters, autocommit=True) as other:
        yield other


def wait_until_blocked(pid: int, seconds: float = 15) -> None:
    """Returns once the backend `pid` waits for somebody's lock."""
    deadline = time.monotonic() + seconds
    with other_connection() as watcher:
        while time.monotonic() < deadline:
            blocked = watcher.execute("SELECT cardinality(pg_blocking_pids(%s))", [pid]).fetchone()
            if blocked is not None and blocked[0]:
                return
            time.sleep(0.01)
    raise AssertionError(f"backend {pid} waits for nobody")
