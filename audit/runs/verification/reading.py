"""From a snapshot's bytes to its items: which keys, which parts, which cannot be read (importing.md sections 1 and 2)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from audit.runs.verification.instants import NoInstantError, read_instant
from audit.runs.verification.items import FAVORITE, MEAL, PREFERENCES, PROFILE, Array, Item, Person, Place, Snapshot
from audit.runs.verification.json_text import UnreadableError, decode
from audit.runs.verification.ownership import Ownership
from audit.runs.verification.plain import WrittenMeals, written_meals
from audit.runs.verification.texts import storable
from audit.runs.verification.zones import known_zone, zone_named

KEY = re.compile(r"^(?P<prefix>.+?)-(?P<store>app-state|user-profile|meals|preferences)(?:-(?P<owner>.+))?$")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+=*").fullmatch
_SEALED = "DYNPROT_ENC_"

# Copies of a meal: page_state, then the meals key, then the app state; suffixed before un-suffixed; then as the keys come.
_STORE_RANK = {"page_state": 0, "meals": 1, "app-state": 2}
# Sources of a profile and of preferences, in falling precedence within one snapshot.
_PROFILE_RANK = {
    "pending": 0,
    ("page_state", "userSettings"): 1,
    ("page_state", "user"): 2,
    "user-profile": 3,
    ("app-state", "userSettings"): 4,
    ("app-state", "user"): 5,
}
_PREFERENCES_RANK = {"root": 0, "page_state": 1, "preferences": 2, "app-state": 3}

_KIND_OF_STORE = {"app-state": MEAL, "meals": MEAL, "user-profile": PROFILE, "preferences": PREFERENCES}
_ROOT_KEYS = {"pending_nutrition_goals": PROFILE, "darkMode": PREFERENCES, "accessibility": PREFERENCES}
_NOTHING: tuple[Any, ...] = (None, "")


def read_snapshot(person: Person, snapshot: Snapshot) -> None:
    """Fills in the snapshot's zone and moment and adds its items to the person's; of one that was set aside, one item for all."""
    if snapshot.poisoned:
        place = Place("", MEAL, (0,), "", "poison_snapshot")
        person.items[MEAL].append(Item(snapshot, place, "(the bytes are in the snapshot)", "poison_snapshot"))
    try:
        capture = decode(snapshot.payload.decode())
    except (UnreadableError, UnicodeDecodeError):
        return
    if not isinstance(capture, dict):
        return
    zone_name = capture.get("timezone")
    snapshot.zone_given = zone_name if isinstance(zone_name, str) and known_zone(zone_name) else ""
    snapshot.zone = zone_named(snapshot.zone_given) if snapshot.zone_given else snapshot.zone
    with suppress(NoInstantError):  # else the moment of staging stands in
        snapshot.captured_at, _ = read_instant(capture.get("captured_at"), snapshot.zone, snapshot.latest)
    for found in _items(person, snapshot, capture) if not snapshot.poisoned else ():
        if isinstance(found, Array):
            person.meals.append(found)
        else:
            person.items[found.place.kind].append(found)


def _items(person: Person, snapshot: Snapshot, capture: dict[str, Any]) -> Iterator[Item | Array]:
    storage = capture.get("local_storage")
    storage = storage if isinstance(storage, dict) else {}
    matches = {key: match for key in storage if (match := KEY.match(key))}
    suffixes = {match["owner"] for match in matches.values() if match["owner"]}
    ownership = Ownership.of(capture.get("user"), storage, suffixes, person.email)
    for order, (key, stored) in enumerate(storage.items()):
        match = matches.get(key)
        if match is not None:
            owner = match["owner"]
            place = _StorePlace(key, match["store"], 1 if owner is None else 0, order, ownership.problem_of(owner))
            yield from _stored(snapshot, place, stored, alone=len(person.snapshots) == 1)
        elif key in _ROOT_KEYS:
            yield from _root(snapshot, key, stored, ownership.problem_of(None))
    state = capture.get("page_state")
    if state not in _NOTHING:
        yield from _state(snapshot, _StorePlace("page_state", "page_state", 0, 0, ""), state, None)


class _StorePlace:
    """A key of local storage, or the running page's state."""

    def __init__(self, path: str, store: str, unsuffixed: int, order: int, problem: str) -> None:
        self.path = storable(path)
        self.store = store
        self.rank = (unsuffixed, order)
        self.problem = problem

    def part(self, name: str, kind: str) -> Place:
        path = f"{self.path}.{name}" if name else self.path
        if kind == PROFILE:
            source = name or "user"
            first = _PROFILE_RANK[(self.store, name) if name else self.store]
        elif kind == PREFERENCES:
            source, first = "preferences", _PREFERENCES_RANK[self.store]
        else:
            source, first = self.store, _STORE_RANK.get(self.store, 9)
        return Place(path, kind, (first, *self.rank), source, self.problem)


def _stored(snapshot: Snapshot, place: _StorePlace, stored: Any, *, alone: bool) -> Iterator[Item | Array]:
    """`alone`: it is the person's only snapshot, so that its meals may never have to be looked at closely."""
    if stored == "":
        return
    kind = _KIND_OF_STORE[place.store]
    try:
        value = _written(stored, place.store) if alone else None
        if value is None:
            value = parsed(stored)
    except UnreadableError as error:
        yield Item(snapshot, place.part("", kind), stored, error.reason)
        return
    if value in _NOTHING:
        return
    if place.store == "app-state":
        yield from _state(snapshot, place, value, stored)
    elif place.store == "meals":
        yield from _array(snapshot, place.part("", MEAL), value, stored)
    else:
        yield from _object(snapshot, place.part("", kind), value, stored)


_STATE_OF_MEALS = '{"meals":'
_MEALS_TAKEN_OUT = secrets.token_hex(16)
"""Stands for the meals in the text of a state from which they were taken: nobody can have written it there."""


def _written(stored: Any, store: str) -> Any:
    """What `parsed` gives, but the meals as they are written; nothing where their text is not recognised. A text that is not JSON is for `parsed`
    to tell."""
    if type(stored) is not str:
        return None
    if store == "meals":
        found = written_meals(stored, 0)
        return found[0] if found is not None and not found[1] else None
    if store != "app-state" or not stored.startswith(_STATE_OF_MEALS):
        return None
    found = written_meals(stored, len(_STATE_OF_MEALS))
    if found is None:
        return None
    meals, rest = found
    try:
        state = decode(f'{_STATE_OF_MEALS}"{_MEALS_TAKEN_OUT}"{rest}')
    except UnreadableError:
        return None
    if state["meals"] != _MEALS_TAKEN_OUT:  # a second field of that name
        return None
    state["meals"] = meals
    return state


def parsed(stored: Any) -> Any:
    """The value of a localStorage text. Raises UnreadableError with the reason of importing.md."""
    if not isinstance(stored, str):
        raise UnreadableError("not_a_string")
    if stored.startswith(_SEALED):
        raise UnreadableError("unreadable_encrypted")
    try:
        return decode(stored)
    except UnreadableError:
        if len(stored) > 20 and _BASE64(stored):
            raise UnreadableError("unreadable_base64") from None
        raise


def _state(snapshot: Snapshot, place: _StorePlace, state: Any, stored: str | None) -> Iterator[Item | Array]:
    if not isinstance(state, dict):
        yield Item(snapshot, place.part("", MEAL), state, "not_an_object", also_raw=stored)
        return
    for name, kind in (("meals", MEAL), ("favoriteMeals", FAVORITE)):
        if state.get(name) not in _NOTHING:
            yield from _array(snapshot, place.part(name, kind), state[name], None)
    for name, kind in (("user", PROFILE), ("userSettings", PROFILE), ("preferences", PREFERENCES)):
        if state.get(name) not in _NOTHING:
            yield from _object(snapshot, place.part(name, kind), state[name], None)


def _array(snapshot: Snapshot, place: Place, value: Any, stored: str | None) -> Iterator[Item | Array]:
    if not isinstance(value, list | WrittenMeals):
        yield Item(snapshot, place, value, "not_an_array", also_raw=stored)
        return
    array = Array(snapshot, place, value)
    if place.kind == MEAL and not place.problem:
        yield array
        return
    for index in range(len(value)):
        item = array.item(index)
        item.problem = place.problem or item.problem
        yield item


def _object(snapshot: Snapshot, place: Place, value: Any, stored: str | None) -> Iterator[Item]:
    problem = "" if isinstance(value, dict) else "not_an_object"
    yield Item(snapshot, place, value, problem or place.problem, also_raw=stored)


def _root(snapshot: Snapshot, key: str, stored: Any, problem: str) -> Iterator[Item]:
    """`pending_nutrition_goals`, `darkMode` and `accessibility`, which have neither prefix nor suffix."""
    if stored == "":
        return
    kind = _ROOT_KEYS[key]
    source, rank = ("pending", _PROFILE_RANK["pending"]) if kind == PROFILE else (key, _PREFERENCES_RANK["root"])
    place = Place(key, kind, (rank, 0 if key == "darkMode" else 1), source, problem)
    try:
        value = parsed(stored)
    except UnreadableError as error:
        yield Item(snapshot, place, stored, error.reason)
        return
    if value in _NOTHING:
        return
    if key == "darkMode":
        wrong = "" if isinstance(value, bool) else "invalid_json"
        yield Item(snapshot, place, value, wrong or problem, also_raw=stored)
    else:
        yield from _object(snapshot, place, value, stored)
