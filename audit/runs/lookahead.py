"""While PostgreSQL writes one batch, the next is claimed, read and cleaned in a second thread.

Cleaning is Python and loading is PostgreSQL: one after the other they add up, side by side the longer one counts. People are handed over one
by one, so that PostgreSQL need not wait for the last one before it gets the first.
"""

from __future__ import annotations

import gc
import queue
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple, Self

from django.conf import settings
from django.db import connection

from audit.runs.claim import ClaimedBatch
from audit.runs.failpoints import reach
from audit.runs.plan import PlannedPerson
from audit.runs.prepare import prepare
from audit.runs.wanted import PreparedPerson


class PreparingFailed(Exception):
    """Somebody's bytes met `error`; raised where the people are taken, in the transaction of their batch."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Prepared(NamedTuple):
    """A batch to be written; `claim` is None in a dry run. `people` can be taken once, and may raise `PreparingFailed`."""

    claim: ClaimedBatch | None
    planned: list[PlannedPerson]
    people: Iterable[PreparedPerson]


Next = Callable[[], tuple[ClaimedBatch | None, list[PlannedPerson]] | None]
"""Gives the next batch and its people, or None when there is none; may wait for one."""


def _prepared(people: Sequence[PlannedPerson]) -> Iterator[PreparedPerson]:
    try:
        yield from prepare(people)
    except Exception as error:
        raise PreparingFailed(error) from error
    reach("prepare.read")


class _Stream:
    """People on their way from one thread to the other."""

    def __init__(self) -> None:
        self._people: queue.SimpleQueue[PreparedPerson | BaseException | None] = queue.SimpleQueue()
        self.abandoned = False

    def fill(self, people: Iterable[PreparedPerson]) -> None:
        """Puts everybody in; the end, or the error that ended it, comes last in any case."""
        last: BaseException | None = None
        try:
            for person in people:
                if self.abandoned:
                    return
                self._people.put(person)
        except BaseException as error:
            last = error
        finally:
            self._people.put(last)

    def __iter__(self) -> Iterator[PreparedPerson]:
        while isinstance(item := self._people.get(), PreparedPerson):
            yield item
        if item is not None:
            raise item


_ALLOCATIONS = 200_000
"""About two batches of usual size."""
_SWITCH_SECONDS = 0.001


@contextmanager
def tuned_interpreter() -> Iterator[None]:
    """Two settings of Python for as long as batches are made.

    It looks for cycles after every 700 new objects, and a batch makes a hundred thousand of which none is in a cycle: that took a quarter of
    Python's time (7 µs a meal). Looking once a batch or two leaves the memory as flat as it was. And the thread that feeds PostgreSQL needs
    the interpreter for a moment again and again: every time it waited 5 ms for the preparing thread, and PostgreSQL with it (6 µs a meal).
    """
    usual, usual_switch = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(max(usual[0], _ALLOCATIONS), *usual[1:])
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual_switch)
        gc.set_threshold(*usual)


class Lookahead:
    """Batches one by one, the next being prepared while the caller works.

    Inside a transaction of the caller there is only one connection, so everything happens in turn. `say_something` is called four times in the
    time of a lease while the caller waits.
    """

    def __init__(self, next_batch: Next, *, say_something: Callable[[], None] | None = None) -> None:
        self._next_batch = next_batch
        self._say_something = say_something
        self._pool = None if connection.in_atomic_block else ThreadPoolExecutor(1, thread_name_prefix="prepare")
        self._ahead: Future[Prepared | None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def __iter__(self) -> Iterator[Prepared]:
        while (prepared := self._take()) is not None:
            yield prepared

    def untaken(self) -> ClaimedBatch | None:
        """The batch that was claimed ahead and will not be written; to be given back."""
        if self._ahead is None:
            return None
        prepared, self._ahead = self._ahead.result(), None
        if prepared is None:
            return None
        if isinstance(prepared.people, _Stream):
            prepared.people.abandoned = True
        return prepared.claim

    def _take(self) -> Prepared | None:
        if self._pool is None:
            taken = self._next_batch()
            return None if taken is None else Prepared(taken[0], taken[1], _prepared(taken[1]))
        ahead = self._ahead or self._submit(self._pool)
        self._ahead = None  # whatever comes of it is the caller's
        prepared = self._await(ahead)
        if prepared is not None:
            self._ahead = self._submit(self._pool)
        return prepared

    def _submit(self, pool: ThreadPoolExecutor) -> Future[Prepared | None]:
        """The next batch, known as soon as it is claimed; its people follow."""
        claimed: Future[Prepared | None] = Future()
        pool.submit(self._in_thread, claimed)
        return claimed

    def _await(self, ahead: Future[Prepared | None]) -> Prepared | None:
        while self._say_something is not None and not wait([ahead], timeout=settings.MIGRATION_LEASE_SECONDS / 4).done:
            self._say_something()
        return ahead.result()

    def _in_thread(self, claimed: Future[Prepared | None]) -> None:
        try:
            try:
                taken = self._next_batch()
            except BaseException as error:
                claimed.set_exception(error)
                return
            if taken is None:
                claimed.set_result(None)
                return
            stream = _Stream()
            claimed.set_result(Prepared(taken[0], taken[1], stream))
            stream.fill(_prepared(taken[1]))
        finally:
            connection.close()  # the thread's own; back to the pool
