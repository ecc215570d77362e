"""Random dirty captures: mutations of valid ones and nonsense at every level, with ids that collide within and across people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.captures import app_state, capture, favorite, meal
from tests.local_storage.pictures import data_url, picture

IDS = ["1", "2", "3", "1#2", 1, 2.0, "²", "a\\b", "x" * 100, "x" * 101, "", None, True, [], ...]
TIMES = [
    "2024-03-10T11:00:00.000Z", "2024-03-10T22:59:59.999Z", "2024-03-10T23:00:00.000Z", "2024-03-10", "2024-03-31T02:30:00", "2024-10-27 02:30",
    1_710_068_400_000, 1_710_068_400, "1710068400.5", "2024-03-10T11:00:00-03:30", 0, "hier", "", None, True, "2090-01-01T00:00:00Z", 10**25, [], ...,
]  # fmt: skip
WORDS: list[Any] = [
    "Poulet",
    "Soupe\u00a0de  légumes",
    "Ro\u0302ti",
    "\0",
    "a\ud800",
    "<b>\\N",
    "x" * 501,
    "tab\t",
    "",
    None,
    12.5,
    True,
    {},
    ...,
]
AMOUNTS = [0, 1, 25, 25.005, 0.4, 501, 1001, -1, -0.0, 1e300, "25,5 g", "300 kcal", "x", "", None, True, [], ...]
SOURCES: list[Any] = ["manual", "ai_scan", "Camera", "cache", None, [], ...]
PHOTO = data_url(picture(size=(2, 2)))
PHOTOS: list[Any] = [None, "", "https://example.fr/a.jpg", PHOTO, PHOTO[:60], 0, False, {}, ...]
TAGS = [None, [], ["soir"], ["soir", "soir", 3], "soir", ["a\\", '"', "NULL", "{}"], ...]
NAMES = [
    "Yaourt",
    "YAOURT",
    "yaourt (2)",
    "ΑΣ",
    "ας",
    "ασ",
    "İ",
    "i",
    "Straße",
    "STRASSE",
    " x ",
    "y" * 201,
    "",
    None,
    3,
    ...,
]
KEYS = ["p-meals-U", "p-meals", "q-meals-U", "p-meals-V"]
STATES = ["p-app-state-U", "p-app-state", "p-app-state-V"]
HOSTILE_KEYS = ["p-meals-U[0]", "p\x01-meals-U", "p\\u0001-meals-U"]
HOSTILE_STATES = ["p-app-state-U.meals"]
"""Their items' paths could be taken for another's: `audit.local_storage.keys.key_paths`."""


def mostly(good: Any, odd: list[Any]) -> st.SearchStrategy[Any]:
    """The good value in about half of the cases."""
    return st.one_of(st.just(good), st.sampled_from(odd))


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
MEALS = st.builds(
    meal,
    id=st.sampled_from(IDS),
    timestamp=mostly("2024-03-10T11:00:00.000Z", TIMES),
    description=mostly("Poulet", WORDS),
    protein=mostly(25, AMOUNTS),
    calories=mostly(300, AMOUNTS),
    carbs=mostly(..., AMOUNTS),
    fiber=mostly(..., AMOUNTS),
    source=mostly("manual", SOURCES),
    photo=mostly(..., PHOTOS),
    tags=mostly(..., TAGS),
)
FAVORITES = st.builds(
    favorite,
    id=st.sampled_from(IDS),
    name=mostly("Yaourt", NAMES),
    description=mostly("Nature", WORDS),
    protein=mostly(10, AMOUNTS),
    useCount=mostly(4, [0, -1, "4", 2**31, None, 1.5]),
    createdAt=mostly("2024-01-02T08:00:00.000Z", TIMES),
    lastUsed=mostly(None, TIMES),
)
PROFILES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["User", "Anne Le Goff", "\0", 5, "x" * 300]),
        "proteinGoal": st.sampled_from([120, 130, 150.5, 9, "140 g", None]),
        "calorieGoal": st.sampled_from([2000, 1800, 0, "1 900 kcal"]),
        "weightKg": st.sampled_from([75, 82.456, "x", 1e300]),
        "gender": st.sampled_from(["other", "male", "", "F", []]),
        "fitnessGoal": st.sampled_from(["general_health", "strength", "marathon", 1]),
        "dietPreferences": st.sampled_from([[], ["Keto", "Keto"], "Keto", ["\\", '"']]),
        "bodyFatPercentage": st.sampled_from([20, 18.25, 60]),
    },
)
PREFERENCES = st.fixed_dictionaries(
    {},
    optional={
        "darkMode": st.sampled_from([True, False, 1]),
        "privacySettings": st.sampled_from([{"shareData": True}, {}, "x"]),
        "notifications": st.sampled_from([False, True, None]),
    },
)


def text_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """Their JSON, sometimes broken."""
    return st.builds(
        _maybe_broken, values, st.sampled_from([None, None, None, None, None, "cut", "encrypted", "nothing", "base64"])
    )


def _maybe_broken(value: Any, how: str | None) -> str:
    text = json.dumps(value)
    if how == "cut":
        return text[: len(text) // 2]
    broken = {"encrypted": "DYNPROT_ENC_" + text[:30].encode().hex(), "nothing": "", "base64": "QUJD" * 12}
    return broken.get(how or "", text)


ARRAYS = st.lists(MEALS | MEALS | MEALS | JUNK, max_size=4)
APP_STATES = st.builds(
    app_state,
    meals=ARRAYS | JUNK,
    favoriteMeals=st.lists(FAVORITES | FAVORITES | JUNK, max_size=3) | st.just(...),
    user=PROFILES | JUNK,
    userSettings=PROFILES | st.just(...),
    preferences=PREFERENCES | JUNK,
)


def storages(keys: Sequence[str], states: Sequence[str]) -> st.SearchStrategy[dict[str, Any]]:
    """What localStorage may hold under these keys, besides settings and things that mean nothing."""
    return st.fixed_dictionaries(
        {},
        optional={
            **{key: text_of(ARRAYS | ARRAYS | JUNK) for key in keys},
            **{key: text_of(APP_STATES) for key in states},
            "p-user-profile-U": text_of(PROFILES),
            "p-preferences-U": text_of(PREFERENCES),
            "pending_nutrition_goals": text_of(
                st.builds(
                    dict,
                    proteinGoal=st.sampled_from([140, "x"]),
                    timestamp=st.sampled_from([1_773_100_000_000, 5, None]),
                )
            ),
            "darkMode": st.sampled_from(["true", "false", "null", "1", '""']),
            "accessibility": text_of(st.just({"largeText": True}) | JUNK),
            "p-auth": st.sampled_from(['{"user":{"id":"U"}}', '{"id":"V"}', "DYNPROT_ENC_x", "{}"]),
            "unknown\ud800\0": JUNK,
        },
    )


class Browser(NamedTuple):
    """One capture of a person (0, 1, ...), so many days after the first."""

    person: int
    day: int
    payload: bytes
    zone: str


ZONES = ["Europe/Paris", "America/St_Johns", "Pacific/Kiritimati"]


@st.composite
def browsers(
    draw: st.DrawFn, people: int = 3, most: int = 3, keys: Sequence[str] = KEYS, states: Sequence[str] = STATES
) -> list[Browser]:
    """Some snapshots of a few people, who all have the same legacy ids in their browsers."""
    found = []
    for person in range(draw(st.integers(1, people))):
        for day in range(draw(st.integers(1, most))):
            zone = draw(st.sampled_from(ZONES))
            payload = capture(
                draw(storages(keys, states)),
                email=f"person{person}@example.fr",
                legacy_id=draw(st.sampled_from(["U", "U", "U", "", None])),
                page_state=draw(st.just(...) | APP_STATES | JUNK),
                timezone=zone,
                captured_at=f"2026-03-{10 + day:02d}T11:00:00Z",
                nonce=f"{person}/{day}",
            )
            found.append(Browser(person, day, payload, zone))
    return found
