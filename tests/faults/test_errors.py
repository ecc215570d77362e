"""Errors in the middle of a run: passing ones pass, those of one snapshot cost that snapshot, unknown ones stop the run loudly."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from audit.digest import content_digest
from audit.local_storage import people
from audit.local_storage.read import SnapshotSource
from audit.models import MigrationEvent, MigrationOutcome, MigrationRun, StorageSnapshot
from audit.runs import control, failpoints, prepare
from audit.runs.control import Tuning
from audit.runs.engine import BatchFailed, Driver, SilentObserver, Stop, migrate
from audit.runs.flow import errors
from audit.runs.plan import Scope
from nutrition.models import MealEntry
from tests.captures import CAPTURED, capture, meal
from tests.faults.harness.children import last_run
from tests.faults.harness.fire import BATCH_SIZE, Fire
from tests.faults.harness.points import EACH_BATCH
from tests.laws.strategies import Browser
from tests.laws.world import Silent, empty, go, stage

pytestmark = [pytest.mark.slow, pytest.mark.faults]

PASSING = [
    *((point, "40P01") for point in EACH_BATCH),
    *((point, "40001") for point in ("claim.committed", "batch.begun", "batch.marked")),
    *(
        (point, "55P03")
        for point in ("start.digested", "claim.leased", "batch.begun", "finish.begun", "verify.begun", "verify.done")
    ),
]


def actions(run: MigrationRun) -> list[str]:
    return list(run.events.order_by("id").values_list("action", flat=True))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow one another without much waiting."""
    monkeypatch.setattr(errors, "CAP_SECONDS", 0.05)


def arm(monkeypatch: pytest.MonkeyPatch, point: str, at: int, action: str) -> None:
    monkeypatch.setattr(failpoints, "_armed", failpoints._Armed(point, at, action))
    monkeypatch.setattr(failpoints, "_seen", 0)


@pytest.mark.parametrize(("point", "state"), PASSING)
def test_a_passing_error_passes(
    fire: Fire, monkeypatch: pytest.MonkeyPatch, quick: None, point: str, state: str
) -> None:
    at = 2 if point in EACH_BATCH else 1
    arm(monkeypatch, point, at, f"error:{state}")
    go(batch_size=BATCH_SIZE)
    assert failpoints._seen >= at
    fire.check(last_run())
    assert "fail" not in actions(last_run())


@pytest.mark.parametrize("point", ["prepare.read", "batch.meals", "batch.marked"])
def test_what_takes_too_long_is_halved(fire: Fire, monkeypatch: pytest.MonkeyPatch, quick: None, point: str) -> None:
    arm(monkeypatch, point, 1, "error:57014")
    go(batch_size=4)
    run = last_run()
    fire.check(run)
    split = run.batches.get(status="split")
    assert sorted(part.users for part in split.parts.all()) == [2, 2]
    assert [event.data["batch"] for event in run.events.filter(action="split")] == [split.number]


@pytest.mark.parametrize("point", ["claim.leased", "claim.committed", "prepare.read", "batch.meals", "batch.marked"])
def test_an_unknown_error_fails_the_run_and_touches_nothing(
    fire: Fire, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    arm(monkeypatch, point, 2, "boom")
    with pytest.raises(BatchFailed, match=r"Injected at failpoints\.py"):
        go(batch_size=BATCH_SIZE)
    run = last_run()
    assert (run.status, run.verdict) == ("failed", "")
    assert "Injected" in run.error
    told = run.plan.filter(read_report__isnull=False).values("batch").distinct().count()
    assert run.batches.filter(status="committed").count() == told <= 1
    assert StorageSnapshot.objects.filter(last_run=run).count() == run.plan.filter(batch__status="committed").count()
    monkeypatch.setattr(failpoints, "_armed", None)
    control.retry_failed(run=run, actor="test")
    Driver(run, SilentObserver(), Stop()).drive()
    fire.check(run)


def test_what_never_passes_is_given_up_and_retried_by_hand(
    fire: Fire, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    act = failpoints._act

    def each_time(armed: failpoints._Armed) -> None:
        monkeypatch.setattr(failpoints, "_seen", 0)
        act(armed)

    monkeypatch.setattr(failpoints, "_act", each_time)
    arm(monkeypatch, "batch.meals", 1, "error:40001")
    with pytest.raises(BatchFailed, match="3 of its batches could not be written"):
        go(batch_size=BATCH_SIZE)
    run = last_run()
    assert set(run.batches.values_list("status", "attempt")) == {("exhausted", 6)}
    assert run.status == "failed"
    assert MealEntry.objects.filter(import_run_id=run.pk).count() == 0
    monkeypatch.setattr(failpoints, "_armed", None)
    control.retry_failed(run=run, actor="test")
    Driver(run, SilentObserver(), Stop()).drive()
    fire.check(run)


# --- one snapshot's fault -------------------------------------------------------------------------------------------------

PEOPLE, MEALS = 8, 3


def poisonous_world(*bad: tuple[int, int]) -> dict[tuple[int, int], int]:
    """Eight people with two browsers each, of which `bad` ones hold a meal that the table refuses; their snapshots' ids."""
    empty()
    browsers = []
    for person in range(PEOPLE):
        for day in range(2):
            description = "Poison" if (person, day) in bad else "Poulet"
            first = 1_710_068_400_000 + day * 86_400_000
            own = [
                meal(id=str(first + number), timestamp=first + number * 3_600_000, description=description)
                for number in range(MEALS)
            ]
            moment = (CAPTURED + timedelta(days=day)).isoformat()
            payload = capture(
                {"p-meals-U": own}, email=f"person{person}@example.fr", nonce=f"{person}/{day}", captured_at=moment
            )
            browsers.append(Browser(person, day, payload, "Europe/Paris"))
    stage(browsers)
    ids = StorageSnapshot.objects.order_by("id").values_list("id", flat=True)
    return {(browser.person, browser.day): number for browser, number in zip(browsers, ids, strict=True)}


def refuse_poison() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE meal_entries ADD CONSTRAINT faults_check CHECK (description <> 'Poison')")


def check_set_aside(run: MigrationRun, *snapshots: int) -> None:
    """These snapshots are in quarantine whole, with a digest of the traceback; everything else is there."""
    poisoned = run.plan.exclude(poison_digest="")
    assert set(poisoned.values_list("snapshot_id", flat=True)) == set(snapshots)
    assert all(len(digest) == 64 for digest in poisoned.values_list("poison_digest", flat=True))
    assert set(StorageSnapshot.objects.filter(status="poisoned").values_list("id", flat=True)) == set(snapshots)
    for snapshot in snapshots:
        fates = MigrationOutcome.objects.filter(run=run, snapshot_id=snapshot).values_list("outcome", "reasons")
        assert fates
        assert all(outcome == "quarantined" and "poison_snapshot" in reasons for outcome, reasons in fates)
    assert run.events.filter(action="poison").count() == len(snapshots)
    assert set(run.batches.values_list("status", flat=True)) <= {"committed", "split"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [1, 3, 8])
def test_what_a_table_refuses_costs_that_snapshot_alone(quick: None, size: int) -> None:
    ids = poisonous_world((2, 0), (5, 1))
    refuse_poison()
    go(batch_size=size)
    run = last_run()
    check_set_aside(run, ids[2, 0], ids[5, 1])
    assert MealEntry.objects.count() == (2 * PEOPLE - 2) * MEALS
    assert (run.status, run.verdict) == ("completed_with_quarantine", "passed"), run.error


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [1, 8])
def test_what_cannot_be_read_costs_that_snapshot_alone(monkeypatch: pytest.MonkeyPatch, quick: None, size: int) -> None:
    ids = poisonous_world()
    bad = ids[3, 1]
    real = people.read_person

    def read_person(sources: list[SnapshotSource], in_run: Any, aside: Collection[int], repairs: Any) -> people.Person:
        if any(source.id == bad and position not in aside for position, source in enumerate(sources)):
            raise RecursionError
        return real(sources, in_run, aside, repairs)

    monkeypatch.setattr(prepare, "read_person", read_person)
    go(batch_size=size)
    run = last_run()
    check_set_aside(run, bad)
    assert MealEntry.objects.count() == (2 * PEOPLE - 1) * MEALS
    assert (run.status, run.verdict) == ("completed_with_quarantine", "passed"), run.error


@pytest.mark.django_db(transaction=True)
def test_a_constraint_that_fails_once_by_a_race_costs_nothing(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    poisonous_world()
    digest = go(batch_size=1)["digest"]
    poisonous_world()
    arm(monkeypatch, "batch.meals", 3, "error:23505")
    report = go(batch_size=1)
    assert report["digest"] == digest
    assert (report["status"], report["reasons"].get("poison_snapshot")) == ("completed", None)


@pytest.mark.django_db(transaction=True)
def test_past_the_error_budget_it_pauses_and_says_why(quick: None) -> None:
    poisonous_world(*((person, 0) for person in range(5)))
    refuse_poison()
    report = migrate(scope=Scope(), batch_size=1, observer=Silent(), tuning=Tuning(max_failures=2))
    run = last_run()
    assert report["status"] == run.status == "paused"
    assert run.plan.exclude(poison_digest="").count() == 3
    assert run.batches.filter(status="leased").count() == 0
    sentence = MigrationEvent.objects.get(run=run, action="pause").reason
    assert sentence == "The error budget is used up: 3 poison snapshots and exhausted batches, 2 tolerated."
    control.retune(run=run, tuning=Tuning(max_failures=5), actor="test")
    control.resume(run=run, actor="test")
    Driver(run, SilentObserver(), Stop()).drive()
    run.refresh_from_db()
    assert run.plan.exclude(poison_digest="").count() == 5
    assert run.batches.exclude(status="committed").count() == 0
    assert run.digest_after in ("", content_digest())


@pytest.mark.django_db(transaction=True)
def test_two_bad_browsers_of_three_cost_those_two_alone(quick: None) -> None:
    ids = poisonous_world((2, 0), (2, 1))
    third = capture(
        {"p-meals-U": [meal(id="7", timestamp=1_710_500_000_000)]}, email="person2@example.fr", nonce="third"
    )
    stage([Browser(2, 5, third, "Europe/Paris")])
    refuse_poison()
    go(batch_size=3)
    run = last_run()
    poisoned = set(run.plan.exclude(poison_digest="").values_list("snapshot_id", flat=True))
    assert poisoned == {ids[2, 0], ids[2, 1]}
    assert MealEntry.objects.count() == (2 * PEOPLE - 2) * MEALS + 1
    assert list(run.events.filter(action="poison").values_list("data__snapshots", flat=True)) == [sorted(poisoned)]
    assert (run.status, run.verdict) == ("completed_with_quarantine", "passed"), run.error


@pytest.mark.django_db(transaction=True)
def test_what_was_set_aside_is_tried_once_more_when_asked(quick: None) -> None:
    ids = poisonous_world((2, 0))
    refuse_poison()
    go()
    assert go()["users"] == 0  # nothing waits
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE meal_entries DROP CONSTRAINT faults_check")
    report = go(again=True)
    assert (report["status"], report["verification"]["verdict"]) == ("completed", "passed")
    assert StorageSnapshot.objects.get(pk=ids[2, 0]).status == "migrated"
    assert MealEntry.objects.count() == 2 * PEOPLE * MEALS
