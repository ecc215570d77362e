"""The run pauses itself when, and only when, more went wrong than was tolerated; the sentence says what."""

from __future__ import annotations

import pytest

from audit.runs.flow.budget import over_budget


def judge(**facts: float) -> str | None:
    usual = {"failures": 0, "max_failures": 10, "quarantined": 0, "found": 0, "max_quarantine_percent": 50.0}
    return over_budget(**{**usual, **facts})  # type: ignore[arg-type]  # a plain table of numbers


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"failures": 10},
        {"failures": 0, "max_failures": 0},
        {"quarantined": 999, "found": 999},
        {"quarantined": 500, "found": 1000},
        {"quarantined": 0, "found": 1_000_000, "max_quarantine_percent": 0.0},
        {"quarantined": 5000, "found": 5000, "max_quarantine_percent": 100.0},
    ],
)
def test_within_the_budget(facts: dict[str, float]) -> None:
    assert judge(**facts) is None


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            {"failures": 11},
            "The error budget is used up: 11 poison snapshots and exhausted batches, 10 tolerated.",
        ),
        (
            {"failures": 1, "max_failures": 0},
            "The error budget is used up: 1 poison snapshot or exhausted batch, 0 tolerated.",
        ),
        (
            {"quarantined": 600, "found": 1000},
            "The error budget is used up: 600 of 1,000 items are in quarantine, that is 60.0 %, 50 % tolerated.",
        ),
        (
            {"quarantined": 1, "found": 1000, "max_quarantine_percent": 0.0},
            "The error budget is used up: 1 of 1,000 items are in quarantine, that is 0.1 %, 0 % tolerated.",
        ),
        (  # rounded to a decimal it would look tolerated
            {"quarantined": 500_001, "found": 1_000_000},
            "The error budget is used up: 500,001 of 1,000,000 items are in quarantine, that is 50.0001 %, 50 % tolerated.",
        ),
    ],
)
def test_beyond_it(facts: dict[str, float], sentence: str) -> None:
    assert judge(**facts) == sentence


def test_both_are_said() -> None:
    sentence = judge(failures=12, quarantined=900, found=1000)
    assert sentence is not None
    assert "12 poison snapshots" in sentence
    assert "900 of 1,000 items" in sentence
