"""People with rows in every table, for the digest's tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import models

from accounts.models import GoalHistory, User, UserProfile
from audit.digest import content_digest
from nutrition.models import DailySummary, FavoriteMeal, MealAnalysis, MealEntry
from tests.database import run
from tests.factories import NOON, make_analysis, make_favorite, make_meal, make_profile, make_user

EMAILS = ("anne@example.fr", "bruno@example.fr", "chloe@example.fr")
TABLES: tuple[type[models.Model], ...] = (
    UserProfile,
    GoalHistory,
    MealEntry,
    FavoriteMeal,
    MealAnalysis,
    DailySummary,
)


def fill(user: User, number: int) -> None:
    """Rows in every table, with every column filled; different for each `number`."""
    make_profile(
        user,
        weight_kg=Decimal("70.25") + number,
        height_cm=170,
        age=40,
        gender="female",
        body_fat_percentage=Decimal("20.5"),
        diet_preferences=["Végétarien", "Keto"],
    )
    GoalHistory.objects.filter(user=user).update(effective_from=date(2026, 1, 1))  # not the day of the test
    meals = [
        make_meal(
            user,
            NOON + timedelta(hours=meal // 2),  # the first two at the same moment
            20 + number,
            description=f"Poulet, n° {meal}",
            calories=300,
            carbs_grams=Decimal("1.5"),
            fat_grams=Decimal("2.5"),
            fiber_grams=Decimal("3.5"),
            photo_url="https://example.fr/p.jpg",
            photo_data="AAAA",
            photo_file=f"meals/{user.pk}/{number}.jpg",
            tags=["midi", "maison"],
            meal_type="lunch",
            legacy_id=f"17{number}{meal}",
        )
        for meal in range(3)
    ]
    make_analysis(
        user,
        meals[-1],
        input_text="poulet",
        detected_foods=["poulet"],
        estimated_protein=Decimal("20.5"),
        estimated_calories=300,
        estimated_completeness=Decimal("0.5"),
        suggestions=["riz"],
        breakdown={"poulet": 20},
        processing_time_ms=12,
        ai_model_version="v1",
    )
    for name in ("Yaourt", "Banane"):
        make_favorite(
            user,
            f"{name} {number}",
            calories=100,
            carbs_grams=Decimal(1),
            fat_grams=Decimal(1),
            use_count=3,
            last_used_at=NOON,
            tags=["goûter"],
            photo_url="https://example.fr/y.jpg",
        )


def build(emails: tuple[str, ...] = EMAILS) -> None:
    """The same people in the given order of arrival."""
    for email in emails:
        user = make_user(email=email, username=email.split("@")[0], first_name=email[:3], last_name="Petit")
        fill(user, EMAILS.index(email.lower()))


@pytest.fixture
def filled() -> str:
    """Three people with everything; their digest."""
    build()
    return content_digest()


@pytest.fixture
def quiet(filled: str) -> Iterator[str]:
    """The same, with the triggers off: one field can be changed by itself."""
    run("SET LOCAL dynprot.bulk = 'on'")
    yield filled
    run("SET LOCAL dynprot.bulk = 'off'")
