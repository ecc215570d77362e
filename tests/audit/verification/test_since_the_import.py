"""What happened to rows after their import: who answers for it is set apart, what nobody answers for is a difference (importing.md section 8)."""

# ruff: noqa: S608 - the statements are made of this file's own constants
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from audit.models import ActivityLog, MigrationRun
from audit.runs.verification import verify_run
from nutrition.models import DeletedEntry, MealEntry
from tests import database
from tests.audit.verification.world import IMPORTED, World, make_world

pytestmark = pytest.mark.django_db
LATER = IMPORTED + timedelta(days=1)


@pytest.fixture
def world() -> World:
    return make_world()


def log(table: str, meal: MealEntry) -> None:
    ActivityLog.objects.create(user=meal.user, action_type="update", table_name=table, record_id=meal.pk)


def refresh() -> None:
    database.run(
        "SELECT refresh_daily_summaries(array_agg(user_id), array_agg(summary_date)) FROM (SELECT user_id, summary_date FROM daily_summaries) AS days"
    )


def test_an_edit_that_is_logged_is_counted_apart(world: World) -> None:
    meal = world.meals["flan"]
    MealEntry.objects.filter(pk=meal.pk).update(protein_grams=9, updated_at=LATER)
    refresh()
    assert {difference.field for difference in verify_run(world.run).differences} == {"protein_grams"}
    log("meal_entries", meal)
    verdict = verify_run(world.run)
    assert verdict.differences == []
    assert verdict.edited == 1


def test_a_deletion_that_is_logged_is_counted_apart(world: World) -> None:
    meal = world.meals["flan"]
    row_id = meal.pk
    MealEntry.objects.filter(pk=row_id).delete()
    refresh()
    assert {difference.field for difference in verify_run(world.run).differences} == {"row"}
    DeletedEntry.objects.create(row_id=row_id, user=world.bob, kind="meal", deleted_at=LATER)
    assert {difference.field for difference in verify_run(world.run).differences} == {"row"}
    log("meal_entries", MealEntry(pk=row_id, user=world.bob))
    database.run("UPDATE deleted_entries SET deleted_at = now() - interval '1 minute'")
    verdict = verify_run(world.run)
    assert verdict.differences == []
    assert verdict.deleted == 1


def test_the_deletion_of_another_row_explains_nothing(world: World) -> None:
    MealEntry.objects.filter(pk=world.meals["flan"].pk).delete()
    refresh()
    other = world.meals["kumara"]
    DeletedEntry.objects.create(row_id=other.pk, user=world.bob, kind="meal")
    log("meal_entries", other)
    assert {difference.field for difference in verify_run(world.run).differences} == {"row"}


def test_a_row_that_a_later_run_wrote_is_counted_apart(world: World) -> None:
    later = MigrationRun.objects.create(batch_size=100, scope="later")
    MealEntry.objects.filter(pk=world.meals["flan"].pk).update(import_run_id=later.pk, protein_grams=9)
    refresh()
    verdict = verify_run(world.run)
    assert verdict.differences == []
    assert verdict.later == 1


def test_nothing_is_written(world: World) -> None:
    tables = (
        "meal_entries",
        "favorite_meals",
        "user_profiles",
        "goal_history",
        "daily_summaries",
        "migration_outcomes",
        "migration_runs",
    )
    before = [
        database.rows(f"SELECT md5(array_agg(t::text ORDER BY t::text)::text) FROM {table} AS t") for table in tables
    ]
    verify_run(world.run)
    assert before == [
        database.rows(f"SELECT md5(array_agg(t::text ORDER BY t::text)::text) FROM {table} AS t") for table in tables
    ]


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_each_chunk_is_one_read_only_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import transaction

    from audit.runs.verification import chunks
    from audit.runs.verification.tables import Session, Tables, fetch_tables

    with transaction.atomic():
        world = make_world()
    seen: list[list[str]] = []

    def watched(session: Session, *arguments: Any) -> Tables:
        names = ("transaction_isolation", "transaction_read_only", "enable_seqscan")
        settings = [session.execute(f"SHOW {name}").fetchone() for name in names]
        seen.append([str(row[0]) for row in settings if row])
        return fetch_tables(session, *arguments)

    monkeypatch.setattr(chunks, "fetch_tables", watched)
    monkeypatch.setattr(chunks, "PEOPLE", 1)
    monkeypatch.setattr(chunks, "FIRST", 1)
    progress: list[tuple[int, int]] = []
    verdict = verify_run(world.run, on_progress=lambda done, total: progress.append((done, total)))
    assert verdict.differences == []
    assert seen == [["repeatable read", "on", "off"]] * 3
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert connection.connection.info.transaction_status == 0  # idle: nothing is left open
