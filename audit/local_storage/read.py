"""One snapshot to its items: which keys, which containers, whose, and each element cleaned (importing.md sections 1-4 and 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from audit.local_storage.decode import Unreadable, decode_json, decode_value
from audit.local_storage.entries import clean_favorite, clean_meal, fast_meal
from audit.local_storage.items import (
    REPAIRED,
    Container,
    Entry,
    ItemOutcome,
    Kind,
    MealContent,
    PlainMeals,
    Settings,
    changes_of,
    raw_text,
)
from audit.local_storage.keys import (
    Keys,
    Owner,
    Ownership,
    Store,
    StoredKey,
    key_path,
    key_paths,
    printable,
    sort_keys,
)
from audit.local_storage.settings import (
    STALE_AFTER,
    CleanSettings,
    clean_pending_goals,
    clean_preferences,
    clean_profile,
    clean_root_preference,
)
from audit.local_storage.values import HOUR, Note, Quarantine, clean_legacy_id, microseconds_of, read_instant

Repairs = Mapping[str, str]
"""Path of an item in one snapshot → the JSON text of what stands for it (importing.md section 9)."""

MEALS_KEY, APP_STATE, PAGE_STATE = 2, 4, 0
"""Ranks of a container among the copies in a snapshot; one more for an un-suffixed key."""


class SnapshotSource(NamedTuple):
    """What is needed of a staged snapshot: the bytes, and what was settled when it came in."""

    id: int
    payload: bytes
    sha256: bytes
    captured_at: datetime
    loaded_at: datetime
    zone: ZoneInfo


class ReadSnapshot(msgspec.Struct):
    """The items of one snapshot: readable ones by kind, and those whose fate is settled already."""

    entries: list[Entry] = []
    """Meals."""
    plain: PlainMeals | None = None
    """All meals, instead of `entries`, when they are plain."""
    favorites: list[Entry] = []
    settings: list[Settings] = []
    settled: list[ItemOutcome] = []
    found: Counter[Kind] = msgspec.field(default_factory=Counter)
    report: dict[str, Any] = {}

    @property
    def meals(self) -> list[Entry]:
        """All readable meals, one by one."""
        if self.plain is not None:
            self.entries, self.plain = self.plain.entries(), None
        return self.entries


class _Header(msgspec.Struct):
    user: dict[str, Any]
    local_storage: dict[str, Any]
    page_state: Any = None


_decode_header = msgspec.json.Decoder(_Header).decode


def _header(payload: bytes) -> _Header:
    try:
        return _decode_header(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        pass
    capture = decode_json(payload)
    if not isinstance(capture, dict) or not isinstance(capture.get("local_storage"), dict):
        raise Unreadable("unreadable_snapshot")
    user = capture.get("user")
    return _Header(user if isinstance(user, dict) else {}, capture["local_storage"], capture.get("page_state"))


class SnapshotReader:
    """Reads one snapshot; `position` is its place among the person's snapshots in order of capture.

    An own item whose path has a repair is read from that, by the same rules, and says so (`repaired`). A repair that does not pass the rules
    counts for nothing, nor does one of an item that is not the uploader's: whose it is, no repair decides.
    """

    def __init__(self, source: SnapshotSource, position: int, repairs: Repairs | None = None) -> None:
        self._repairs = repairs
        self._source = source
        self._position = position
        self._zone = source.zone
        self._captured = microseconds_of(source.captured_at)
        self._latest = microseconds_of(source.loaded_at) + HOUR
        self._result = ReadSnapshot()
        self._paths: dict[str, str] = {}

    def read(self) -> ReadSnapshot:
        """All items of the snapshot. A snapshot whose bytes cannot be read at all raises `Unreadable`."""
        header = _header(self._source.payload)
        keys = sort_keys(header.local_storage)
        legacy_id, email = header.user.get("legacy_id"), header.user.get("email")
        ownership = Ownership(
            keys,
            header.local_storage,
            clean_legacy_id(legacy_id) or "",
            email if isinstance(email, str) else "",
        )
        self._paths = key_paths(keys.stored)
        for entry in keys.stored:
            self._read_key(entry, header.local_storage[entry.key], ownership.of(entry))
        if not _is_nothing(header.page_state):
            self._read_app_state(header.page_state, "page_state", "own", PAGE_STATE)
        self._result.report = _report(keys, header.local_storage)
        return self._result

    # --- containers -----------------------------------------------------------------------------------------------------

    def _read_key(self, entry: StoredKey, stored: Any, owner: Owner) -> None:
        path = self._paths[entry.key]
        unsuffixed = entry.suffix is None
        value = self._stored_value(entry, path, stored, owner)
        if value is _NOTHING_TO_READ:
            return
        match entry.store:
            case "meals":
                self._read_array(value, path, "meal", owner, MEALS_KEY + unsuffixed)
            case "app-state":
                self._read_app_state(value, path, owner, APP_STATE + unsuffixed)
            case "dark-mode":
                value, notes = self._in_force(value, path, "preferences", owner)
                clean = clean_root_preference("darkMode", value)
                self._read_settings(value, path, "preferences", owner, -2, clean, notes)
            case "accessibility":
                self._read_object(value, path, "preferences", owner, -1)
            case "pending-goals":
                self._read_pending_goals(value, path, owner)
            case "user-profile":
                self._read_object(value, path, "profile", owner, 6 + unsuffixed)
            case "preferences":
                self._read_object(value, path, "preferences", owner, 6 + unsuffixed)

    def _stored_value(self, entry: StoredKey, path: str, stored: Any, owner: Owner) -> Any:
        """What the key holds; `_NOTHING_TO_READ` when it is empty, or unreadable and quarantined for it."""
        try:
            value = _root_value(entry, stored)
        except Unreadable as problem:
            if self._has_repair(path, entry.store, owner):
                return stored
            self._settle(_KIND_OF_STORE[entry.store], path, problem.code, stored)
            return _NOTHING_TO_READ
        return _NOTHING_TO_READ if _is_nothing(value) else value

    def _read_app_state(self, state: Any, path: str, owner: Owner, rank: int) -> None:
        if type(state) is not dict:
            self._settle("meal", path, "not_an_object", state)
            return
        for name, kind in (("meals", "meal"), ("favoriteMeals", "favorite")):
            if not _is_nothing(part := state.get(name)):
                self._read_array(part, f"{path}.{name}", kind, owner, rank)  # type: ignore[arg-type]  # the two array kinds
        late = 0 if rank == PAGE_STATE else rank + 4
        for name, kind, offset in (
            ("userSettings", "profile", 0),
            ("user", "profile", 2),
            ("preferences", "preferences", 0),
        ):
            if not _is_nothing(part := state.get(name)):
                self._read_object(part, f"{path}.{name}", kind, owner, late + offset)  # type: ignore[arg-type]

    def _read_array(self, value: Any, path: str, kind: Kind, owner: Owner, rank: int) -> None:
        if type(value) is not list:
            self._settle(kind, path, "not_an_array", value)
            return
        self._result.found[kind] += len(value)
        if owner != "own":
            for index, element in enumerate(value):
                self._quarantine(kind, f"{path}[{index}]", owner, element)
            return
        originals = self._repaired_elements(path, kind, value) if self._repairs else {}
        if self._repairs and originals:
            repaired = {index: decode_json(self._repairs[f"{path}[{index}]"]) for index in originals}
            value = [repaired.get(index, element) for index, element in enumerate(value)]
        container = Container(path, value, kind)
        if kind == "meal" and not originals and self._read_plain_meals(container, rank):
            return
        entries = self._result.meals if kind == "meal" else self._result.favorites
        first = len(entries)
        if kind == "meal":
            self._read_meals(container, rank)
        else:
            self._read_favorites(container, rank)
        if originals:
            for entry in entries[first:]:
                if entry.index in originals:
                    entry.notes = (*entry.notes, _repaired_note(originals[entry.index]))

    def _read_plain_meals(self, container: Container, rank: int) -> bool:
        """Reads the array as a whole, if it is the first with meals and all of them are in the canonical form under ids of their own."""
        if self._result.entries or self._result.plain is not None:
            return False
        latest = self._latest
        contents: list[MealContent] = []
        ids: list[str] = []
        for raw in container.elements:
            quick = fast_meal(raw, latest)
            if quick is None:
                return False
            contents.append(quick[0])
            ids.append(quick[1])
        if len(set(ids)) != len(ids):
            return False
        self._result.plain = PlainMeals(container, self._position, rank, contents, ids)
        return True

    def _read_meals(self, container: Container, rank: int) -> None:
        zone, latest, position = self._zone, self._latest, self._position
        entries = self._result.meals
        first = len(entries)
        for index, raw in enumerate(container.elements):
            quick = fast_meal(raw, latest)
            if quick is not None:
                entries.append(Entry(quick[0], quick[1], position, rank, container, index))
                continue
            try:
                clean = clean_meal(raw, zone, latest)
            except Quarantine as problem:
                self._quarantine_entry(container, index, problem)
                continue
            entries.append(
                Entry(
                    clean.content,
                    clean.legacy_id,
                    position,
                    rank,
                    container,
                    index,
                    clean.notes,
                    clean.exact_instant,
                    clean.picture,
                )
            )
        _tell_reused_ids_apart(entries, first)

    def _read_favorites(self, container: Container, rank: int) -> None:
        for index, raw in enumerate(container.elements):
            try:
                clean = clean_favorite(raw, self._zone, self._latest, self._captured)
            except Quarantine as problem:
                self._quarantine_entry(container, index, problem)
                continue
            self._result.favorites.append(
                Entry(clean.content, clean.legacy_id, self._position, rank, container, index, clean.notes)
            )

    # --- profile and preferences ------------------------------------------------------------------------------------------

    def _read_object(self, value: Any, path: str, kind: Kind, owner: Owner, rank: int) -> None:
        value, notes = self._in_force(value, path, kind, owner)
        if type(value) is not dict:
            self._settle(kind, path, "not_an_object", value)
            return
        if rank == -1:
            clean = clean_root_preference("accessibility", value)
        else:
            clean = clean_profile(value) if kind == "profile" else clean_preferences(value)
        self._read_settings(value, path, kind, owner, rank, clean, notes)

    def _read_pending_goals(self, value: Any, path: str, owner: Owner) -> None:
        value, notes = self._in_force(value, path, "profile", owner)
        if type(value) is not dict:
            self._settle("profile", path, "not_an_object", value)
            return
        typed = read_instant(value.get("timestamp"), self._zone)
        if owner == "own" and (typed is None or self._captured - typed.microseconds >= STALE_AFTER):
            self._result.found["profile"] += 1
            codes = ("stale_pending_goals", *(note.code for note in notes))
            self._result.settled.append(
                ItemOutcome(
                    self._position, "profile", path, "superseded", codes, raw_text(value), changes_of(value, notes)
                )
            )
            return
        self._read_settings(value, path, "profile", owner, -1, clean_pending_goals(value), notes)

    def _read_settings(
        self,
        raw: Any,
        path: str,
        kind: Kind,
        owner: Owner,
        rank: int,
        clean: CleanSettings,
        notes: tuple[Note, ...] = (),
    ) -> None:
        if owner != "own":
            self._settle(kind, path, owner, raw)
            return
        self._result.found[kind] += 1
        self._result.settings.append(
            Settings(kind, path, self._position, rank, raw, clean.answers, clean.defaults, (*clean.notes, *notes))
        )

    # --- repairs ----------------------------------------------------------------------------------------------------------

    def problem_of(self, kind: Kind, path: str, raw: Any) -> Quarantine | None:
        """Why this value could not stand at `path`; None when it could. For repairs, which have to pass the rules like anything else."""
        try:
            if kind == "meal":
                clean_meal(raw, self._zone, self._latest)
            elif kind == "favorite":
                clean_favorite(raw, self._zone, self._latest, self._captured)
            elif path == "darkMode":
                if type(raw) is not bool:
                    return Quarantine("invalid_json", "")
            elif type(raw) is not dict:
                return Quarantine("not_an_object", "")
        except Quarantine as problem:
            return problem
        return None

    def _passes(self, kind: Kind, path: str) -> bool:
        """Whether `path` has a repair that counts."""
        text = self._repairs.get(path) if self._repairs else None
        return text is not None and self.problem_of(kind, path, decode_json(text)) is None

    def _has_repair(self, path: str, store: Store, owner: Owner) -> bool:
        """Whether a key that cannot be read has a repair: only where it holds one item can one value stand for it."""
        return owner == "own" and store not in ("meals", "app-state") and self._passes(_KIND_OF_STORE[store], path)

    def _in_force(self, raw: Any, path: str, kind: Kind, owner: Owner) -> tuple[Any, tuple[Note, ...]]:
        """The object that stands at `path`: the browser's, or its repair with the note that says so."""
        if self._repairs and owner == "own" and self._passes(kind, path):
            return decode_json(self._repairs[path]), (_repaired_note(raw),)
        return raw, ()

    def _repaired_elements(self, path: str, kind: Kind, elements: list[Any]) -> dict[int, Any]:
        """Index → what the bytes hold, of the elements of an array that a repair stands for."""
        places = {f"{path}[{index}]": index for index in range(len(elements))}
        return {
            places[repaired]: elements[places[repaired]]
            for repaired in self._repairs or ()
            if repaired in places and self._passes(kind, repaired)
        }

    # --- quarantine -------------------------------------------------------------------------------------------------------

    def _settle(self, kind: Kind, path: str, code: str, raw: Any) -> None:
        self._result.found[kind] += 1
        self._quarantine(kind, path, code, raw)

    def _quarantine_entry(self, container: Container, index: int, problem: Quarantine) -> None:
        self._quarantine(
            container.kind, f"{container.path}[{index}]", problem.code, container.elements[index], problem.field
        )

    def _quarantine(self, kind: Kind, path: str, code: str, raw: Any, field: str = "") -> None:
        changes: list[dict[str, Any]] = []
        if field:
            value = raw_text(raw[field]) if field in raw else ""
            changes = [{"field": field, "reason": code, "raw": value, "value": None}]
        self._result.settled.append(
            ItemOutcome(self._position, kind, path, "quarantined", (code,), raw_text(raw), changes)
        )


_NOTHING_TO_READ = object()
_KIND_OF_STORE: dict[str, Kind] = {
    "meals": "meal",
    "app-state": "meal",
    "user-profile": "profile",
    "pending-goals": "profile",
    "preferences": "preferences",
    "dark-mode": "preferences",
    "accessibility": "preferences",
}


def _repaired_note(original: Any) -> Note:
    return Note("", REPAIRED, raw_text(original))


def _is_nothing(value: Any) -> bool:
    return value is None or value == ""


def _root_value(entry: StoredKey, stored: Any) -> Any:
    value = decode_value(stored)
    if entry.store == "dark-mode" and not _is_nothing(value) and type(value) is not bool:
        raise Unreadable("invalid_json")
    return value


class _SameId(msgspec.Struct):
    """The distinct meals under one id: when and what each is, by its number."""

    count: int = 0
    instants: dict[int, int] = {}
    descriptions: dict[str, int] = {}


def _tell_reused_ids_apart(entries: list[Entry], first: int) -> None:
    """Two meals of one array under one id that differ in both instant and description are two: the later ones get `<id>#n`."""
    fresh = entries[first:]
    ids = [entry.legacy_id for entry in fresh if entry.legacy_id is not None]
    if len(set(ids)) == len(ids):  # nearly always, and twenty times as fast to see
        return
    seen: dict[str, _SameId] = {}
    for entry in fresh:
        if entry.legacy_id is None:
            continue
        others = seen.setdefault(entry.legacy_id, _SameId())
        instant, description = entry.content.instant, entry.content.description
        known = [place for place in (others.instants.get(instant), others.descriptions.get(description)) if place]
        if known:
            _number_id(entry, min(known))
            continue
        others.count += 1
        others.instants[instant] = others.descriptions[description] = others.count
        _number_id(entry, others.count)


def _number_id(entry: Entry, place: int) -> None:
    if place > 1:
        entry.legacy_id = f"{entry.legacy_id}#{place}"
        entry.notes = (*entry.notes, Note("id", "id_reused", entry.legacy_id))


def _report(keys: Keys, storage: Mapping[str, Any]) -> dict[str, Any]:
    """What was seen in this browser, without any value: for the snapshot's page."""

    def size(key: str) -> int:
        value = storage[key]
        return len(value) if isinstance(value, str) else 0

    return {
        "items": {
            key_path(entry.key): {"store": entry.store, "characters": size(entry.key)} for entry in keys.stored[:50]
        },
        "sign_in": [key_path(key) for key in keys.auth[:5]],
        "known": {printable(key): meaning for key, meaning in keys.known.items()},
        "unknown": [key_path(key) for key in keys.unknown],
        "unknown_count": keys.unknown_count,
    }


def read_snapshots(sources: list[SnapshotSource]) -> Iterator[ReadSnapshot]:
    """The snapshots of one person, which must be in order of (captured_at, sha256)."""
    for position, source in enumerate(sources):
        yield SnapshotReader(source, position).read()
