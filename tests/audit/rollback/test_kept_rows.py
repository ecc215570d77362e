"""What a person did after a migration is never undone by its rollback; every such row is listed with the reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection

from accounts.models import GoalHistory, User, UserProfile
from nutrition.models import DailySummary, DeletedEntry, FavoriteMeal, MealAnalysis, MealEntry
from tests.audit.rollback.worlds import OTHER_PHOTO, PHOTO, counts, photos, pot, reasons, take_back
from tests.audit.runs.browsers import F, M, P, browser
from tests.captures import app_state, meal, meals
from tests.database import other_connection, rows, wait_until_blocked
from tests.factories import make_analysis, make_favorite, make_user
from tests.laws.world import go

pytestmark = pytest.mark.django_db(transaction=True)


def names(user: User) -> list[str]:
    return sorted(FavoriteMeal.objects.filter(user=user).values_list("name", flat=True))


def test_created_rows_that_were_changed_or_analysed_stay() -> None:
    user = make_user()
    browser(user, {M: [*meals(5), meal(id="p", timestamp="2024-05-01T11:00:00Z", photo=PHOTO)], F: app_state(favoriteMeals=[pot("1", "Skyr"), pot("2", "Lassi")])})  # fmt: skip
    report = go()
    changed, analysed, deleted, *_ = MealEntry.objects.order_by("meal_timestamp")
    changed.protein_grams = Decimal(99)
    changed.save()
    analysis = make_analysis(user, analysed)
    deleted.delete()
    used = FavoriteMeal.objects.get(name="Skyr")
    used.use_count += 1
    used.save()
    own = make_favorite(user, "Kéfir")
    with_photo = MealEntry.objects.get(legacy_id="p")
    with_photo.description = "Ma photo"
    with_photo.save()
    receipt = take_back(report)
    assert reasons(receipt.kept) == [
        ("favorite_meals", "changed_since"),
        ("meal_entries", "analysed_since"),
        ("meal_entries", "changed_since"),
        ("meal_entries", "changed_since"),
    ]
    assert {row.row_id for row in receipt.kept} == {str(row.pk) for row in (changed, analysed, used, with_photo)}
    assert {row.user_id for row in receipt.kept} == {str(user.pk)}
    assert set(MealEntry.objects.all()) == {changed, analysed, with_photo}
    assert MealAnalysis.objects.get() == analysis
    assert names(user) == ["Kéfir", "Skyr"]
    assert own in FavoriteMeal.objects.all()
    assert photos() == [with_photo.photo_file]
    assert DeletedEntry.objects.count() == 1
    assert not receipt.equal
    assert set(DailySummary.objects.values_list("total_protein", flat=True)) == {99 + 25, 25}


def test_what_stays_is_recognised_when_it_is_migrated_again() -> None:
    user = make_user()
    browser(user, {M: meals(3)})
    first = go()
    changed, deleted, _ = MealEntry.objects.order_by("meal_timestamp")
    changed.protein_grams = Decimal(99)
    changed.save()
    deleted.delete()
    take_back(first)
    report = go()
    assert {name: number for name, number in report["items"]["meal"].items() if number} == {
        "found": 3,
        "created": 1,
        "superseded": 2,
    }
    changed.refresh_from_db()
    assert changed.protein_grams == 99


def test_updated_rows_that_were_changed_deleted_or_analysed_stay() -> None:
    user = make_user()
    browser(user, {M: [*meals(4), meal(id="p", timestamp="2024-05-01T11:00:00Z", photo=PHOTO)]})
    go()
    analysed_before = MealEntry.objects.order_by("meal_timestamp")[3]
    make_analysis(user, analysed_before)
    browser(user, {M: [*meals(4, protein=31), meal(id="p", timestamp="2024-05-01T11:00:00Z", photo=OTHER_PHOTO)]}, day=1)  # fmt: skip
    report = go()
    changed, deleted, analysed, _, with_photo = MealEntry.objects.order_by("meal_timestamp")
    changed.protein_grams = Decimal(99)
    changed.save()
    gone = deleted.pk
    deleted.delete()
    make_analysis(user, analysed)
    receipt = take_back(report)
    assert {(row.row_id, row.reason) for row in receipt.kept} == {
        (str(changed.pk), "changed_since"),
        (str(gone), "deleted_since"),
        (str(analysed.pk), "analysed_since"),
    }
    assert receipt.restored["meal_entries"] == 2
    proteins = dict(MealEntry.objects.values_list("pk", "protein_grams"))
    assert proteins == {changed.pk: 99, analysed.pk: 31, analysed_before.pk: 25, with_photo.pk: 25}
    assert MealAnalysis.objects.count() == 2
    with_photo.refresh_from_db()
    assert photos() == [with_photo.photo_file]


def test_a_former_name_that_somebody_else_has_now() -> None:
    """A chain: the first cannot have its name back, so neither can the one whose name the first keeps."""
    user = make_user()
    browser(user, {F: app_state(favoriteMeals=[pot("1", "A"), pot("2", "B"), pot("3", "C")])})
    go()
    browser(user, {F: app_state(favoriteMeals=[pot("1", "B"), pot("2", "C"), pot("3", "D")])}, day=1)
    report = go()
    assert names(user) == ["B", "C", "D"]
    own = make_favorite(user, "a")
    receipt = take_back(report)
    assert reasons(receipt.kept) == [("favorite_meals", "name_taken")] * 3
    assert names(user) == ["B", "C", "D", "a"]
    assert own.name == "a"


def test_a_name_that_was_corrected_stays() -> None:
    anne, bob = make_user(), make_user()
    for user in (anne, bob):
        browser(user, {P: {"name": "Anne Le Goff"}})
    report = go()
    User.objects.filter(pk=anne.pk).update(first_name="Annie")
    receipt = take_back(report)
    assert [(row.table, row.row_id, row.reason) for row in receipt.kept] == [("users", str(anne.pk), "changed_since")]
    people = dict(User.objects.values_list("pk", "first_name"))
    assert people == {anne.pk: "Annie", bob.pk: None}


def test_a_profile_that_was_changed_stays_with_its_goals() -> None:
    """Else the profile would say 140 and the day summaries 120."""
    user = make_user()
    browser(user, {P: {"proteinGoal": 140, "weightKg": 82}, M: meals(2)})
    report = go()
    profile = UserProfile.objects.get()
    profile.dark_mode = True
    profile.save()
    kept_meal = MealEntry.objects.first()
    assert kept_meal is not None
    kept_meal.description = "À moi"
    kept_meal.save()
    receipt = take_back(report)
    assert reasons(receipt.kept) == [
        ("goal_history", "profile_kept"),
        ("meal_entries", "changed_since"),
        ("user_profiles", "changed_since"),
    ]
    assert UserProfile.objects.get().daily_protein_goal == 140
    assert GoalHistory.objects.get().daily_protein_goal == 140
    assert DailySummary.objects.get().protein_goal == 140


def test_goals_that_were_changed_with_the_profile_stay() -> None:
    user = make_user()
    browser(user, {P: {"proteinGoal": 140}})
    go()
    browser(user, {P: {"proteinGoal": 150}}, day=1)
    report = go()
    profile = UserProfile.objects.get()
    profile.daily_protein_goal = 90
    profile.save()
    before = rows("SELECT * FROM goal_history ORDER BY id")
    receipt = take_back(report)
    assert rows("SELECT * FROM goal_history ORDER BY id") == before
    assert ("user_profiles", "changed_since") in reasons(receipt.kept)
    assert counts(receipt.restored) == {}


def test_a_day_on_which_the_persons_own_goals_stand() -> None:
    """Support set that day's goals by hand; the profile is as the run left it."""
    user = make_user()
    browser(user, {P: {"proteinGoal": 140}})
    go()
    browser(user, {P: {"proteinGoal": 150}}, day=1)
    report = go()
    beginning = GoalHistory.objects.get(effective_from=date(2000, 1, 1))
    GoalHistory.objects.filter(pk=beginning.pk).update(daily_protein_goal=133, source="server")
    receipt = take_back(report)
    assert [(row.table, row.row_id, row.reason) for row in receipt.kept] == [
        ("goal_history", str(beginning.pk), "day_taken")
    ]
    assert [(row.daily_protein_goal, row.source) for row in GoalHistory.objects.all()] == [(133, "server")]
    assert UserProfile.objects.get().daily_protein_goal == 140


def test_own_work_of_the_same_day_counts() -> None:
    """A meal that the person adds to an imported day keeps its day summary."""
    user = make_user()
    browser(user, {M: [meal(timestamp="2024-03-10T11:00:00Z")]})
    report = go()
    MealEntry.objects.create(user=user, description="Thé", meal_timestamp=datetime(2024, 3, 10, 15, tzinfo=UTC), protein_grams=1)  # fmt: skip
    receipt = take_back(report)
    assert receipt.kept == []
    assert DailySummary.objects.get().total_protein == 1


def test_every_table_that_refers_to_these_rows_is_thought_of() -> None:
    """A new table with a foreign key on them has to be looked at in rows.py: deleting a row must not take anything of the person's along."""
    found = rows(
        "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid IN "
        "('meal_entries'::regclass, 'favorite_meals'::regclass, 'user_profiles'::regclass, 'goal_history'::regclass)"
    )
    assert found == [("meal_analyses",)]


def test_what_is_written_at_this_very_moment_is_waited_for() -> None:
    """A change that is under way when the rollback comes: it waits for it, and then sees it."""
    user = make_user()
    browser(user, {F: app_state(favoriteMeals=[pot("1", "Skyr"), pot("2", "Lassi")])})
    report = go()
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    with other_connection() as person, ThreadPoolExecutor(1) as thread:
        person.autocommit = False
        person.execute("UPDATE favorite_meals SET use_count = use_count + 1 WHERE name = 'Skyr'")

        def finish() -> None:
            wait_until_blocked(pid)
            person.commit()

        finished = thread.submit(finish)
        receipt = take_back(report)
        finished.result()
    assert reasons(receipt.kept) == [("favorite_meals", "changed_since")]
    assert FavoriteMeal.objects.get().use_count == 5
