"""What a verification works on: people, their snapshots, and the items found in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audit.runs.verification.cleaned import Cleaned
from audit.runs.verification.instants import Latest, Zone

MEAL, FAVORITE, PROFILE, PREFERENCES = "meal", "favorite", "profile", "preferences"
KINDS = (MEAL, FAVORITE, PROFILE, PREFERENCES)


@dataclass(slots=True, eq=False)
class Snapshot:
    """One snapshot as it was staged, and what its bytes say of themselves. `in_run`: its items are in the tallies of the run."""

    id: int
    user: str
    sha256: bytes
    payload: bytes
    loaded_at: int
    in_run: bool
    zone: Zone
    zone_given: str = ""
    captured_at: str = ""
    latest: Latest = field(init=False)

    def __post_init__(self) -> None:
        self.latest = Latest.after(self.loaded_at)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A container or a part of one: where its items are, of which kind, and whose.

    `rank` orders copies within a snapshot; `problem` is the quarantine reason of everything in it (`other_owner`, `ambiguous_owner`).
    `source` names what kind of record it is (`userSettings`, `pending`...).
    """

    path: str
    kind: str
    rank: tuple[int, ...]
    source: str = ""
    problem: str = ""


class Item:
    """One item: `raw` is its JSON value, `problem` its quarantine reason or nothing. `also_raw` is the text of a container that was parsed.

    Readable meals and favourites get `cleaned`; `reused_id` when another meal of the same array had the id first.
    """

    __slots__ = ("also_raw", "cleaned", "index", "place", "problem", "raw", "reused_id", "snapshot")

    cleaned: Cleaned

    def __init__(
        self,
        snapshot: Snapshot,
        place: Place,
        raw: Any,
        problem: str = "",
        *,
        index: int = -1,
        also_raw: str | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.place = place
        self.raw = raw
        self.problem = problem
        self.index = index
        self.also_raw = also_raw
        self.reused_id: str | None = None

    @property
    def path(self) -> str:
        return f"{self.place.path}[{self.index}]" if self.index >= 0 else self.place.path

    @property
    def order(self) -> tuple[Any, ...]:
        """The order of copies within one snapshot."""
        return (*self.place.rank, self.index)

    @property
    def legacy_id(self) -> str | None:
        """The id that the row gets: its own, or `<id>#n`."""
        return self.reused_id or self.cleaned.legacy_id


@dataclass(slots=True, eq=False)
class Array:
    """The person's own meals in one place, not yet made items: most never have to be."""

    snapshot: Snapshot
    place: Place
    elements: list[Any]

    def index_of(self, path: str) -> int | None:
        """Which element has this path."""
        head, bracket, rest = path.rpartition("[")
        number = rest.removesuffix("]")
        if not bracket or head != self.place.path or not number.isdigit() or int(number) >= len(self.elements):
            return None
        return int(number)

    def item(self, index: int) -> Item:
        element = self.elements[index]
        problem = "" if isinstance(element, dict) else "not_an_object"
        return Item(self.snapshot, self.place, element, problem, index=index)


@dataclass(slots=True, eq=False)
class Person:
    """One person of the run with all their snapshots, oldest first, and all items found, by kind; `meals` until they are items."""

    id: str
    email: str
    snapshots: list[Snapshot] = field(default_factory=list)
    items: dict[str, list[Item]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    meals: list[Array] = field(default_factory=list)
