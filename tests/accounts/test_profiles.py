"""Profiles: what the database refuses, and the history that their goals leave."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import available_timezones

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction

from accounts.models import GoalHistory, User, UserProfile
from tests.database import rows, run, value
from tests.factories import make_profile, make_user

pytestmark = pytest.mark.django_db

INSERT = "INSERT INTO user_profiles (user_id) VALUES (%s)"


def history(user: User) -> list[tuple[date, int, int | None, str]]:
    goals = GoalHistory.objects.filter(user=user).order_by("effective_from")
    return list(goals.values_list("effective_from", "daily_protein_goal", "daily_calorie_goal", "source"))


def today_in(zone: str) -> date:
    today: date = value("SELECT (now() AT TIME ZONE %s)::date", [zone])
    return today


# --- Zones ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "zone", ["Mars/Phobos", "", "CEST", "+3", "03:00", "FOO3", "Mars/Phobos3", "Etc/GMT+20", "europe/paris", "x" * 64]
)
def test_the_database_and_the_form_refuse_what_is_no_zone(zone: str) -> None:
    """PostgreSQL itself would take half of these."""
    profile = make_profile()
    with (
        pytest.raises((IntegrityError, DataError), match=r"user_profiles_timezone_check|not recognized"),
        transaction.atomic(),
    ):
        run("UPDATE user_profiles SET timezone = %s WHERE id = %s", [zone, profile.pk])
    profile.timezone = zone
    with pytest.raises(ValidationError) as refused:
        profile.clean()
    assert "timezone" in refused.value.message_dict


def test_every_zone_that_both_sides_know_is_taken() -> None:
    profile = make_profile()
    known = {name for (name,) in rows("SELECT name FROM pg_timezone_names")} & available_timezones() - {
        "Factory",
        "localtime",
    }
    assert len(known) > 400
    rule = value(
        "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conname = 'user_profiles_timezone_check'"
    )
    assert rows(f"SELECT timezone FROM unnest(%s::text[]) AS timezone WHERE NOT ({rule})", [sorted(known)]) == []  # noqa: S608
    for zone in ("Europe/Paris", "America/Argentina/Buenos_Aires", "Etc/GMT-14", "UTC", "GB-Eire"):
        assert zone in known
        profile.timezone = zone
        profile.clean()


# --- Constraints ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("column", "bad", "good"),
    [
        ("gender", "homme", "prefer_not_to_say"),
        ("activity_level", "lazy", "extremely_active"),
        ("fitness_goal", "muscle_gain", "bulk"),
        ("preferred_units", "stone", "imperial"),
        ("training_days_per_week", 8, 7),
        ("training_days_per_week", -1, 0),
    ],
)
def test_values_outside_the_lists_are_refused(column: str, bad: object, good: object) -> None:
    profile = make_profile()
    statement = f"UPDATE user_profiles SET {column} = %s WHERE id = %s"  # noqa: S608
    with pytest.raises(IntegrityError, match=r"user_profiles_.*_check"), transaction.atomic():
        run(statement, [bad, profile.pk])
    with pytest.raises(ValidationError):
        UserProfile(user=profile.user, **{column: bad}).validate_constraints()
    assert run(statement, [good, profile.pk]) == 1


def test_a_person_has_one_profile() -> None:
    user = make_profile().user
    with pytest.raises(IntegrityError, match="idx_user_profiles_user_id"), transaction.atomic():
        run(INSERT, [user.pk])


def test_the_old_back_end_gets_the_published_defaults() -> None:
    user = make_user()
    run(INSERT, [user.pk])
    profile = UserProfile.objects.get(user=user)
    assert (profile.daily_protein_goal, profile.daily_calorie_goal, profile.training_days_per_week) == (120, 2000, 3)
    assert (profile.activity_level, profile.fitness_goal, profile.preferred_units) == ("moderate", "maintain", "metric")
    assert (profile.notifications_enabled, profile.allow_analytics, profile.share_data, profile.dark_mode) == (
        True,
        True,
        False,
        False,
    )
    assert (profile.timezone, profile.gender, profile.weight_kg) == ("Europe/Paris", None, None)
    ours = UserProfile.defaults()
    assert {name: getattr(profile, name) for name in ours if not name.endswith("_at")} == {
        name: default for name, default in ours.items() if not name.endswith("_at")
    }


def test_decimals_are_kept_exactly() -> None:
    profile = make_profile(weight_kg=Decimal("82.45"), body_fat_percentage=Decimal("12.3"))
    profile.refresh_from_db()
    assert (profile.weight_kg, profile.body_fat_percentage) == (Decimal("82.45"), Decimal("12.3"))


# --- Goals ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("zone", ["Europe/Paris", "Pacific/Kiritimati", "Pacific/Honolulu"])
def test_a_new_profile_starts_its_history_today_by_its_own_clock(zone: str) -> None:
    user = make_profile(timezone=zone, daily_protein_goal=130, daily_calorie_goal=None).user
    assert history(user) == [(today_in(zone), 130, None, "server")]


def test_goals_changed_on_their_first_day_leave_the_former_ones_to_the_past() -> None:
    profile = make_profile(daily_protein_goal=100)
    today, yesterday = rows(
        "SELECT (now() AT TIME ZONE 'Europe/Paris')::date, (now() AT TIME ZONE 'Europe/Paris')::date - 1"
    )[0]
    for goal in (140, 150):
        run("UPDATE user_profiles SET daily_protein_goal = %s WHERE id = %s", [goal, profile.pk])
        assert history(profile.user) == [(yesterday, 100, 2000, "server"), (today, goal, 2000, "server")]


def test_goals_changed_later_add_one_row() -> None:
    profile = make_profile(daily_protein_goal=100)
    today = today_in("Europe/Paris")
    run(
        "UPDATE goal_history SET effective_from = '2026-01-01', source = 'import' WHERE user_id = %s", [profile.user_id]
    )
    run("UPDATE user_profiles SET daily_calorie_goal = NULL WHERE id = %s", [profile.pk])
    assert history(profile.user) == [(date(2026, 1, 1), 100, 2000, "import"), (today, 100, None, "server")]


def test_other_changes_and_bulk_writers_leave_the_history_alone() -> None:
    profile = make_profile(daily_protein_goal=100)
    before = rows("SELECT ctid, * FROM goal_history")
    run("UPDATE user_profiles SET weight_kg = 80, daily_protein_goal = 100 WHERE id = %s", [profile.pk])
    run("SET LOCAL dynprot.bulk = 'on'")
    run("UPDATE user_profiles SET daily_protein_goal = 170 WHERE id = %s", [profile.pk])
    make_profile()
    assert rows("SELECT ctid, * FROM goal_history") == before


def test_a_day_has_one_goal_and_its_source_is_known() -> None:
    user = make_user()
    day = date(2026, 1, 1)
    GoalHistory.objects.create(user=user, effective_from=day, daily_protein_goal=1)
    with pytest.raises(IntegrityError, match="goal_history_user_effective_from_key"), transaction.atomic():
        GoalHistory.objects.create(user=user, effective_from=day, daily_protein_goal=2)
    with pytest.raises(IntegrityError, match="goal_history_source_check"), transaction.atomic():
        GoalHistory.objects.filter(user=user).update(source="guess")
