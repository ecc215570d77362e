"""Browsers of different days: what was never said is no content, and names and ids stay with whom they were given. Both paths, on real runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import User
from audit.models import ActivityLog, MigrationOutcome, MigrationRun
from audit.runs.verification import verify_run
from nutrition.models import FavoriteMeal, MealEntry
from tests import database
from tests.audit.runs.browsers import F, M, browser, counts, fates
from tests.captures import CAPTURED, app_state, favorite, meal
from tests.factories import make_user
from tests.laws.world import go

pytestmark = pytest.mark.django_db(transaction=True)
UNSAID: dict[str, Any] = {"createdAt": ..., "lastUsed": ...}


@pytest.fixture
def user() -> User:
    return make_user()


def import_favorites(user: User, day: int, *favorites: dict[str, Any]) -> dict[str, Any]:
    """Migrates a browser that holds these and nothing else."""
    browser(user, {F: app_state(favoriteMeals=list(favorites))}, day=day)
    report = go()
    assert report["verification"]["differences"] == []
    return report


def created() -> datetime:
    return FavoriteMeal.objects.get().created_at


def names() -> dict[str | None, str]:
    return dict(FavoriteMeal.objects.values_list("legacy_id", "name"))


@pytest.mark.parametrize("unsaid", [..., None, "hier", ""])
def test_a_second_browser_that_knows_as_little_makes_no_update(user: User, unsaid: Any) -> None:
    import_favorites(user, 0, favorite(createdAt=unsaid, lastUsed=...))
    assert created() == CAPTURED
    report = import_favorites(user, 1, favorite(createdAt=unsaid, lastUsed=...))
    assert counts(report, "favorite") == {"found": 1, "unchanged": 1}
    assert created() == CAPTURED


def test_of_what_is_supposed_the_earliest_stays_when_something_else_changed(user: User) -> None:
    import_favorites(user, 0, favorite(createdAt=..., lastUsed="2024-02-03T08:00:00.000Z"))
    report = import_favorites(user, 1, favorite(createdAt=..., lastUsed="2024-02-04T08:00:00.000Z"))
    assert counts(report, "favorite") == {"found": 1, "updated": 1}
    assert created() == datetime(2024, 2, 3, 8, tzinfo=UTC)


def test_a_said_creation_wins_over_a_supposed_one_and_stays(user: User) -> None:
    import_favorites(user, 0, favorite(**UNSAID))
    report = import_favorites(user, 1, favorite(createdAt="2024-01-02T08:00:00.000Z", lastUsed=...))
    assert counts(report, "favorite") == {"found": 1, "updated": 1}
    report = import_favorites(user, 2, favorite(**UNSAID))
    assert counts(report, "favorite") == {"found": 1, "unchanged": 1}
    assert created() == datetime(2024, 1, 2, 8, tzinfo=UTC)


def test_the_same_in_one_run(user: User) -> None:
    for day, said in enumerate((..., "2024-01-02T08:00:00.000Z", ...)):
        browser(user, {F: app_state(favoriteMeals=[favorite(createdAt=said, lastUsed=...)])}, day=day)
    report = go()
    assert report["verification"]["differences"] == []
    assert counts(report, "favorite") == {"found": 3, "created": 1, "duplicate": 2}
    assert created() == datetime(2024, 1, 2, 8, tzinfo=UTC)


def test_a_creation_that_is_left_out_is_not_said_within_a_snapshot_either(user: User) -> None:
    """The copy with a bad date says no more than the one without, and does not disagree with the one that has a date."""
    browser(
        user,
        {
            F: app_state(favoriteMeals=[favorite(createdAt="2024-01-02T08:00:00.000Z", lastUsed=...)]),
            "p-app-state": app_state(favoriteMeals=[favorite(createdAt="hier", lastUsed=...)]),
        },
    )
    report = go()
    assert report["verification"]["differences"] == []
    assert fates(report) == {"p-app-state.favoriteMeals[0]": ("duplicate", ["copy", "date_left_out"])}


def test_the_verifier_sees_a_supposed_creation_that_moved(user: User) -> None:
    import_favorites(user, 0, favorite(**UNSAID))
    report = import_favorites(user, 1, favorite(**UNSAID))
    database.run("UPDATE favorite_meals SET created_at = created_at + interval '1 day'")
    verdict = verify_run(MigrationRun.objects.get(pk=report["run"]))
    assert [(one.kind, one.field) for one in verdict.differences] == [("favorite", "created_at")]


# --- names ----------------------------------------------------------------------------------------------------------------


def twins(*names_of_ids: tuple[str, str], **fields: Any) -> list[dict[str, Any]]:
    return [favorite(id=number, name=name, description=f"n° {number}", **fields) for name, number in names_of_ids]


def test_a_number_stays_with_whom_it_was_given(user: User) -> None:
    """Also when the first of the name is gone from the browser, and a third one comes."""
    import_favorites(user, 0, *twins(("Yaourt", "1"), ("Yaourt", "2")))
    report = import_favorites(user, 1, *twins(("Yaourt", "3"), ("Yaourt", "2")))
    assert counts(report, "favorite") == {"found": 2, "created": 1, "unchanged": 1}
    assert names() == {"1": "Yaourt", "2": "Yaourt (2)", "3": "Yaourt (3)"}


def test_an_older_favourite_that_is_renamed_takes_nobody_s_name(user: User) -> None:
    import_favorites(user, 0, *twins(("Skyr", "1"), ("Yaourt", "2")))
    import_favorites(user, 1, *twins(("YAOURT", "1"), ("Yaourt", "2")))
    assert names() == {"1": "YAOURT (2)", "2": "Yaourt"}


def test_what_is_in_brackets_is_no_number(user: User) -> None:
    import_favorites(user, 0, *twins(("Skyr (nature)", "1")))
    import_favorites(user, 1, *twins(("Skyr", "1")))
    assert names() == {"1": "Skyr"}


def test_the_item_that_stands_in_the_run_says_that_its_name_was_made_unique(user: User) -> None:
    """The row's content was first said by a browser of an earlier run."""
    both = twins(("Yaourt", "1"), ("Yaourt", "2"))
    import_favorites(user, 0, *both)
    report = import_favorites(user, 1, *both)
    assert fates(report) == {f"{F}.favoriteMeals[1]": ("unchanged", ["name_made_unique"])}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE favorite_meals SET name = 'Yaourt (3)' WHERE legacy_id = '2'",
        "UPDATE favorite_meals SET name = 'Yaourt (2)' WHERE legacy_id = '3'",
        "UPDATE favorite_meals SET name = name || ' (2)' WHERE legacy_id = '3'",
    ],
)
def test_the_verifier_sees_a_number_that_nobody_gave(user: User, statement: str) -> None:
    report = import_favorites(user, 0, *twins(("Yaourt", "1"), ("Yaourt", "2"), ("Skyr", "3")))
    if "'3'" in statement and "'Yaourt (2)'" in statement:
        database.run("UPDATE favorite_meals SET name = 'Skyr (2)' WHERE legacy_id = '2'")
    assert database.run(statement) == 1
    verdict = verify_run(MigrationRun.objects.get(pk=report["run"]))
    assert ("favorite", "name") in {(one.kind, one.field) for one in verdict.differences}


def test_a_favourite_edited_since_keeps_the_name_that_the_run_told(user: User) -> None:
    report = import_favorites(user, 0, *twins(("Yaourt", "1"), ("Yaourt", "2")))
    later = now() + timedelta(hours=1)
    FavoriteMeal.objects.filter(legacy_id="2").update(name="Skyr", updated_at=later)
    row = FavoriteMeal.objects.get(legacy_id="2")
    ActivityLog.objects.create(
        user=user, action_type="update", table_name="favorite_meals", record_id=row.pk, created_at=later
    )
    verdict = verify_run(MigrationRun.objects.get(pk=report["run"]))
    assert (verdict.differences, verdict.edited) == ([], 1)


# --- ids ------------------------------------------------------------------------------------------------------------------


def test_an_id_that_is_said_later_is_no_change(user: User) -> None:
    """A meal and a favourite without ids; the second browser knows ids. The rows stay as they are, and an id that nobody said is seen."""
    report: dict[str, Any] = {}
    for day, number in enumerate((..., "7")):
        storage = {M: [meal(id=number)], F: app_state(favoriteMeals=[favorite(id=number)])}
        browser(user, storage, day=day)
        report = go()
        assert report["verification"]["differences"] == []
    assert [counts(report, kind) for kind in ("meal", "favorite")] == [{"found": 1, "unchanged": 1}] * 2
    assert (MealEntry.objects.get().legacy_id, FavoriteMeal.objects.get().legacy_id) == (None, None)
    database.run("UPDATE meal_entries SET legacy_id = '8'")
    verdict = verify_run(MigrationRun.objects.get(pk=report["run"]))
    assert [(one.kind, one.field) for one in verdict.differences] == [("meal", "legacy_id")]
    assert not MigrationOutcome.objects.filter(run_id=report["run"], outcome="updated").exists()


def test_where_two_rows_turn_out_to_be_one_the_row_of_the_earliest_item_stands(user: User) -> None:
    """The later browser's favourite is the first by what it says and the second by its id; nothing is written, and the second stays."""
    vanilla, nature = (favorite(id=..., description=description, **UNSAID) for description in ("Vanille", "Nature"))
    import_favorites(user, 0, vanilla, {**nature, "id": "3"})
    report = import_favorites(user, 1, {**vanilla, "id": "3"})
    assert counts(report, "favorite") == {"found": 1, "unchanged": 1}
    assert FavoriteMeal.objects.count() == 2
