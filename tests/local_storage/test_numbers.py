"""Amounts: JSON numbers, numbers in text, rounding and bounds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.local_storage.values import (
    CALORIES,
    CARBS,
    FAT,
    FIBER,
    GRAMS,
    KILOCALORIES,
    PROTEIN,
    Bounds,
    Note,
    Quarantine,
    clean_amount,
    number_from_text,
    number_text,
)


def clean(raw: Any, bounds: Bounds = PROTEIN) -> tuple[int | None, list[str]]:
    notes: list[Note] = []
    value = clean_amount(raw, "x", bounds, notes)
    return value, [note.code for note in notes]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("25", "25"), ("25,5", "25.5"), ("25.5", "25.5"), ("+25", "25"), ("-25", "-25"), (" 25 g ", "25"), ("25g", "25"), ("25 G", "25"),
        ("25 gr", "25"), ("25 gramme", "25"), ("25 Grammes", "25"), ("25 gram", "25"), ("25 grams", "25"), ("1 234", "1234"),
        ("1\u00a0234,5 g", "1234.5"), ("1\u202f234\u00a0567", "1234567"), ("25\u00a0g", "25"), ("0", "0"), ("007", "7"), ("25,50", "25.50"),
        ("25" + " " * 100, "25"), ("0" * 100 + "25", "25"), ("25." + "0" * 100, "25"), ("25   g", "25"),
    ],
)  # fmt: skip
def test_a_number_that_a_person_meant(text: str, number: str) -> None:
    assert number_from_text(text, GRAMS) == Decimal(number)


@pytest.mark.parametrize(
    "text",
    [
        "", "g", "25 kg", "25 kcal", "25,", ",5", ".5", "25.5.5", "1,234.5", "1 23", "12345 678", "1  234", "1 234 56", "2e3", "0x10", "25 g de riz",
        "vingt", "٢٥", "２５", "½", "25%", "--5", "+ 5", "1'234", "1_234", "NaN", "Infinity", "inf", "25\ng", "25 ſ", "25 \u212a", "1\u2009234",
    ],
)  # fmt: skip
def test_a_text_that_is_no_number(text: str) -> None:
    assert number_from_text(text, GRAMS) is None


def test_calories_have_their_own_units() -> None:
    assert number_from_text("1 234 kcal", CALORIES) == 1234
    assert number_from_text("300 Cal", CALORIES) == 300
    assert number_from_text("300 g", CALORIES) is None


@pytest.mark.parametrize(
    ("raw", "bounds", "value", "codes"),
    [
        (25, PROTEIN, 2500, []),
        (0, PROTEIN, 0, []),
        (-0.0, PROTEIN, 0, []),
        ("-0", PROTEIN, 0, ["number_from_text"]),
        (0.1 + 0.2, PROTEIN, 30, ["rounded"]),
        (1.005, PROTEIN, 101, ["rounded"]),
        (2.675, PROTEIN, 268, ["rounded"]),
        (1e-320, PROTEIN, 0, ["rounded"]),
        ("25,555 g", PROTEIN, 2556, ["number_from_text", "rounded"]),
        (500, PROTEIN, 50_000, []),
        (500.0000001, PROTEIN, 50_000, ["rounded"]),
        (500.01, PROTEIN, 50_001, ["above_api_bound"]),
        (1000, PROTEIN, 100_000, ["above_api_bound"]),
        (0.5, KILOCALORIES, 1, ["rounded"]),
        (2.5, KILOCALORIES, 3, ["rounded"]),
        (0.4, KILOCALORIES, 0, []),
        ("0 kcal", KILOCALORIES, 0, ["number_from_text"]),
        (10_000.4, KILOCALORIES, 10_000, ["rounded", "above_api_bound"]),
        (9999.99, CARBS, 999_999, ["above_api_bound"]),
        (9999.99, FAT, 999_999, ["above_api_bound"]),
        (999.99, FIBER, 99_999, ["above_api_bound"]),
        (None, CARBS, None, []),
        ("", CARBS, None, ["number_from_text"]),
        ("  ", CARBS, None, ["number_from_text"]),
    ],
)
def test_an_amount(raw: Any, bounds: Bounds, value: int | None, codes: list[str]) -> None:
    assert clean(raw, bounds) == (value, codes)


@pytest.mark.parametrize(
    ("raw", "bounds", "code"),
    [
        (True, PROTEIN, "not_a_number"), (False, PROTEIN, "not_a_number"), ([], PROTEIN, "not_a_number"), ({}, PROTEIN, "not_a_number"),
        (float("inf"), PROTEIN, "not_finite"), (float("-inf"), PROTEIN, "not_finite"), (10**309, PROTEIN, "not_finite"), (-(10**400), PROTEIN, "not_finite"),
        (-1, PROTEIN, "negative_number"), (-1e-320, PROTEIN, "negative_number"), ("-0,01 g", PROTEIN, "negative_number"), (-1e300, PROTEIN, "negative_number"),
        (1000.005, PROTEIN, "above_bound"), (1e300, PROTEIN, "above_bound"), (10**308, PROTEIN, "above_bound"), ("9" * 5_000, PROTEIN, "above_bound"),
        (10_000.5, KILOCALORIES, "above_bound"), (9999.995, CARBS, "above_bound"), (9999.995, FAT, "above_bound"), (999.995, FIBER, "above_bound"),
    ],
)  # fmt: skip
def test_an_amount_that_is_refused(raw: Any, bounds: Bounds, code: str) -> None:
    with pytest.raises(Quarantine) as caught:
        clean(raw, bounds)
    assert caught.value.code == code


@given(
    st.floats(allow_nan=False)
    | st.integers()
    | st.text()
    | st.from_regex(r"\A[+-]?[0-9]{1,60}([.,][0-9]{1,60})? ?g?\Z"),
    st.sampled_from([PROTEIN, KILOCALORIES, CARBS, FIBER]),
)
def test_what_is_stored_is_within_the_column_and_half_a_unit(raw: Any, bounds: Bounds) -> None:
    try:
        value, codes = clean(raw, bounds)
    except Quarantine:
        return
    if value is None:
        return
    assert 0 <= value <= bounds.highest.scaleb(bounds.places)
    if type(raw) is not str:
        stored = Decimal(value).scaleb(-bounds.places)
        assert abs(stored - Decimal(repr(raw) if type(raw) is float else raw)) * 2 <= Decimal(1).scaleb(-bounds.places)
        assert ("above_api_bound" in codes) == (stored > bounds.usual)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (12, "12"),
        (12.0, "12"),
        (12.5, "12.5"),
        (-0.0, "0"),
        (1e17, "1" + "0" * 17),
        (1e21, "1e+21"),
        (float("inf"), "Infinity"),
        (-(10**400), "-Infinity"),
    ],
)
def test_a_number_as_text(number: float, text: str) -> None:
    assert number_text(number) == text
