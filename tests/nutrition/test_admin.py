"""The admin of nutrition: meals are looked at, diets are edited and go in and out by file."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from nutrition.admin import diets
from nutrition.admin.day_chart import DAYS, draw
from nutrition.models import DailySummary, DietaryPreference
from tests.factories import NOON, make_meal, make_profile, make_user

pytestmark = pytest.mark.django_db

MEALS = "/admin/nutrition/mealentry/"
IMPORT = "/admin/nutrition/dietarypreference/import/"
EXPORT = "/admin/nutrition/dietarypreference/export/"
CSV_FORMAT, JSON_FORMAT = "0", "1"


@pytest.fixture
def operator(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("operateur@exemple.net", None, username="operateur"))
    return client


def support(*codenames: str) -> Client:
    """The browser of a colleague with these permissions."""
    colleague = make_user(is_staff=True)
    colleague.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(colleague)
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
    chart = draw([summary(last, 200), summary(last - timedelta(days=1), 50)], last, goal=120)
    assert len(chart.bars) == DAYS
    *_empty, half, full = chart.bars
    assert full.height == pytest.approx(4 * half.height, abs=0.2)
    assert full.goal_y == half.goal_y == pytest.approx(full.y + full.height / 2, abs=0.2)
    assert (full.met, half.met, half.empty, chart.bars[0].empty) == (True, False, False, True)
    assert "200\xa0g sur 100\xa0g" in full.title
    assert "Jours à l'objectif : 1 sur 14" in chart.description


def test_a_person_who_stopped_is_shown_to_their_last_day(operator: Client) -> None:
    profile = make_profile(daily_protein_goal=30)
    make_meal(profile.user, NOON - timedelta(days=200), protein=35)
    page = operator.get(reverse("admin:accounts_user_change", args=[profile.user.pk])).content.decode()
    assert "Rien de plus récent" in page
    assert "dp-chart-bar--met" in page


# --- Diets: in and out -----------------------------------------------------------------------------------------------------


def upload(client: Client, text: str) -> Any:
    """The preview of an import of this CSV."""
    file = SimpleUploadedFile("diets.csv", text.encode(), "text/csv")
    return client.post(IMPORT, {"import_file": file, "format": CSV_FORMAT, "resource": ""})


def confirm(client: Client, preview: Any) -> Any:
    """Go on with what the preview showed."""
    form = preview.context["confirm_form"]
    return client.post("/admin/nutrition/dietarypreference/process_import/", {**form.initial})


def test_an_import_shows_its_differences_before_it_writes(operator: Client) -> None:
    preview = upload(
        operator,
        "name,description,common\nvegan,Rien d'animal,1\nhalal,Conforme aux règles halal,0\ncru,Sans cuisson,0\n",
    )
    rows = [row.import_type for row in preview.context["result"].rows]
    assert rows == ["update", "skip", "new"]
    assert not DietaryPreference.objects.filter(name="cru").exists()
    page = preview.content.decode()
    assert "<ins" in page
    assert confirm(operator, preview).status_code == 302
    assert DietaryPreference.objects.get(name="vegan").description == "Rien d'animal"
    assert DietaryPreference.objects.filter(name="cru").exists()


def test_one_bad_row_and_nothing_is_written(operator: Client) -> None:
    before = list(DietaryPreference.objects.order_by("name").values_list())
    preview = upload(operator, f"name,description,common\ncru,Sans cuisson,0\n{'x' * 60},trop long,0\n")
    assert preview.context["result"].has_validation_errors() or preview.context["result"].has_errors()
    assert "confirm_form" not in preview.context
    assert list(DietaryPreference.objects.order_by("name").values_list()) == before


def test_what_goes_out_is_no_formula_and_comes_in_unchanged(operator: Client) -> None:
    formula = '=HYPERLINK("http://evil.example")'
    DietaryPreference.objects.create(name="-cru", description=formula)
    answer = operator.post(EXPORT, {"format": CSV_FORMAT, "resource": ""})
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(answer.content.decode()))}
    assert rows["'-cru"]["description"] == f"'{formula}"
    preview = upload(operator, answer.content.decode())
    assert {row.import_type for row in preview.context["result"].rows} == {"skip"}


def test_json_goes_out_too(operator: Client) -> None:
    answer = operator.post(EXPORT, {"format": JSON_FORMAT, "resource": ""})
    assert len(json.loads(answer.content)) == DietaryPreference.objects.count()


def test_a_file_that_cannot_be_a_list_of_diets_is_refused(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diets, "LARGEST_FILE", 10)
    assert "trop gros" in upload(operator, "name,description,common\ncru,,0\n").content.decode()


def test_import_and_export_ask_for_permissions() -> None:
    reader = support("view_dietarypreference")
    assert reader.get(IMPORT).status_code == 403
    assert reader.get(EXPORT).status_code == 200
    assert support("view_dietarypreference", "change_dietarypreference").get(IMPORT).status_code == 403
    assert support("add_dietarypreference", "change_dietarypreference").get(IMPORT).status_code == 200
    assert support("view_mealentry").get(EXPORT).status_code == 403
