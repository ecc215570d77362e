"""The same meal twice: copies in one browser and in several become one row (importing.md section 5).

Works alike for meals and favourites; `Likeness` says what makes two of a kind the same without an id.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from audit.local_storage.items import Entry, FavoriteContent, MealContent

Likeness = Callable[[Any], tuple[Any, ...]]


def meal_likeness(content: MealContent) -> tuple[Any, ...]:
    """Meals without a common id are one when instant, description and protein are the same."""
    return (content.instant, content.description, content.protein)


def favorite_likeness(content: FavoriteContent) -> tuple[Any, ...]:
    """Favourites without a common id are one when name, description and protein are the same."""
    return (content.name, content.description, content.protein)


class Loser(msgspec.Struct, gc=False):
    """A copy that does not stand for the row, and why."""

    entry: Entry
    outcome: str
    reason: str


class Merged(msgspec.Struct, gc=False):
    """One row to be: what it says, who stands for it, and the copies."""

    content: Any
    identity: str
    """The legacy identity of the earliest item: what the row's id is made of."""
    first: Entry
    """The earliest item; its snapshot's zone tells the local day."""
    representative: Entry | None
    """The item that gets the row's outcome; None when no item of the run has the final content."""
    final: Entry
    """An item with the final content (its picture is the row's)."""
    losers: list[Loser] = []
    legacy_ids: tuple[str, ...] = ()
    """Every legacy id of the group, the identity's first."""

    @property
    def row_legacy_id(self) -> str | None:
        """The legacy id that the row carries: of the item with the final content, else the group's first."""
        return self.final.legacy_id or (self.legacy_ids[0] if self.legacy_ids else None)


def merge(entries: list[Entry], likeness: Likeness, in_run: Collection[int]) -> list[Merged]:
    """Groups of the same item, each with its outcome so far; `in_run` holds the positions of the run's own snapshots."""
    if _all_distinct(entries, likeness):
        return [_alone(entry, likeness, in_run) for entry in entries]
    return [_resolve(group, likeness, in_run) for group in _groups(entries, likeness)]


def _all_distinct(entries: list[Entry], likeness: Likeness) -> bool:
    """Whether no two are the same, as in most browsers: seen in a third of the time that grouping takes."""
    ids = [entry.legacy_id for entry in entries if entry.legacy_id is not None]
    return len(set(ids)) == len(ids) and len({likeness(entry.content) for entry in entries}) == len(entries)


def _groups(entries: list[Entry], likeness: Likeness) -> Iterable[list[Entry]]:
    """Entries that are the same by id or likeness, transitively; groups and their entries in the order of reading.

    Alike entries are all the same where one of them has no id; where all have ids, those that have more than a date. A forest of leaders keeps
    it linear: a browser may hold a hundred thousand copies.
    """
    leader = list(range(len(entries)))
    by_id: dict[str, int] = {}
    alike: dict[tuple[Any, ...], list[int]] = {}
    for place, entry in enumerate(entries):
        if entry.legacy_id is not None and (first := by_id.setdefault(entry.legacy_id, place)) != place:
            _unite(leader, first, place)
        alike.setdefault(likeness(entry.content), []).append(place)
    for places in alike.values():
        if len(places) > 1:
            if all(entries[place].legacy_id is not None for place in places):
                places = [place for place in places if entries[place].exact_instant]  # noqa: PLW2901
            for place in places[1:]:
                _unite(leader, places[0], place)
    groups: dict[int, list[Entry]] = {}
    for place, entry in enumerate(entries):
        groups.setdefault(_leader(leader, place), []).append(entry)
    return groups.values()


def _leader(leader: list[int], place: int) -> int:
    """The first place of the group of `place`; paths are halved on the way."""
    while leader[place] != place:
        leader[place] = place = leader[leader[place]]
    return place


def _unite(leader: list[int], one: int, other: int) -> None:
    one, other = _leader(leader, one), _leader(leader, other)
    leader[max(one, other)] = min(one, other)


def _identity(entry: Entry, likeness: Likeness) -> str:
    if entry.legacy_id is not None:
        return f"id:{entry.legacy_id}"
    return "like:" + "\x1f".join(map(str, likeness(entry.content)))


def _alone(entry: Entry, likeness: Likeness, in_run: Collection[int]) -> Merged:
    own = (entry.legacy_id,) if entry.legacy_id is not None else ()
    mine = entry if entry.snapshot in in_run else None
    return Merged(entry.content, _identity(entry, likeness), entry, mine, entry, [], own)


def _resolve(group: list[Entry], likeness: Likeness, in_run: Collection[int]) -> Merged:
    if len(group) == 1:
        return _alone(group[0], likeness, in_run)
    losers: list[Loser] = []
    winners: list[Entry] = []
    ordered = sorted(group, key=lambda entry: (entry.snapshot, entry.rank))
    for position in sorted({entry.snapshot for entry in ordered}):
        winner, copies = _within_snapshot([entry for entry in ordered if entry.snapshot == position])
        winners.append(winner)
        losers.extend(copies)
    contents = _contents(winners)
    content = contents[-1]
    same = [winner for winner, its_content in zip(winners, contents, strict=True) if its_content == content]
    representative = next((winner for winner in same if winner.snapshot in in_run), None)
    losers.extend(
        Loser(winner, "duplicate", "copy") if its_content == content else Loser(winner, "superseded", "older_copy")
        for winner, its_content in zip(winners, contents, strict=True)
        if winner is not representative
    )
    legacy_ids = tuple(dict.fromkeys(entry.legacy_id for entry in ordered if entry.legacy_id is not None))
    return Merged(
        content,
        _identity(ordered[0], likeness),
        ordered[0],
        representative,
        same[0],
        [loser for loser in losers if loser.entry.snapshot in in_run],
        legacy_ids,
    )


def _contents(winners: list[Entry]) -> list[Any]:
    """What the copies kept of each snapshot say, oldest first, to be compared with one another.

    When a favourite was made is content only where the browser said it. A copy that did not is given the instant that the latest of the others
    said, and where none did, the one that was supposed for the earliest: a second browser that knows as little is no other favourite.
    """
    if not isinstance(winners[0].content, FavoriteContent):
        return [winner.content for winner in winners]
    said = [winner for winner in winners if _says_creation(winner)]
    created = (said[-1] if said else winners[0]).content.created
    return [
        winner.content if _says_creation(winner) else winner.content._replace(created=created) for winner in winners
    ]


def _says_creation(entry: Entry) -> bool:
    """Whether a favourite says itself when it was made, in a form that can be read."""
    return entry.raw.get("createdAt") is not None and ("createdAt", "date_left_out") not in {
        (note.field, note.code) for note in entry.notes
    }


def _within_snapshot(copies: list[Entry]) -> tuple[Entry, list[Loser]]:
    """The copy that is kept of one snapshot, and the others: the first, unless a later one agrees with it and says more."""
    said = {id(copy): _said(copy) for copy in copies}
    kept = copies[0]
    for copy in copies[1:]:
        if len(said[id(copy)]) > len(said[id(kept)]) and _agree(said[id(copy)], said[id(kept)]):
            kept = copy
    return kept, [
        Loser(copy, "duplicate", "copy" if _agree(said[id(copy)], said[id(kept)]) else "copies_disagree")
        for copy in copies
        if copy is not kept
    ]


_FIELDS = {
    "instant": "timestamp",
    "name": "name",
    "description": "description",
    "protein": "protein",
    "calories": "calories",
    "carbs": "carbs",
    "fat": "fat",
    "fiber": "fiber",
    "source": "source",
    "ai_estimated": "aiEstimated",
    "tags": "tags",
    "use_count": "useCount",
    "last_used": "lastUsed",
    "created": "createdAt",
}
"""Column of a content → the browser's field that says it. Photos say themselves."""


def _said(entry: Entry) -> dict[str, Any]:
    """What a copy really says: no unknown values, and nothing that cleaning only supposed where the browser said nothing."""
    raw = entry.raw
    return {
        column: value
        for column, value in entry.content._asdict().items()
        if value is not None
        and value != ()
        and (column not in _FIELDS or raw.get(_FIELDS[column]) not in (None, "", []))
        and (column != "created" or _says_creation(entry))
    }


def _agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(other[column] == value for column, value in one.items() if column in other)
