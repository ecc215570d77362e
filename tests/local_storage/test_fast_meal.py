"""The one pass that nearly all meals take says what the rules say, for everything that it accepts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit.local_storage.entries import clean_meal, fast_meal
from audit.local_storage.values import HOUR, Quarantine, microseconds_of
from tests.captures import LOADED, PARIS, meal

LATEST = microseconds_of(LOADED) + HOUR
ABSENT: Any = ...

TIMESTAMPS = [
    "2024-03-10T11:00:00.000Z", "2024-03-10T11:00:00.999Z", "2024-W10-7T11:00:00.000Z", "2024-W10-7T11:00:00.00Z", "2024-W107T11:00:00.0000Z",
    "2024-03-10T11:00:00.+00Z", "2024-03-10T11:00:00.00ZZ", "2024-03-10T110000.000000Z", "2024-03-10T24:00:00.000Z", "2024-03-10T11:00:60.000Z",
    "2024-02-30T11:00:00.000Z", "1999-12-31T23:59:59.999Z", "2000-01-01T00:00:00.000Z", "2026-03-10T13:00:00.000Z", "2026-03-10T13:00:00.001Z",
    "2090-01-01T00:00:00.000Z", "0000-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2024-03-10T11:00:00.１２３Z",
    "２０２４-03-10T11:00:00.000Z", "2024-03-10T11:00:00.1 0Z", "2024-03-10T11:00:00.-10Z", "2024-03-10T11:00:00,000Z", " 2024-03-10T11:00:00.00Z",
    "2024-03-10T11:00:00.00\u00e9Z", "2024-03-10", 1_710_068_400_000, None, True,
]  # fmt: skip
AMOUNTS = [
    0, 1, 25, 500, 501, 999, 1000, 5000, 5001, -1, -0.0, 0.0, 0.1, 0.1 + 0.2, 0.005, 1.005, 25.5, 25.55, 25.555, 499.99, 499.995, 500.0, 500.0000001,
    1e-320, 1e300, float("inf"), 10**30, 10**400, True, False, "25", "", None, [], {}, 200, 200.01, 1000.01, 300.0, 300.5,
]  # fmt: skip
TEXTS = [
    "Poulet rôti", "Po\u0302ulet", "\u00f4", "o\u0302", "a\u00a0b", "a  b", " a", "a ", "", " ", "\0", "a\tb", "a\nb", "a\u200bb", "\ud800", "a" * 500,
    "a" * 501, "é" * 500, "😀", "\u0340", "\u212b", "ﬁ", "<b>&", 12, 12.5, None, True, [], {},
]  # fmt: skip
IDS = [
    "1710068400000",
    "a#2",
    "a",
    "é",
    "e\u0301",
    "²",
    "٣",
    "x" * 100,
    "x" * 101,
    "",
    " 1",
    "1\n",
    "\0",
    5,
    5.0,
    1e300,
    10**400,
    True,
    None,
    [],
    {},
    "a_b",
]
TAGS: list[Any] = [
    [],
    None,
    ["soir"],
    ["soir", "soir"],
    [""],
    [" a"],
    ["e\u0301"],
    [1],
    [None],
    [True],
    [[]],
    [{}],
    "soir",
    "",
    0,
    False,
    {},
    {"a": 1},
    ["x" * 50],
    ["x" * 51],
    ("a",),
]
OTHERS = [
    None,
    "",
    0,
    False,
    True,
    [],
    {},
    "x",
    1,
    1.0,
    -0.0,
    ["manual"],
    {"manual": 1},
    "https://example.fr/x.jpg",
    "data:image/png;base64,AAAA",
]
SOURCES = [
    "manual",
    "voice",
    "text",
    "image",
    "ai_scan",
    "favorite",
    "import",
    "MANUAL",
    "camera",
    "cache",
    " manual",
    *OTHERS,
]


def field(values: list[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A good or odd value, some of the time an absent one."""
    return st.sampled_from([*values, ABSENT]) | odd


FLOATS = (
    st.floats(min_value=-1, max_value=1100)
    | st.floats(allow_nan=False)
    | st.integers(0, 100_000).map(lambda hundredths: hundredths / 100)
)
STRINGS = st.text(st.characters(codec=None), max_size=30)
MEALS = st.builds(
    meal,
    id=field(IDS, STRINGS),
    timestamp=field(TIMESTAMPS, st.datetimes().map(lambda when: when.isoformat(timespec="milliseconds") + "Z")),
    description=field(TEXTS, STRINGS),
    protein=field(AMOUNTS, FLOATS),
    calories=field(AMOUNTS, FLOATS),
    carbs=field(AMOUNTS, FLOATS),
    fat=field(AMOUNTS, FLOATS),
    fiber=field(AMOUNTS, FLOATS),
    source=st.sampled_from([*SOURCES, ABSENT]),
    aiEstimated=st.sampled_from([True, False, *OTHERS, ABSENT]),
    tags=st.sampled_from([*TAGS, ABSENT]),
    photo=st.sampled_from([*OTHERS, ABSENT]),
    imageUrl=st.sampled_from([*OTHERS, ABSENT]),
)
"""Odd in many fields at once: most are refused at the first one, so single oddities come apart (below)."""


def check(raw: Any) -> bool:
    """Whether the fast pass accepts it; if so, the rules must say the same, without any note."""
    quick = fast_meal(raw, LATEST)
    if quick is None:
        return False
    try:
        clean = clean_meal(raw, PARIS, LATEST)
    except Quarantine as problem:
        raise AssertionError(f"{raw!r} is accepted but means {problem}") from problem
    assert (clean.content, clean.legacy_id, clean.notes, clean.exact_instant, clean.picture) == (
        *quick,
        (),
        True,
        None,
    ), raw
    assert list(map(type, clean.content)) == list(map(type, quick[0]))
    return True


@settings(max_examples=400)
@given(MEALS)
@example(meal(photo=False))
@example(meal(imageUrl=[]))
def test_it_agrees_on_anything(raw: dict[str, Any]) -> None:
    check(raw)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("timestamp", TIMESTAMPS), ("id", IDS), ("description", TEXTS), ("protein", AMOUNTS), ("calories", AMOUNTS), ("carbs", AMOUNTS), ("fat", AMOUNTS),
        ("fiber", AMOUNTS), ("source", SOURCES), ("aiEstimated", OTHERS), ("tags", TAGS), ("photo", OTHERS), ("imageUrl", OTHERS),
    ],
)  # fmt: skip
def test_it_agrees_on_every_single_oddity(name: str, values: list[Any]) -> None:
    for value in [*values, ABSENT]:
        check(meal(**{name: value}))


@settings(max_examples=300)
@given(st.sampled_from(["protein", "carbs", "fat", "fiber"]), FLOATS)
def test_it_agrees_on_every_double(name: str, value: float) -> None:
    check(meal(**{name: value}))


@settings(max_examples=300)
@given(
    st.text(alphabet="0123456789-T:.ZW+ ,", min_size=24, max_size=24)
    | st.from_regex(r"\A20[0-9]{2}-[0-9W]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9+-]{3}Z\Z")
)
def test_it_agrees_on_every_timestamp_of_its_length(text: str) -> None:
    check(meal(timestamp=text))


@pytest.mark.parametrize("raw", [None, [], "x", 1, True, {}])
def test_what_is_no_meal_is_left_to_the_rules(raw: Any) -> None:
    assert fast_meal(raw, LATEST) is None


def test_ordinary_meals_take_it() -> None:
    ordinary = [
        meal(),
        meal(calories=None),
        meal(tags=["soir", "été"], carbs=12.5, fat=0, fiber=3.25),
        meal(source=..., photo=None, imageUrl=""),
    ]
    assert all(map(check, ordinary))
