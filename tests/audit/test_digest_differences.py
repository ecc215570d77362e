"""`content_digest` differs wherever the content does."""
# ruff: noqa: S608 - names of our own tables

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import models, transaction

from accounts.models import User
from audit.digest import PROVENANCE, content_digest
from nutrition.models import MealAnalysis, MealEntry
from tests.audit.digest_people import EMAILS, TABLES, filled, quiet
from tests.database import run
from tests.factories import make_favorite, make_meal, make_user

__all__ = ["filled", "quiet"]
pytestmark = pytest.mark.django_db


OTHER_TEXT = {
    "gender": "'male'",
    "activity_level": "'light'",
    "fitness_goal": "'cut'",
    "preferred_units": "'imperial'",
    "timezone": "'Asia/Tokyo'",
    "source": "'import'",
    "source_type": "'voice'",
    "meal_type": "'snack'",
    "meal_time_category": "'night'",
    "input_type": "'voice'",
    "confidence_level": "'low'",
    "breakdown": """'{"poulet": 21}'""",
}


def other_values(field: models.Field[Any, Any]) -> list[str]:
    """SQL for values that differ from what is there, NULL and empty ones too where the column allows them."""
    column = field.column
    values = ["NULL"] if field.null and column != "local_date" else []  # a trigger fills that
    if column in OTHER_TEXT:
        return [*values, OTHER_TEXT[column]]
    if isinstance(field, models.DecimalField):
        step = Decimal(1).scaleb(-(field.decimal_places or 0))
        return [*values, f"{column} + CASE WHEN {column} > 0.9 THEN -{step} ELSE {step} END"]
    kind = field.get_internal_type()
    if kind == "ArrayField":
        several = f"ARRAY[array_to_string({column}, ',') || ',']"
        return [
            *values,
            f"array_append({column}, 'x')",
            several,
            f"array_append({column}, NULL)",
            f"array_append({column}, '')",
        ]
    if kind in SAME_KIND:
        return [*values, SAME_KIND[kind].format(column)]
    empty = ["''"] if column not in {"name", "description", "photo_file"} else []
    return [*values, *empty, f"{column} || ' '", f"{column} || 'é'"]


SAME_KIND = {
    "BooleanField": "NOT {}",
    "DateTimeField": "{} + interval '1 microsecond'",
    "DateField": "{} - 1",
    "IntegerField": "{} + 1",
}

CHANGES = {
    (model._meta.db_table, field.column): other_values(field)
    for model in TABLES
    for field in model._meta.concrete_fields
    if field.column not in PROVENANCE
} | {
    ("users", "first_name"): ["NULL", "''", "first_name || 'x'"],
    ("users", "last_name"): ["NULL", "''", "last_name || 'x'"],
    ("users", "email"): ["email || 'x'"],
}


@pytest.mark.parametrize(("table", "column"), CHANGES)
def test_every_single_field_of_one_row_counts(quiet: str, table: str, column: str) -> None:
    seen = {quiet}
    for value in CHANGES[table, column]:
        with transaction.atomic():
            one = f"(SELECT id FROM {table} ORDER BY id LIMIT 1)"
            assert run(f"UPDATE {table} SET {column} = {value} WHERE id = {one}") == 1
            changed = content_digest()
            assert changed not in seen, value
            seen.add(changed)
            transaction.set_rollback(True)
    assert content_digest() == quiet


def test_what_is_left_out_is_a_decision() -> None:
    """The test above follows this list, so a content column that slipped into it would not be missed there."""
    identity = {"id", "user_id", "meal_entry_id", "legacy_id"}
    origin = {"import_run_id", "import_snapshot_id", "imported_at", "created_at", "updated_at"}
    assert identity | origin == PROVENANCE


@pytest.mark.parametrize("model", TABLES)
def test_a_row_less_counts(quiet: str, model: type[models.Model]) -> None:
    table = model._meta.db_table
    if model is MealEntry:
        run("DELETE FROM meal_analyses")
    before = content_digest()
    assert run(f"DELETE FROM {table} WHERE id = (SELECT id FROM {table} ORDER BY id LIMIT 1)") == 1
    assert content_digest() != before


@pytest.mark.parametrize(
    "table", ["meal_entries", "favorite_meals", "goal_history", "daily_summaries", "meal_analyses"]
)
def test_rows_that_change_hands_count(quiet: str, table: str) -> None:
    first, second = User.objects.filter(email__in=EMAILS[:2]).order_by("email")
    run(f"DELETE FROM {table} WHERE user_id = %s", [second.pk])
    before = content_digest()
    assert run(f"UPDATE {table} SET user_id = %s WHERE user_id = %s", [second.pk, first.pk]) >= 1
    assert content_digest() != before


def test_an_analysis_belongs_to_the_content_of_its_meal(quiet: str) -> None:
    analysis = MealAnalysis.objects.filter(user__email=EMAILS[0]).get()
    meal = MealEntry.objects.get(analysis=analysis)
    others = MealEntry.objects.filter(user=meal.user_id).exclude(pk=meal.pk).order_by("pk")

    MealAnalysis.objects.filter(pk=analysis.pk).update(meal_entry=others[0])
    assert content_digest() != quiet
    MealAnalysis.objects.filter(pk=analysis.pk).update(meal_entry=None)
    assert content_digest() != quiet

    # The same meal under another id: nothing changes.
    MealAnalysis.objects.filter(pk=analysis.pk).update(meal_entry=meal)
    assert content_digest() == quiet
    MealAnalysis.objects.filter(pk=analysis.pk).update(meal_entry=others[0])
    values = {f.attname: getattr(meal, f.attname) for f in MealEntry._meta.concrete_fields if f.attname != "id"}
    MealEntry.objects.filter(pk=meal.pk).delete()
    MealAnalysis.objects.filter(pk=analysis.pk).update(meal_entry=MealEntry.objects.create(**values))
    assert content_digest() == quiet


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"description": "a", "photo_url": "b,"}, {"description": "a,", "photo_url": "b"}),
        ({"description": 'a","b', "photo_url": "c"}, {"description": "a", "photo_url": 'b","c'}),
        ({"description": "a\nb"}, {"description": "a b"}),
        ({"description": "a\\n"}, {"description": "a\n"}),
        ({"description": "null", "photo_url": None}, {"description": "null", "photo_url": "null"}),
        ({"tags": ["a", "b"]}, {"tags": ["a,b"]}),
        ({"tags": ["b", "a"]}, {"tags": ["a", "b"]}),
        ({"tags": []}, {"tags": None}),
        ({"tags": [""]}, {"tags": []}),
        ({"tags": ["NULL"]}, {"tags": ["null"]}),
        ({"description": "é"}, {"description": "e\u0301"}),
    ],
)
def test_no_value_poses_as_another(one: dict[str, Any], other: dict[str, Any]) -> None:
    digests = []
    for values in (one, other):
        User.objects.all().delete()
        make_meal(make_user(email=EMAILS[0]), **values)
        digests.append(content_digest())
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a,b", "c"), ("a", "b,c")), (('a","b', "c"), ("a", 'b","c')), (("a\tb", "c"), ("a", "b\tc"))],
)
def test_neighbouring_columns_do_not_run_into_each_other(one: tuple[str, str], other: tuple[str, str]) -> None:
    digests = []
    for name, description in (one, other):
        User.objects.all().delete()
        make_favorite(make_user(email=EMAILS[0]), name, description=description)
        digests.append(content_digest())
    assert digests[0] != digests[1]


def test_two_rows_are_not_one_row_twice() -> None:
    """Equal rows are counted, and rows whose sort column is equal have one order."""
    user, digests = make_user(), []
    for number in range(3):
        make_meal(user, description="b" if number else "a")
        digests.append(content_digest())
    assert len(set(digests)) == 3
    MealEntry.objects.all().delete()
    for description in ("b", "a", "b"):
        make_meal(user, description=description)
    assert content_digest() == digests[2]
