"""Law 4: with no later edits, the content after a rollback is that of before the run; and the same snapshots can be migrated again."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import GoalHistory, User, UserProfile
from audit.digest import content_digest
from audit.models import MigrationEvent, MigrationOutcome, MigrationTally, StorageSnapshot
from nutrition.models import DailySummary, DeletedEntry, FavoriteMeal, MealEntry
from tests.audit.rollback.worlds import (
    contents,
    counts,
    migrate_and_check_it_comes_back,
    photos,
    pot,
    run_of,
    stage_anne,
    stage_samples,
    stage_second_browser,
    take_back,
)
from tests.audit.runs.browsers import F, M, P, browser
from tests.captures import app_state, meal, meals
from tests.factories import make_meal, make_profile, make_user
from tests.laws.world import everything, go

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("dirty", [0, 60])
def test_samples(dirty: int) -> None:
    stage_samples(12, dirty=dirty, seed=5)
    receipt = migrate_and_check_it_comes_back(batch_size=5)
    assert receipt.people == 12
    assert receipt.deleted["meal_entries"] > 100


def test_nothing_at_all_is_left_of_a_first_import() -> None:
    stage_anne()
    before = contents()
    assert photos() == []
    report = go()
    assert len(photos()) == 1
    assert DailySummary.objects.count() > 1
    receipt = take_back(report, actor="Paul", reason="trial")
    assert contents() == before
    assert photos() == []
    assert counts(receipt.deleted) == {"meal_entries": 5, "favorite_meals": 2, "goal_history": 1}
    assert counts(receipt.restored) == {"user_profiles": 1, "users": 1}
    assert (receipt.people, receipt.photos, receipt.kept, receipt.equal) == (1, 1, [], True)
    assert receipt.days == 3  # two of the browser, and one of the server that had the imported goal
    assert DeletedEntry.objects.count() == 0
    run = run_of(report)
    assert (run.status, run.rollback) == ("rolled_back", receipt.as_json())
    events = (
        MigrationEvent.objects.filter(run=run).order_by("id").values_list("action", "new_status", "actor", "reason")
    )
    assert list(events)[-2:] == [
        ("roll_back", "rolling_back", "Paul", "trial"),
        ("rolled_back", "rolled_back", "Paul", ""),
    ]
    assert StorageSnapshot.objects.get().status == "waiting"
    assert StorageSnapshot.objects.get().last_run is None
    assert set(run.batches.values_list("status", flat=True)) == {"reverted"}
    assert MigrationTally.objects.filter(run=run).count() == 4
    assert MigrationOutcome.objects.filter(run=run).exists()
    assert migrate_and_check_it_comes_back().people == 1


def test_a_second_import_goes_back_to_the_first() -> None:
    anne = stage_anne()
    first = go()
    one = photos()
    before = contents()
    stage_second_browser(anne)
    second = go()
    assert UserProfile.objects.get().gender == "female"
    assert sorted(FavoriteMeal.objects.filter(legacy_id="1").values_list("name", flat=True)) == ["Kéfir"]
    assert len(photos()) == 2
    receipt = take_back(second)
    assert contents() == before
    assert photos() == one
    assert counts(receipt.deleted) == {"meal_entries": 1, "favorite_meals": 1, "goal_history": 1}
    assert counts(receipt.restored) == {
        "meal_entries": 4,
        "favorite_meals": 2,
        "user_profiles": 1,
        "goal_history": 1,
    }
    assert receipt.equal
    statuses = list(StorageSnapshot.objects.order_by("captured_at").values_list("status", "last_run_id"))
    assert statuses == [("migrated", first["run"]), ("waiting", None)]
    assert go()["digest"] == second["digest"]


def test_both_imports_one_after_the_other_and_all_over_again() -> None:
    anne = stage_anne()
    before = contents()
    empty_handed = content_digest()
    first = go()
    stage_second_browser(anne)
    second = go()
    take_back(second)
    assert take_back(first).digest_after == empty_handed
    assert contents() == before
    assert photos() == []
    assert migrate_and_check_it_comes_back().people == 1


def test_a_picture_that_an_earlier_run_may_bring_back_stays() -> None:
    anne = stage_anne()
    first = go()
    stage_second_browser(anne)
    second = go()
    unchanged = go(again=True)
    assert unchanged["items"]["meal"]["updated"] == 0
    take_back(unchanged)
    assert len(photos()) == 2
    statuses = StorageSnapshot.objects.order_by("captured_at").values_list("status", "last_run_id")
    assert list(statuses) == [("migrated", first["run"]), ("migrated", second["run"])]
    take_back(second)
    assert photos() == [MealEntry.objects.get(legacy_id="photo").photo_file]


def test_the_persons_own_rows_and_edits_of_before_are_not_touched() -> None:
    anne = stage_anne()
    go()
    MealEntry.objects.filter(legacy_id="photo").delete()
    edited = MealEntry.objects.filter(import_run_id__isnull=False).earliest("meal_timestamp")
    edited.protein_grams = Decimal(77)
    edited.save()
    profile = anne.profile
    profile.refresh_from_db()
    profile.weight_kg = Decimal(59)
    profile.daily_protein_goal = 111
    profile.save()
    stage_second_browser(anne)
    before = contents()
    receipt = take_back(go())
    assert contents() == before
    assert (receipt.kept, receipt.equal) == ([], True)


def test_a_profile_in_which_only_the_blanks_are_filled() -> None:
    profile = make_profile(weight_kg=60, gender="female")
    browser(profile.user, {P: {"weightKg": 82, "heightCm": 180}})
    before = contents()
    report = go()
    profile.refresh_from_db()
    assert profile.weight_kg == 60
    assert profile.height_cm == 180
    assert profile.imported_at is None
    receipt = take_back(report)
    assert counts(receipt.restored)["user_profiles"] == 1
    assert contents() == before


def test_three_favourites_pass_their_names_round() -> None:
    user = make_user()
    names = ["A", "B", "C"]

    def state(shift: int) -> dict[str, Any]:
        return app_state(favoriteMeals=[pot(str(number), names[(number + shift) % 3]) for number in range(3)])

    browser(user, {F: state(0)})
    go()
    before = contents()
    browser(user, {F: state(1)}, day=1)
    receipt = take_back(go())
    assert receipt.restored["favorite_meals"] == 3
    assert contents() == before


def test_goals_of_several_days_and_of_the_server() -> None:
    user = make_user()
    browser(user, {P: {"proteinGoal": 100}, M: meals(2)})
    go()
    profile = UserProfile.objects.get()
    profile.daily_protein_goal = 90
    profile.save()
    GoalHistory.objects.create(user=user, effective_from=date(2026, 3, 9), daily_protein_goal=85)
    browser(user, {P: {"proteinGoal": 150}, M: meals(3)}, day=1)
    before = contents()
    receipt = take_back(go())
    assert contents() == before
    assert receipt.kept == []


def test_a_run_without_anybody() -> None:
    make_meal(make_user())
    receipt = take_back(go())
    assert (receipt.people, receipt.equal) == (0, True)


def test_a_dry_run_shows_the_same_and_changes_nothing() -> None:
    anne = stage_anne()
    go()
    stage_second_browser(anne)
    bob = make_user()
    browser(bob, {M: [meal()]})
    report = go()
    MealEntry.objects.filter(user=bob).get().save()
    edited = MealEntry.objects.get(user=anne, legacy_id="new")
    edited.description = "À moi"
    edited.save()
    before = everything()
    predicted = take_back(report, dry_run=True, batch_size=1)
    assert everything() == before
    assert run_of(report).status == report["status"]
    done = take_back(report)
    assert predicted.dry_run
    assert predicted.digest_after == ""
    assert (predicted.people, predicted.photos, predicted.days) == (done.people, done.photos, done.days) == (2, 1, 2)
    assert (predicted.deleted, predicted.restored, predicted.kept) == (done.deleted, done.restored, done.kept)
    assert [row.row_id for row in done.kept] == [str(edited.pk)]
    assert not done.equal


def test_poison_waits_again() -> None:
    stage_anne()
    report = go()
    StorageSnapshot.objects.update(status="poisoned")
    run_of(report).plan.update(poison_digest="0" * 64)
    take_back(report)
    assert StorageSnapshot.objects.get().status == "waiting"


def test_an_erased_person_is_nobodys_concern() -> None:
    anne = stage_anne()
    browser(make_user(), {M: [meal()]})
    report = go()
    User.objects.filter(pk=anne.pk).delete()
    receipt = take_back(report)
    assert receipt.people == 1
    assert run_of(report).status == "rolled_back"
