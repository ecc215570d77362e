"""A repaired item comes out as if the browser had held the repaired value, and everything around it too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.digest import content_digest
from audit.local_storage.items import ItemOutcome
from audit.models import ActivityLog, MigrationOutcome, MigrationRun, MigrationTally
from audit.runs.plan import Refused
from audit.runs.quarantine.moves import Mismatch, Move, move
from audit.runs.quarantine.replay import replay
from audit.runs.quarantine.selection import Selection
from audit.runs.quarantine.verdict import judge_again
from audit.runs.quarantine.waive import waive
from audit.runs.verification import verify_run
from nutrition.models import FavoriteMeal, MealEntry
from tests.audit.quarantine.world import (
    BAD,
    CASES,
    GOOD,
    OTHER,
    WHO,
    F,
    M,
    all_cases,
    fates,
    forgotten,
    item,
    mend,
    mend_all,
    mended,
    migrated,
    payloads,
    person,
    run_of,
    snapshots,
    tallies,
)
from tests.captures import app_state, favorite
from tests.laws.world import everything, go, versions

pytestmark = pytest.mark.django_db


def test_as_if_the_browsers_had_held_it() -> None:
    with forgotten():
        run = all_cases("after")
        wanted = fates(run), tallies(run), content_digest()
    run = all_cases("before")
    assert run.status == "completed_with_quarantine"
    bytes_before = payloads()
    repaired = mend_all(run)
    done = replay(run=run, **WHO)
    assert (done.items.total(), done.people, done.left, done.refused) == (repaired, len(CASES), 0, {})
    assert payloads() == bytes_before
    assert all(intact for _, _, intact in bytes_before)
    assert (fates(run), tallies(run), content_digest()) == wanted
    judged = judge_again(run=run, **WHO)
    assert (judged.report["verification"]["differences"], judged.status) == ([], "completed")
    assert (judged.verdict, judged.digest_after) == ("passed", wanted[2])


def test_a_later_run_honours_it() -> None:
    """Also without any replay in between."""
    with forgotten():
        all_cases("after")
        wanted = content_digest()
    mend_all(all_cases("before"))
    report = go(again=True)
    assert (report["verification"]["differences"], report["status"]) == ([], "completed")
    assert sum(counts["quarantined"] for counts in report["items"].values()) == 0
    assert content_digest() == wanted
    again = go(again=True)
    assert (again["status"], content_digest()) == ("completed", wanted)
    assert {name for counts in again["items"].values() for name in ("created", "updated") if counts[name]} == set()


def test_a_replay_and_a_later_run_agree() -> None:
    case = CASES["an id that comes twice"]
    run = migrated(*case.before)
    mended(run, case.repairs)
    before = content_digest()
    report = go(again=True)
    assert (report["status"], report["digest"]) == ("completed", before)
    assert report["items"]["meal"] == {**dict.fromkeys(report["items"]["meal"], 0), "found": 2, "unchanged": 2}
    assert replay_nothing(run) == "has no such item in quarantine"


def replay_nothing(run: MigrationRun) -> str:
    with pytest.raises(Refused) as refusal:
        replay(run=run, **WHO)
    return str(refusal.value).partition(f"run {run.pk} ")[2]


def test_the_outcome_says_what_was_there_and_what_stands_for_it() -> None:
    run = migrated({M: [BAD]})
    mended(run, {(0, f"{M}[0]"): {**GOOD, "calories": "1 200 kcal"}})
    row = item(run, f"{M}[0]")
    assert (row.outcome, row.reasons, row.raw) == ("created", ["number_from_text", "repaired"], "")
    (change,) = [one for one in row.changes if one["reason"] == "repaired"]
    assert '"beaucoup"' in change["raw"]
    assert '"1 200 kcal"' in change["value"]
    assert row.row_id is not None
    assert MealEntry.objects.get(pk=row.row_id).import_run_id == run.pk


def test_again_changes_nothing() -> None:
    run = migrated({M: [BAD, None, OTHER]})
    first = mended(run, {(0, f"{M}[0]"): GOOD})
    assert (first.items, first.left) == ({("meal", "created"): 1}, 1)
    before, rows_before = everything(), versions()
    second = replay(run=run, **WHO)
    assert (second.items.total(), second.others, second.people, second.left) == (0, 0, 1, 1)
    assert versions() == rows_before
    unchanged = ("migration_outcomes", "migration_tallies", "activity_logs", "storage_snapshots", "migration_runs")
    assert {name: everything()[name] for name in unchanged} == {name: before[name] for name in unchanged}


def test_the_latest_repair_counts() -> None:
    run = migrated({M: [BAD]})
    mend(run, f"{M}[0]", {**GOOD, "protein": 19})
    mended(run, {(0, f"{M}[0]"): GOOD})
    assert int(MealEntry.objects.get().protein_grams) == 18


def test_looking_for_repairs_is_one_statement_a_batch() -> None:
    for number in (1, 2, 3):
        snapshots({M: [OTHER]}, {M: [OTHER, BAD]}, number=number)
    with CaptureQueriesContext(connection) as queries:
        go()
    reading = [one["sql"] for one in queries if "FROM item_repairs WHERE" in one["sql"]]
    assert len(reading) == 1


def test_what_is_found_anew_is_for_a_new_run() -> None:
    run = migrated({M: [BAD, OTHER]})
    mend(run, f"{M}[0]", GOOD)
    MigrationTally.objects.filter(run=run, kind="meal").update(found=3, created=2)
    before = tallies(run)
    done = replay(run=run, **WHO)
    ((who, sentence),) = done.refused.items()
    assert (who, done.people, done.left, tallies(run)) == (person().pk, 0, 1, before)
    assert "holds 2 items of kind meal by today's rules, the run found 3" in str(sentence)
    assert MealEntry.objects.count() == 1


def test_what_cannot_be_read_stays() -> None:
    run = migrated({M: [BAD, None]})
    done = replay(run=run, **WHO)
    assert (done.items.total(), done.people, done.left) == (0, 1, 2)
    assert [one.outcome for one in MigrationOutcome.objects.filter(run=run)] == ["quarantined", "quarantined"]
    assert MealEntry.objects.count() == 0


def test_a_waived_item_is_not_brought_back_by_somebody_elses_replay() -> None:
    run = migrated({M: [BAD, None]})
    mend(run, f"{M}[0]", GOOD)
    waive(run=run, chosen=Selection(path=f"{M}[0]"), **WHO)
    mend(run, f"{M}[1]", OTHER)
    done = replay(run=run, **WHO)
    assert (done.items, done.left) == ({("meal", "created"): 1}, 0)
    assert [one.description for one in MealEntry.objects.all()] == ["Omelette"]
    assert judge_again(run=run, **WHO).status == "completed"


def test_what_the_person_changed_since_is_kept() -> None:
    run = migrated({M: [BAD, {**OTHER, "id": "7", "timestamp": GOOD["timestamp"]}], F: app_state(meals=[OTHER])})
    edited = MealEntry.objects.get(description="Omelette", meal_timestamp="2024-03-12T11:00:00Z")
    later = timezone.now() + timedelta(minutes=1)
    MealEntry.objects.filter(pk=edited.pk).update(description="Omelette aux herbes", updated_at=later)
    ActivityLog.objects.create(
        user=person(), action_type="MEAL_UPDATED", table_name="meal_entries", record_id=edited.pk
    )
    done = mended(run, {(0, f"{M}[0]"): {**OTHER, "calories": 420}})
    assert done.items.total() == 1
    edited.refresh_from_db()
    assert (edited.description, edited.calories) == ("Omelette aux herbes", 300)
    assert judge_again(run=run, **WHO).verdict == "passed"


def test_only_the_chosen_people() -> None:
    run = migrated({M: [BAD]})
    assert_refused(run, Selection(reason_code="other_owner"), "has no such item in quarantine")
    done = replay(run=run, chosen=Selection(reason_code="not_a_number", user=person()), **WHO)
    assert done.people == 1


def assert_refused(run: MigrationRun, chosen: Selection, sentence: str) -> None:
    before = everything()
    with pytest.raises(Refused, match=sentence):
        replay(run=run, chosen=chosen, **WHO)
    assert everything() == before


@pytest.mark.parametrize("status", ["pending", "running", "pausing", "verifying", "cancelling", "rolling_back"])
def test_not_while_anything_else_moves_the_run(status: str) -> None:
    run = migrated({M: [BAD]})
    MigrationRun.objects.filter(pk=run.pk).update(status=status)
    assert_refused(run, Selection(), f"is {status}")


def test_not_for_people_for_whom_the_run_was_taken_back() -> None:
    run = migrated({M: [BAD]})
    run.plan.update(reverted_at=run.finished_at)
    assert_refused(run, Selection(), "was taken back")
    with pytest.raises(Refused, match="was taken back"):
        mend(run, f"{M}[0]", GOOD)


@pytest.mark.parametrize("missing", ["actor", "reason"])
def test_somebody_answers_for_it(missing: str) -> None:
    run = migrated({M: [BAD]})
    with pytest.raises(Refused, match=missing):
        replay(run=run, **{**WHO, missing: " "})


def test_an_older_run_after_a_later_one() -> None:
    """The later snapshot's content stays; the repaired item is an older copy of it, and the verifier agrees."""
    run = migrated({M: [BAD, OTHER]})
    snapshots({M: [{**GOOD, "protein": 20}]}, first_day=1)
    later = run_of(go())
    done = mended(run, {(0, f"{M}[0]"): GOOD})
    assert done.items == {("meal", "superseded"): 1}
    row = MealEntry.objects.get(description="Lentilles")
    assert (int(row.protein_grams), row.import_run_id) == (20, later.pk)
    assert judge_again(run=run, **WHO).verdict == "passed"
    assert verify_run(later).differences == []


def test_the_check_refuses_what_does_not_add_up() -> None:
    run = migrated({M: [BAD, OTHER]})
    before = everything() | {"sequences": None}
    lost = ItemOutcome(0, "meal", f"{M}[0]", "created", ("repaired",))
    plain = ItemOutcome(0, "meal", f"{M}[1]", "created", ("repaired",))
    snapshot = item(run, f"{M}[0]").snapshot_id
    with pytest.raises(IntegrityError, match="migration_tallies_waived_check"), transaction.atomic():
        move(run_id=run.pk, user_id=person().pk, moves=[Move(snapshot, "waived", plain, recorded=False)])
    with pytest.raises(Mismatch), transaction.atomic():
        move(run_id=run.pk, user_id=person().pk, moves=[Move(snapshot, "created", lost, recorded=True)])
    with pytest.raises(IntegrityError, match="conservation"), transaction.atomic():
        move(run_id=run.pk, user_id=person().pk, moves=[Move(snapshot, "nothing", lost, recorded=True)])
    assert everything() | {"sequences": None} == before


def test_a_repaired_favourite_takes_the_number_and_another_keeps_its_name() -> None:
    storage = {F: app_state(favoriteMeals=[favorite(id="1", protein=None), favorite(id="2", protein=12)])}
    run = migrated(storage)
    name = FavoriteMeal.objects.get().name
    mended(run, {(0, f"{F}.favoriteMeals[0]"): favorite(id="1", protein=11)})
    assert dict(FavoriteMeal.objects.values_list("protein_grams", "name")) == {11: f"{name} (2)", 12: name}
    assert judge_again(run=run, **WHO).status == "completed"
    assert go(again=True)["verification"]["verdict"] == "passed"
    assert dict(FavoriteMeal.objects.values_list("protein_grams", "name")) == {11: f"{name} (2)", 12: name}
