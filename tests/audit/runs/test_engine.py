"""The engine: photos, erased people, leases and epochs, nothing to do, scopes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from PIL import Image

from audit.models import MigrationBatch, MigrationOutcome, MigrationRun, MigrationTally, RunStatus, StorageSnapshot
from audit.runs import engine, presence, worker
from audit.runs.batch import LeaseLost, commit_batch
from audit.runs.claim import ClaimedBatch, claim_batch
from audit.runs.engine import migrate
from audit.runs.plan import Refused, Scope, plan_run
from audit.runs.prepare import prepare
from audit.runs.transitions import transition
from nutrition.models import MealEntry
from tests.audit.runs.browsers import M, browser, counts
from tests.captures import app_state, meal, meals
from tests.database import other_connection
from tests.factories import make_run, make_user
from tests.laws.world import Silent, everything, go, predict
from tests.local_storage.pictures import CAMERA, TURNED_RIGHT, data_url, picture

pytestmark = pytest.mark.django_db(transaction=True)


def plan(batch_size: int = 100, **scope: Any) -> MigrationRun:
    return plan_run(scope=Scope(**scope), columns={"batch_size": batch_size}, options={})


def claim_of(run: MigrationRun) -> ClaimedBatch:
    claim = claim_batch(run)
    assert isinstance(claim, ClaimedBatch)
    return claim


def test_a_photo_is_stored_once_for_its_person(settings_media_tmp: Path) -> None:
    photo = data_url(picture(orientation=TURNED_RIGHT))
    user, other = make_user(), make_user()
    twice = [{**one, "photo": photo} for one in meals(2)]
    for one in (user, other):
        browser(one, {M: twice, "p-app-state-U": app_state(meals=twice)})
    predicted = predict()
    assert not settings_media_tmp.exists() or not list(settings_media_tmp.rglob("*.jpg"))
    report = go()
    assert predicted["reasons"] == report["reasons"]
    assert report["reasons"]["photo_stored"] == 8
    files = sorted(settings_media_tmp.rglob("*.jpg"))
    assert len(files) == 2
    names = set(MealEntry.objects.values_list("photo_file", flat=True))
    assert names == {str(file.relative_to(settings_media_tmp)) for file in files}
    assert {name.split("/")[1] for name in names if name} == {str(user.pk), str(other.pk)}
    with Image.open(files[0]) as stored:
        assert stored.size == (16, 32)
        assert CAMERA not in stored.getexif()
    go(again=True)
    assert sorted(settings_media_tmp.rglob("*.jpg")) == files


def test_a_person_who_is_erased_between_plan_and_batch() -> None:
    gone, stays = make_user(), make_user()
    for user in (gone, stays):
        browser(user, {M: [meal()]})
    run = plan()
    gone.delete()
    report = go()
    assert (report["run"], report["users"], report["status"]) == (run.pk, 1, "completed")
    assert list(MealEntry.objects.values_list("user_id", flat=True)) == [stays.pk]


def test_a_person_who_is_erased_while_the_batch_is_prepared() -> None:
    gone, stays = make_user(), make_user()
    for user in (gone, stays):
        browser(user, {M: [meal()]})
    run = plan()
    transition(run=run, action="start", target=RunStatus.RUNNING)
    claim = claim_of(run)
    prepared = list(prepare(claim.people))
    gone.delete()
    result = commit_batch(prepared, run_id=run.pk, claim=claim)
    assert result.people == 1
    assert MigrationTally.objects.filter(kind="meal").get().created == 1


def test_a_claim_whose_epoch_moved_on_writes_nothing() -> None:
    for _ in range(2):
        browser(make_user(), {M: [meal(), None]})
    run = plan(batch_size=2)
    transition(run=run, action="start", target=RunStatus.RUNNING)
    late = claim_of(run)
    prepared = list(prepare(late.people))
    MigrationBatch.objects.update(lease_expires_at="2020-01-01T00:00:00Z", lease_owner="another process")
    winner = claim_of(run)
    assert (winner.id, winner.epoch) == (late.id, late.epoch + 1)
    before = everything()
    with pytest.raises(LeaseLost):
        commit_batch(prepared, run_id=run.pk, claim=late)
    after = everything()
    assert {name: rows for name, rows in after.items() if name != "sequences"} == {
        name: rows for name, rows in before.items() if name != "sequences"
    }
    commit_batch(list(prepare(winner.people)), run_id=run.pk, claim=winner)
    before = everything()
    with pytest.raises(LeaseLost):
        commit_batch(prepared, run_id=run.pk, claim=late)
    assert everything()["meal_entries"] == before["meal_entries"]
    assert everything()["migration_outcomes"] == before["migration_outcomes"]


def test_a_worker_that_lost_its_batch_writes_nothing_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    browser(make_user(), {M: [meal()]})
    meals_then: list[int] = []

    def taken_meanwhile(*arguments: Any, **options: Any) -> Any:
        if not meals_then:
            MigrationBatch.objects.update(epoch=7, lease_owner="another process")
            with pytest.raises(LeaseLost):
                commit_batch(*arguments, **options)
            meals_then.append(MealEntry.objects.count())
            raise LeaseLost
        return commit_batch(*arguments, **options)

    monkeypatch.setattr(worker, "commit_batch", taken_meanwhile)
    report = go()
    assert (report["status"], meals_then, MealEntry.objects.count()) == ("completed", [0], 1)
    assert (
        MigrationBatch.objects.get().epoch == 8
    )  # that other process was nowhere to be seen, so its lease was an orphan's


def test_a_lease_that_runs_out_under_its_own_process_is_not_taken_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow batch: the look-ahead must not take it again while it is being written."""
    monkeypatch.setattr(settings, "MIGRATION_LEASE_SECONDS", 0)
    for _ in range(4):
        browser(make_user(), {M: [meal()]})
    run = plan(batch_size=1)
    transition(run=run, action="start", target=RunStatus.RUNNING)
    mine = claim_of(run)
    next_one = claim_of(run)
    assert mine.id != next_one.id
    MigrationBatch.objects.update(epoch=0)
    report = go(batch_size=1)
    assert (report["status"], report["batches"]) == ("completed", {"planned": 4, "committed": 4, "failed": 0})
    assert set(MigrationBatch.objects.values_list("epoch", flat=True)) == {1}


def test_a_run_that_another_process_drives_is_refused() -> None:
    browser(make_user(), {M: [meal()]})
    run = plan()
    with other_connection() as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [presence._RUNS, run.pk])
        before = everything()
        with pytest.raises(Refused, match=f"run {run.pk} is active"):
            go()
        assert everything() == before
        other.execute("SELECT pg_advisory_unlock_all()")
    assert go()["run"] == run.pk


@pytest.fixture
def ended_meanwhile(monkeypatch: pytest.MonkeyPatch) -> list[MigrationRun]:
    """Between our look and our lock another process takes the run, ends it and is gone."""
    ended: list[MigrationRun] = []

    def hold(run: MigrationRun) -> bool:
        if not ended:
            ended.append(run)
            MigrationRun.objects.filter(pk=run.pk).update(status="completed", verdict="passed")
        return presence.hold_driver_lock(run)

    monkeypatch.setattr(engine, "hold_driver_lock", hold)
    return ended


def test_a_run_that_was_ended_before_we_had_the_lock(ended_meanwhile: list[MigrationRun]) -> None:
    browser(make_user(), {M: [meal()]})
    run = plan()
    report = go()
    assert ended_meanwhile == [run]
    assert report["run"] != run.pk
    assert report["status"] == "completed"


def test_our_own_plan_that_another_process_carried_out(ended_meanwhile: list[MigrationRun]) -> None:
    browser(make_user(), {M: [meal()]})
    with pytest.raises(Refused, match="taken by another process"):
        go()
    assert len(ended_meanwhile) == 1


@pytest.mark.parametrize(("status", "sentence"), [("paused", "--resume"), ("rolling_back", "has to be ended first")])
def test_a_run_that_waits_for_a_person_is_refused(status: str, sentence: str) -> None:
    make_run(scope="all", status=status)
    with pytest.raises(Refused, match=sentence):
        go()


def test_nothing_to_do_is_a_successful_run() -> None:
    report = go()
    assert (report["status"], report["users"], report["batches"]["planned"]) == ("completed", 0, 0)
    assert go()["status"] == "completed"


def test_a_person_with_empty_arrays() -> None:
    browser(make_user(), {M: [], "p-app-state-U": app_state()})
    report = go(batch_size=1)
    assert (report["status"], report["users"]) == ("completed", 1)
    assert {kind: numbers["found"] for kind, numbers in report["items"].items()} == dict.fromkeys(
        ("meal", "favorite", "profile", "preferences"), 0
    )
    assert MigrationTally.objects.count() == 4
    assert StorageSnapshot.objects.get().status == "migrated"


def test_scopes() -> None:
    users = [make_user() for _ in range(3)]
    for user in users:
        browser(user, {M: [meal()]})
    one = migrate(scope=Scope(emails=(users[1].email.upper(),)), batch_size=5, observer=Silent())
    assert (one["users"], one["items"]["meal"]["created"]) == (1, 1)
    two = migrate(scope=Scope(limit=1), batch_size=5, observer=Silent())
    assert two["users"] == 1
    assert set(MealEntry.objects.values_list("user_id", flat=True)) == {users[0].pk, users[1].pk}
    with pytest.raises(Refused, match="nobody has"):
        migrate(scope=Scope(emails=("nobody@example.fr",)), batch_size=5, observer=Silent())
    assert counts(go(), "meal") == {"found": 1, "created": 1}
    assert counts(go(again=True), "meal") == {"found": 3, "unchanged": 3}
    assert MigrationOutcome.objects.count() == 0
