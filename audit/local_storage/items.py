"""What reading yields: items with their paths, clean contents, and what became of those that go no further."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import msgspec

from audit.local_storage.photos import Picture
from audit.local_storage.values import Note

Kind = Literal["meal", "favorite", "profile", "preferences"]
KINDS: tuple[Kind, ...] = ("meal", "favorite", "profile", "preferences")
RAW_LIMIT = 65_536
REPAIRED = "repaired"
"""The note of an item that was read from a repair; its value is the raw text of what the bytes hold."""


class MealContent(NamedTuple):
    """What a meal row says. Grams in hundredths, calories in kcal; equality of two contents is equality of meals."""

    instant: int
    description: str
    protein: int
    calories: int | None
    carbs: int | None
    fat: int | None
    fiber: int | None
    source: str
    ai_estimated: bool
    tags: tuple[str, ...]
    photo_url: str | None
    photo_name: str | None


class FavoriteContent(NamedTuple):
    """What a favourite's row says."""

    name: str
    description: str
    protein: int
    calories: int | None
    carbs: int | None
    fat: int | None
    use_count: int
    last_used: int | None
    tags: tuple[str, ...]
    photo_url: str | None
    created: int


class Entry(msgspec.Struct, gc=False):
    """One readable meal or favourite, where it stands, and the notes of its cleaning."""

    content: Any
    legacy_id: str | None
    snapshot: int
    """Index into the person's snapshots, which are in order of capture."""
    rank: int
    """Place among the copies in one snapshot: page state, meals key, app-state; suffixed before un-suffixed; then reading order."""
    container: Container
    index: int
    notes: tuple[Note, ...] = ()
    exact_instant: bool = True
    picture: Picture | None = None

    @property
    def path(self) -> str:
        """Where the item stands in its snapshot."""
        return f"{self.container.path}[{self.index}]"

    @property
    def raw(self) -> Any:
        """The item as it was stored."""
        return self.container.elements[self.index]


class Container(msgspec.Struct, gc=False, frozen=True):
    """An array of meals or favourites in one place of one snapshot."""

    path: str
    elements: list[Any]
    kind: Kind


class PlainMeals(msgspec.Struct, gc=False):
    """A whole array of meals in the canonical form, each with an id of its own: kept as columns, since nearly all meals of nearly all people
    come so, and an object for each costs more than reading it."""

    container: Container
    snapshot: int
    rank: int
    contents: list[MealContent]
    ids: list[str]

    def entries(self) -> list[Entry]:
        """The same meals one by one, for whoever has to look closer."""
        both = zip(self.contents, self.ids, strict=True)
        return [
            Entry(content, legacy_id, self.snapshot, self.rank, self.container, index)
            for index, (content, legacy_id) in enumerate(both)
        ]


class Settings(msgspec.Struct):
    """One readable profile or preferences item: what it answers, and which of its values are the browser's defaults."""

    kind: Kind
    path: str
    snapshot: int
    rank: int
    raw: Any
    answers: dict[str, Any]
    defaults: dict[str, Any]
    notes: tuple[Note, ...] = ()


class ItemOutcome(msgspec.Struct, gc=False):
    """The fate of one item, to be counted and, where it is not plain, to be kept as a row of `migration_outcomes`."""

    snapshot: int
    kind: Kind
    path: str
    outcome: str
    reasons: tuple[str, ...] = ()
    raw: str = ""
    changes: list[dict[str, Any]] = []
    row_id: str | None = None
    before: dict[str, Any] | None = None


def raw_text(value: Any) -> str:
    """The JSON text of a raw value, ASCII only, so that NUL and lone surrogates survive; a very long one by length, hash and beginning."""
    try:
        text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    except RecursionError:
        text = '"(nested too deeply to show; the bytes are in the snapshot)"'
    if len(text) <= RAW_LIMIT:
        return text
    return json.dumps({"length": len(text), "sha256": sha256(text.encode()).hexdigest(), "head": text[:1000]})


def changes_of(raw: Any, notes: tuple[Note, ...]) -> list[dict[str, Any]]:
    """The notes of an item with the raw value of each field, as kept in `migration_outcomes.changes`."""
    fields = raw if type(raw) is dict else {}
    return [
        {"field": "", "reason": REPAIRED, "raw": note.value, "value": raw_text(raw)}
        if note.code == REPAIRED
        else {
            "field": note.field,
            "reason": note.code,
            "raw": raw_text(fields[note.field]) if note.field in fields else "",
            "value": note.value,
        }
        for note in notes
    ]


def distinct(codes: list[str]) -> tuple[str, ...]:
    """Codes in their order, each once."""
    return tuple(dict.fromkeys(codes))
