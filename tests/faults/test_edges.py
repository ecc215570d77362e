"""Nothing to do, nearly nothing to do, and several who begin at the same instant."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from audit.models import MigrationRun
from audit.runs import control
from tests.captures import app_state, capture
from tests.faults.harness.children import Arm, attend, children, last_run
from tests.faults.harness.fingerprint import check_settled
from tests.faults.harness.fire import Fire
from tests.laws.strategies import Browser
from tests.laws.world import empty, go, stage

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.mark.django_db(transaction=True)
def test_without_any_snapshot_it_completes() -> None:
    empty()
    report = go()
    check_settled(last_run())
    assert (report["status"], report["batches"]["planned"], report["users"]) == ("completed", 0, 0)


@pytest.mark.django_db(transaction=True)
def test_people_whose_arrays_are_empty_are_done_too() -> None:
    empty()
    storages: tuple[dict[str, Any], ...] = (
        {},
        {"p-meals-U": []},
        {"p-app-state-U": app_state()},
        {"p-meals-U": [], "p-preferences-U": {}},
    )
    browsers = [
        Browser(person, 0, capture(storage, email=f"person{person}@example.fr", nonce=str(person)), "Europe/Paris")
        for person, storage in enumerate(storages)
    ]
    stage(browsers)
    report = go(batch_size=1)
    check_settled(last_run())
    assert (report["status"], report["users"], report["items"]["meal"]["found"]) == ("completed", 4, 0)


@pytest.mark.parametrize(
    ("action", "asked", "then"), [("pause", "pausing", "paused"), ("cancel", "cancelling", "cancelled")]
)
def test_the_batch_under_way_is_finished_first(fire: Fire, action: str, asked: str, then: str) -> None:
    with children(fire.migrate(arm=Arm("batch.begun", 1, "stop"))) as (child,):
        child.wait_stopped()
        run = getattr(control, action)(run=last_run(), actor="test")
        assert run.status == asked
        assert control.settle(run).status == asked
        assert run.batches.filter(status="leased").exists()
        child.send(signal.SIGCONT)
        assert child.wait() == 0, child.said
    run.refresh_from_db()
    assert run.status == then
    statuses = list(run.batches.values_list("status", flat=True))
    assert set(statuses) <= {"committed", "planned"}
    assert 1 <= statuses.count("committed") <= 2  # the one after it may have been claimed already
    if action == "pause":
        control.resume(run=run, actor="test")
        attend(run)
        fire.check(run)


@pytest.mark.parametrize("number", [2, 4])
def test_started_several_times_at_the_same_instant_it_is_one_run(fire: Fire, number: int) -> None:
    for _ in range(3):
        fire.relight()
        with children(*(fire.migrate(batch_size=1) for _ in range(number))) as all_of_them:
            codes = [child.wait() for child in all_of_them]
        assert 0 in codes
        for child, code in zip(all_of_them, codes, strict=True):
            assert code == 0 or "Refused: " in child.said.splitlines()[-1], child.said
        # Who came so late that nothing was left has a run of nothing.
        extra = MigrationRun.objects.filter(id__gt=_first_after(fire), snapshots_planned=0)
        assert MigrationRun.objects.count() == fire.runs_before + 1 + extra.count()
        assert not MigrationRun.objects.exclude(status__startswith="completed").exists()
        fire.check_content(MigrationRun.objects.get(id=_first_after(fire)))


def _first_after(fire: Fire) -> int:
    runs = list(MigrationRun.objects.order_by("id").values_list("id", flat=True))
    return runs[fire.runs_before]
