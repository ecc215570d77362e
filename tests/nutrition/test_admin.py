"""The admin of nutrition: meals are looked at, days are drawn."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from nutrition.admin.day_chart import DAYS, days_up_to, draw
from nutrition.models import DailySummary
from tests.factories import NOON, make_meal, make_profile, make_user

pytestmark = pytest.mark.django_db

MEALS = "/admin/nutrition/mealentry/"


@pytest.fixture
def operator(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("operateur@exemple.net", None, username="operateur"))
    return client


def descriptions(client: Client, **query: str) -> list[str]:
    """The meals that a list shows."""
    return [meal.description for meal in client.get(MEALS, query).context["cl"].result_list]


# --- Meals ---------------------------------------------------------------------------------------------------------------


def test_meals_are_found_by_person_and_then_by_word(operator: Client) -> None:
    anna, zoe = make_user(email="anna@exemple.fr"), make_user(email="zoe@exemple.fr")
    make_meal(anna, description="Soupe de poisson")
    make_meal(anna, NOON - timedelta(hours=1), description="Pain complet")
    make_meal(zoe, description="Soupe à l'oignon")
    assert sorted(descriptions(operator, q="anna@exemple.fr")) == ["Pain complet", "Soupe de poisson"]
    assert descriptions(operator, q="soupe") == []  # a word alone would read everybody's meals
    assert descriptions(operator, q="soupe", user__id__exact=str(anna.pk)) == ["Soupe de poisson"]
    assert descriptions(operator, user__id__exact=str(anna.pk)) == ["Soupe de poisson", "Pain complet"]


def test_filters_that_no_index_serves_wait_for_a_person(operator: Client) -> None:
    anna = make_user()
    make_meal(anna, description="Soupe", source_type="voice")
    make_meal(anna, description="Pain")
    make_meal(make_user(), description="Riz", source_type="voice")
    page = operator.get(MEALS).content.decode()
    assert "user__id__exact" in page
    assert "source_type__exact" not in page
    answer = operator.get(MEALS, {"source_type__exact": "voice", "q": "x"}, follow=True)
    assert answer.redirect_chain == [("/admin/nutrition/mealentry/?q=x", 302)]
    assert "Choisissez d&#x27;abord une personne" in answer.content.decode()
    hers = {"user__id__exact": str(anna.pk)}
    assert "source_type__exact" in operator.get(MEALS, hers).content.decode()
    assert descriptions(operator, source_type__exact="voice", **hers) == ["Soupe"]
    days = operator.get("/admin/nutrition/dailysummary/", {"protein_goal_met__exact": "1"})
    assert days.headers["Location"] == "/admin/nutrition/dailysummary/?"


def test_a_meal_is_told_on_its_persons_clock(operator: Client) -> None:
    profile = make_profile(timezone="America/Montreal")
    meal = make_meal(profile.user)
    page = operator.get(reverse("admin:nutrition_mealentry_change", args=[meal.pk])).content.decode()
    assert "10 mars 2026 07:00" in page
    assert "2026-03-10 11:00:00 UTC" in page


def test_a_photo_in_the_table_is_not_printed(operator: Client) -> None:
    meal = make_meal(make_user(), photo_data="QUJD" * 400, photo_url="javascript:alert(1)")
    page = operator.get(reverse("admin:nutrition_mealentry_change", args=[meal.pk])).content.decode()
    assert "1\xa0600\xa0caractères" in page
    assert "QUJDQUJD" not in page
    assert 'href="javascript' not in page


# --- The chart -----------------------------------------------------------------------------------------------------------


def summary(day: date, protein: int, goal: int = 100) -> DailySummary:
    """A day, not saved."""
    return DailySummary(summary_date=day, total_protein=protein, protein_goal=goal, protein_goal_met=protein >= goal)


def test_the_chart_draws_every_day_to_scale() -> None:
    last = date(2026, 3, 14)
    chart = draw(
        [summary(last, 200), summary(last - timedelta(days=1), 50)], last, dict.fromkeys(days_up_to(last), 100)
    )
    assert len(chart.bars) == DAYS
    *_empty, half, full = chart.bars
    assert full.height == pytest.approx(4 * half.height, abs=0.2)
    assert full.goal_y == half.goal_y == pytest.approx(full.y + full.height / 2, abs=0.2)
    assert (full.met, half.met, half.empty, chart.bars[0].empty) == (True, False, False, True)
    assert "200\xa0g sur 100\xa0g" in full.title
    assert "Jours à l'objectif : 1 sur 30" in chart.description


def test_a_person_who_stopped_is_shown_to_their_last_day(operator: Client) -> None:
    profile = make_profile(daily_protein_goal=30)
    make_meal(profile.user, NOON - timedelta(days=200), protein=35)
    page = operator.get(reverse("admin:accounts_user_change", args=[profile.user.pk])).content.decode()
    assert "Rien de plus récent" in page
    assert "dp-chart-bar--met" in page
