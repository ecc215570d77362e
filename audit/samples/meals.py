"""A person's meals and favourites, in the shapes in which the old app keeps them (MealEntry, FavoriteMeal).

People eat the same things again and again: each has a repertoire of their own, and a meal is one entry of it
at one instant. That is lifelike, and cheap to make.
"""

from __future__ import annotations

from random import Random
from typing import Any

from audit.samples.chance import between, happens, pick
from audit.samples.clock import DAY, HOUR, MINUTE, at_local_clock, iso, local_ordinal
from audit.samples.people import Person
from audit.samples.vocabulary import BREAKFASTS, MAINS, PLATES, SIDES, SNACKS, Food

Json = dict[str, Any]

# Slots of a French day: percent of days that have it, earliest start in minutes after local midnight, spread in
# minutes, which part of the repertoire, tag. They do not overlap, so instants (and with them ids) always rise.
SLOTS = (
    (88, 6 * 60 + 15, 150, "breakfast", "petit-déjeuner"),
    (14, 9 * 60 + 40, 70, "snack", "collation"),
    (96, 11 * 60 + 50, 115, "dish", "déjeuner"),
    (42, 15 * 60 + 40, 110, "snack", "goûter"),
    (97, 18 * 60 + 55, 155, "dish", "dîner"),
    (7, 22 * 60 + 10, 100, "snack", "en-cas"),
)
MOST_MEALS = 20_000  # about fifteen years; more would reach back before the year 2000, which is quarantined

# As the add-meal form writes them; what was read from a photo or a text is an estimate.
SOURCES = (*("manual",) * 48, *("text",) * 24, *("ai_scan",) * 16, *("favorite",) * 12)
ESTIMATED = frozenset({"ai_scan", "text", "image"})

MACROS = ("carbs", "fat", "fiber")
DAY_OFF, CALORIES_UNKNOWN, TAGGED = 0.04, 0.06, 0.5  # shares of days and of meals


def amount(value: float) -> int | float:
    """One decimal, and whole numbers without a point, as JavaScript writes them."""
    tenths = int(value * 10 + 0.5)
    return tenths // 10 if tenths % 10 == 0 else tenths / 10


def _template(description: str, parts: list[tuple[Food, int]], macros: tuple[str, ...]) -> Json:
    grams = {
        nutrient: sum(getattr(food, nutrient) * portion for food, portion in parts) / 100
        for nutrient in ("protein", *MACROS)
    }
    energy = 4 * grams["protein"] + 4 * grams["carbs"] + 9 * grams["fat"] + 2 * grams["fiber"]
    return {
        "description": description,
        "protein": max(amount(grams["protein"]), 0.1),
        "calories": max(int(energy + 0.5), 1),
        **{nutrient: amount(grams[nutrient]) for nutrient in macros},
        "tags": list(dict.fromkeys(tag for food, _ in parts for tag in food.tags)),
    }


def _portion(rng: Random, food: Food) -> int:
    return food.portion if food.counted else max(food.portion * between(rng, 7, 13) // 10, 5)


def _single(rng: Random, food: Food, macros: tuple[str, ...]) -> Json:
    grams = _portion(rng, food)
    written = food.name if food.counted or happens(rng, 55) else f"{food.name} ({grams} g)"
    return _template(written, [(food, grams)], macros)


def _composed(rng: Random, main: Food, side: Food, macros: tuple[str, ...]) -> Json:
    grams, beside = _portion(rng, main), _portion(rng, side)
    form = pick(
        rng, ("{main} et {side}", "{main} et {side}", "{main} ({grams} g), {side}", "{main}, {beside} g {side}")
    )
    written = form.format(main=main.name, side=side.name, grams=grams, beside=beside)
    return _template(written, [(main, grams), (side, beside)], macros)


def repertoire(person: Person) -> dict[str, list[Json]]:
    """What this person usually eats, without ids and instants, by part of the day."""
    rng = person.chance("repertoire")
    macros = MACROS if happens(rng, 60) else ()  # carbs, fat and fibre came late to the app
    lower = happens(rng, 20)  # some people never use capitals
    usual = {
        "breakfast": [_single(rng, pick(rng, BREAKFASTS), macros) for _ in range(8)],
        "snack": [_single(rng, pick(rng, SNACKS), macros) for _ in range(8)],
        "dish": [
            _composed(rng, pick(rng, MAINS), pick(rng, SIDES), macros)
            if happens(rng, 60)
            else _single(rng, pick(rng, PLATES), macros)
            for _ in range(24)
        ],
    }
    if lower:
        for entries in usual.values():
            for entry in entries:
                entry["description"] = entry["description"].lower()
    return usual


def draw_meals(person: Person, usual: dict[str, list[Json]], count: int, captured: int) -> list[Json]:
    """Exactly `count` meals, oldest first, ending on the day before the capture; ids and instants differ."""
    if count > MOST_MEALS:
        raise ValueError(f"{count} meals are more than a person can have eaten; at most {MOST_MEALS}")
    rng = person.chance("meals")
    draw = rng.random
    meals: list[Json] = []
    zone = person.zone
    tagged = happens(rng, 50)
    day = local_ordinal(zone, captured)
    while len(meals) < count:
        day -= 1
        if draw() < DAY_OFF:
            continue  # a day on which the app was not opened
        for percent, start, spread, part, tag in reversed(SLOTS):
            if draw() * 100 >= percent or len(meals) == count:
                continue
            entries = usual[part]
            entry = entries[int(draw() * len(entries))]
            instant = at_local_clock(zone, day, start * MINUTE + int(draw() * spread * MINUTE))
            source = SOURCES[int(draw() * len(SOURCES))]
            meal = {
                "id": str(instant),
                "timestamp": iso(instant),
                **entry,
                "source": source,
                "aiEstimated": source in ESTIMATED,
            }
            if draw() < CALORIES_UNKNOWN:
                meal["calories"] = None  # not known to the person
            if tagged and draw() < TAGGED:
                meal["tags"] = [*entry["tags"], tag]
            meals.append(meal)
    meals.reverse()
    return meals


def draw_favorites(person: Person, usual: dict[str, list[Json]], captured: int) -> list[Json]:
    """Two to eight favourites; names (the first three words, as the app proposes) and descriptions differ."""
    rng = person.chance("favorites")
    wanted = between(rng, 2, 8)
    names: set[str] = set()
    favorites: list[Json] = []
    created = captured - between(rng, 100, 400) * DAY
    for entry in (*usual["dish"], *usual["breakfast"], *usual["snack"]):
        name = " ".join(entry["description"].split()[:3])
        if len(favorites) == wanted:
            break
        if name.casefold() in names or happens(rng, 50):
            continue
        names.add(name.casefold())
        created += between(rng, HOUR, 9 * DAY)
        favorites.append(
            {
                "id": str(created),
                "name": name,
                "description": entry["description"],
                "protein": entry["protein"],
                "calories": entry["calories"],
                "tags": list(entry["tags"]),
                "createdAt": iso(created),
                "lastUsed": iso(captured - between(rng, HOUR, 20 * DAY)),
                "useCount": between(rng, 1, 40),
            }
        )
    return favorites
