"""The rules by which many items are mended at once: what each says of each value, and what holds for all of them."""

from __future__ import annotations

import copy
import json
import math
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.local_storage.rules import RULES
from audit.runs.quarantine.rules import (
    DATE_FORMATS,
    KINDS,
    RULES_FOR,
    UNTOUCHED,
    WORDS,
    BadRule,
    Rule,
    applied,
    checked,
    value_of,
)

PARAMETERS = {
    "set": ("25", ""),
    "replace": ('"beaucoup"', "30"),
    "replace_text": ("eau", "x"),
    "drop": ("", ""),
    "copy": ("other", ""),
    "inside": ("value", ""),
    "parse": ("", ""),
    "multiply": ("2,5", ""),
    "divide": ("1000", ""),
    "absolute": ("", ""),
    "only_number": ("", ""),
    "date": ("%d/%m/%Y", ""),
}
"""For each kind, something that makes it a rule."""

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["beaucoup", "-12,5 g", "environ 25 g", "[25]", "31/12/2024", "25-30 g", '{"protein": 3}'])
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["value", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=6,
)
ITEMS = st.dictionaries(st.sampled_from(["protein", "timestamp", "description", "other", "id"]), VALUES, max_size=5)
RULE = st.sampled_from(sorted(KINDS)).map(lambda kind: Rule(kind, "", *PARAMETERS[kind]))


def mended(kind: str, value: Any, first: str = "", second: str = "", **others: Any) -> Any:
    """What the rule makes of a field that holds this value; UNTOUCHED where it does not apply."""
    item = {"id": "7", "protein": value, **others}
    result = applied(checked(Rule(kind, "", first, second)), item, "protein")
    return result if result is UNTOUCHED else result["protein"]


# --- what each rule says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("environ 25 g", 25),
        ("env. 25,5g", 25.5),
        ("25", 25),
        ("beaucoup", UNTOUCHED),
        ("25-30 g", UNTOUCHED),
        ("25 ou 30", UNTOUCHED),
        ("-25 g", UNTOUCHED),
        ("1.234,5", UNTOUCHED),
        ("v2", UNTOUCHED),
        ([25], UNTOUCHED),
        (None, UNTOUCHED),
    ],
)
def test_the_only_number_of_a_text(value: Any, expected: Any) -> None:
    assert mended("only_number", value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "first", "expected"),
    [
        ("multiply", 12, "1000", 12000),
        ("multiply", "12,5 g", "2", 25),
        ("multiply", 0.1, "3", 0.3),
        ("divide", 25000, "1000", 25),
        ("divide", 1046, "4,184", 250),
        ("divide", 1700000000000000, "1000", 1700000000000),
        ("divide", True, "10", UNTOUCHED),
        ("divide", "beaucoup", "10", UNTOUCHED),
        ("multiply", 1e308, "1000", UNTOUCHED),
        ("absolute", -12, "", 12),
        ("absolute", "-12,5 g", "", 12.5),
        ("absolute", 12, "", UNTOUCHED),
    ],
)
def test_numbers(kind: str, value: Any, first: str, expected: Any) -> None:
    found = mended(kind, value, first)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("31/12/2024 18:30", "%d/%m/%Y %H:%M", "2024-12-31T18:30:00"),
        ("31/12/2024 18:30:05", "%d/%m/%Y %H:%M", "2024-12-31T18:30:05"),
        ("31/12/2024", "%d/%m/%Y", "2024-12-31"),
        ("12/31/2024", "%m/%d/%Y", "2024-12-31"),
        ("1/2/2024", "%d/%m/%Y", "2024-02-01"),
        ("20241231", "%Y%m%d", "2024-12-31"),
        ("2024123", "%Y%m%d", UNTOUCHED),
        ("1er mars 2024", WORDS, "2024-03-01"),
        ("dimanche 10 mars 2024 à 12:30", WORDS, "2024-03-10T12:30:00"),
        ("10 août 2024 8h05", WORDS, "2024-08-10T08:05:00"),
        ("10 Brumaire 2024", WORDS, UNTOUCHED),
        ("31/02/2024", "%d/%m/%Y", UNTOUCHED),
        ("12/31/2024", "%d/%m/%Y", UNTOUCHED),
        ("hier", "%d/%m/%Y", UNTOUCHED),
        (20241231, "%Y%m%d", UNTOUCHED),
    ],
)
def test_dates(text: Any, form: str, expected: Any) -> None:
    assert mended("date", text, form) == expected


@pytest.mark.parametrize(
    ("kind", "value", "first", "second", "expected"),
    [
        ("set", "beaucoup", "25", "", 25),
        ("set", "beaucoup", "25 g", "", "25 g"),
        ("set", "25", '"25"', "", UNTOUCHED),
        ("set", 1, "true", "", True),
        ("replace", "beaucoup", "beaucoup", "40", 40),
        ("replace", "un peu", "beaucoup", "40", UNTOUCHED),
        ("replace", 1, "true", "40", UNTOUCHED),
        ("replace_text", "20260-01-02", "20260", "2026", "2026-01-02"),
        ("replace_text", 20260, "20260", "2026", UNTOUCHED),
        ("inside", [25], "", "", 25),
        ("inside", [25, 30], "", "", UNTOUCHED),
        ("inside", {"value": 25, "unit": "g"}, "value", "", 25),
        ("inside", {"value": 25}, "", "", UNTOUCHED),
        ("parse", "[25]", "", "", [25]),
        ("parse", "{", "", "", UNTOUCHED),
    ],
)
def test_values(kind: str, value: Any, first: str, second: str, expected: Any) -> None:
    found = mended(kind, value, first, second)
    assert found == expected
    assert type(found) is type(expected)


def test_another_field_stands_in_and_a_field_can_go() -> None:
    assert mended("copy", None, "proteins", proteins=18) == 18
    assert mended("copy", None, "proteins", proteins="") is UNTOUCHED
    assert mended("copy", None, "proteins") is UNTOUCHED
    assert applied(Rule("drop"), {"id": "7", "fat": -3}, "fat") == {"id": "7"}
    assert applied(Rule("drop"), {"id": "7"}, "fat") is UNTOUCHED
    assert applied(Rule("set", "", "25"), {"id": "7"}, "protein") == {"id": "7", "protein": 25}


def test_items_that_were_refused_as_a_whole() -> None:
    assert applied(Rule("parse"), '{"protein": 3}', "") == {"protein": 3}
    assert applied(Rule("inside"), [{"protein": 3}], "") == {"protein": 3}
    assert applied(Rule("replace", "", '"oui"', "true"), "oui", "") is True
    assert applied(Rule("set", "", "{}"), "Soupe", "") is UNTOUCHED  # one meal for everybody is no repair
    assert applied(Rule("drop"), {"protein": 3}, "") is UNTOUCHED


# --- what holds for all -----------------------------------------------------------------------------------------------------


@given(rule=RULE, item=ITEMS, refused=st.sampled_from(["protein", "timestamp", "description"]))
def test_only_the_refused_field_changes_and_nothing_that_was_given(
    rule: Rule, item: dict[str, Any], refused: str
) -> None:
    given_item = copy.deepcopy(item)
    result = applied(checked(rule), item, refused)
    assert json.dumps(item) == json.dumps(given_item)
    if result is UNTOUCHED:
        return
    assert {name: value for name, value in result.items() if name != refused} == {
        name: value for name, value in item.items() if name != refused
    }
    assert [name for name in result if name in item] == [name for name in item if name in result]
    assert json.dumps(result) != json.dumps(item)
    json.dumps(result, allow_nan=False)


@given(rule=RULE, item=ITEMS)
def test_a_rule_for_one_field_leaves_items_alone_that_were_refused_for_another(
    rule: Rule, item: dict[str, Any]
) -> None:
    assert applied(rule._replace(field="calories"), item, "protein") is UNTOUCHED


@given(item=ITEMS, kind=st.sampled_from(["set", "replace", "absolute", "date", "only_number", "drop", "copy"]))
def test_twice_is_once(item: dict[str, Any], kind: str) -> None:
    rule = Rule(kind, "", *PARAMETERS[kind])
    once = applied(rule, item, "protein")
    if once is not UNTOUCHED:
        assert applied(rule, once, "protein") is UNTOUCHED


@given(number=st.integers(0, 10**12), factor=st.integers(1, 10**6))
def test_dividing_takes_multiplying_back(number: int, factor: int) -> None:
    there = mended("multiply", number, str(factor))
    if there is UNTOUCHED:
        assert factor == 1 or number == 0
        return
    back = mended("divide", there, str(factor))
    assert back == number


@given(moment=st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)), form=st.sampled_from(DATE_FORMATS[:-1]))  # noqa: DTZ001
def test_a_date_in_a_form_is_read_back(moment: datetime, form: str) -> None:
    read = mended("date", moment.strftime(form), form)
    wanted = moment.replace(second=0, microsecond=0).isoformat() if "%H" in form else moment.date().isoformat()
    assert read == wanted


@given(typed=st.text(max_size=30))
def test_what_is_typed_is_a_value_that_json_has(typed: str) -> None:
    value = value_of(typed)
    json.dumps(value, allow_nan=False)
    assert value == typed or json.loads(typed) == value


def test_typed_infinities_stay_text() -> None:
    for typed in ("NaN", "Infinity", "1e999", "[1e999]"):
        assert value_of(typed) == typed
    assert math.isfinite(value_of("1e30"))


# --- the table --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "parameter"),
    [
        (Rule("magic"), "kind"),
        (Rule("set"), "first"),
        (Rule("replace", "", " "), "first"),
        (Rule("replace_text"), "first"),
        (Rule("multiply", "", "0"), "first"),
        (Rule("divide", "", "-3"), "first"),
        (Rule("divide", "", "1e3"), "first"),
        (Rule("date", "", "%c"), "first"),
        (Rule("copy", "", "a.b"), "first"),
    ],
)
def test_what_makes_no_rule(rule: Rule, parameter: str) -> None:
    with pytest.raises(BadRule) as caught:
        checked(rule)
    assert caught.value.parameter == parameter


def test_every_reason_and_every_kind_is_known() -> None:
    assert set(RULES_FOR) <= {code for code, rule in RULES.items() if rule.effect in ("quarantine", "note")}
    assert {kind for kinds in RULES_FOR.values() for kind in kinds} == set(KINDS) == set(PARAMETERS)
