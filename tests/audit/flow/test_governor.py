"""Decisions with a made-up clock: down by halves, up one by one, nothing in between, and shut when nothing is known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.runs.flow.governor import Decision, Governor, Limits
from audit.runs.flow.health import Health

START = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
LIMITS = Limits()
BASELINE = Health(at=START, probe_ms=20.0)
WELL: dict[str, Any] = {"probe_ms": 21.0}
BETWEEN: dict[str, Any] = {"probe_ms": 33.0}
SLOW: dict[str, Any] = {"probe_ms": 60.0}
FAILED: dict[str, Any] = {"error": "57014"}


class World:
    """A governor, a clock, and probes as they come."""

    def __init__(self, asked: int = 8, baseline: Health | None = BASELINE) -> None:
        self.governor, self.asked, self.baseline = Governor(), asked, baseline
        self.now = START
        self.health: Health | None = None

    def ask(self, seconds: float = 0.0) -> Decision:
        """So many seconds later, without a new probe."""
        self.now += timedelta(seconds=seconds)
        return self.governor.decide(self.health, baseline=self.baseline, asked_workers=self.asked, now=self.now)

    def see(self, facts: dict[str, Any], seconds: float = 5.0) -> Decision:
        """So many seconds later, with a new probe."""
        self.health = Health(at=self.now + timedelta(seconds=seconds), **facts)
        return self.ask(seconds)

    def workers(self, facts: dict[str, Any], times: int) -> list[int]:
        return [self.see(facts).workers for _ in range(times)]


def test_all_is_well() -> None:
    decision = World().see(WELL)
    assert decision[:2] == (8, 0.0)
    assert decision.reason == "All 8 workers: listing a person's meals takes 21.0 ms (20.0 ms before the run)."


def test_down_by_halves_to_one_then_by_longer_pauses() -> None:
    world = World()
    seen = [world.see(SLOW) for _ in range(12)]
    assert [one.workers for one in seen[:5]] == [4, 2, 1, 1, 1]
    assert [one.pause_seconds for one in seen] == [0, 0, 0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert seen[0].reason == (
        "4 of 8 workers: 4 instead of 8: listing a person's meals takes 60.0 ms (20.0 ms before the run), 40.0 ms are tolerated."
    )
    assert seen[4].reason.startswith("1 of 8 workers, a pause of 1 s after each batch: a longer pause: listing")


def test_a_step_down_takes_effect_before_the_next() -> None:
    world = World()
    assert [world.see(SLOW, 1.0).workers for _ in range(7)] == [4, 4, 4, 4, 4, 2, 2]
    assert "the last step down has to take effect first" in world.see(SLOW, 1.0).reason


def test_up_one_by_one_each_after_three_good_probes() -> None:
    world = World(asked=4)
    assert world.workers(SLOW, 2) == [2, 1]
    assert world.workers(WELL, 10) == [1, 1, 2, 2, 2, 3, 3, 3, 4, 4]
    assert world.ask().reason.startswith("All 4 workers: listing")


def test_the_pause_goes_first() -> None:
    world = World(asked=2)
    world.workers(SLOW, 4)
    assert world.ask().pause_seconds == 2.0
    seen = [(one.workers, one.pause_seconds) for one in (world.see(WELL) for _ in range(12))]
    assert seen[2::3] == [(1, 1.0), (1, 0.5), (1, 0.0), (2, 0.0)]


def test_between_the_limits_nothing_changes() -> None:
    world = World()
    assert world.workers(BETWEEN, 5) == [8] * 5
    world.see(SLOW)
    assert world.workers(BETWEEN, 10) == [4] * 10
    assert "unchanged, better but not yet well" in world.ask().reason
    world.workers(WELL, 2)
    world.see(BETWEEN)
    assert world.workers(WELL, 3) == [4, 4, 5], "the good ones must come in a row"


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"lock_waiters": 1}, "1 session has waited for a lock for more than a second"),
        ({"lock_waiters": 3}, "3 sessions have waited for a lock for more than a second"),
        (
            {"oldest_transaction_seconds": 5000.0},
            "the oldest transaction of somebody else has been open for 5,000 s, 900 s are tolerated",
        ),
        ({"replication_lag_seconds": 12.34}, "a replica is 12.3 s behind, 10 s are tolerated"),
    ],
)
def test_the_database_counts_too(facts: dict[str, Any], sentence: str) -> None:
    decision = World().see({**WELL, **facts})
    assert decision.workers == 4
    assert sentence in decision.reason


def test_all_that_is_wrong_is_said() -> None:
    reason = World().see({**SLOW, "lock_waiters": 2, "replication_lag_seconds": 60.0}).reason
    assert reason.count("; ") == 2


def test_no_replica_is_no_lag() -> None:
    assert World().see({**WELL, "replication_lag_seconds": None}).workers == 8
    assert World().see({**WELL, "replication_lag_seconds": 0.0}).workers == 8


@pytest.mark.parametrize(
    ("before", "now", "workers"), [(0.3, 9.0, 8), (0.3, 11.0, 4), (100.0, 190.0, 8), (100.0, 210.0, 4)]
)
def test_small_times_may_grow_by_more_than_the_factor(before: float, now: float, workers: int) -> None:
    world = World(baseline=Health(at=START, probe_ms=before))
    assert world.see({"probe_ms": now}).workers == workers


@pytest.mark.parametrize("baseline", [None, Health(at=START, probe_ms=999.0, error="57014")])
def test_without_a_baseline_only_the_margin_is_tolerated(baseline: Health | None) -> None:
    assert World(baseline=baseline).see({"probe_ms": 9.0}).workers == 8
    decision = World(baseline=baseline).see({"probe_ms": 11.0})
    assert decision.workers == 4
    assert "not known before" in decision.reason


def test_a_failed_probe_shuts_to_one_worker_and_a_growing_pause() -> None:
    world = World()
    world.see(WELL)
    seen = [world.see(FAILED) for _ in range(9)]
    assert {one.workers for one in seen} == {1}
    assert [one.pause_seconds for one in seen] == [0.5, 1, 2, 4, 8, 8, 16, 16, 16]
    assert seen[0].probe_ms is None
    assert seen[0].reason == (
        "1 of 8 workers, a pause of 0.5 s after each batch: the probe of the database failed (57014), so nothing is known of its health."
    )
    assert max(world.see(FAILED, 40.0).pause_seconds for _ in range(5)) == LIMITS.longest_pause


def test_asking_often_does_not_lengthen_the_pause() -> None:
    world = World()
    world.see(FAILED)
    assert {world.ask(0.01).pause_seconds for _ in range(40)} == {0.5}


def test_old_knowledge_is_no_knowledge() -> None:
    world = World()
    world.see(WELL)
    assert world.ask(29.0).workers == 8
    decision = world.ask(2.0)
    assert decision.workers == 1
    assert decision.pause_seconds > 0
    assert "the last probe of the database is 31 s old" in decision.reason
    assert World().ask().workers == 1, "never probed"


def test_sight_comes_back_step_by_step() -> None:
    world = World(asked=2)
    world.see(FAILED)
    assert [(one.workers, one.pause_seconds) for one in (world.see(WELL) for _ in range(6))] == [
        (1, 0.5),
        (1, 0.5),
        (1, 0.0),
        (1, 0.0),
        (1, 0.0),
        (2, 0.0),
    ]


def test_one_probe_counts_once() -> None:
    world = World()
    world.see(SLOW)
    assert [world.ask(2.0).workers for _ in range(8)] == [4] * 8
    world.see(WELL)
    assert [world.ask(1.0).workers for _ in range(8)] == [4] * 8


def test_what_an_operator_asks_for_counts_at_once_unless_it_holds_back() -> None:
    world = World(asked=2)
    world.see(WELL)
    world.asked = 6
    assert world.ask().workers == 6
    assert world.see(SLOW).workers == 3
    world.asked = 2
    assert world.ask().workers == 2
    world.asked = 0
    assert world.ask().workers == 1
    world.asked = 6
    assert world.ask().workers == 3, "still holding back"
    assert world.workers(WELL, 9)[-1] == 6
    world.asked = 20
    assert world.ask().workers == 20, "holding back no longer"


def test_a_single_worker_rests() -> None:
    world = World(asked=1)
    assert world.see(WELL).reason.startswith("1 worker: listing")
    decision = world.see(SLOW)
    assert decision[:2] == (1, 0.5)
    assert decision.reason.startswith("1 worker, a pause of 0.5 s after each batch: a longer pause: ")
    world.workers(WELL, 3)
    assert world.ask()[:2] == (1, 0.0)


def test_it_is_written_down() -> None:
    decision = World().see({"probe_ms": 21.2345})
    written = json.loads(json.dumps(decision.as_json()))
    assert written == {
        "concurrency": 8,
        "pause": 0.0,
        "reason": decision.reason,
        "probe_ms": 21.23,
        "at": "2026-03-10T11:00:05+00:00",
    }
    assert World().ask().as_json()["probe_ms"] is None


def test_it_survives_its_process() -> None:
    world = World()
    world.workers(SLOW, 2)
    world.workers(WELL, 2)
    world.governor = msgspec.json.decode(msgspec.json.encode(world.governor), type=Governor)
    assert world.baseline is not None
    world.baseline = msgspec.convert(msgspec.to_builtins(world.baseline), Health)
    assert world.see(WELL).workers == 3


PROBES = st.fixed_dictionaries(
    {
        "probe_ms": st.floats(0, 1000),
        "lock_waiters": st.integers(0, 3),
        "oldest_transaction_seconds": st.floats(0, 2000),
        "replication_lag_seconds": st.none() | st.floats(0, 30),
        "error": st.sampled_from(["", "", "", "57014"]),
    }
)


@given(st.lists(st.tuples(PROBES, st.integers(0, 64), st.floats(0, 60)), max_size=30))
def test_whatever_it_sees_it_stays_within_bounds_and_says_why(steps: list[tuple[dict[str, Any], int, float]]) -> None:
    world = World()
    for facts, asked, seconds in steps:
        world.asked = asked
        decision = world.see(facts, seconds)
        assert 1 <= decision.workers <= max(asked, 1)
        assert 0 <= decision.pause_seconds <= LIMITS.longest_pause
        assert decision.reason.endswith(".")
        assert "worker" in decision.reason
        if facts["error"]:
            assert decision.workers == 1
            assert decision.pause_seconds > 0


@given(st.lists(PROBES, max_size=20))
def test_from_any_state_good_health_leads_back_to_all_workers(steps: list[dict[str, Any]]) -> None:
    world = World(asked=4)
    for facts in steps:
        world.see(facts)
    assert world.workers(WELL, 60)[-1] == 4
    assert world.ask().pause_seconds == 0
