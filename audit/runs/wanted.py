"""What a batch wants: people as reading them yields, and what to write for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from audit.local_storage.items import ItemOutcome
from audit.local_storage.merge import Merged
from audit.local_storage.people import Person
from audit.local_storage.photos import Picture
from audit.local_storage.read import SnapshotSource


class WantedRow(msgspec.Struct, gc=False):
    """A meal or favourite to be written."""

    id: str
    user_id: UUID
    snapshot_id: int
    legacy_id: str | None
    merged: Merged
    content: Any
    zone: ZoneInfo
    """Of the earliest snapshot that has it: its clock tells the local day."""


class EntryPlan(msgspec.Struct):
    """What to write for the meals or favourites of one person, and the fates decided on the way."""

    create: list[WantedRow] = []
    update: list[WantedRow] = []
    plain: list[tuple[int, str]] = []
    """(snapshot position, outcome) of items that need no outcome row."""
    outcomes: list[ItemOutcome] = []
    pictures: list[tuple[UUID, Picture]] = []
    lines: str = ""
    """New meals as lines of COPY, when they were made in advance; they are not in `create`."""
    counts: Counter[tuple[int, str]] = msgspec.field(default_factory=Counter)
    """`plain` counted."""

    def finish(self, lines: str = "") -> None:
        """Keeps of what was settled only what the writing needs; with `lines` the new rows are written down already."""
        self.counts.update(self.plain)
        self.plain.clear()
        for row in (*self.create, *self.update):
            if row.merged.final.picture is not None:
                self.pictures.append((row.user_id, row.merged.final.picture))
        if lines:
            self.lines = lines
            self.create.clear()


class PreparedPerson(NamedTuple):
    """A person, their snapshots in order of capture (the run's and those migrated before), and what these come to."""

    user_id: UUID
    sources: list[SnapshotSource]
    in_run: tuple[int, ...]
    wanted: Person
    poisoned: Mapping[int, str] = {}
    """Snapshot → digest of the traceback that it alone causes; it is set aside."""
    meals_if_new: EntryPlan | None = None
    """What to write when the tables know no meal of theirs and never did."""
