"""Which day a meal belongs to, and which goals count on it: zones, nights of the clock change, goals with history."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from accounts.models import GoalHistory, User
from nutrition.models import DailySummary, MealEntry
from tests.database import rows, run, value
from tests.factories import NOON, make_meal, make_profile, make_user

pytestmark = pytest.mark.django_db

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 3, 10)


def meals_by_day(user: User) -> dict[date, int]:
    return dict(DailySummary.objects.filter(user=user).values_list("summary_date", "total_meals"))


def goals_by_day(user: User) -> list[tuple[date, int, int | None]]:
    summaries = DailySummary.objects.filter(user=user).order_by("summary_date")
    return list(summaries.values_list("summary_date", "protein_goal", "calorie_goal"))


def local_today(zone: str) -> date:
    today: date = value("SELECT (now() AT TIME ZONE %s)::date", [zone])
    return today


# --- Days -------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("zone", ["Europe/Paris", "Pacific/Kiritimati", "Pacific/Honolulu", "UTC", "Asia/Kathmandu"])
def test_midnight_is_the_persons(zone: str) -> None:
    user = make_profile(timezone=zone).user
    midnight = datetime(2026, 3, 10, tzinfo=ZoneInfo(zone))
    for at in (
        midnight - timedelta(microseconds=1),
        midnight,
        midnight + timedelta(hours=24) - timedelta(microseconds=1),
    ):
        make_meal(user, at)
    assert meals_by_day(user) == {DAY - timedelta(days=1): 1, DAY: 2}


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2025, 10, 26), 25), (DAY, 24)])
def test_days_of_23_and_25_hours_are_whole(day: date, hours: int) -> None:
    """One meal every quarter of an hour from midnight to midnight by the clock of Paris: all of them, and no other, in one day."""
    user = make_profile(timezone="Europe/Paris").user
    start = datetime(day.year, day.month, day.day, tzinfo=PARIS).astimezone(UTC)
    quarters = [start + timedelta(minutes=15 * number) for number in range(-1, hours * 4 + 1)]
    MealEntry.objects.bulk_create(
        MealEntry(user=user, description="x", meal_timestamp=at, protein_grams=1) for at in quarters
    )
    assert meals_by_day(user) == {day - timedelta(days=1): 1, day: hours * 4, day + timedelta(days=1): 1}


def test_the_hour_that_comes_twice_belongs_to_one_day() -> None:
    user = make_profile(timezone="Europe/Paris").user
    for fold in (0, 1):
        make_meal(user, datetime(2025, 10, 26, 2, 30, tzinfo=PARIS, fold=fold).astimezone(UTC))
    assert meals_by_day(user) == {date(2025, 10, 26): 2}
    assert value("SELECT max(meal_timestamp) - min(meal_timestamp) FROM meal_entries") == timedelta(hours=1)


def test_moving_house_leaves_the_days_that_were() -> None:
    """Local days are stored: a new zone counts for the meals from then on."""
    profile = make_profile(timezone="Europe/Paris")
    late = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
    make_meal(profile.user, late)
    profile.timezone = "Pacific/Kiritimati"
    profile.save()
    assert meals_by_day(profile.user) == {DAY: 1}
    make_meal(profile.user, late)
    assert meals_by_day(profile.user) == {DAY: 1, DAY + timedelta(days=1): 1}


def test_without_a_profile_the_zone_is_paris() -> None:
    user = make_user()
    make_meal(user, datetime(2026, 7, 10, 22, 30, tzinfo=UTC))
    assert meals_by_day(user) == {date(2026, 7, 11): 1}


# --- Goals ------------------------------------------------------------------------------------------------------------------
def test_without_goals_a_day_counts_against_120_and_2000() -> None:
    user = make_user()
    make_meal(user)
    assert goals_by_day(user) == [(DAY, 120, 2000)]


def test_each_day_counts_against_the_goals_in_force_on_it() -> None:
    """Before the first goal the first counts; a goal without calories means 2000."""
    user = make_user()
    for offset, protein, calories in ((0, 100, 1800), (2, 110, None), (4, 90, 2500)):
        GoalHistory.objects.create(
            user=user,
            effective_from=DAY + timedelta(days=offset),
            daily_protein_goal=protein,
            daily_calorie_goal=calories,
        )
    for offset in (-400, -1, 0, 1, 2, 3, 4, 5):
        make_meal(user, NOON + timedelta(days=offset), protein=95)
    expected = {-400: (100, 1800), -1: (100, 1800), 0: (100, 1800), 1: (100, 1800), 2: (110, 2000), 3: (110, 2000), 4: (90, 2500),
                5: (90, 2500)}  # fmt: skip
    assert goals_by_day(user) == [(DAY + timedelta(days=offset), *goals) for offset, goals in expected.items()]
    met = DailySummary.objects.filter(user=user, protein_goal_met=True).values_list(
        "summary_date", "protein_goal_percentage"
    )
    assert list(met.order_by("summary_date")) == [
        (DAY + timedelta(days=offset), Decimal("105.56")) for offset in (4, 5)
    ]


def test_a_mended_history_mends_the_summaries() -> None:
    user, other = make_user(), make_user()
    for offset in (0, 5):
        make_meal(user, NOON + timedelta(days=offset))
        make_meal(other, NOON + timedelta(days=offset))
    first = GoalHistory.objects.create(user=user, effective_from=DAY, daily_protein_goal=100, daily_calorie_goal=1000)
    GoalHistory.objects.create(
        user=user, effective_from=DAY + timedelta(days=5), daily_protein_goal=50, daily_calorie_goal=500
    )
    assert goals_by_day(user) == [(DAY, 100, 1000), (DAY + timedelta(days=5), 50, 500)]
    GoalHistory.objects.filter(pk=first.pk).update(daily_protein_goal=101)
    assert goals_by_day(user) == [(DAY, 101, 1000), (DAY + timedelta(days=5), 50, 500)]
    first.delete()
    assert goals_by_day(user) == [(DAY, 50, 500), (DAY + timedelta(days=5), 50, 500)]
    assert goals_by_day(other) == [(DAY, 120, 2000), (DAY + timedelta(days=5), 120, 2000)]


def test_a_changed_profile_recomputes_today_and_not_the_past() -> None:
    profile = make_profile(daily_protein_goal=100, daily_calorie_goal=2000, timezone="Pacific/Kiritimati")
    today = local_today("Pacific/Kiritimati")
    now = value("SELECT now()")
    for days in (0, 1, 30):
        make_meal(profile.user, now - timedelta(days=days))
    past = [(today - timedelta(days=30), 100, 2000), (today - timedelta(days=1), 100, 2000)]
    assert goals_by_day(profile.user) == [*past, (today, 100, 2000)]
    written = rows("SELECT ctid FROM daily_summaries WHERE summary_date < %s ORDER BY summary_date", [today])
    profile.daily_protein_goal, profile.daily_calorie_goal = 150, None
    profile.save()
    assert goals_by_day(profile.user) == [*past, (today, 150, 2000)]
    profile.weight_kg = Decimal(80)
    profile.save()
    run("UPDATE user_profiles SET daily_protein_goal = 160 WHERE user_id = %s", [profile.user_id])
    assert goals_by_day(profile.user) == [*past, (today, 160, 2000)]
    assert rows("SELECT ctid FROM daily_summaries WHERE summary_date < %s ORDER BY summary_date", [today]) == written


def test_goals_set_further_east_do_not_come_back_after_the_journey() -> None:
    """The day in Kiritimati is ahead of the one in Honolulu, always."""
    profile = make_profile(timezone="Pacific/Kiritimati", daily_protein_goal=100)
    profile.timezone, profile.daily_protein_goal = "Pacific/Honolulu", 140
    profile.save()
    tomorrow_noon = datetime.combine(
        local_today("Pacific/Kiritimati"), datetime.min.time(), tzinfo=ZoneInfo("Pacific/Kiritimati")
    )
    make_meal(profile.user, tomorrow_noon.astimezone(UTC), local_date=local_today("Pacific/Kiritimati"))
    assert goals_by_day(profile.user) == [(local_today("Pacific/Kiritimati"), 140, 2000)]
    latest = GoalHistory.objects.filter(user=profile.user).latest("effective_from")
    assert (latest.effective_from, latest.daily_protein_goal) == (local_today("Pacific/Honolulu"), 140)
