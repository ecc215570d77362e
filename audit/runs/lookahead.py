"""While PostgreSQL writes one batch, the next is claimed, read and cleaned in a second thread.

Cleaning is Python and loading is PostgreSQL: one after the other they add up, side by side the longer one counts.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from django.db import connection

from audit.runs.claim import ClaimedBatch
from audit.runs.plan import PlannedPerson
from audit.runs.prepare import PreparedPerson, prepare


class Prepared(NamedTuple):
    """A batch ready to be written; `claim` is None in a dry run."""

    claim: ClaimedBatch | None
    people: list[PreparedPerson]


Next = Callable[[], tuple[ClaimedBatch | None, list[PlannedPerson]] | None]
"""Gives the next batch and its people, or None when there is none."""


def _prepare_next(next_batch: Next) -> Prepared | None:
    taken = next_batch()
    if taken is None:
        return None
    claim, people = taken
    return Prepared(claim, list(prepare(people)))


_ALLOCATIONS = 200_000
"""About two batches of usual size."""


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Python looks for cycles after every 700 new objects, and a batch makes a hundred thousand of which none is in a cycle: that took a
    quarter of Python's time (7 µs a meal). Looking once a batch or two leaves the memory as flat as it was."""
    usual = gc.get_threshold()
    gc.set_threshold(max(usual[0], _ALLOCATIONS), *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def prepared_batches(next_batch: Next) -> Iterator[Prepared]:
    """Batches one by one, the next being prepared while the caller works.

    Inside a transaction of the caller there is only one connection, so everything happens in turn.
    """
    with _rare_collections():
        if connection.in_atomic_block:
            while (prepared := _prepare_next(next_batch)) is not None:
                yield prepared
        else:
            yield from _prepared_side_by_side(next_batch)


def _prepared_side_by_side(next_batch: Next) -> Iterator[Prepared]:

    def in_thread() -> Prepared | None:
        try:
            return _prepare_next(next_batch)
        finally:
            connection.close()  # the thread's own; back to the pool

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare") as thread:
        future = thread.submit(in_thread)
        while (prepared := future.result()) is not None:
            future = thread.submit(in_thread)
            yield prepared
