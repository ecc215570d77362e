"""The shortest way of the verifier: arrays of meals that are recognised in their text, without a decoder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from audit.runs.verification.instants import Latest, Zone, microseconds_of
from audit.runs.verification.items import MEAL, Array, Person, Place, Snapshot
from audit.runs.verification.json_text import decode
from audit.runs.verification.plain import PlainLines, WrittenMeals, lines_of_decoded, lines_of_written, written_meals
from audit.runs.verification.reading import read_snapshot
from audit.samples import generate

PARIS = Zone("Europe/Paris")
LOADED = microseconds_of(datetime(2026, 11, 22, 12, tzinfo=UTC))
LATEST = Latest.after(LOADED)
MEAL_ = {
    "id": "1767355200000",
    "timestamp": "2026-01-02T12:00:00.120Z",
    "description": "Crème d’œuf",
    "protein": 18.5,
    "calories": 320,
    "carbs": None,
    "fat": 0,
    "fiber": 0.25,
    "tags": ["midi", "à table"],
    "source": "text",
    "aiEstimated": True,
}
LINE = (
    "1767355200000\tCrème d’œuf\t2026-01-02 12:00:00.12+00\t18.50\t320\t\\N\t0.00\t0.25\ttext\tt\t\\N\t"
    '{midi,"à table"}\t2026-01-02\tafternoon\t2026-01-02 12:00:00.12+00\t\\N\t\\N'
)


def text(value: Any) -> str:
    """As JSON.stringify writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def lines(meal: dict[str, Any] | str) -> list[str | None] | None:
    written = f"[{meal if isinstance(meal, str) else text(meal)}]"
    found = written_meals(written, 0)
    return lines_of_written(found[0], PARIS, LATEST).lines if found else None


def test_the_line_of_a_meal_as_it_is_written() -> None:
    assert lines(MEAL_) == [LINE]


def array_of(storage: dict[str, str]) -> Array:
    """The one array of meals in a browser that holds this."""
    payload = text(
        {"user": {"legacy_id": "a"}, "captured_at": "2026-02-01T00:00:00Z", "local_storage": storage}
    ).encode()
    person = Person("", "")
    person.snapshots.append(Snapshot(1, "", b"", payload, LOADED, in_run=True, zone=PARIS))
    read_snapshot(person, person.snapshots[0])
    assert len(person.meals) + len(person.items[MEAL]) <= 1
    return person.meals[0] if person.meals else Array(person.snapshots[0], Place("", MEAL, ()), [])


def test_an_array_is_recognised_where_the_app_writes_it() -> None:
    meals = [MEAL_, {**MEAL_, "id": "2"}]
    for key, value in (
        ("dynprot-app-state-a", text({"meals": meals, "favoriteMeals": []})),
        ("dynprot-app-state-a", text({"meals": meals})),
        ("dynprot-meals-a", text(meals)),
    ):
        array = array_of({key: value})
        assert isinstance(array.value, WrittenMeals)
        assert len(array) == 2
        assert array.elements == meals  # decoded when somebody looks closely


GOOD = text(MEAL_)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("app-state", f'{{"meals":[{GOOD}],"meals":[]}}'),  # the last of two counts
        ("app-state", f'{{"meals":[{GOOD}],"meal\\u0073":null}}'),
        ("app-state", f'{{"meals":[{GOOD}],}}'),
        ("app-state", f'{{"meals":[{GOOD}]}}}}'),
        ("app-state", f'{{"meals":[{GOOD}]'),
        ("app-state", f'{{"meals":[{GOOD}]"a":1}}'),
        ("app-state", f'{{"meals":[{GOOD}],"a":NaN}}'),
        ("app-state", f'{{"user":{{}},"meals":[{GOOD}]}}'),
        ("app-state", f' {{"meals":[{GOOD}]}}'),
        ("app-state", f'{{"meals":[{GOOD},]}}'),
        ("app-state", f'{{"meals":[{GOOD}]{GOOD}]}}'),
        ("meals", f"[{GOOD}"),
        ("meals", f"[{GOOD}]]"),
        ("meals", f"[{GOOD}] "),
        ("meals", f"[{GOOD}{GOOD}]"),
        ("meals", f"[{GOOD},]"),
        ("meals", f"[{GOOD},null]"),
        ("meals", f"[null,{GOOD}]"),
        ("meals", f"[{GOOD}, {GOOD}]"),
        ("meals", "[" + GOOD.replace("18.5", "018.5") + "]"),
        ("meals", "[" + GOOD.replace("18.5", "18.") + "]"),
        ("meals", "[" + GOOD.replace("18.5", "-18.5") + "]"),
        ("meals", "[" + GOOD.replace("18.5", "1e400") + "]"),
        ("meals", "[" + GOOD.replace("18.5", '"18.5"') + "]"),
        ("meals", "[" + GOOD.replace('["midi","à table"]', '["midi""à table"]') + "]"),
        ("meals", "[" + GOOD.replace('["midi","à table"]', "[midi]") + "]"),
        ("meals", "[" + GOOD.replace("Crème", "Cr\\u00e8me") + "]"),
        ("meals", "[" + GOOD.replace("Crème", "Cr\tme") + "]"),
        ("meals", "[" + GOOD.replace("1767355200000", "1\n") + "]"),
        ("meals", "[" + GOOD.replace('"protein":18.5', '"protein":18.5,"protein":2') + "]"),
        ("meals", "[" + GOOD.replace("true}", 'true,"photo":"https://example.fr/1.jpg"}') + "]"),
    ],
)
def test_what_has_another_form_is_left_to_the_decoder(key: str, value: str) -> None:
    array = array_of({f"dynprot-{key}-a": value})
    assert isinstance(array.value, list)


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-02-30T12:00:00.000Z"},
        {"timestamp": "2026-01-02T24:00:00.000Z"},
        {"timestamp": "2026-11-22T13:00:00.001Z"},  # later than an hour after the staging
        {"description": ""},
        {"description": " Soupe"},
        {"description": "Soupe\x7f"},
        {"description": "e\u0301"},
        {"description": "half \ud83d"},
        {"description": "x" * 501},
        {"protein": None},
        {"protein": 18.555},
        {"protein": 1001},
        {"calories": 320.5},
        {"tags": ["midi", "midi"]},
        {"tags": [""]},
        {"source": "camera"},
        {"source": "autre"},
    ],
)
def test_a_meal_of_which_something_has_to_be_said_is_not_plain(change: dict[str, Any]) -> None:
    assert lines({**MEAL_, **change}) == [None]


def test_where_an_hour_belongs_to_two_local_days_or_times_of_day() -> None:
    found = written_meals(text([{**MEAL_, "timestamp": f"2026-01-02T18:{minute}:00.000Z"} for minute in (10, 50)]), 0)
    assert found is not None
    assert [line is None for line in lines_of_written(found[0], Zone("Asia/Kolkata"), LATEST).lines] == [
        True,
        True,
    ]  # 23:40, 0:20


def test_both_short_ways_agree_on_sample_people() -> None:
    """The values of a text, and those that the decoder makes of it."""

    def arrays() -> Iterator[tuple[WrittenMeals, list[Any]]]:
        for line in generate(40, 60, 3, 8):
            for stored in json.loads(line)["local_storage"].values():
                at = stored.find("[{")
                found = written_meals(stored, at) if at >= 0 else None
                if found is not None:
                    yield found[0], decode(found[0].text)

    seen = 0
    for written, decoded in arrays():
        seen += len(decoded)
        assert lines_of_written(written, PARIS, LATEST) == lines_of_decoded(decoded, PARIS, LATEST)
    assert seen > 1500


@pytest.mark.parametrize(
    ("ids", "instants", "keys", "different"),
    [
        ("12", "ab", "xx", True),
        ("11", "ab", "xy", False),
        ("12", "aa", "xy", True),
        ("12", "aa", "xx", False),
    ],
)
def test_copies_among_plain_meals_are_seen(ids: str, instants: str, keys: str, different: bool) -> None:
    rows = [f"{number}\t{key}\t{instant}\t5.00\t100" for number, instant, key in zip(ids, instants, keys, strict=True)]
    assert PlainLines(list(ids), list(instants), list(rows)).are_different() is different
