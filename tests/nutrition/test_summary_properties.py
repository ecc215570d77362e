"""After any sequence of writes the summaries equal an aggregation in Python that shares nothing with the SQL."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import GoalHistory, User
from nutrition.models import DailySummary, MealEntry, MealTime
from tests.database import run
from tests.factories import NOON, make_user

pytestmark = pytest.mark.django_db

DAYS = 3
Step = tuple[str, int, int, int]

steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "insert",
                "insert",
                "insert_many",
                "update",
                "day",
                "person",
                "both",
                "delete",
                "delete_day",
                "goal",
                "no_goal",
            ]
        ),
        st.integers(0, 1),  # whose
        st.integers(0, 7),  # which meal, or how many
        st.integers(-DAYS, DAYS),  # which day, and how much
    ),
    max_size=14,
)


def _values(user: User, number: int, offset: int) -> dict[str, Any]:
    return {
        "user": user,
        "description": f"repas {number}",
        "meal_timestamp": NOON + timedelta(days=offset, hours=number),
        "protein_grams": Decimal(number) + Decimal("0.35"),
        "calories": None if number == 3 else 137 * number,
        "carbs_grams": None if number % 2 else Decimal("1.25"),
        "fiber_grams": Decimal("0.01"),
        "meal_time_category": MealTime.values[number % len(MealTime.values)],
        "ai_estimated": number > 4,
    }


def _apply(people: list[User], step: Step) -> None:
    kind, who, number, offset = step
    user, other = people[who], people[1 - who]
    meals = MealEntry.objects.order_by("id")
    chosen = meals.filter(pk__in=meals.values("pk")[number : number + 1])
    day = NOON.date() + timedelta(days=offset)
    moved = {"meal_timestamp": NOON + timedelta(days=offset)}
    deeds: dict[str, Callable[[], object]] = {
        "insert": lambda: MealEntry.objects.create(**_values(user, number, offset)),
        "insert_many": lambda: MealEntry.objects.bulk_create(
            MealEntry(**_values(people[n % 2], n, offset)) for n in range(number)
        ),
        "update": lambda: chosen.update(protein_grams=Decimal(offset + DAYS), calories=number),
        "day": lambda: chosen.update(**moved),
        "person": lambda: chosen.update(user=other),
        "both": lambda: chosen.update(user=other, **moved),
        "delete": chosen.delete,
        "delete_day": lambda: run("DELETE FROM meal_entries WHERE user_id = %s AND local_date = %s", [user.pk, day]),
        "goal": lambda: GoalHistory.objects.update_or_create(
            user=user,
            effective_from=day,
            defaults={"daily_protein_goal": number, "daily_calorie_goal": 500 * number if number % 2 else None},
        ),
        "no_goal": lambda: GoalHistory.objects.filter(user=user, effective_from=day).delete(),
    }
    deeds[kind]()


def _percentage(total: Decimal, goal: int) -> Decimal:
    if goal <= 0:
        return Decimal("0.00")
    return min((total * 100 / goal).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP), Decimal("99999.99"))


def _goals(user_id: UUID, day: date) -> tuple[int, int]:
    history = sorted(GoalHistory.objects.filter(user=user_id), key=lambda goal: goal.effective_from)
    if not history:
        return 120, 2000
    in_force = ([goal for goal in history if goal.effective_from <= day] or history[:1])[-1]
    calories = in_force.daily_calorie_goal
    return in_force.daily_protein_goal, 2000 if calories is None else calories


def expected() -> dict[tuple[UUID, date], dict[str, Any]]:
    """Every summary there should be, from the meals one by one."""
    days: dict[tuple[UUID, date], list[MealEntry]] = defaultdict(list)
    for meal in MealEntry.objects.all():
        days[meal.user_id, meal.meal_timestamp.date()].append(meal)
    answer = {}
    for (user_id, day), meals in days.items():
        protein_goal, calorie_goal = _goals(user_id, day)
        protein = sum((meal.protein_grams for meal in meals), Decimal(0))
        calories = sum(meal.calories or 0 for meal in meals)
        times = Counter(meal.meal_time_category for meal in meals)
        answer[user_id, day] = {
            "total_protein": protein,
            "total_calories": calories,
            "total_carbs": sum((meal.carbs_grams or Decimal(0) for meal in meals), Decimal(0)),
            "total_fat": Decimal(0),
            "total_fiber": sum((meal.fiber_grams or Decimal(0) for meal in meals), Decimal(0)),
            "total_meals": len(meals),
            **{f"{time}_meals": times[time] for time in ("morning", "afternoon", "evening", "night")},
            "ai_assisted_meals": sum(meal.ai_estimated for meal in meals),
            "protein_goal": protein_goal,
            "calorie_goal": calorie_goal,
            "protein_goal_met": protein >= protein_goal,
            "calorie_goal_met": calories >= calorie_goal,
            "protein_goal_percentage": _percentage(protein, protein_goal),
            "calorie_goal_percentage": _percentage(Decimal(calories), calorie_goal),
        }
    return answer


def stored() -> dict[tuple[UUID, date], dict[str, Any]]:
    answer = {}
    for summary in DailySummary.objects.values():
        row: dict[str, Any] = {**summary}
        for bookkeeping in ("id", "created_at", "updated_at"):
            del row[bookkeeping]
        answer[row.pop("user_id"), row.pop("summary_date")] = row
    return answer


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(steps)
def test_summaries_equal_an_independent_aggregation(sequence: list[Step]) -> None:
    with transaction.atomic():
        people = [make_user(), make_user()]
        for step in sequence:
            _apply(people, step)
            assert stored() == expected(), step
        transaction.set_rollback(True)
