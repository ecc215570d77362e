"""Worlds of dirty browsers out of a number: the same number gives the same bytes, so that a failing one can be looked at again.

Everybody has several browsers; some were imported before (that run is history), and the ones under fire bring changes to what is there.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from tests.captures import app_state, capture, favorite, meal
from tests.laws.strategies import AMOUNTS, PHOTOS, TAGS, TIMES, WORDS, ZONES, Browser

PEOPLE = 6


class World(NamedTuple):
    """`before` is imported in peace, `now` under fire."""

    before: list[Browser]
    now: list[Browser]


def dirty_world(seed: int, *, people: int = PEOPLE) -> World:
    """Some people with two to four browsers each; a third of the meals have something wrong with them."""
    chance = Random(f"world {seed}")
    before: list[Browser] = []
    now: list[Browser] = []
    for person in range(people):
        shared = [_meal(chance, number) for number in range(chance.randint(2, 5))]
        for day in range(chance.randint(2, 4)):
            zone = chance.choice(ZONES)
            browser = Browser(person, day, _capture(chance, person, day, zone, shared), zone)
            # Of most people something is there already; the first person's browsers are always on both sides.
            (before if day == 0 and (person == 0 or chance.random() < 0.6) else now).append(browser)
    return World(before, now)


def _mostly(chance: Random, good: Any, odd: list[Any]) -> Any:
    return good if chance.random() < 0.9 else chance.choice(odd)


def _meal(chance: Random, number: int) -> dict[str, Any]:
    return meal(
        id=str(1_710_068_400_000 + number),
        timestamp=_mostly(chance, 1_710_068_400_000 + number * 3_600_000, TIMES),
        description=_mostly(chance, f"Poulet {number}", WORDS),
        protein=_mostly(chance, 20 + number, AMOUNTS),
        calories=_mostly(chance, 300, AMOUNTS),
        carbs=_mostly(chance, ..., AMOUNTS),
        photo=_mostly(chance, ..., PHOTOS),
        tags=_mostly(chance, ["soir"], TAGS),
    )


def _capture(chance: Random, person: int, day: int, zone: str, shared: list[dict[str, Any]]) -> bytes:
    changed = [_changed(chance, one) for one in shared]
    own = [_meal(chance, 100 * (day + 1) + number) for number in range(chance.randint(1, 4))]
    storage: dict[str, Any] = {
        "p-meals-U": [*changed, *own, *([None] if chance.random() < 0.3 else [])],
        "p-user-profile-U": {"name": "Anne Le Goff", "proteinGoal": 110 + 5 * chance.randint(0, 9)},
    }
    if chance.random() < 0.7:
        names = [f"Yaourt {person} {number}" for number in range(chance.randint(1, 3))]
        favorites = [favorite(id=str(17 + number), name=name) for number, name in enumerate(names)]
        storage["p-app-state-U"] = app_state(meals=own[:1], favoriteMeals=favorites)
    if chance.random() < 0.3:
        storage["p-preferences-U"] = {"darkMode": chance.random() < 0.5}
    if chance.random() < 0.15:
        storage["q-meals-U"] = '[{"id": "cut of'
    return capture(
        storage,
        email=f"person{person}@example.fr",
        timezone=zone,
        captured_at=f"2026-03-{10 + day:02d}T11:00:00Z",
        nonce=f"{person}/{day}",
    )


def _changed(chance: Random, one: dict[str, Any]) -> dict[str, Any]:
    """As the person's next browser has it: most meals as they were, some corrected."""
    if chance.random() < 0.7:
        return one
    return {**one, "description": f"Corrigé {chance.randint(1, 9)}", "protein": chance.randint(1, 60)}
