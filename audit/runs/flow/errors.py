"""What went wrong, sorted by what helps: doing it again (transient), leaving the snapshot out (definitive), a person (unknown)."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from hashlib import sha256
from pathlib import PurePath
from random import Random
from typing import NamedTuple

import msgspec
import psycopg
import psycopg_pool
from django.db import InterfaceError

from audit.runs.ledger import Unbalanced

BASE_SECONDS = 0.2
CAP_SECONDS = 30.0


class Kind(StrEnum):
    """Which of the three things helps."""

    TRANSIENT = "transient"
    """The same batch may well succeed a moment later."""
    DEFINITIVE = "definitive"
    """The same input fails for ever: find it, quarantine it, go on."""
    UNKNOWN = "unknown"
    """Neither is known: the run stops, loudly, and touches nothing."""


class Trouble(NamedTuple):
    """The verdict about one error."""

    kind: Kind
    code: str
    """The SQLSTATE, or the class of an error that has none. Never the message, in which PostgreSQL quotes the row."""
    halve: bool = False
    """The batch was too large: half of it may pass."""
    lost: bool = False
    """The connection is gone, and with it whatever it held: its transaction and its advisory locks."""


# SQLSTATE: https://www.postgresql.org/docs/18/errcodes-appendix.html
_TOO_LARGE = {
    "57014",  # query_canceled: statement_timeout (or pg_cancel_backend, which asks for less as well)
    "53200",  # out_of_memory
}
_SESSION_ENDED = {
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout (PostgreSQL 17 on)
    "57P05",  # idle_session_timeout
    "57P01",  # admin_shutdown: a restart, or pg_terminate_backend
    "57P02",  # crash_shutdown: another session crashed and the server begins anew
    "57P03",  # cannot_connect_now: it is still beginning
}
_PASSING = {
    "55P03",  # lock_not_available: lock_timeout, NOWAIT
    "53300",  # too_many_connections
}
_PASSING_CLASSES = {"40"}  # transaction rollback: serialization_failure 40001, deadlock_detected 40P01 and their kin
_CONNECTION_CLASS = "08"
_DATA_CLASSES = {
    "22",  # data exception: out of range, malformed, not encodable
    "23",  # a constraint says no
}
_NO_CONNECTION_FREE = (psycopg_pool.PoolTimeout, psycopg_pool.TooManyRequests)

_OF_THE_BYTES = (
    ValueError,  # UnicodeError and json.JSONDecodeError too
    ArithmeticError,  # OverflowError, and decimal.InvalidOperation
    LookupError,  # KeyError, IndexError
    RecursionError,
    TypeError,
    AttributeError,
    AssertionError,
    msgspec.MsgspecError,
)
"""Reading and cleaning are pure functions of a person's bytes, so what they raise, they raise every time."""


def classify(error: BaseException, *, preparing: bool = False, gone: bool | None = None) -> Trouble:
    """Sorts `error`, which may be Django's wrapping of the driver's. Never raises, and asks nobody.

    `preparing`: it was raised while snapshots were read and cleaned, before anything was written. `gone`: what the caller knows about its
    connection (`not connection.is_usable()`); when None, an OperationalError without a SQLSTATE counts as a lost connection, since the server
    gives every error a code and the driver's own are of this kind, and an InterfaceError counts as a mistake in the use of the driver.

    A constraint (class 23) may also fail by a race with somebody who writes at that moment. That heals by itself in a bisection, which tries
    everything again, provided that a batch of a single person is tried twice before its snapshot is called poison.
    """
    cause = _driver_error(error)
    if isinstance(cause, psycopg.Error):
        return _database_trouble(cause, gone=gone)
    code = type(error).__name__
    if isinstance(error, Unbalanced):
        return Trouble(Kind.DEFINITIVE, code)
    if isinstance(error, MemoryError):
        return Trouble(Kind.TRANSIENT, code, halve=True)
    if preparing and isinstance(error, _OF_THE_BYTES):
        return Trouble(Kind.DEFINITIVE, code)
    if isinstance(error, ConnectionError) or (gone and isinstance(error, InterfaceError)):
        return Trouble(Kind.TRANSIENT, code, lost=True)
    return Trouble(Kind.UNKNOWN, code)


def backoff_seconds(attempt: int, random: Random) -> float:
    """How long to wait after the `attempt`th failure (from 1 on): anything between 0 and 0.2 s · 2^(attempt - 1), at most 30 s.

    "Full jitter" of Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: of the ways compared there it makes the
    fewest calls, because workers that ran into one another do not come back together.
    """
    doublings = min(max(attempt, 1) - 1, 32)  # beyond that the cap holds anyway; 2.0 ** 2000 would overflow
    return random.uniform(0.0, min(CAP_SECONDS, BASE_SECONDS * 2.0**doublings))


def traceback_digest(error: BaseException) -> str:
    """SHA-256 (hex) of where an error came from: types, file names and function names along the chain of causes.

    The same defect gives the same digest in every run, whoever's data met it: no messages, values, line numbers or folders go in. Frames that
    come again are counted once, and those after the last repeated frame of a RecursionError not at all: how deep the stack was when it
    overflowed depends on who called.
    """
    parts: list[str] = []
    for one in _chain(error):
        parts.append(f"!{type(one).__module__}.{type(one).__qualname__}")
        names = [f"{PurePath(frame.filename).name}:{frame.name}" for frame in traceback.extract_tb(one.__traceback__)]
        if isinstance(one, RecursionError):
            names = _up_to_the_last_repeated(names)
        parts += dict.fromkeys(names)
    return sha256("\n".join(parts).encode()).hexdigest()


def _database_trouble(error: psycopg.Error, *, gone: bool | None) -> Trouble:
    state = error.sqlstate
    if state is None:
        return _trouble_without_code(error, gone=gone)
    if state in _SESSION_ENDED or state[:2] == _CONNECTION_CLASS:
        return Trouble(Kind.TRANSIENT, state, lost=True)
    lost = bool(gone)
    if state in _TOO_LARGE:
        return Trouble(Kind.TRANSIENT, state, halve=True, lost=lost)
    if state in _PASSING or state[:2] in _PASSING_CLASSES:
        return Trouble(Kind.TRANSIENT, state, lost=lost)
    if state[:2] in _DATA_CLASSES:
        return Trouble(Kind.DEFINITIVE, state, lost=lost)
    return Trouble(Kind.UNKNOWN, state, lost=lost)


def _trouble_without_code(error: psycopg.Error, *, gone: bool | None) -> Trouble:
    """What the driver says by itself, without the server."""
    code = type(error).__name__
    if isinstance(error, _NO_CONNECTION_FREE):
        return Trouble(Kind.TRANSIENT, code, lost=bool(gone))
    if isinstance(error, psycopg.DataError):  # a value that cannot be sent: text with NUL, a year beyond dates
        return Trouble(Kind.DEFINITIVE, code, lost=bool(gone))
    if gone or (gone is None and isinstance(error, psycopg.OperationalError)):
        return Trouble(Kind.TRANSIENT, code, lost=True)
    return Trouble(Kind.UNKNOWN, code)


def _driver_error(error: BaseException) -> BaseException:
    """The driver's error that `error` was raised from, if any; else `error`."""
    return next((one for one in _chain(error) if isinstance(one, psycopg.Error)), error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error`, what it was raised from, and so on; each once."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__


def _up_to_the_last_repeated(names: list[str]) -> list[str]:
    times = Counter(names)
    last = max((position for position, name in enumerate(names) if times[name] > 1), default=len(names) - 1)
    return names[: last + 1]
