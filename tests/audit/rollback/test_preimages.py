"""What is kept of a row before a run changes or removes it: the first image in the run, the whole row, and the moment of the last write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection, transaction

from audit.models import MigrationPreimage
from audit.runs.preimages import keep_rows, remove_goals, replace_names
from nutrition.models import MealEntry
from tests.audit.rollback.worlds import stage_anne, stage_second_browser, take_back
from tests.audit.runs.browsers import M, P, browser
from tests.captures import meal, meals
from tests.database import rows, value
from tests.factories import make_user
from tests.laws.world import go, predict

pytestmark = pytest.mark.django_db(transaction=True)


def images(run: int) -> dict[tuple[str, str], Any]:
    """(table, row) → image."""
    kept = MigrationPreimage.objects.filter(run_id=run).values_list("table_name", "row_id", "before")
    return {(table, str(row)): before for table, row, before in kept}


def whole_rows() -> dict[tuple[str, str], Any]:
    """The same of the tables as they are now, without what a rollback does not need."""
    tables = ("meal_entries", "favorite_meals", "user_profiles", "goal_history")
    return {
        (table, json.loads(row)["id"]): json.loads(row)
        for table in tables
        for (row,) in rows(f"SELECT to_jsonb(t) FROM {table} AS t")  # noqa: S608 - our own names
    }


def test_rows_that_are_changed_or_removed_are_kept_whole() -> None:
    anne = stage_anne()
    first = go()["run"]
    assert {table for table, _ in images(first)} == {"users", "user_profiles"}
    (names,) = [image for (table, _), image in images(first).items() if table == "users"]
    assert names == {"first_name": None, "last_name": None, "after": ["Anne", "Le Goff"]}
    before = whole_rows()
    stage_second_browser(anne)
    assert predict()["items"]["meal"]["updated"] == 4
    assert MigrationPreimage.objects.exclude(run_id=first).count() == 0
    second = go()["run"]
    kept = images(second)
    written = {image.pop("written_at", None) for image in kept.values()}
    assert kept.items() <= before.items()
    tables = sorted(table for table, _ in kept)
    assert tables == [*["favorite_meals"] * 2, "goal_history", *["meal_entries"] * 4, "user_profiles"]
    moments = {json.loads(value("SELECT to_jsonb(max(imported_at)) FROM meal_entries")), None}
    assert written == moments


def test_a_first_import_keeps_nothing_but_names() -> None:
    browser(make_user(), {M: meals(3), P: {"proteinGoal": 140}})
    assert images(go()["run"]) == {}


def test_what_a_run_writes_twice() -> None:
    """A replay of repaired items writes into the run that it belongs to: the first image counts, created rows have none."""
    user = make_user()
    browser(user, {M: [meal(id="1"), meal(id="2", timestamp="2024-05-01T11:00:00Z")]})
    go()
    before = rows("SELECT * FROM meal_entries ORDER BY id")
    browser(user, {M: [meal(id="1", protein=30), meal(id="2", timestamp="2024-05-01T11:00:00Z", protein=30), meal(id="3", timestamp="2024-06-01T11:00:00Z")]}, day=1)  # fmt: skip
    report = go()
    person_was_here = MealEntry.objects.get(legacy_id="2")
    person_was_here.description = "À moi"
    person_was_here.save()
    ids = list(MealEntry.objects.values_list("pk", flat=True))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL dynprot.bulk = 'on'")
        chosen, parameters = "kept.id = ANY (%(ids)s)", {"ids": ids}
        keep_rows(cursor, run_id=report["run"], table="meal_entries", chosen=chosen, parameters=parameters)
        cursor.execute(
            "UPDATE meal_entries SET protein_grams = 40, updated_at = now(), imported_at = now(), import_run_id = %s",
            [report["run"]],
        )
    assert {image["protein_grams"] for image in images(report["run"]).values()} == {25}
    receipt = take_back(report)
    assert [row.row_id for row in receipt.kept] == [str(person_was_here.pk)]
    assert (receipt.deleted["meal_entries"], receipt.restored["meal_entries"]) == (1, 1)
    after = {row[0]: row for row in rows("SELECT * FROM meal_entries")}
    assert [after[row[0]] for row in before if row[0] != person_was_here.pk] == [
        row for row in before if row[0] != person_was_here.pk
    ]


def test_goals_and_names_that_a_run_writes_twice() -> None:
    user = make_user()
    browser(user, {P: {"proteinGoal": 140}})
    go()
    browser(user, {P: {"proteinGoal": 150, "name": "Anne"}}, day=1)
    run = go()["run"]
    kept = images(run)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL dynprot.bulk = 'on'")
        replace_names(cursor, run_id=run, names=json.dumps([[str(user.pk), "Ana", None]]))
        parameters = {"users": [user.pk]}
        remove_goals(cursor, run_id=run, chosen="user_id = ANY (%(users)s)", parameters=parameters)
    assert images(run) == kept
