"""The nine defects of the published design (schema.md), each shown absent with the SQL of support and of the old back end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from tests.database import other_connection, rows, run, value
from tests.factories import make_analysis, make_favorite, make_meal, make_profile, make_user

pytestmark = pytest.mark.django_db

INSERT_MEAL = "INSERT INTO meal_entries (user_id, description, meal_timestamp, protein_grams, calories) VALUES (%s, %s, %s, %s, %s)"
DAY = date(2026, 3, 10)
DAY_NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def old_back_end_inserts(
    user_id: UUID, at: datetime = DAY_NOON, protein: object = 30, calories: int | None = 500
) -> None:
    """As the old back end wrote a meal: it knows no local day, no category, no id."""
    run(INSERT_MEAL, [user_id, "Poulet rôti", at, protein, calories])


def summary(user_id: UUID, columns: str) -> list[tuple[object, ...]]:
    return rows(f"SELECT {columns} FROM daily_summaries WHERE user_id = %s ORDER BY summary_date", [user_id])  # noqa: S608


@contextmanager
def session_zone(name: str) -> Iterator[None]:
    """Another TimeZone than UTC for this session, as psql in an office has it."""
    run("SELECT set_config('TimeZone', %s, false)", [name])
    yield
    run("SELECT set_config('TimeZone', 'UTC', false)")


def test_1_the_schema_applies_and_days_are_indexed() -> None:
    """DATE(meal_timestamp) cannot be indexed; the person's own day can, and is."""
    (definition,) = rows("SELECT indexdef FROM pg_indexes WHERE indexname = 'idx_meal_entries_user_date'")[0]
    assert definition.endswith("USING btree (user_id, local_date)")
    assert value("SELECT max(length(name)) FROM django_migrations") > 14  # the old history table held 14 characters


def test_2_deleting_a_user_with_meals_works_with_triggers_on() -> None:
    user = make_profile().user
    old_back_end_inserts(user.id)
    old_back_end_inserts(user.id, DAY_NOON - timedelta(days=1))
    make_favorite(user)
    assert len(summary(user.id, "1")) == 2
    assert run("DELETE FROM users WHERE id = %s", [user.id]) == 1
    run("SET CONSTRAINTS ALL IMMEDIATE")  # what COMMIT would check
    for table in (
        "meal_entries",
        "daily_summaries",
        "user_profiles",
        "goal_history",
        "favorite_meals",
        "deleted_entries",
    ):
        assert value(f"SELECT count(*) FROM {table} WHERE user_id = %s", [user.id]) == 0, table  # noqa: S608


@pytest.mark.parametrize(
    ("calories", "percentage", "met"),
    [(1999, "99.95", False), (1, "0.05", False), (2000, "100.00", True), (2001, "100.05", True), (None, "0.00", False)],
)
def test_3_calorie_percentage_is_decimal(calories: int | None, percentage: str, *, met: bool) -> None:
    user = make_profile(daily_calorie_goal=2000).user
    old_back_end_inserts(user.id, calories=calories)
    assert summary(user.id, "calorie_goal_percentage, calorie_goal_met") == [(Decimal(percentage), met)]


@pytest.mark.parametrize(
    ("goal", "protein", "percentage"),
    [
        (100, 1000, "1000.00"),
        (10, 1000, "10000.00"),
        (1, "9999.99", "99999.99"),
        (0, 50, "0.00"),
        (-1, "9999.99", "0.00"),
    ],
)
def test_4_a_large_meal_against_a_small_goal_is_kept(goal: int, protein: object, percentage: str) -> None:
    """1000 % and more used to reject the meal itself. What would not fit is written as the greatest percentage."""
    user = make_profile(daily_protein_goal=goal, daily_calorie_goal=goal).user
    old_back_end_inserts(user.id, protein=protein, calories=2_000_000_000)
    calories = Decimal("99999.99") if goal > 0 else Decimal("0.00")
    expected = (Decimal(percentage), calories, True)
    assert summary(user.id, "protein_goal_percentage, calorie_goal_percentage, protein_goal_met") == [expected]


def test_4_sums_beyond_the_integers_are_kept_too() -> None:
    user = make_user()
    for _ in range(2):
        old_back_end_inserts(user.id, protein="9999.99", calories=2_000_000_000)
    assert summary(user.id, "total_protein, total_calories") == [(Decimal("19999.98"), 2_147_483_647)]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Auckland", "Europe/Paris", "Pacific/Honolulu"])
def test_5_a_meal_an_hour_ahead_is_taken_whatever_the_zone(zone: str) -> None:
    """The clock of this test is what it is; the next test turns it to 23:59."""
    user = make_profile(timezone=zone).user
    ahead = value("SELECT now() + interval '59 minutes'")
    old_back_end_inserts(user.id, ahead)
    assert summary(user.id, "summary_date") == [(ahead.astimezone(ZoneInfo(zone)).date(),)]


@pytest.mark.parametrize("hour", range(24))
def test_5_at_every_hour_the_summary_rule_allows_what_the_meal_rule_allows(hour: int) -> None:
    """Both CHECKs evaluated with another clock: at hh:59 UTC, an hour ahead, in the zone furthest east (UTC+14)."""
    clock = datetime(2026, 7, 1, hour, 59, tzinfo=UTC)
    meal_rule, summary_rule = (
        value("SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conname = %s", [name])
        for name in ("check_meal_timestamp_not_future", "check_summary_date_not_future")
    )
    assert "statement_timestamp()" in meal_rule
    assert "statement_timestamp()" in summary_rule

    def allows(rule: str, column: str, kind: str, given: object) -> bool:
        rule = rule.replace("statement_timestamp()", "%(clock)s::timestamptz")
        return bool(
            value(f"SELECT {rule} FROM (SELECT %(given)s::{kind} AS {column}) AS row", {"clock": clock, "given": given})  # noqa: S608
        )

    latest = clock + timedelta(hours=1)
    assert allows(meal_rule, "meal_timestamp", "timestamptz", latest)
    assert not allows(meal_rule, "meal_timestamp", "timestamptz", latest + timedelta(microseconds=1))
    eastern_day = latest.astimezone(ZoneInfo("Pacific/Kiritimati")).date()
    assert allows(summary_rule, "summary_date", "date", eastern_day)
    assert not allows(summary_rule, "summary_date", "date", clock.date() + timedelta(days=2))


def test_6_the_last_meal_of_a_day_takes_its_summary_along() -> None:
    user = make_user()
    old_back_end_inserts(user.id, protein=10)
    old_back_end_inserts(user.id, protein=20)
    run("DELETE FROM meal_entries WHERE user_id = %s AND protein_grams = 10", [user.id])
    assert summary(user.id, "total_protein, total_meals") == [(Decimal("20.00"), 1)]
    run("DELETE FROM meal_entries WHERE user_id = %s", [user.id])
    assert summary(user.id, "1") == []


def test_6_changed_goals_count_from_today_on_and_never_before() -> None:
    """Even when they are changed on the very day on which they were first set."""
    user = make_profile(daily_protein_goal=100, daily_calorie_goal=2000).user
    now = value("SELECT now()")
    old_back_end_inserts(user.id, now, protein=100)
    old_back_end_inserts(user.id, now - timedelta(days=3), protein=100)
    before = [(100, Decimal("100.00"), True)]
    assert summary(user.id, "protein_goal, protein_goal_percentage, protein_goal_met") == before * 2
    for goal, percentage in ((160, "62.50"), (200, "50.00")):
        run("UPDATE user_profiles SET daily_protein_goal = %s WHERE user_id = %s", [goal, user.id])
        today = [(goal, Decimal(percentage), False)]
        assert summary(user.id, "protein_goal, protein_goal_percentage, protein_goal_met") == before + today


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "Pacific/Kiritimati", "Pacific/Honolulu", "America/New_York"])
def test_7_the_day_is_the_persons_whatever_the_session_says(zone: str) -> None:
    """A dinner at 23:30 in Paris is that evening's; at 00:30 it is the next day's."""
    user = make_profile(timezone="Europe/Paris").user
    with session_zone(zone):
        run(INSERT_MEAL, [user.id, "Dîner", "2026-07-14 23:30:00+02", 40, 700])
        run(INSERT_MEAL, [user.id, "Fromage", "2026-07-14 22:30:00Z", 5, 100])
        run("UPDATE meal_entries SET calories = 750 WHERE user_id = %s AND calories = 700", [user.id])
        run("SELECT update_daily_summary(%s, DATE '2026-07-14')", [user.id])
    dinner, cheese = (date(2026, 7, 14), 750), (date(2026, 7, 15), 100)
    assert summary(user.id, "summary_date, total_calories") == [dinner, cheese]


WHITE_SPACE = [
    "",
    " ",
    "   ",
    "\t",
    "\n",
    "\r\n\t",
    "\u00a0",
    "\u202f \u2009",
    "\u3000",
    "\x0b\x0c\x1c\x85",
    "\u2028\u2029",
]


@pytest.mark.parametrize("blank", WHITE_SPACE)
def test_8_descriptions_and_names_say_something(blank: str) -> None:
    """White space is what Python's `str.isspace` says, on every server and locale."""
    user = make_user()
    favourite = "INSERT INTO favorite_meals (user_id, name, description, protein_grams) VALUES (%s, %s, %s, 1)"
    for constraint, statement, values in (
        ("meal_entries_description_check", INSERT_MEAL, [user.id, blank, DAY_NOON, 1, 1]),
        ("favorite_meals_name_check", favourite, [user.id, blank, "Yaourt"]),
        ("favorite_meals_description_check", favourite, [user.id, "Yaourt", blank]),
    ):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            run(statement, values)


@pytest.mark.parametrize("text", ["é", " x ", "\n.", "🥗", "0", "\u200b", "-", "\\", "u00a0"])
def test_8_anything_else_is_a_description(text: str) -> None:
    user = make_user()
    run(INSERT_MEAL, [user.id, text, DAY_NOON, 1, 1])
    assert value("SELECT description FROM meal_entries WHERE user_id = %s", [user.id]) == text


def test_8_every_white_space_character_of_python_is_refused() -> None:
    blanks = [chr(code) for code in range(0x110000) if chr(code).isspace()]
    (rule,) = rows(
        "SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conname = 'meal_entries_description_check'"
    )[0]
    taken = rows(f"SELECT description FROM unnest(%s::text[]) AS description WHERE {rule}", [[*blanks, "a"]])  # noqa: S608
    assert taken == [("a",)]


def test_8_favourite_names_are_unique_for_a_person_ignoring_case() -> None:
    user, other = make_user(), make_user()
    make_favorite(user, "Crème brûlée")
    with pytest.raises(IntegrityError, match="favorite_meals_user_name_key"), transaction.atomic():
        make_favorite(user, "CRÈME BRÛLÉE")
    make_favorite(other, "crème brûlée")
    assert value("SELECT count(*) FROM favorite_meals WHERE lower(name) = 'crème brûlée'") == 2


def test_9_a_meal_has_at_most_one_analysis() -> None:
    user = make_user()
    meal = make_meal(user)
    make_analysis(user, meal)
    with pytest.raises(IntegrityError, match="meal_analyses_meal_entry_id_key"), transaction.atomic():
        make_analysis(user, meal)
    for _ in range(2):
        make_analysis(user)  # analyses that never became a meal
    assert user.analyses.count() == 3


def test_other_connections_see_none_of_this() -> None:
    """Tests that are rolled back leave nothing to other sessions, so the catalogue tests beside them hold."""
    user = make_user()
    with other_connection() as other:
        assert other.execute("SELECT count(*) FROM users WHERE id = %s", [user.id]).fetchone() == (0,)
