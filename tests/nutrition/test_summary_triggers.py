"""Day summaries follow every way of writing meals, exactly and for the touched days alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from accounts.models import User
from nutrition.models import DailySummary, MealEntry
from tests.database import Row, rows, run, value
from tests.factories import NOON, make_meal, make_profile, make_user

pytestmark = pytest.mark.django_db

TODAY = NOON.date()
YESTERDAY = TODAY - timedelta(days=1)
RAW = "INSERT INTO meal_entries (user_id, description, meal_timestamp, protein_grams) VALUES "


def protein_by_day(user: User) -> dict[date, tuple[Decimal, int]]:
    """Day -> (grams of protein, meals) as the summaries have it."""
    kept = DailySummary.objects.filter(user=user)
    return {row.summary_date: (row.total_protein, row.total_meals) for row in kept}


def grams(*proteins: int) -> tuple[Decimal, int]:
    return Decimal(sum(proteins)), len(proteins)


def versions(user: User) -> list[Row]:
    """Where the person's summaries lie and which command wrote them: equal when nothing was written again."""
    return rows(
        "SELECT ctid::text, xmin::text, cmin::text, updated_at FROM daily_summaries WHERE user_id = %s ORDER BY id",
        [user.id],
    )


# --- Every way in -----------------------------------------------------------------------------------------------------------
def _orm(user: User) -> None:
    make_meal(user, protein=10)
    MealEntry(user=user, description="b", meal_timestamp=NOON, protein_grams=20).save()
    make_meal(user, NOON - timedelta(days=1), protein=5)


def _instances(user: User) -> list[MealEntry]:
    specification = ((NOON, 10), (NOON, 20), (NOON - timedelta(days=1), 5))
    return [
        MealEntry(user=user, description="x", meal_timestamp=at, protein_grams=protein) for at, protein in specification
    ]


def _bulk_create(user: User) -> None:
    MealEntry.objects.bulk_create(_instances(user))


def _raw_one_statement(user: User) -> None:
    place = "(%s, 'x', %s, %s)"
    run(RAW + ", ".join([place] * 3), [user.id, NOON, 10, user.id, NOON, 20, user.id, NOON - timedelta(days=1), 5])


def _insert_select(user: User) -> None:
    run(
        RAW.replace(
            "VALUES",
            "SELECT %s, 'x', at, grams FROM (VALUES (%s::timestamptz, 10), (%s, 20), (%s, 5)) AS given(at, grams)",
        ),
        [user.id, NOON, NOON, NOON - timedelta(days=1)],
    )


def _copy(user: User) -> None:
    with connection.cursor() as cursor:
        statement = "COPY meal_entries (user_id, description, meal_timestamp, protein_grams) FROM STDIN"
        with cursor.copy(statement) as copy:
            for row in (
                (user.id, "x", NOON, 10),
                (user.id, "x", NOON, 20),
                (user.id, "x", NOON - timedelta(days=1), 5),
            ):
                copy.write_row(row)


def _upsert(user: User) -> None:
    _orm(user)
    meals = list(MealEntry.objects.filter(user=user))
    for meal in meals:
        meal.protein_grams += 1
    MealEntry.objects.bulk_create(meals, update_conflicts=True, unique_fields=["id"], update_fields=["protein_grams"])
    for meal in meals:
        meal.protein_grams -= 1
    MealEntry.objects.bulk_create(meals, update_conflicts=True, unique_fields=["id"], update_fields=["protein_grams"])


@pytest.mark.parametrize("write", [_orm, _bulk_create, _raw_one_statement, _insert_select, _copy, _upsert])
def test_insert(write: Callable[[User], None]) -> None:
    user = make_user()
    write(user)
    assert protein_by_day(user) == {TODAY: grams(10, 20), YESTERDAY: grams(5)}


def _save(meals: list[MealEntry]) -> None:
    for meal in meals:
        meal.protein_grams *= 2
        meal.save()


def _bulk_update(meals: list[MealEntry]) -> None:
    for meal in meals:
        meal.protein_grams *= 2
    MealEntry.objects.bulk_update(meals, ["protein_grams"])


def _raw_update(meals: list[MealEntry]) -> None:
    run("UPDATE meal_entries SET protein_grams = protein_grams * 2 WHERE id = ANY (%s)", [[meal.id for meal in meals]])


@pytest.mark.parametrize("write", [_save, _bulk_update, _raw_update])
def test_update(write: Callable[[list[MealEntry]], None]) -> None:
    user, other = make_user(), make_user()
    _bulk_create(user)
    _bulk_create(other)
    write(list(MealEntry.objects.filter(user=user, local_date=TODAY)))
    assert protein_by_day(user) == {TODAY: grams(20, 40), YESTERDAY: grams(5)}
    assert protein_by_day(other) == {TODAY: grams(10, 20), YESTERDAY: grams(5)}


@pytest.mark.parametrize("way", ["instance", "queryset", "raw"])
def test_delete(way: str) -> None:
    user = make_user()
    _bulk_create(user)
    doomed = MealEntry.objects.filter(user=user, protein_grams__in=[5, 10])
    if way == "instance":
        for meal in doomed:
            meal.delete()
    elif way == "queryset":
        doomed.delete()
    else:
        run("DELETE FROM meal_entries WHERE user_id = %s AND protein_grams IN (5, 10)", [user.id])
    assert protein_by_day(user) == {TODAY: grams(20)}


def test_every_figure_of_a_summary() -> None:
    user = make_profile(daily_protein_goal=80, daily_calorie_goal=1500).user
    facts: dict[str, Any] = {"carbs_grams": "10.10", "fat_grams": "5.05", "fiber_grams": "1.01"}
    make_meal(user, protein="30.25", calories=1000, meal_time_category="morning", ai_estimated=True, **facts)
    make_meal(user, protein="49.75", calories=None, meal_time_category="afternoon", **facts)
    make_meal(user, protein="0", calories=499, meal_time_category="evening")
    for category in ("night", "night", "other"):
        make_meal(user, protein=0, meal_time_category=category)
    figures: dict[str, Any] = {**DailySummary.objects.values().get(user=user)}
    for bookkeeping in ("id", "user_id", "created_at", "updated_at"):
        del figures[bookkeeping]
    assert figures == {
        "summary_date": TODAY,
        "total_protein": Decimal("80.00"), "total_calories": 1499, "total_carbs": Decimal("20.20"), "total_fat": Decimal("10.10"),
        "total_fiber": Decimal("2.02"), "total_meals": 6, "morning_meals": 1, "afternoon_meals": 1, "evening_meals": 1,
        "night_meals": 2, "ai_assisted_meals": 1, "protein_goal": 80, "calorie_goal": 1500, "protein_goal_met": True,
        "calorie_goal_met": False, "protein_goal_percentage": Decimal("100.00"), "calorie_goal_percentage": Decimal("99.93"),
    }  # fmt: skip


# --- Moves ------------------------------------------------------------------------------------------------------------------
def test_move_to_another_day_updates_both() -> None:
    user = make_user()
    make_meal(user, protein=10)
    moved = make_meal(user, protein=20)
    moved.meal_timestamp -= timedelta(days=1)
    moved.save()
    moved.refresh_from_db()
    assert moved.local_date == YESTERDAY
    assert protein_by_day(user) == {TODAY: grams(10), YESTERDAY: grams(20)}


def test_move_to_another_person_updates_both_and_takes_their_zone() -> None:
    paris, kiritimati = make_user(), make_profile(timezone="Pacific/Kiritimati").user
    make_meal(paris, protein=10)
    moved = make_meal(paris, protein=20)
    run("UPDATE meal_entries SET user_id = %s WHERE id = %s", [kiritimati.id, moved.id])
    assert protein_by_day(paris) == {TODAY: grams(10)}
    assert protein_by_day(kiritimati) == {TODAY + timedelta(days=1): grams(20)}


def test_move_to_another_day_and_person_in_one_statement() -> None:
    one, other = make_user(), make_user()
    moved = make_meal(one, protein=20)
    make_meal(other, NOON - timedelta(days=1), protein=1)
    statement = "UPDATE meal_entries SET user_id = %s, meal_timestamp = meal_timestamp - interval '1 day' WHERE id = %s"
    run(statement, [other.id, moved.id])
    assert protein_by_day(one) == {}
    assert protein_by_day(other) == {YESTERDAY: grams(1, 20)}


def test_people_who_swap_their_meals_in_one_statement() -> None:
    one, other = make_user(), make_user()
    make_meal(one, protein=11)
    make_meal(other, NOON - timedelta(days=1), protein=22)
    statement = "UPDATE meal_entries SET user_id = CASE user_id WHEN %(one)s THEN %(other)s ELSE %(one)s END WHERE user_id IN (%(one)s, %(other)s)"
    run(statement, {"one": one.id, "other": other.id})
    assert protein_by_day(one) == {YESTERDAY: grams(22)}
    assert protein_by_day(other) == {TODAY: grams(11)}


def test_a_stated_local_day_is_believed() -> None:
    """The importer knows the day by the browser's clock; a later change of the text leaves it."""
    user = make_user()
    meal = make_meal(user, local_date=YESTERDAY)
    run("UPDATE meal_entries SET description = 'y', local_date = local_date WHERE id = %s", [meal.id])
    assert protein_by_day(user) == {YESTERDAY: grams(20)}


# --- Erasure, silence, the switch -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("way", ["instance", "queryset", "raw", "several"])
def test_deleted_people_take_everything_along(way: str) -> None:
    user, kept = make_profile().user, make_profile().user
    _bulk_create(user)
    _bulk_create(kept)
    if way == "instance":
        user.delete()
    elif way == "queryset":
        User.objects.filter(pk=user.pk).delete()
    elif way == "raw":
        run("DELETE FROM users WHERE id = %s", [user.id])
    else:
        another = make_user()
        _bulk_create(another)
        run("DELETE FROM users WHERE id = ANY (%s)", [[user.pk, another.pk]])
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert value("SELECT count(*) FROM daily_summaries WHERE user_id <> %s", [kept.id]) == 0
    assert value("SELECT count(*) FROM deleted_entries") == 0
    assert protein_by_day(kept) == {TODAY: grams(10, 20), YESTERDAY: grams(5)}


def test_updates_that_change_no_figure_write_no_summary() -> None:
    user = make_user()
    _bulk_create(user)
    before = versions(user)
    run("UPDATE meal_entries SET description = 'autre', tags = '{a}' WHERE user_id = %s", [user.id])
    run("UPDATE meal_entries SET protein_grams = protein_grams WHERE user_id = %s", [user.id])
    run("UPDATE meal_entries SET protein_grams = 0 WHERE false")
    run("SELECT update_daily_summary(%s, %s)", [user.id, TODAY])
    assert versions(user) == before
    run("UPDATE meal_entries SET protein_grams = 21 WHERE user_id = %s AND protein_grams = 20", [user.id])
    changed = [new for old, new in zip(before, versions(user), strict=True) if old != new]
    assert len(changed) == 1  # yesterday's row lies where it lay


def test_the_published_function_mends_a_day() -> None:
    user = make_user()
    _bulk_create(user)
    run("UPDATE daily_summaries SET total_protein = 999, total_meals = 0 WHERE user_id = %s", [user.id])
    ghost = "INSERT INTO daily_summaries (user_id, summary_date, protein_goal) VALUES (%s, %s, 120)"
    run(ghost, [user.id, TODAY - timedelta(days=9)])
    for days in (0, 1, 9):
        run("SELECT update_daily_summary(%s, %s)", [user.id, TODAY - timedelta(days=days)])
    assert protein_by_day(user) == {TODAY: grams(10, 20), YESTERDAY: grams(5)}


def test_nobody_and_nothing_is_no_error() -> None:
    run("SELECT update_daily_summary(%s, %s)", [uuid4(), TODAY])
    assert value("SELECT refresh_daily_summaries(NULL, NULL)") == 0
    assert value("SELECT refresh_daily_summaries('{}', '{}')") == 0
    assert value("SELECT count(*) FROM daily_summaries") == 0


def test_a_meal_of_nobody_is_refused_by_its_foreign_key() -> None:
    user_id: UUID = uuid4()
    with transaction.atomic():
        run(RAW + "(%s, 'x', %s, 1)", [user_id, NOON])
        assert value("SELECT count(*) FROM daily_summaries WHERE user_id = %s", [user_id]) == 0
        run("DELETE FROM meal_entries WHERE user_id = %s", [user_id])


@pytest.mark.django_db(transaction=True)
def test_the_bulk_switch_ends_with_its_transaction() -> None:
    user = make_user()
    with transaction.atomic():
        run("SET LOCAL dynprot.bulk = 'on'")
        _copy(user)
        meal = make_meal(user, protein=7)
        run("DELETE FROM meal_entries WHERE id = %s", [meal.id])
    assert protein_by_day(user) == {}
    assert value("SELECT count(*) FROM deleted_entries") == 0  # what the importer removes, no person deleted
    assert set(rows("SELECT local_date FROM meal_entries")) == {(TODAY,), (YESTERDAY,)}
    assert value("SELECT coalesce(current_setting('dynprot.bulk', true), '')") == ""
    make_meal(user, protein=1)
    assert protein_by_day(user) == {TODAY: grams(10, 20, 1)}


def test_updated_at_follows_changes_alone() -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    meal = make_meal(make_user(), updated_at=long_ago)
    MealEntry.objects.filter(pk=meal.pk).update(description=meal.description)
    meal.refresh_from_db()
    assert meal.updated_at == long_ago
    MealEntry.objects.filter(pk=meal.pk).update(description="Autre")
    meal.refresh_from_db()
    assert meal.updated_at == value("SELECT now()")
