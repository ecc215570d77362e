"""The verifier's reading of importing.md, sentence by sentence, on single values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from audit.runs.verification.amounts import CALORIES, FIBER, PROTEIN
from audit.runs.verification.copied import copied, copied_array
from audit.runs.verification.instants import Latest, NoInstantError, Zone, microseconds_of, read_instant
from audit.runs.verification.json_text import UnreadableError, decode, is_raw_of, same
from audit.runs.verification.texts import read_estimated, read_id, read_source, read_tags, tidy

PARIS = Zone("Europe/Paris")
LATEST = Latest.after(microseconds_of(datetime(2026, 11, 22, 12, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("value", "instant", "note"),
    [
        ("2026-03-14T12:03:33.211Z", "2026-03-14 12:03:33.211+00", ""),
        ("2026-03-14T12:03:33.200Z", "2026-03-14 12:03:33.2+00", ""),
        ("2026-03-14T12:03:33.000Z", "2026-03-14 12:03:33+00", ""),
        (" 2026-03-14T12:03Z\n", "2026-03-14 12:03:00+00", ""),
        ("2026-03-14 12:03:33.123456789+02", "2026-03-14 10:03:33.123456+00", ""),
        ("2026-03-14T12:03:33-0330", "2026-03-14 15:33:33+00", ""),
        ("2026-03-14T12:03:33-03:30", "2026-03-14 15:33:33+00", ""),
        ("2026-03-14", "2026-03-14 11:00:00+00", "date_only"),
        ("2026-07-14T20:00", "2026-07-14 18:00:00+00", "local_time_assumed"),
        ("2026-03-29T02:30:00", "2026-03-29 01:30:00+00", "local_time_assumed"),  # in the gap: the offset before it
        ("2025-10-26T02:30:00", "2025-10-26 00:30:00+00", "local_time_assumed"),  # twice: the first
        (1767261600000, "2026-01-01 10:00:00+00", ""),
        (1767261600.25, "2026-01-01 10:00:00.25+00", ""),
        ("1767261600.1234567", "2026-01-01 10:00:00.123456+00", ""),
        ("2000-01-01T00:00:00Z", "2000-01-01 00:00:00+00", ""),
        ("2026-11-22T13:00:00.000Z", "2026-11-22 13:00:00+00", ""),
    ],
)
def test_instants(value: Any, instant: str, note: str) -> None:
    assert read_instant(value, PARIS, LATEST) == (instant, note)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing_timestamp"),
        ("", "missing_timestamp"),
        (True, "unreadable_timestamp"),
        ({}, "unreadable_timestamp"),
        ("hier midi", "unreadable_timestamp"),
        ("2026-02-30T12:00:00.000Z", "unreadable_timestamp"),
        ("2026-03-01T24:00:00.000Z", "unreadable_timestamp"),
        ("2025-12-31T23:59:60.000Z", "unreadable_timestamp"),
        ("2026-W11-6T12:03:33.211Z", "unreadable_timestamp"),
        ("2026-03-14Z", "unreadable_timestamp"),
        ("2026-03-14T12:00:00+02:60", "unreadable_timestamp"),
        ("1999-12-31T23:59:59.999Z", "timestamp_too_old"),
        (0, "timestamp_too_old"),
        (-62_135_596_800_000, "timestamp_too_old"),
        ("2026-11-22T13:00:00.001Z", "timestamp_in_future"),
        (8_640_000_000_000_000, "timestamp_in_future"),
        (10**30, "timestamp_in_future"),
        ("9999-12-31T23:59:59-14:00", "timestamp_in_future"),
    ],
)
def test_no_instants(value: Any, reason: str) -> None:
    with pytest.raises(NoInstantError) as error:
        read_instant(value, PARIS, LATEST)
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("zone", "instant", "day", "time_of_day"),
    [
        ("Europe/Paris", "2026-01-01 22:59:59.999+00", "2026-01-01", "night"),
        ("Europe/Paris", "2026-01-01 23:00:00+00", "2026-01-02", "night"),
        ("Europe/Paris", "2026-03-29 00:59:59.999+00", "2026-03-29", "night"),
        ("America/St_Johns", "2026-01-01 08:29:00+00", "2026-01-01", "night"),
        ("America/St_Johns", "2026-01-01 08:30:00+00", "2026-01-01", "morning"),
        ("Pacific/Auckland", "2026-01-31 12:30:00+00", "2026-02-01", "night"),
        ("Asia/Kathmandu", "2026-01-01 11:15:00+00", "2026-01-01", "evening"),
        ("Asia/Kathmandu", "2026-01-01 11:14:59+00", "2026-01-01", "afternoon"),
    ],
)
def test_local_days(zone: str, instant: str, day: str, time_of_day: str) -> None:
    assert Zone(zone).local(instant) == (day, time_of_day)


@pytest.mark.parametrize(
    ("value", "text", "problem", "notes"),
    [
        (25, "25.00", "", ()),
        (25.5, "25.50", "", ()),
        (25.125, "25.13", "", ("rounded",)),
        (1.005, "1.01", "", ("rounded",)),  # the shortest decimal text of the double, not the double
        (-0.0, "0.00", "", ()),
        ("25,5 g", "25.50", "", ("number_from_text",)),
        (" 1\u202f000\u00a0GRAMMES ", "1000.00", "", ("number_from_text", "above_api_bound")),
        ("1 23", None, "not_a_number", ()),
        ("25 kcal", None, "not_a_number", ()),
        ("25.", None, "not_a_number", ()),
        ("٣", None, "not_a_number", ()),
        (True, None, "not_a_number", ()),
        ([25], None, "not_a_number", ()),
        (None, None, "missing_protein", ()),
        ("", None, "missing_protein", ()),
        (-0.001, None, "negative_number", ()),
        (float("inf"), None, "not_finite", ()),
        (10**400, None, "not_finite", ()),
        (1000.004, "1000.00", "", ("rounded", "above_api_bound")),
        (1000.005, None, "above_bound", ()),
        (10**25, None, "above_bound", ()),
        (5e-324, "0.00", "", ("rounded",)),
    ],
)
def test_protein(value: Any, text: str | None, problem: str, notes: tuple[str, ...]) -> None:
    read = PROTEIN.read(value)
    assert (read.text, read.problem, read.notes) == (text, problem, notes)


def test_other_amounts() -> None:
    assert CALORIES.read("1 234,5 kcal").text == "1235"
    assert (CALORIES.read(0).text, CALORIES.read(0).notes) == (None, ())
    assert CALORIES.read(0.4).text is None
    assert (CALORIES.read("").text, CALORIES.read("").notes) == (None, ("number_from_text",))
    assert (CALORIES.read(None).text, CALORIES.read(None).notes) == (None, ())
    assert FIBER.read(999.994).text == "999.99"
    assert FIBER.read(999.995).problem == "above_bound"


@pytest.mark.parametrize(
    ("value", "text", "cut", "changed"),
    [
        ("Poulet rôti", "Poulet rôti", False, False),
        ("Poulet ro\u0302ti", "Poulet rôti", False, True),
        ("  a\u0000b\ud83d \u00a0c\n", "ab c", False, True),
        ("a\x1c\x1db", "a b", False, True),
        ("\u200b", "\u200b", False, False),
        ("\u0000\u0007", "", False, True),
        ("x" * 501, "x" * 500, True, False),
        ("x" * 499 + " yz", "x" * 499, True, False),
    ],
)
def test_descriptions(value: str, text: str, *, cut: bool, changed: bool) -> None:
    clean = tidy(value, 500)
    assert (clean.text, clean.cut, clean.changed) == (text, cut, changed)


def test_small_fields() -> None:
    assert [read_id(value) for value in (" 12 ", 12, 12.0, "x" * 100)] == ["12", "12", "12", "x" * 100]
    no_ids: list[Any] = ["", "x" * 101, "a\0b", "\ud83d", True, 1.5, None, []]
    assert [read_id(value) for value in no_ids] == [None] * 8
    assert [read_source(value) for value in (None, "", "manual")] == [("manual", False)] * 3
    assert [read_source(value)[0] for value in (" AI_SCAN ", "ia", "camera", "cache", 3)] == [
        "ai_scan",
        "ai_scan",
        "image",
        "import",
        "import",
    ]
    assert [read_estimated(value, "manual") for value in (True, None, "TRUE", 1, 2)] == [
        (True, False), (False, False), (True, True), (True, True), (False, True),
    ]  # fmt: skip
    assert [read_tags(value).texts for value in (None, ["midi", "midi ", 3, ""], "midi", [["x"]])] == [
        (),
        ("midi",),
        (),
        (),
    ]
    assert [read_tags(value).changed for value in (None, [], ["midi"], ["midi", True], "midi")] == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_json_is_strict_and_the_last_of_a_repeated_key_wins() -> None:
    assert decode('{"a": 1, "a": 2, "b": "\\ud83d\\u0000"}') == {"a": 2, "b": "\ud83d\0"}
    assert decode("1e999") == float("inf")
    assert decode("9" * 5000) == float("inf")
    for text, reason in (
        ("[NaN]", "invalid_json"),
        ("[1,]", "invalid_json"),
        ("", "invalid_json"),
        ("[" * 100_000 + "]" * 100_000, "too_deep"),
    ):
        with pytest.raises(UnreadableError) as error:
            decode(text)
        assert error.value.reason == reason


def test_equal_json() -> None:
    assert same({"a": [1, 2.0]}, {"a": [1.0, 2]})
    assert not same(True, 1)
    assert not same(None, False)
    assert not same({"a": 1}, {"a": 1, "b": None})
    assert not same([1], [1, 1])
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    assert same(deep, deep)


def test_raw_values() -> None:
    assert is_raw_of('{"b": 1, "a": "\\u00e9"}', {"a": "é", "b": 1.0})
    assert not is_raw_of('{"a": "é"}', {"a": "é"})  # not ASCII
    assert not is_raw_of("", None)
    long = {"photo": "x" * 70_000}
    text = json.dumps(long, separators=(",", ":"))
    assert not is_raw_of(text, long)
    from hashlib import sha256

    capped = {"length": len(text), "sha256": sha256(text.encode()).hexdigest(), "head": text[:1000]}
    assert is_raw_of(json.dumps(capped), long)
    assert not is_raw_of(json.dumps({**capped, "sha256": "0" * 64}), long)


@pytest.mark.django_db
def test_values_as_copy_prints_them() -> None:
    from django.db import connection

    texts = ["midi", "à table", 'a"b', "a\\b", "{x}", "a,b", "NULL", "null", "é\u00a0", "a\tb", "n\nl"]
    array = "ARRAY['midi', 'à table', 'a\"b', E'a\\\\b', '{x}', 'a,b', 'NULL', 'null', E'é\\u00a0', E'a\\tb', E'n\\nl']"
    with connection.cursor() as cursor, cursor.copy(f"COPY (SELECT {array}) TO STDOUT") as copy:
        printed = b"".join(copy).decode().removesuffix("\n")
    assert copied_array(tuple(texts)) == printed
    assert copied("a\\b\tc") == "a\\\\b\\tc"
    assert copied(None) == r"\N"
