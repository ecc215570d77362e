"""The same meal twice: importing.md section 5. Items are grouped, and each item of a group gets its part."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from audit.runs.verification.cleaned import Cleaned
from audit.runs.verification.copied import NULL
from audit.runs.verification.items import FAVORITE, Item

STANDS = "stands"
"""The part of the item that stands for the row; the others are `duplicate` or `superseded`."""


@dataclass(frozen=True, slots=True)
class Part:
    """What an item is in its group: it stands for the row, or it is a copy (`outcome` and `reason`)."""

    item: Item
    outcome: str = STANDS
    reason: str = ""


@dataclass(slots=True, eq=False)
class Group:
    """All items that are one meal or favourite of a person, oldest snapshot first; `final` has the content that the row should have.

    `parts` are those of the run's items.
    """

    items: list[Item]
    final: Item
    parts: list[Part]

    @property
    def content(self) -> Cleaned:
        return self.final.cleaned

    @property
    def legacy_id(self) -> str | None:
        """The id that the row has: of the item with the final content, else of the first item that has one."""
        return self.final.legacy_id or next((item.legacy_id for item in self.items if item.legacy_id), None)

    @property
    def legacy_ids(self) -> set[str]:
        return {item.legacy_id for item in self.items if item.legacy_id}

    @property
    def standing(self) -> Item | None:
        return next((part.item for part in self.parts if part.outcome == STANDS), None)


def group_items(items: list[Item]) -> list[Group]:
    """The groups among a person's readable meals or favourites. `items` come by snapshot (oldest first), then as they were found."""
    if all_different(items):
        return [alone(item) for item in items]
    _tell_reused_ids_apart(items)
    return [_group(members) for members in _connected(items)]


def alone(item: Item) -> Group:
    """The group of an item that has no copies."""
    return Group([item], item, [Part(item)] if item.snapshot.in_run else [])


def all_different(items: list[Item]) -> bool:
    """The usual case: ids and contents are all different, so nothing has to be compared."""
    ids, keys = set(), set()
    for item in items:
        cleaned = item.cleaned
        if cleaned.legacy_id is not None:
            if cleaned.legacy_id in ids:
                return False
            ids.add(cleaned.legacy_id)
        if cleaned.key in keys:
            return False
        keys.add(cleaned.key)
    return True


def _tell_reused_ids_apart(items: list[Item]) -> None:
    """Two elements of one array with the same id but another instant and another description are two meals: the n-th gets `<id>#n`."""
    distinct: dict[tuple[int, int, str], list[Cleaned]] = defaultdict(list)
    for item in items:
        cleaned = item.cleaned
        if cleaned.legacy_id is None or item.place.kind != "meal":
            continue
        seen = distinct[item.snapshot.id, id(item.place), cleaned.legacy_id]
        number = next(
            (n for n, other in enumerate(seen, 1) if cleaned.key[0] == other.key[0] or cleaned.key[1] == other.key[1]),
            0,
        )
        if not number:
            seen.append(cleaned)
            number = len(seen)
        if number > 1:
            item.reused_id = f"{cleaned.legacy_id}#{number}"
            cleaned.notes.append(("id", "id_reused", item.reused_id))


def _connected(items: list[Item]) -> list[list[Item]]:
    """Groups by same id or same content, transitively; in the order of their first items."""
    leader = list(range(len(items)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    def unite(one: int, other: int) -> None:
        one, other = find(one), find(other)
        leader[max(one, other)] = min(one, other)

    first_with_id: dict[str, int] = {}
    with_content: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        if item.legacy_id is not None:
            unite(index, first_with_id.setdefault(item.legacy_id, index))
        with_content[item.cleaned.key].append(index)
    for indexes in with_content.values():
        _unite_contents(items, indexes, unite)
    groups: dict[int, list[Item]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[find(index)].append(item)
    return list(groups.values())


def _unite_contents(items: list[Item], indexes: list[int], unite: Any) -> None:
    """Items of the same content are one, unless both have ids, the ids differ, and one is only a date."""

    def bare_date(index: int) -> bool:
        return items[index].cleaned.date_only

    without_id = [index for index in indexes if items[index].legacy_id is None]
    exact = [index for index in indexes if not bare_date(index)]
    joined = indexes if without_id else exact
    for index in joined[1:]:
        unite(joined[0], index)


def _group(members: list[Item]) -> Group:
    """Who is kept in each snapshot, which content is final, and what that makes of the run's items."""
    by_snapshot: dict[int, list[Item]] = defaultdict(list)
    for item in members:
        by_snapshot[item.snapshot.id].append(item)
    kept = {snapshot: _kept(sorted(copies, key=lambda item: item.order)) for snapshot, copies in by_snapshot.items()}
    keepers = list(kept.values())  # in the order of the snapshots
    if members[0].place.kind == FAVORITE:
        _suppose_creation(keepers)
    final = _content(keepers[-1])
    with_final = [item for item in keepers if _content(item) == final]
    stands = with_final[0]
    if not stands.snapshot.in_run:
        stands = next((item for item in with_final if item.snapshot.in_run), stands)
    parts = []
    for item in members:
        if not item.snapshot.in_run:
            continue
        keeper = kept[item.snapshot.id]
        if item is stands:
            parts.append(Part(item))
        elif item is not keeper:
            parts.append(Part(item, "duplicate", "copy" if agree(item, keeper) else "copies_disagree"))
        elif _content(item) == final:
            parts.append(Part(item, "duplicate", "copy"))
        else:
            parts.append(Part(item, "superseded", "older_copy"))
    return Group(members, with_final[0], parts)


def _suppose_creation(keepers: list[Item]) -> None:
    """Favourites that do not say when they were made: as the latest one that does, else as is supposed of the earliest."""
    said = [item for item in keepers if item.cleaned.created_said]
    created = (said[-1] if said else keepers[0]).cleaned.created
    for item in keepers:
        if not item.cleaned.created_said:
            item.cleaned.created = created


def _kept(copies: list[Item]) -> Item:
    """Of the copies in one snapshot: the first, unless a later one agrees with it and says more."""
    kept = copies[0]
    for copy in copies[1:]:
        if len(given(copy)) > len(given(kept)) and agree(copy, kept):
            kept = copy
    return kept


def agree(one: Item, other: Item) -> bool:
    """Whether two copies say the same in every field that both have."""
    left, right = given(one), given(other)
    return all(right[field] == value for field, value in left.items() if field in right)


# The JSON field that says each column.
_FIELD_OF_COLUMN = {
    "meal_timestamp": "timestamp",
    "description": "description",
    "name": "name",
    "protein_grams": "protein",
    "calories": "calories",
    "carbs_grams": "carbs",
    "fat_grams": "fat",
    "fiber_grams": "fiber",
    "source_type": "source",
    "ai_estimated": "aiEstimated",
    "tags": "tags",
    "use_count": "useCount",
    "last_used_at": "lastUsed",
    "created_at": "createdAt",
}
_EMPTY = (NULL, "{}")


def given(item: Item) -> dict[str, str]:
    """The columns that the browser really said: neither null nor empty there."""
    columns, raw = item.cleaned.columns, item.raw
    said = {
        column: columns[column]
        for column, name in _FIELD_OF_COLUMN.items()
        if columns.get(column, NULL) not in _EMPTY and raw.get(name) not in (None, "", [])
    }
    if not item.cleaned.created_said:
        said.pop("created_at", None)
    if columns["photo_url"] != NULL:
        said["photo_url"] = columns["photo_url"]
    if item.cleaned.picture is not None:
        said["photo_file"] = item.cleaned.picture.digest
    return said


def _content(item: Item) -> tuple[str, str]:
    """Everything that a row says, but its id."""
    cleaned = item.cleaned
    return cleaned.body, cleaned.picture.digest if cleaned.picture else ""
