"""Errors are sorted as what they are, whatever has wrapped them; most of them come from the real PostgreSQL."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import msgspec
import psycopg
import psycopg_pool
import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from audit.runs.flow.errors import Kind, Trouble, backoff_seconds, classify, traceback_digest
from audit.runs.ledger import Ledger, Unbalanced
from tests.audit.flow import trouble
from tests.audit.flow.trouble import caught
from tests.database import other_connection, value

TRANSIENT, DEFINITIVE, UNKNOWN = Kind.TRANSIENT, Kind.DEFINITIVE, Kind.UNKNOWN


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("provoke", "verdict"),
    [
        (trouble.deadlock, Trouble(TRANSIENT, "40P01")),
        (trouble.serialization_failure, Trouble(TRANSIENT, "40001")),
        (trouble.lock_timeout, Trouble(TRANSIENT, "55P03")),
        (trouble.statement_timeout, Trouble(TRANSIENT, "57014", halve=True)),
        (trouble.terminated, Trouble(TRANSIENT, "57P01", lost=True)),
        (trouble.idle_in_transaction, Trouble(TRANSIENT, "25P03", lost=True)),
        (trouble.used_after_termination, Trouble(TRANSIENT, "OperationalError", lost=True)),
    ],
)
def test_transient(provoke: Callable[[], BaseException], verdict: Trouble) -> None:
    error = provoke()
    assert classify(error) == verdict
    assert value("SELECT 1") == 1  # and a moment later all is well


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("provoke", "verdict"),
    [
        (trouble.not_null, Trouble(DEFINITIVE, "23502")),
        (trouble.unique, Trouble(DEFINITIVE, "23505")),
        (trouble.check, Trouble(DEFINITIVE, "23514")),
        (trouble.unbalanced_run, Trouble(DEFINITIVE, "23514")),
        (trouble.numeric_overflow, Trouble(DEFINITIVE, "22003")),
        (trouble.text_with_nul, Trouble(DEFINITIVE, "DataError")),
        (trouble.aborted_transaction, Trouble(DEFINITIVE, "23505")),
        (trouble.no_such_table, Trouble(UNKNOWN, "42P01")),
    ],
)
def test_definitive_or_unknown(provoke: Callable[[], BaseException], verdict: Trouble) -> None:
    error = provoke()
    assert isinstance(error, DatabaseError)
    assert classify(error) == verdict
    assert classify(error, preparing=True) == verdict


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("40002", Trouble(TRANSIENT, "40002")),
        ("53300", Trouble(TRANSIENT, "53300")),
        ("53200", Trouble(TRANSIENT, "53200", halve=True)),
        ("57P02", Trouble(TRANSIENT, "57P02", lost=True)),
        ("57P03", Trouble(TRANSIENT, "57P03", lost=True)),
        ("57P05", Trouble(TRANSIENT, "57P05", lost=True)),
        ("25P04", Trouble(TRANSIENT, "25P04", lost=True)),
        ("08006", Trouble(TRANSIENT, "08006", lost=True)),
        ("08P01", Trouble(TRANSIENT, "08P01", lost=True)),
        ("22P05", Trouble(DEFINITIVE, "22P05")),
        ("23P01", Trouble(DEFINITIVE, "23P01")),
        ("53100", Trouble(UNKNOWN, "53100")),
        ("42501", Trouble(UNKNOWN, "42501")),
        ("25006", Trouble(UNKNOWN, "25006")),
        ("XX001", Trouble(UNKNOWN, "XX001")),
        ("P0001", Trouble(UNKNOWN, "P0001")),
    ],
)
def test_what_cannot_be_had_without_breaking_the_machine(state: str, verdict: Trouble) -> None:
    assert classify(trouble.raised_by_the_server(state)) == verdict


@pytest.mark.django_db
def test_the_driver_s_own_error_needs_no_wrapping() -> None:
    with other_connection() as other:
        error = caught(lambda: other.execute("SELECT 1 / 0"))
    assert not isinstance(error, DatabaseError)
    assert classify(error) == Trouble(DEFINITIVE, "22012")


@pytest.mark.django_db(transaction=True)
def test_a_full_pool_is_transient_and_costs_no_connection() -> None:
    connection.ensure_connection()
    with other_connection() as other:
        conninfo = psycopg.conninfo.make_conninfo(**{**other.info.get_parameters(), "options": ""})
    with psycopg_pool.ConnectionPool(conninfo, min_size=1, max_size=1, open=True) as pool, pool.connection():
        error = caught(lambda: pool.getconn(timeout=0.01))
    assert classify(error) == Trouble(TRANSIENT, "PoolTimeout")
    assert classify(_wrapped(error)) == Trouble(TRANSIENT, "PoolTimeout")


def test_nobody_listens(tmp_path: Path) -> None:
    error = caught(lambda: psycopg.connect(host=str(tmp_path), connect_timeout=1))
    assert classify(error) == Trouble(TRANSIENT, "OperationalError", lost=True)


def test_what_the_caller_knows_of_the_connection_decides_where_the_error_does_not_tell() -> None:
    for error in (psycopg.OperationalError("another command is already in progress"), InterfaceError("closed")):
        assert classify(error, gone=False).kind == UNKNOWN
        assert classify(error, gone=True) == Trouble(TRANSIENT, type(error).__name__, lost=True)
    assert classify(psycopg.InterfaceError("the cursor is closed")) == Trouble(UNKNOWN, "InterfaceError")
    assert classify(_wrapped(psycopg.errors.UniqueViolation()), gone=True) == Trouble(DEFINITIVE, "23505", lost=True)
    assert classify(ConnectionResetError()) == Trouble(TRANSIENT, "ConnectionResetError", lost=True)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
        OverflowError("x"),
        caught(lambda: Decimal(1) / Decimal(0)),
        RecursionError("x"),
        KeyError("x"),
        IndexError("x"),
        TypeError("x"),
        AttributeError("x"),
        msgspec.DecodeError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_reading_a_person_s_bytes_is_definitive_and_anything_like_it_in_writing_is_not(error: Exception) -> None:
    assert classify(error, preparing=True) == Trouble(DEFINITIVE, type(error).__name__)
    assert classify(error) == Trouble(UNKNOWN, type(error).__name__)


def test_an_item_without_an_outcome_is_definitive() -> None:
    ledger = Ledger()
    ledger.open(7, Counter({"meal": 1}), "{}")
    error = caught(ledger.check)
    assert isinstance(error, Unbalanced)
    assert classify(error) == Trouble(DEFINITIVE, "Unbalanced")


def test_too_little_memory_asks_for_a_smaller_batch() -> None:
    assert classify(MemoryError(), preparing=True) == Trouble(TRANSIENT, "MemoryError", halve=True)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("x"), KeyboardInterrupt()])
def test_everything_else_is_unknown_even_while_preparing(error: BaseException) -> None:
    assert classify(error, preparing=True).kind == UNKNOWN


def test_a_chain_of_causes_that_bites_its_tail_ends() -> None:
    error = RuntimeError("x")
    error.__cause__ = error
    assert classify(error).kind == UNKNOWN
    assert traceback_digest(error)


def _wrapped(cause: BaseException) -> OperationalError:
    error = OperationalError("x")
    error.__cause__ = cause
    return error


# --- Waiting ---------------------------------------------------------------------------------------------------------


def test_the_wait_doubles_up_to_the_cap_and_is_spread_over_all_of_it() -> None:
    for attempt, ceiling in ((1, 0.2), (2, 0.4), (3, 0.8), (7, 12.8), (8, 25.6), (9, 30.0), (10_000, 30.0), (0, 0.2)):
        waits = [backoff_seconds(attempt, Random(seed)) for seed in range(300)]
        assert 0 <= min(waits) < 0.05 * ceiling
        assert 0.95 * ceiling < max(waits) <= ceiling


def test_the_same_chance_gives_the_same_wait() -> None:
    assert backoff_seconds(5, Random(1)) == backoff_seconds(5, Random(1))
    assert backoff_seconds(5, Random(1)) != backoff_seconds(5, Random(2))


# --- The traceback's digest ------------------------------------------------------------------------------------------

SOURCE = """
def outer(value):
    return inner(value)

def inner(value):
    {extra}
    return {expression}

def other(value):
    return inner(value)

def again(value):
    return again(value)

def ping(value):
    return pong(value)

def pong(value):
    return ping(value)

def left(value):
    look(value)
    return right(value)

def right(value):
    return left(value)

def look(value):
    return closer(value)

def closer(value):
    return value

def deeper(depth, function):
    return deeper(depth - 1, function) if depth else guarded(function)

def guarded(function):
    try:
        function(0)
    except RecursionError as error:
        return error
"""


def module(folder: Path, expression: str = "int(value)", extra: str = "pass") -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reading.py").write_text(SOURCE.format(expression=expression, extra=extra), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("reading", folder / "reading.py")
    assert spec is not None
    assert spec.loader is not None
    loaded: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def digest(deed: Callable[[], object]) -> str:
    return traceback_digest(caught(deed))


def test_the_digest_says_where_never_who(tmp_path: Path) -> None:
    reading = module(tmp_path / "a")
    first = digest(lambda: reading.outer("Jeanne"))
    assert len(first) == 64
    assert first == digest(lambda: reading.outer("Dupont"))
    moved = module(tmp_path / "b", extra="pass\n    pass\n    pass")
    assert first == digest(lambda: moved.outer("Jeanne")), "neither folders nor line numbers count"


def test_another_place_or_another_type_is_another_digest(tmp_path: Path) -> None:
    reading, other = module(tmp_path / "a"), module(tmp_path / "b", expression="[][0]")
    digests = {
        digest(lambda: reading.outer("x")),
        digest(lambda: reading.other("x")),
        digest(lambda: other.outer("x")),
    }
    assert len(digests) == 3


def test_the_cause_counts(tmp_path: Path) -> None:
    reading = module(tmp_path / "a")

    def wrapping(value: str) -> None:
        try:
            reading.outer(value)
        except ValueError as error:
            raise RuntimeError("x") from error

    def bare(value: str) -> None:
        raise RuntimeError("x")

    bare.__code__ = bare.__code__.replace(co_name="wrapping")
    assert digest(lambda: wrapping("x")) == digest(lambda: wrapping("y"))
    assert digest(lambda: wrapping("x")) != digest(lambda: bare("x"))


@pytest.mark.parametrize("name", ["again", "ping", "left"])
def test_how_deep_the_stack_was_does_not_count(tmp_path: Path, name: str) -> None:
    reading = module(tmp_path / "a")
    digests = {traceback_digest(reading.deeper(depth, getattr(reading, name))) for depth in range(8)}
    assert len(digests) == 1
