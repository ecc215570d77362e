"""Laws 1 and 3, dry runs and batch sizes, over random dirty captures. `DYNPROT_LAWS=1000` looks longer than the few examples of a daily run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.digest import content_digest
from tests.laws.checks import check_conservation, check_verified, law
from tests.laws.strategies import HOSTILE_KEYS, HOSTILE_STATES, KEYS, STATES, Browser, browsers
from tests.laws.world import empty, everything, go, predict, stage, versions

pytestmark = pytest.mark.django_db(transaction=True)
PREDICTED = ("items", "reasons", "summaries", "users", "snapshots")


@law(12)
@given(captures=browsers(), batch_size=st.integers(1, 4))
def test_no_item_is_lost_and_the_second_time_nothing_is_written(captures: list[Browser], batch_size: int) -> None:
    empty()
    stage(captures)
    first = go(batch_size=batch_size)
    check_conservation(first)
    digest, written = content_digest(), versions()
    again = go(batch_size=5 - batch_size, again=True)
    check_conservation(again)
    assert versions() == written
    assert content_digest() == digest == again["digest"] == first["digest"]
    for kind, counts in again["items"].items():
        assert (counts["created"], counts["updated"]) == (0, 0), kind
        assert counts["found"] == first["items"][kind]["found"]
        assert counts["quarantined"] == first["items"][kind]["quarantined"]
        assert counts["unchanged"] == first["items"][kind]["created"]


@law(8)
@given(captures=browsers())
def test_the_second_path_agrees(captures: list[Browser]) -> None:
    empty()
    stage(captures)
    check_verified(go())
    check_verified(go(again=True))


@law(8)
@given(captures=browsers(), sizes=st.permutations([1, 2, 100]))
def test_the_batch_size_does_not_matter(captures: list[Browser], sizes: list[int]) -> None:
    digests, items = set(), []
    for size in sizes[:2]:
        empty()
        stage(captures)
        report = go(batch_size=size)
        digests.add(report["digest"])
        items.append((report["items"], report["reasons"], report["summaries"]))
    assert len(digests) == 1
    assert items[0] == items[1]


@law(8)
@given(captures=browsers(), batch_size=st.integers(1, 4))
def test_a_dry_run_predicts_exactly_and_leaves_nothing(captures: list[Browser], batch_size: int) -> None:
    empty()
    stage(captures)
    before = everything()
    predicted = predict(batch_size=batch_size)
    assert everything() == before
    report = go(batch_size=batch_size)
    assert {name: report[name] for name in PREDICTED} == {name: predicted[name] for name in PREDICTED}
    assert predicted["batches"]["planned"] == report["batches"]["planned"]
    before = everything()
    predicted = predict(batch_size=batch_size, again=True)
    assert everything() == before
    report = go(batch_size=batch_size, again=True)
    assert {name: report[name] for name in PREDICTED} == {name: predicted[name] for name in PREDICTED}


@law(8)
@given(captures=browsers(keys=(*KEYS, *HOSTILE_KEYS), states=(*STATES, *HOSTILE_STATES)))
def test_keys_that_look_like_paths_lose_nothing(captures: list[Browser]) -> None:
    """Law 1 though paths had to be told apart; nothing here may fail a batch."""
    empty()
    stage(captures)
    check_conservation(go())
