"""A batch or a person; what is refused; how it is written down; and how it goes on after it was broken off."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from audit.digest import content_digest
from audit.models import ActivityLog, MigrationBatch, MigrationEvent, MigrationRun, StorageSnapshot
from audit.runs.plan import Refused
from audit.runs.rollback import Receipt, RollbackFailed, photos, roll_back, service
from audit.runs.rollback.scope import select_people
from audit.runs.transitions import record
from nutrition.models import MealEntry
from tests import database
from tests.audit.rollback.worlds import PHOTO, run_of, stage_anne, stage_second_browser, take_back
from tests.audit.rollback.worlds import photos as stored_photos
from tests.audit.runs.browsers import M, P, browser
from tests.captures import meal, meals
from tests.database import other_connection
from tests.factories import make_user
from tests.laws.world import everything, go

pytestmark = pytest.mark.django_db(transaction=True)


def stage_people(number: int) -> list[User]:
    """People with a photo each, in the order of their ids."""
    people = [make_user() for _ in range(number)]
    for user in people:
        browser(user, {M: [*meals(3), meal(id="p", timestamp="2024-05-01T11:00:00Z", photo=PHOTO)], P: {"age": 31}})
    return sorted(people, key=lambda user: user.pk)


def owners() -> set[Any]:
    return set(MealEntry.objects.values_list("user_id", flat=True))


def check_refused(report: dict[str, Any], sentence: str, **scope: Any) -> None:
    before = everything()
    for dry_run in (True, False):
        with pytest.raises(Refused, match=sentence):
            take_back(report, dry_run=dry_run, **scope)
    assert everything() == before


def test_one_batch() -> None:
    people = stage_people(5)
    report = go(batch_size=2)
    receipt = take_back(report, batch=2, actor="Paul", reason="wrong people")
    assert receipt.people == 2
    assert receipt.photos == 2
    assert owners() == {user.pk for user in (*people[:2], people[4])}
    assert len(stored_photos()) == 3
    run = run_of(report)
    assert run.status == report["status"]
    assert run.rollback == {}
    assert list(run.batches.values_list("number", "status")) == [(1, "committed"), (2, "reverted"), (3, "committed")]
    assert {row.user_id for row in run.plan.filter(reverted_at__isnull=False)} == {user.pk for user in people[2:4]}
    event = MigrationEvent.objects.get(action="roll_back_part")
    assert (event.actor, event.reason, event.old_status, event.new_status) == ("Paul", "wrong people", "", "")
    assert event.data["scope"] == {"batch": 2}
    assert event.data["deleted"]["meal_entries"] == 8
    assert ActivityLog.objects.count() == 0
    assert go()["users"] == 2
    assert content_digest() == report["digest"]


def test_one_person() -> None:
    anne, bob, carl = stage_people(3)
    report = go(batch_size=2)
    receipt = take_back(report, email=bob.email.upper(), actor="Paul", reason="asked for it")
    assert (receipt.people, receipt.equal) == (1, False)
    assert owners() == {anne.pk, carl.pk}
    assert run_of(report).batches.get(number=1).status == "committed"
    log = ActivityLog.objects.get()
    assert (log.user_id, log.action_type, log.new_values and log.new_values["run"]) == (
        bob.pk,
        "migration_rolled_back",
        report["run"],
    )
    event = MigrationEvent.objects.get(action="roll_back_part")
    assert event.data["scope"] == {"user": str(bob.pk)}
    assert bob.email not in str(event.data)
    take_back(report, email=anne.email)
    assert run_of(report).batches.get(number=1).status == "reverted"
    whole = take_back(report)
    assert (whole.people, whole.equal) == (1, True)
    assert owners() == set()


def test_a_person_in_each_of_two_runs_the_later_first() -> None:
    anne = stage_anne()
    first = go()
    stage_second_browser(anne)
    browser(make_user(), {M: meals(1)})
    second = go()
    check_refused(first, rf"run {second['run']} \(1 people\)", email=anne.email)
    check_refused(first, rf"run {second['run']} \(1 people\)")
    take_back(second, email=anne.email)
    take_back(first, email=anne.email)
    assert StorageSnapshot.objects.filter(user=anne, status="waiting").count() == 2
    assert owners() != set()
    assert go()["users"] == 1


def test_an_earlier_run_counts_as_far_as_it_stands() -> None:
    """Taken back in a later run, a snapshot waits again where the earlier one was taken back too, or had set it aside."""
    anne, bob, carl = stage_people(3)
    first = go()
    take_back(first, email=anne.email)
    run_of(first).plan.filter(user=bob).update(poison_digest="0" * 64)
    take_back(go(again=True))
    found = {snapshot.user_id: (snapshot.status, snapshot.last_run_id) for snapshot in StorageSnapshot.objects.all()}
    assert found == {
        anne.pk: ("waiting", None),
        bob.pk: ("waiting", None),
        carl.pk: ("migrated", first["run"]),
    }


def test_a_split_batch_with_its_parts() -> None:
    people = stage_people(3)
    report = go(batch_size=1)
    run = run_of(report)
    parent = MigrationBatch.objects.create(run=run, number=9, status="split")
    run.batches.filter(number__in=[1, 2]).update(parent=parent)
    assert take_back(report, batch=9).people == 2
    assert owners() == {people[2].pk}


def test_a_run_that_is_busy_or_done_is_left_alone() -> None:
    (anne,) = stage_people(1)
    report = go()
    for status in ("pending", "running", "pausing", "verifying", "cancelling", "rolled_back"):
        MigrationRun.objects.update(status=status)
        check_refused(report, f"is {status.replace('_', ' ')}")
        check_refused(report, f"is {status.replace('_', ' ')}", email=anne.email)


def test_who_is_not_there_is_refused() -> None:
    (anne,) = stage_people(1)
    report = go()
    make_user(email="other@example.fr")
    check_refused(report, "nobody has the e-mail address x@example.fr", email="x@example.fr")
    check_refused(report, "has moved nothing of other@example.fr", email="other@example.fr")
    check_refused(report, "has no batch 7", batch=7)
    MigrationRun.objects.update(status="rolling_back")
    check_refused(report, "as a whole", email=anne.email)


def test_while_another_process_has_the_run() -> None:
    stage_people(1)
    report = go()
    with other_connection() as other:
        other.execute("SELECT pg_advisory_lock_shared(%s, %s)", [0x44594E50, report["run"]])
        check_refused(report, "another process")
    assert take_back(report).people == 1
    with other_connection() as other:
        free = other.execute("SELECT pg_try_advisory_lock(%s, %s)", [0x44594E50, report["run"]]).fetchone()
    assert free == (True,)


def test_while_another_migration_is_active() -> None:
    anne, bob = stage_people(2)
    report = go()
    browser(anne, {M: meals(1)}, day=3)
    later = MigrationRun.objects.create(batch_size=1, status="paused")
    later.plan.create(user=anne, snapshot=StorageSnapshot.objects.get(status="waiting"))
    check_refused(report, rf"run {later.pk} \(1 people, active\)")
    check_refused(report, rf"run {later.pk} \(1 people, active\)", email=anne.email)
    assert take_back(report, email=bob.email).people == 1
    later.plan.all().delete()
    check_refused_by_index = pytest.raises(Refused, match="another migration is active")
    with check_refused_by_index:
        take_back(report)
    assert run_of(report).status == report["status"]
    assert owners() == {anne.pk}


def test_a_run_that_is_planned_under_our_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the first look and the transaction: seen there, and nothing of these people is touched."""
    (anne,) = stage_people(1)
    report = go()
    look = select_people

    def then_somebody_plans(run: MigrationRun, scope: Any) -> Any:
        selection = look(run, scope)
        later = MigrationRun.objects.create(batch_size=1, status="pending")
        later.plan.create(user=anne, snapshot=StorageSnapshot.objects.get())
        return selection

    monkeypatch.setattr(service, "select_people", then_somebody_plans)
    with pytest.raises(Refused, match="active"):
        take_back(report, email=anne.email)
    assert owners() == {anne.pk}


def test_people_who_were_not_moved_yet_go_on_waiting() -> None:
    people = stage_people(3)
    report = go(batch_size=1)
    run = run_of(report)
    run.batches.filter(number=3).update(status="planned")
    MealEntry.objects.filter(user=people[2]).update(import_run_id=None, description="not the run's")
    MigrationRun.objects.update(status="paused", verdict="")
    assert take_back(report).people == 2
    assert owners() == {people[2].pk}
    assert run.plan.filter(reverted_at__isnull=True).count() == 1


def test_an_error_says_so_and_the_next_try_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stage_people(4)
    before = content_digest()
    report = go(batch_size=2)
    sweep = photos.remove_photos
    calls = []

    def broken(people: list[Any]) -> int:
        calls.append(people)
        if len(calls) == 2:
            raise OSError("secret")
        return sweep(people)

    monkeypatch.setattr(service, "remove_photos", broken)
    with pytest.raises(RollbackFailed, match="OSError"):
        take_back(report, batch_size=1)
    run = run_of(report)
    assert run.status == "rollback_failed"
    assert "OSError" in run.error
    assert "secret" not in run.error
    assert Receipt.from_json(run.rollback).people == 2
    assert len(stored_photos()) == 3
    receipt = roll_back(run=run, batch_size=3)
    assert (receipt.people, receipt.photos, receipt.deleted["meal_entries"]) == (4, 4, 16)
    assert receipt.equal
    assert content_digest() == before
    assert stored_photos() == []
    run.refresh_from_db()
    assert (run.status, run.error, run.rollback["people"]) == ("rolled_back", "", 4)


def test_a_person_whose_photos_were_left_over_is_healed_by_a_second_call(monkeypatch: pytest.MonkeyPatch) -> None:
    (anne,) = stage_people(1)
    report = go()
    monkeypatch.setattr(service, "remove_photos", lambda people: 0)
    take_back(report, email=anne.email)
    monkeypatch.undo()
    assert len(stored_photos()) == 1
    receipt = take_back(report, email=anne.email)
    assert (receipt.people, receipt.photos) == (0, 1)
    assert stored_photos() == []
    assert MigrationEvent.objects.filter(action="roll_back_part").count() == 1


def test_a_transaction_that_met_another_writer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (anne,) = stage_people(1)
    report = go()
    tries = []

    def unlucky(**arguments: Any) -> None:
        tries.append(arguments["action"])
        record(**arguments)
        if len(tries) == 1:
            database.run("DO $$ BEGIN RAISE EXCEPTION 'as if' USING ERRCODE = 'deadlock_detected'; END $$")

    monkeypatch.setattr(service, "record", unlucky)
    receipt = take_back(report, email=anne.email)
    assert len(tries) == 2
    assert (receipt.people, receipt.deleted["meal_entries"]) == (1, 4)
    assert MigrationEvent.objects.filter(action="roll_back_part").count() == 1
