"""Timestamps in every form that browsers left behind, zones and clock changes included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.local_storage.values import Note, clean_date, instant_text, microseconds_of, read_instant

PARIS = ZoneInfo("Europe/Paris")
YEAR_2100 = microseconds_of(datetime(2100, 1, 1, tzinfo=UTC))


def utc(raw: Any, zone: str = "Europe/Paris") -> str | None:
    instant = read_instant(raw, ZoneInfo(zone))
    return None if instant is None else instant_text(instant.microseconds)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2024-03-10T11:00:00.000Z", "2024-03-10T11:00:00.000000Z"),
        ("2024-03-10 11:00:00Z", "2024-03-10T11:00:00.000000Z"),
        ("2024-03-10T11:00Z", "2024-03-10T11:00:00.000000Z"),
        ("2024-03-10T11:00:00.1Z", "2024-03-10T11:00:00.100000Z"),
        ("2024-03-10T11:00:00.123456789Z", "2024-03-10T11:00:00.123456Z"),
        ("2024-03-10T11:00:00.999999999Z", "2024-03-10T11:00:00.999999Z"),
        ("2024-03-10T11:00:00+02:00", "2024-03-10T09:00:00.000000Z"),
        ("2024-03-10T11:00:00-0330", "2024-03-10T14:30:00.000000Z"),
        ("2024-03-10T11:00+05", "2024-03-10T06:00:00.000000Z"),
        ("2024-03-10T00:00:00+23:59", "2024-03-09T00:01:00.000000Z"),
        ("2024-03-10T11:00:00", "2024-03-10T10:00:00.000000Z"),
        ("2024-03-10", "2024-03-10T11:00:00.000000Z"),
        ("2024-07-10", "2024-07-10T10:00:00.000000Z"),
        (" 2024-03-10\u00a0", "2024-03-10T11:00:00.000000Z"),
        ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000000Z"),
        (1_710_068_400, "2024-03-10T11:00:00.000000Z"),
        (1_710_068_400_123, "2024-03-10T11:00:00.123000Z"),
        (1_710_068_400.5, "2024-03-10T11:00:00.500000Z"),
        (1_710_068_400_123.75, "2024-03-10T11:00:00.123750Z"),
        ("1710068400", "2024-03-10T11:00:00.000000Z"),
        ("1710068400123", "2024-03-10T11:00:00.123000Z"),
        ("1710068400.9999999", "2024-03-10T11:00:00.999999Z"),
        ("1710068399." + "9" * 60, "2024-03-10T10:59:59.999999Z"),
        (99_999_999_999, "5138-11-16T09:46:39.000000Z"),
        (100_000_000_000, "1973-03-03T09:46:40.000000Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
        ("2090-06-01T00:00:00Z", "2090-06-01T00:00:00.000000Z"),
    ],
)
def test_a_form_that_is_read(raw: Any, expected: str) -> None:
    assert utc(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "2024-3-10", "10/03/2024", "2024-03-10T", "2024-03-10T11", "2024-03-10T25:00:00Z", "2024-03-10T11:60:00Z", "2024-03-10T11:00:60Z",
        "2024-03-10T11:00.5Z", "2024-03-10T11:00:00.Z", "2024-03-10T11:00:00.1234567890Z", "2024-03-10T11:00:00z", "2024-03-10t11:00:00Z",
        "2024-03-10T11:00:00 Z", "2024-03-10T11:00:00+2", "2024-03-10T11:00:00+24:00", "2024-03-10T11:00:00+02:60", "2024-03-10T11:00:00+02:",
        "2024-W10-1", "2024-070", "20240310", "0000-01-01", "2023-02-29", "２０２４-03-10", "2024-03-10T11:00:00,5Z", "1.7e9", "+1710068400",
        "-1710068400", "1710068400.", "1 710 068 400", "Sun Mar 10 2024", "now", True, False, [], {}, [1710068400], float("inf"), float("-inf"),
    ],
)  # fmt: skip
def test_a_form_that_is_not(raw: Any) -> None:
    digits = type(raw) is str and raw.isdigit()
    assert utc(raw) is None or (digits and utc(raw).startswith("1970"))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("zone", "raw", "expected"),
    [
        # In the gap the offset before it, in the overlap the first pass.
        ("Europe/Paris", "2024-03-31T02:30:00", "2024-03-31T01:30:00"),
        ("Europe/Paris", "2024-10-27T02:30:00", "2024-10-27T00:30:00"),
        ("America/St_Johns", "2024-03-10T02:30:00", "2024-03-10T06:00:00"),
        ("America/St_Johns", "2024-11-03T01:30:00", "2024-11-03T04:00:00"),
        ("Australia/Lord_Howe", "2024-10-06T02:15:00", "2024-10-05T15:45:00"),
        ("Australia/Lord_Howe", "2024-04-07T01:45:00", "2024-04-06T14:45:00"),
        ("Pacific/Kiritimati", "2024-01-01", "2023-12-31T22:00:00"),
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00"),
        ("Asia/Kathmandu", "2024-01-01T00:00", "2023-12-31T18:15:00"),
    ],
)
def test_local_time_at_clock_changes(zone: str, raw: str, expected: str) -> None:
    assert utc(raw, zone) == f"{expected}.000000Z"


@given(
    st.datetimes(datetime(2000, 1, 2), datetime(2099, 1, 1)),  # noqa: DTZ001 - clocks on walls have no zone
    st.sampled_from(["Europe/Paris", "America/St_Johns", "Asia/Kolkata"]),
)
def test_what_a_clock_shows_is_what_is_read(local: datetime, zone: str) -> None:
    aware = local.replace(tzinfo=ZoneInfo(zone))
    instant = read_instant(local.isoformat(), ZoneInfo(zone))
    assert instant is not None
    assert (instant.microseconds, instant.assumption) == (microseconds_of(aware), "local_time_assumed")


@given(st.integers() | st.floats(allow_nan=False) | st.text() | st.from_regex(r"\A[0-9]{1,40}(\.[0-9]{1,40})?\Z"))
def test_nothing_is_a_traceback_and_seconds_are_never_rounded_up(raw: Any) -> None:
    instant = read_instant(raw, PARIS)
    if instant is not None and type(raw) is int and 0 <= raw < 100_000_000_000:
        assert instant.microseconds == raw * 1_000_000


@pytest.mark.parametrize("digits", [20, 5_000, 1_100_000, 20_000_000])
def test_a_long_row_of_digits_is_far_off_and_quick(digits: int) -> None:
    instant = read_instant("9" * digits, PARIS)
    assert instant is not None
    assert instant.microseconds > YEAR_2100


def test_an_optional_date_is_left_out_or_noted() -> None:
    notes: list[Note] = []
    assert clean_date(None, "lastUsed", PARIS, YEAR_2100, notes) is None
    assert notes == []
    bad: tuple[Any, ...] = ("", "demain", 0, "1999-12-31", "2101-01-01", True, [], 10**30)
    for raw in bad:
        assert clean_date(raw, "lastUsed", PARIS, YEAR_2100, notes) is None, raw
    assert {note.code for note in notes} == {"date_left_out"}
    assert len(notes) == 8
    assert clean_date("2024-03-10", "lastUsed", PARIS, YEAR_2100, notes) is not None
    assert notes[-1].code == "date_only"
