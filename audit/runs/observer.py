"""How a migration is watched: by people through an `Observer`, and by the clock."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from audit.runs.batch import BatchResult
from audit.runs.report import Numbers
from audit.runs.wanted import PreparedPerson


class Observer(Protocol):
    """Is told how a migration goes on. `people` and `meals` count what is done."""

    def started(self, *, run: int | None, people: int, snapshots: int, resumed: bool) -> None:
        """The plan stands."""

    def advanced(self, numbers: Numbers) -> None:
        """A batch is committed (or, in a dry run, rolled back)."""

    def verifying(self, done: int, total: int) -> None:
        """The second path has compared `done` of `total` snapshots."""


class SilentObserver:
    """Watches nothing: for workers."""

    def started(self, *, run: int | None, people: int, snapshots: int, resumed: bool) -> None:
        """Not shown."""

    def advanced(self, numbers: Numbers) -> None:
        """Not shown."""

    def verifying(self, done: int, total: int) -> None:
        """Not shown."""


class Watching(Protocol):
    """Sees what a dry run would do, besides how far it is. Raising ends the dry run."""

    def pass_on(self, people: Iterable[PreparedPerson]) -> Iterable[PreparedPerson]:
        """The people of one batch on their way to the tables; the same ones are to be given on."""

    def settled(self, result: BatchResult) -> None:
        """What the batch would have done; it is rolled back already."""


class Phases:
    """How long each part took, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Adds the time of the block to phase `name`."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin


def count(numbers: Numbers, result: BatchResult) -> None:
    """Counts a batch in."""
    ledger = result.ledger
    numbers.add_ledger(result.people, result.days, ledger.totals(), ledger.reasons, len(ledger.found))
