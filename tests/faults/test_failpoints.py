"""Killed at every named place of a run, each time that it comes by, and once more while going on: nothing is lost, nothing comes twice."""

from __future__ import annotations

import pytest

from audit.digest import content_digest
from audit.runs import failpoints
from audit.runs.rollback import roll_back
from tests.faults.harness.children import Arm, EveryPoint, last_run
from tests.faults.harness.fire import Fire
from tests.faults.harness.points import EACH_BATCH, ONCE, ROLLBACK
from tests.laws.world import go

pytestmark = [pytest.mark.slow, pytest.mark.faults]

HITS = {**dict.fromkeys(ONCE, 1), **dict.fromkeys(EACH_BATCH, 3)}
"""How often a run of three batches comes by."""
PRODUCT = [(point, hit) for point in (*ONCE, *EACH_BATCH) for hit in range(1, HITS[point] + 1)]


def test_every_name_is_a_place_that_a_run_comes_by(fire: Fire, monkeypatch: pytest.MonkeyPatch) -> None:
    every = EveryPoint()
    monkeypatch.setattr(failpoints, "_armed", failpoints._Armed(every, 10**9, "kill"))
    go(batch_size=2)
    assert every.seen == HITS
    every.seen.clear()
    roll_back(run=last_run(), batch_size=2)
    assert set(every.seen) == set(ROLLBACK)
    assert set(failpoints.POINTS) == {*HITS, *ROLLBACK}


@pytest.mark.parametrize(("point", "hit"), PRODUCT)
def test_killed_and_started_again(fire: Fire, point: str, hit: int) -> None:
    child = fire.migrate(arm=Arm(point, hit))
    assert child.wait() == -9, f"the run never came by {point} for the {hit}th time: {child.said}"
    fire.check(fire.resume())


AGAIN = [
    ("claim.committed", 2, "batch.marked", 1),
    ("batch.meals", 1, "batch.meals", 1),
    ("batch.committed", 2, "batch.tallies", 1),
    ("start.committed", 1, "prepare.read", 1),
    ("batch.marked", 3, "verify.begun", 1),
    ("verify.done", 1, "verify.done", 1),
]


@pytest.mark.parametrize(("first", "hit", "second", "again"), AGAIN)
def test_killed_again_while_going_on(fire: Fire, first: str, hit: int, second: str, again: int) -> None:
    assert fire.migrate(arm=Arm(first, hit)).wait() == -9
    for _ in range(2):
        fire.wait_until_nobody_is_there()
        child = fire.migrate(arm=Arm(second, again))
        assert child.wait() == -9, child.said
    fire.check(fire.resume(batch_size=3))


@pytest.mark.parametrize("point", ROLLBACK)
@pytest.mark.parametrize("hit", [1, 2])
def test_a_rollback_killed_goes_on_and_everything_can_be_imported_again(fire: Fire, point: str, hit: int) -> None:
    go(batch_size=2)
    run = last_run()
    child = fire.fork(lambda: roll_back(run=run, batch_size=2), arm=Arm(point, hit))
    once = point in ("rollback.begun", "rollback.digested")
    assert child.wait() == (0 if once and hit > 1 else -9), child.said
    if child.wait() != 0:
        fire.wait_until_nobody_is_there()
        roll_back(run=run, batch_size=2)
    run.refresh_from_db()
    assert run.status == "rolled_back"
    assert content_digest() == run.rollback["digest_after"] == run.rollback["digest_before"] == run.digest_before
    assert go(batch_size=2)["digest"] == fire.wanted["digest"]
