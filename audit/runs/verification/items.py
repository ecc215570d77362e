"""What a verification works on: people, their snapshots, and the items found in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from audit.runs.verification.cleaned import Cleaned, Note
from audit.runs.verification.instants import Latest, Zone
from audit.runs.verification.plain import PlainLines, WrittenMeals, lines_of_decoded, lines_of_written

MEAL, FAVORITE, PROFILE, PREFERENCES = "meal", "favorite", "profile", "preferences"
KINDS = (MEAL, FAVORITE, PROFILE, PREFERENCES)
REPAIRED = "repaired"


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
    poisoned: bool = False
    """Set aside whole, by the run's own word: an error was met that it alone causes."""
    latest: Latest = field(init=False)
    repairs: dict[str, str] = field(default_factory=dict)
    """Path → the JSON text that stands for an item."""

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

    Readable meals and favourites get `cleaned`; `reused_id` when another meal of the same array had the id first. `bytes_hold`, of a repaired
    item: what stands in the snapshot (and the text of a container), while `raw` is what stands for it.
    """

    __slots__ = ("also_raw", "bytes_hold", "cleaned", "index", "place", "problem", "raw", "reused_id", "snapshot")

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
        self.bytes_hold: tuple[Any, str | None] | None = None

    def repair(self, value: Any) -> None:
        """`value` stands for the item from here on."""
        self.bytes_hold = (self.raw, self.also_raw)
        self.raw, self.also_raw, self.problem = value, None, ""

    @property
    def repair_notes(self) -> list[Note]:
        """What its outcome row has to say about a repair."""
        return [] if self.bytes_hold is None else [("", REPAIRED, None)]

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
    """The person's own meals in one place, not yet made items: most never have to be. `value` is the list, or where it is written."""

    snapshot: Snapshot
    place: Place
    value: list[Any] | WrittenMeals
    repaired: dict[int, Any] = field(default_factory=dict)
    """Index → what stands for that element."""

    @property
    def elements(self) -> list[Any]:
        """The decoded meals."""
        if isinstance(self.value, WrittenMeals):
            self.value = self.value.decoded()
        return self.value

    def __len__(self) -> int:
        return len(self.value)

    def plain_lines(self) -> PlainLines:
        """The lines that the plain ones among the meals should have in their table."""
        zone, latest = self.snapshot.zone, self.snapshot.latest
        if isinstance(self.value, WrittenMeals):
            plain = lines_of_written(self.value, zone, latest)
        else:
            plain = lines_of_decoded(self.value, zone, latest)
        for index in self.repaired:
            plain.lines[index] = None
        return plain

    def index_of(self, path: str) -> int | None:
        """Which element has this path."""
        head, bracket, rest = path.rpartition("[")
        number = rest.removesuffix("]")
        if not bracket or head != self.place.path or not number.isdigit() or int(number) >= len(self):
            return None
        return int(number)

    def item(self, index: int) -> Item:
        element = self.elements[index]
        problem = "" if isinstance(element, dict) else "not_an_object"
        item = Item(self.snapshot, self.place, element, problem, index=index)
        if index in self.repaired:
            item.repair(self.repaired[index])
        return item


@dataclass(slots=True, eq=False)
class Person:
    """One person of the run with all their snapshots, oldest first, and all items found, by kind; `meals` until they are items."""

    id: str
    email: str
    snapshots: list[Snapshot] = field(default_factory=list)
    items: dict[str, list[Item]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    meals: list[Array] = field(default_factory=list)
