"""JSON as `JSON.parse` reads it, whatever is thrown at it; and the snapshot's own bytes."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.local_storage.decode import Unreadable, decode_json, decode_value
from tests.captures import Unstored, capture, meal, meals, outcomes_of, person, read, source


def problem_of(text: Any) -> str:
    with pytest.raises(Unreadable) as caught:
        decode_value(text)
    return caught.value.code


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "[Infinity]",
        '{"a":-Infinity}',
        "[1,]",
        "01",
        "1.",
        "'a'",
        "[1] [2]",
        '"\x01"',
        "\ufeff[]",
        "nul",
        "{a:1}",
        "// x",
    ],
)
def test_what_json_parse_refuses(text: str) -> None:
    assert problem_of(text) == "invalid_json"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e400", math.inf),
        ("-1e400", -math.inf),
        ("9" * 5_000, math.inf),
        ("-" + "9" * 5_000, -math.inf),
        ("[1e400, 5]", [math.inf, 5]),
        ('"\\ud800"', "\ud800"),
        ('"\ud800"', "\ud800"),
        ('"\\u0000"', "\0"),
        ('{"a":1,"a":2}', {"a": 2}),
        ('{"a":1,"a":2,"b":"\\udfff"}', {"a": 2, "b": "\udfff"}),
        (" [1]\n", [1]),
        ("null", None),
        ("", None),
        ("18446744073709551616", 18446744073709551616),
        ("0.1e-400", 0.0),
    ],
)
def test_what_json_parse_takes(text: str, value: Any) -> None:
    assert decode_value(text) == value


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_nesting_of_five_thousand_levels(opening: str) -> None:
    assert problem_of(opening * 5_000) == "too_deep"


def test_bytes_are_utf_8_and_nothing_else() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig"):
        with pytest.raises(Unreadable):
            decode_json('{"a": 1}'.encode(encoding))
    with pytest.raises(Unreadable):
        decode_json(b'["\xed\xa0\x80", 1e400]')  # an encoded surrogate


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}",
        b'{"user":{}}',
        b'{"user":{},"local_storage":[]}',
        b'{"user":{},"local_storage":null}',
        b'{"user":{},"local_storage":"{}"}',
        b'\xff\xfe{"local_storage":{}}',
        '{"user":{},"local_storage":{}}'.encode("utf-16"),
        b'{"user":{},"local_storage":{},"page_state":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"\0" * 100,
    ],
)
def test_bytes_that_are_no_capture_are_one_item(payload: bytes) -> None:
    one = person(source(payload))
    assert outcomes_of(one) == {(0, ""): ("quarantined", ("unreadable_snapshot",))}
    assert one.found[0] == {"meal": 1}


@pytest.mark.parametrize(
    "user", [None, [], "Anne", {"legacy_id": None, "email": 5}, {"legacy_id": {"a": 1}, "email": []}, ...]
)
def test_a_strange_user_costs_nothing(user: Any) -> None:
    assert len(read({"dynprot-meals": [meal()]}, user=user).meals) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_the_value_is_the_standard_librarys(value: Any) -> None:
    text = json.dumps(value)
    if "NaN" in text or "Infinity" in text:
        return
    assert json.dumps(decode_json(text), sort_keys=True) == json.dumps(value, sort_keys=True)


@given(st.text(st.characters(codec=None)))
def test_no_text_is_a_traceback(text: str) -> None:
    code = ""
    try:
        decode_value(text)
    except Unreadable as problem:
        code = problem.code
    assert code in {"", "invalid_json", "too_deep", "unreadable_base64", "unreadable_encrypted"}


@pytest.mark.slow
def test_fifty_megabytes() -> None:
    result = read({"dynprot-meals-U": meals(2, description="x" * 25_000_000), "other": "y" * 1_000_000})
    assert [entry.content.description for entry in result.meals] == ["x" * 500] * 2
    broken = read({"dynprot-meals-U": json.dumps(meals(2, description="x" * 25_000_000))[:-1]})
    (outcome,) = broken.settled
    assert outcome.reasons == ("invalid_json",)
    assert len(outcome.raw) < 100_000


@pytest.mark.slow
def test_fifty_megabytes_of_copies_take_no_more_than_their_time() -> None:
    """Copies without ids are all one meal; a list of one id for many meals is many. Neither may be quadratic."""
    copy = meal(id=..., timestamp=1_710_068_400_000)
    distinct = [
        meal(id="7", timestamp=1_710_068_400_000 + number * 1000, description=f"n° {number}")
        for number in range(60_000)
    ]
    one = person(source(capture({"dynprot-meals-U": [copy] * 60_000 + distinct})))
    assert len(one.meals) == 60_001


@pytest.mark.slow
def test_a_million_unknown_keys() -> None:
    storage = {f"key{number}": Unstored(number) for number in range(1_000_000)}
    result = read({**storage, "dynprot-meals-U": [meal()]})
    assert len(result.meals) == 1
    assert result.report["unknown_count"] == 1_000_000
    assert len(result.report["unknown"]) == 50
