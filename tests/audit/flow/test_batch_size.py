"""The batch size finds its target, stays there, and is not thrown by one bad batch."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.runs.flow.batch_size import MAX_GROWTH, MAX_PEOPLE, WARY_BATCHES, BatchSizer

TARGET = 2.0
sizes = st.integers(1, MAX_PEOPLE)
costs = st.floats(0.0005, 20.0)


def drive(sizer: BatchSizer, cost: float, batches: int, overhead: float = 0.0) -> list[int]:
    """The sizes after so many batches in which a person takes `cost` seconds."""
    return [sizer.after(sizer.size, overhead + sizer.size * cost) for _ in range(batches)]


def settled(cost: float = 0.01) -> BatchSizer:
    """A sizer that has found its place: 200 people at 10 ms each."""
    sizer = BatchSizer(200, TARGET)
    drive(sizer, cost, 10)
    return sizer


@given(size=sizes, cost=costs)
def test_at_constant_cost_it_goes_straight_to_its_place_and_stays(size: int, cost: float) -> None:
    seen = [size, *drive(BatchSizer(size, TARGET), cost, 120)]
    steps = [after - before for before, after in pairwise(seen)]
    # One person back and forth is the rounding of a halved size.
    assert all(step >= -1 for step in steps) or all(step <= 1 for step in steps)
    assert len(set(seen[60:])) == 1
    wanted = TARGET / cost
    if wanted <= 1:
        assert seen[-1] == 1
    elif wanted >= MAX_PEOPLE / 0.9:
        assert seen[-1] == MAX_PEOPLE
    else:
        assert 0.9 * wanted - 1 <= seen[-1] <= wanted * 1.051


@given(size=sizes, cost=st.floats(0.002, 0.1), overhead=st.floats(0.0, 1.0))
def test_a_fixed_cost_of_each_batch_does_not_make_it_swing(size: int, cost: float, overhead: float) -> None:
    seen = drive(BatchSizer(size, TARGET), cost, 150, overhead)
    assert len(set(seen[100:])) == 1
    assert overhead + seen[-1] * cost <= TARGET * 1.05 + cost


@given(st.lists(st.tuples(st.integers(0, MAX_PEOPLE), st.floats(0.0, 1e6)), max_size=40), sizes)
def test_whatever_happens_it_stays_within_bounds_and_takes_no_leap(batches: list[tuple[int, float]], size: int) -> None:
    sizer = BatchSizer(size, TARGET)
    for people, seconds in batches:
        before = sizer.size
        after = sizer.after(people, seconds)
        assert after == sizer.size
        assert 1 <= after <= MAX_PEOPLE
        assert before // 2 <= after <= max(before * MAX_GROWTH, before + 1)


def test_it_grows_by_a_fifth_at_most_and_not_on_the_first_batch() -> None:
    assert drive(BatchSizer(100, TARGET), 0.001, 4) == [100, 120, 144, 172]


def test_it_grows_from_one_person() -> None:
    assert drive(BatchSizer(1, TARGET), 0.01, 6) == [1, 2, 3, 4, 5, 6]


def test_a_tenfold_slowdown_is_answered_within_four_batches() -> None:
    sizer = settled()
    assert sizer.size == 200
    seen = drive(sizer, 0.1, 12)
    assert seen[0] == 100
    assert seen[3] * 0.1 <= 1.5 * TARGET
    assert seen[-1] * 0.1 <= 1.2 * TARGET


def test_a_tenfold_speedup_is_used_too() -> None:
    sizer = BatchSizer(20, TARGET)
    drive(sizer, 0.1, 10)
    assert sizer.size == 20
    assert drive(sizer, 0.01, 25)[-1] >= 180


def test_one_batch_that_stood_in_a_queue_is_forgotten_soon() -> None:
    sizer = settled()
    assert sizer.after(200, 200.0) == 100
    seen = drive(sizer, 0.01, 12)
    assert min(seen) >= 90
    assert seen[-1] >= 180


def test_a_small_last_batch_teaches_the_cost_of_a_person_not_of_a_batch() -> None:
    sizer = settled()
    assert sizer.after(3, 0.03) == 200
    assert sizer.after(0, 5.0) == 200


def test_a_statement_timeout_halves_at_once_and_forbids_growth_for_a_while() -> None:
    sizer = settled()
    assert sizer.timed_out() == 100
    assert sizer.timed_out() == 50
    assert drive(sizer, 0.01, WARY_BATCHES) == [50] * WARY_BATCHES
    assert drive(sizer, 0.01, 1) == [60]


def test_nothing_is_smaller_than_one_person() -> None:
    sizer = BatchSizer(1, TARGET)
    assert sizer.timed_out() == 1
    assert drive(sizer, 500.0, 3) == [1, 1, 1]


def test_a_fixed_size_stays_but_for_a_statement_timeout() -> None:
    sizer = BatchSizer(100, TARGET, fixed=True)
    assert drive(sizer, 1.0, 5) == [100] * 5
    assert drive(sizer, 0.0001, 5) == [100] * 5
    assert sizer.timed_out() == 50


def test_what_an_operator_sets_counts_at_once() -> None:
    sizer = settled()
    sizer.retune(size=5000, target_seconds=4.0, fixed=False)
    assert sizer.size == MAX_PEOPLE
    sizer.retune(size=150, target_seconds=4.0, fixed=False)
    assert drive(sizer, 0.01, 10)[-1] == pytest.approx(380, abs=20)
    sizer.retune(size=7, target_seconds=4.0, fixed=True)
    assert drive(sizer, 0.01, 3) == [7] * 3


def test_it_survives_its_process() -> None:
    sizer = settled()
    again = msgspec.json.decode(msgspec.json.encode(sizer), type=BatchSizer)
    assert drive(again, 0.1, 5) == drive(sizer, 0.1, 5)
