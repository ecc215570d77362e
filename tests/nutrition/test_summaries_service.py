"""`recompute`: summaries made right set-wise, wherever the triggers were off or somebody meddled."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import GoalHistory, User
from nutrition.models import DailySummary, MealEntry
from nutrition.summaries import recompute
from tests.database import other_connection, rows, run, value, wait_until_blocked
from tests.factories import NOON, make_meal, make_profile, make_user

pytestmark = pytest.mark.django_db

DAY = NOON.date()


@pytest.fixture
def bulk() -> Iterator[None]:
    """Triggers off, as in an import."""
    with transaction.atomic():
        run("SET LOCAL dynprot.bulk = 'on'")
        yield
        run("SET LOCAL dynprot.bulk = 'off'")


def summaries(user: User) -> dict[date, tuple[Decimal, int]]:
    """Protein and number of meals by day."""
    found = DailySummary.objects.filter(user=user)
    return {row.summary_date: (row.total_protein, row.total_meals) for row in found}


# --- The service ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bulk")
def test_fills_what_a_bulk_transaction_left_out_once() -> None:
    user, other, bystander = make_user(), make_user(), make_user()
    for person in (user, other, bystander):
        make_meal(person, NOON, "20.25", calories=500)
        make_meal(person, NOON, "0.75")
        make_meal(person, NOON - timedelta(days=1), 7)
    assert not DailySummary.objects.exists()

    assert recompute(user_ids=[other.pk, user.pk]) == 4
    expected = {DAY: (Decimal("21.00"), 2), DAY - timedelta(days=1): (Decimal("7.00"), 1)}
    assert summaries(user) == summaries(other) == expected
    assert summaries(bystander) == {}
    assert recompute(user_ids=[other.pk, user.pk]) == 0


@pytest.mark.parametrize("ids", [[], ["00000000-0000-7000-8000-000000000000"]])
def test_nobody_and_strangers_are_no_error(ids: list[Any]) -> None:
    assert recompute(user_ids=ids) == 0


@pytest.mark.usefixtures("bulk")
def test_a_day_that_lost_its_meals_loses_its_summary() -> None:
    user = make_user()
    kept, gone = make_meal(user, NOON), make_meal(user, NOON - timedelta(days=3))
    assert recompute(user_ids=[user.pk]) == 2
    gone.delete()
    assert recompute(user_ids=[user.pk]) == 1
    assert list(summaries(user)) == [kept.meal_timestamp.date()]


@pytest.mark.parametrize(
    ("since", "until", "right"),
    [
        (None, None, [0, 1, 2, 3, 4]),
        (1, None, [1, 2, 3, 4]),
        (None, 3, [0, 1, 2, 3]),
        (1, 3, [1, 2, 3]),
        (2, 2, [2]),
        (9, None, []),
    ],
)
@pytest.mark.usefixtures("bulk")
def test_the_range_has_both_its_ends_and_nothing_else(since: int | None, until: int | None, right: list[int]) -> None:
    """Both for days to write and for days to remove."""
    day = [DAY - timedelta(days=10 - number) for number in range(10)]
    writes, removes = make_user(), make_user()
    for number in range(5):
        make_meal(writes, NOON - timedelta(days=10 - number))
        make_meal(removes, NOON - timedelta(days=10 - number))
    recompute(user_ids=[removes.pk])
    MealEntry.objects.filter(user=removes).delete()

    first = None if since is None else day[since]
    last = None if until is None else day[until]
    assert recompute(user_ids=[writes.pk, removes.pk], since=first, until=last) == 2 * len(right)
    assert sorted(summaries(writes)) == [day[number] for number in right]
    assert sorted(summaries(removes)) == [day[number] for number in range(5) if number not in right]


@pytest.mark.parametrize(
    "wrong",
    [
        f"{field.attname} = {field.attname} + 1"
        for field in DailySummary._meta.concrete_fields
        if field.attname.startswith(("total_", "morning", "afternoon", "evening", "night", "ai_"))
        or field.attname.endswith(("_goal", "_percentage"))
    ]
    + ["protein_goal_met = NOT protein_goal_met", "calorie_goal_met = NOT calorie_goal_met", "calorie_goal = NULL"],
)
def test_every_wrong_figure_is_found_and_right_rows_are_left_alone(wrong: str) -> None:
    user = make_user()
    make_meal(user, NOON, 30, calories=700, carbs_grams=Decimal(5), fat_grams=Decimal(3), fiber_grams=Decimal(1))
    make_meal(user, NOON - timedelta(days=1))
    before = rows("SELECT summary_date, to_jsonb(s) - 'updated_at' FROM daily_summaries s ORDER BY 1")
    versions = rows("SELECT summary_date, xmin::text, cmin::text FROM daily_summaries ORDER BY 1")
    assert run(f"UPDATE daily_summaries SET {wrong} WHERE summary_date = %s", [DAY]) == 1  # noqa: S608
    assert rows("SELECT summary_date, to_jsonb(s) - 'updated_at' FROM daily_summaries s ORDER BY 1") != before

    assert recompute(user_ids=[user.pk]) == 1
    assert rows("SELECT summary_date, to_jsonb(s) - 'updated_at' FROM daily_summaries s ORDER BY 1") == before
    assert rows("SELECT summary_date, xmin::text, cmin::text FROM daily_summaries ORDER BY 1")[0] == versions[0]


@pytest.mark.usefixtures("bulk")
def test_a_mended_row_says_when_although_triggers_are_off() -> None:
    user = make_user()
    make_meal(user)
    recompute(user_ids=[user.pk])
    run("UPDATE daily_summaries SET total_protein = 1, updated_at = '2020-01-01'")
    assert recompute(user_ids=[user.pk]) == 1
    assert value("SELECT updated_at = now() FROM daily_summaries") is True


GOALS = [
    ({}, {0: (120, 2000)}),
    ({0: (90, 1800)}, {-5: (90, 1800), 0: (90, 1800), 3: (90, 1800)}),
    ({0: (90, None)}, {0: (90, 2000)}),
    ({-2: (90, 1800), 1: (110, 2200)}, {-3: (90, 1800), -2: (90, 1800), 0: (90, 1800), 1: (110, 2200), 4: (110, 2200)}),
    ({-1: (80, 1500), 0: (81, 1501), 1: (82, 1502)}, {-1: (80, 1500), 0: (81, 1501), 1: (82, 1502)}),
    ({0: (0, 0)}, {0: (0, 0)}),
]


@pytest.mark.parametrize(("history", "expected"), GOALS)
@pytest.mark.usefixtures("bulk")
def test_the_goal_in_force_on_the_day(
    history: dict[int, tuple[int, int | None]], expected: dict[int, tuple[int, int]]
) -> None:
    user, middle = make_user(), DAY - timedelta(days=30)
    for offset, (protein, calories) in history.items():
        since = middle + timedelta(days=offset)
        GoalHistory.objects.create(
            user=user, effective_from=since, daily_protein_goal=protein, daily_calorie_goal=calories
        )
    for offset in expected:
        make_meal(user, NOON + timedelta(days=offset - 30))
    recompute(user_ids=[user.pk])
    stored = {row.summary_date: (row.protein_goal, row.calorie_goal) for row in DailySummary.objects.filter(user=user)}
    assert stored == {middle + timedelta(days=offset): goals for offset, goals in expected.items()}


def at(zone: str, text: str) -> datetime:
    """An instant by the clock on the wall."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


MOMENTS = [
    pytest.param(zone, clock, day, id=f"{zone} {clock}")
    for zone, clock, day in [
        *(
            (zone, clock, date(2025, 6, 15 if clock.startswith("2025-06-15") else 16))
            for zone in (
                "Pacific/Kiritimati",
                "Asia/Tokyo",
                "Europe/Paris",
                "UTC",
                "America/Los_Angeles",
                "Pacific/Pago_Pago",
            )
            for clock in ("2025-06-15T00:00", "2025-06-15T23:59:59", "2025-06-15T23:59:59.999999", "2025-06-16T00:00")
        ),
        *(
            ("Europe/Paris", clock, date.fromisoformat(clock[:10]))
            for clock in (
                "2025-03-30T00:00",  # a day of 23 hours
                "2025-03-30T01:59:59",
                "2025-03-30T03:00",
                "2025-03-30T23:59:59",
                "2025-03-31T00:00",
                "2025-10-26T00:00",  # a day of 25 hours
                "2025-10-26T02:30",
                "2025-10-26T23:59:59",
                "2025-10-27T00:00",
            )
        ),
    ]
]


@pytest.mark.parametrize(("zone", "clock", "day"), MOMENTS)
@pytest.mark.usefixtures("bulk")
def test_the_day_is_the_persons_whatever_the_servers_zone(zone: str, clock: str, day: date) -> None:
    user = make_profile(timezone=zone).user
    make_meal(user, at(zone, clock))
    run("SET LOCAL timezone = 'Asia/Kolkata'")
    assert recompute(user_ids=[user.pk], since=day, until=day) == 1
    assert list(summaries(user)) == [day]


@pytest.mark.usefixtures("bulk")
def test_it_takes_one_round_trip_a_statement(django_assert_num_queries: Callable[..., Any]) -> None:
    people = [make_user() for _ in range(20)]
    for person in people:
        make_meal(person)
    with django_assert_num_queries(4):  # savepoint, lock, recompute, release
        assert recompute(user_ids=[person.pk for person in people]) == 20


def test_statistics_of_one_person_do_not_make_many_expensive() -> None:
    """The first import is one person's, the next everybody's: plans made for the old statistics must not grow with the square."""
    crowd, days = 60, 40
    fill = """
        INSERT INTO meal_entries (user_id, description, meal_timestamp, local_date, protein_grams)
        SELECT person, 'Repas', %(at)s - number * interval '8 hours', (%(at)s - number * interval '8 hours')::date, 20
        FROM unnest(%(people)s::uuid[]) AS person, generate_series(0, %(meals)s - 1) AS number
    """
    goals = "INSERT INTO goal_history (user_id, effective_from, daily_protein_goal) SELECT p, d, 100 FROM unnest(%s::uuid[]) p, unnest(%s::date[]) d"
    run("SET LOCAL dynprot.bulk = 'on'")
    for people in ([make_user().pk], [make_user().pk for _ in range(crowd)]):
        run(fill, {"people": people, "meals": days * 3, "at": NOON})
        run(goals, [people, [date(2000, 1, 1), DAY - timedelta(days=days // 2)]])
        if len(people) == 1:
            run("ANALYZE meal_entries, goal_history, users, daily_summaries")

    plan = value(
        "EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM computed_daily_summaries(%s::uuid[], NULL, NULL)", [people]
    )
    handled = sum(_rows_handled(json.loads(plan)[0]["Plan"] if isinstance(plan, str) else plan[0]["Plan"]))
    meals = crowd * days * 3
    assert handled < 10 * meals, f"{handled} rows handled for {meals} meals"


def _rows_handled(node: dict[str, Any]) -> Iterator[int]:
    removed = sum(count for key, count in node.items() if key.startswith("Rows Removed"))
    yield int((node["Actual Rows"] + removed) * node["Actual Loops"])
    for part in node.get("Plans", ()):
        yield from _rows_handled(part)


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_a_writer_and_sees_what_they_wrote() -> None:
    user = make_user()
    results: list[int] = []

    def recompute_elsewhere() -> None:
        try:
            results.append(recompute(user_ids=[user.pk]))
        finally:
            connection.close()

    with other_connection() as writer:
        writer.execute("BEGIN")
        writer.execute("SET LOCAL dynprot.bulk = 'on'")
        writer.execute("SELECT 1 FROM users WHERE id = %s FOR NO KEY UPDATE", [user.pk])
        thread = threading.Thread(target=recompute_elsewhere)
        thread.start()
        wait_until_blocked(_waiting_backend())
        writer.execute(
            "INSERT INTO meal_entries (user_id, description, meal_timestamp, protein_grams) VALUES (%s, 'Riz', %s, 9)",
            [user.pk, NOON],
        )
        writer.execute("COMMIT")
        thread.join(timeout=20)
    assert results == [1]
    assert summaries(user) == {DAY: (Decimal("9.00"), 1)}


def _waiting_backend() -> int:
    """The backend that asks for people's locks."""
    find = "SELECT pid FROM pg_stat_activity WHERE query LIKE %s AND datname = current_database() AND state = 'active'"
    for _ in range(500):
        if found := rows(find, ["SELECT id FROM users WHERE id = ANY%"]):
            return int(found[0][0])
        threading.Event().wait(0.01)
    raise AssertionError("nobody recomputes")


# --- What the triggers keep is what recompute would write -----------------------------------------------------------------

Step = tuple[str, int, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["eat", "eat", "many", "change", "move", "give", "delete", "goal", "no_goal"]),
        st.integers(0, 1),
        st.integers(0, 5),
        st.integers(-3, 3),
    ),
    max_size=15,
)


def _apply(people: list[User], step: Step) -> None:
    kind, who, number, offset = step
    user, instant = people[who], NOON + timedelta(days=offset, hours=number)
    chosen = MealEntry.objects.filter(pk__in=MealEntry.objects.order_by("pk").values("pk")[number : number + 1])
    since = DAY + timedelta(days=offset)
    match kind:
        case "eat":
            make_meal(
                user, instant, number, calories=number * 100, ai_estimated=number > 3, meal_time_category="morning"
            )
        case "many":
            MealEntry.objects.bulk_create(
                MealEntry(user=people[n % 2], description="x", meal_timestamp=instant, protein_grams=n)
                for n in range(number)
            )
        case "change":
            chosen.update(protein_grams=number, fat_grams=offset + 3, meal_time_category="night")
        case "move":
            chosen.update(meal_timestamp=instant)
        case "give":
            chosen.update(user=user)
        case "delete":
            chosen.delete()
        case "goal":
            goals = {"daily_protein_goal": number * 20, "daily_calorie_goal": number * 500 or None}
            GoalHistory.objects.update_or_create(user=user, effective_from=since, defaults=goals)
        case "no_goal":
            GoalHistory.objects.filter(user=user, effective_from=since).delete()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(steps)
def test_what_the_triggers_keep_needs_no_recomputing(sequence: list[Step]) -> None:
    with transaction.atomic():
        people = [make_profile(timezone="Pacific/Auckland").user, make_profile(timezone="America/Los_Angeles").user]
        for step in sequence:
            _apply(people, step)
        assert recompute(user_ids=[person.pk for person in people]) == 0, sequence
        transaction.set_rollback(True)
