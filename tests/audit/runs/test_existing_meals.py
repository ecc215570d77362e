"""Meals and favourites against rows that are there already: what the person did on the server is never undone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from audit.models import MigrationOutcome
from nutrition.models import FavoriteMeal, MealEntry
from tests.audit.runs.browsers import F, M, browser, counts, fates, former
from tests.captures import app_state, favorite, meal, meals
from tests.factories import make_favorite, make_meal, make_user
from tests.laws.world import go

pytestmark = pytest.mark.django_db(transaction=True)
LOOK_ALIKE = {"id": ..., "timestamp": "2026-03-10T11:00:00Z", "description": "Poulet rôti", "protein": 20}


def names() -> list[str]:
    return sorted(FavoriteMeal.objects.values_list("name", flat=True))


def test_a_meal_that_was_entered_on_the_server_too() -> None:
    user = make_user()
    mine = make_meal(user)
    browser(user, {M: [meal(**LOOK_ALIKE)]})
    report = go()
    assert fates(report) == {f"{M}[0]": ("duplicate", ["already_on_server"])}
    assert MealEntry.objects.get().pk == mine.pk
    assert MigrationOutcome.objects.get().row_id == mine.pk
    assert report["status"] == "completed"


def test_of_two_look_alikes_one_stands_for_one_row() -> None:
    user = make_user()
    make_meal(user)
    make_meal(user)
    browser(user, {M: [meal(**LOOK_ALIKE), meal()]})
    report = go()
    assert counts(report, "meal") == {"found": 2, "created": 1, "duplicate": 1}
    assert MealEntry.objects.count() == 3


def test_what_was_edited_on_the_server_stays() -> None:
    user = make_user()
    browser(user, {M: [meal()]})
    go()
    edited = MealEntry.objects.get()
    edited.protein_grams = Decimal(99)
    edited.save()
    browser(user, {M: [meal(protein=30)]}, day=1)
    report = go()
    assert fates(report)[f"{M}[0]"] == ("superseded", ["server_edit_kept"])
    assert MealEntry.objects.get().protein_grams == 99
    assert former(report) == {"kept": {"protein": [9900, 3000]}}
    again = go()
    assert again["items"]["meal"]["found"] == 0


def test_what_was_deleted_on_the_server_stays_deleted() -> None:
    user = make_user()
    browser(user, {M: meals(2)})
    go()
    MealEntry.objects.earliest("meal_timestamp").delete()
    browser(user, {M: meals(2, calories=5)}, day=1)
    report = go()
    assert fates(report)[f"{M}[0]"] == ("superseded", ["deleted_on_server"])
    assert counts(report, "meal") == {"found": 2, "updated": 1, "superseded": 1}
    assert MealEntry.objects.count() == 1


def test_a_later_browser_updates_and_the_former_row_is_kept() -> None:
    user = make_user()
    browser(user, {M: [meal()]})
    go()
    first = MealEntry.objects.get()
    browser(user, {M: [meal(protein=30, timestamp="2024-03-12T11:00:00.000Z")]}, day=1)
    report = go()
    outcome = MigrationOutcome.objects.get(run_id=report["run"])
    assert (outcome.outcome, outcome.row_id, former(report)["protein"]) == ("updated", first.pk, 2500)
    row = MealEntry.objects.get()
    assert (row.pk, row.protein_grams, str(row.local_date)) == (first.pk, Decimal(30), "2024-03-12")
    assert report["summaries"] == {"days": 2}


def test_an_earlier_browser_that_comes_later_changes_nothing() -> None:
    user = make_user()
    browser(user, {M: [meal(protein=30)]}, day=2)
    go()
    browser(user, {M: [meal(), *meals(2)]}, day=1)
    report = go()
    assert fates(report) == {f"{M}[0]": ("superseded", ["older_copy"]), f"{M}[1]": ("duplicate", ["copy"])}
    assert counts(report, "meal") == {"found": 3, "created": 1, "duplicate": 1, "superseded": 1}
    assert MealEntry.objects.get(legacy_id="1710068400000").protein_grams == 30


def test_a_row_that_was_edited_into_another_meals_likeness() -> None:
    """An earlier browser, that comes later, has a meal that looks like what the person made of an imported one: both keep their row."""
    user = make_user()
    browser(user, {M: [meal(id="1")]}, day=2)
    go()
    MealEntry.objects.update(description="Soupe", updated_at="2026-03-20T00:00:00Z")
    browser(user, {M: [meal(id="2", description="Soupe"), meal(id="1")]}, day=1)
    report = go()
    assert counts(report, "meal") == {"found": 2, "created": 1, "superseded": 1}
    assert set(MealEntry.objects.values_list("legacy_id", flat=True)) == {"1", "2"}


def test_two_browsers_in_two_zones() -> None:
    """The day is told by the clock of the earliest browser that has the meal."""
    user = make_user()
    late = {"timestamp": "2024-03-10T23:10:00.000Z"}
    browser(user, {M: [meal(**late)]}, zone="America/St_Johns")
    browser(user, {M: [meal(**late), meal(id="2", timestamp="2024-03-10T23:10:00.001Z")]}, day=1, zone="Europe/Paris")
    go()
    told = {row.legacy_id: (str(row.local_date), row.meal_time_category) for row in MealEntry.objects.all()}
    assert told == {"1710068400000": ("2024-03-10", "evening"), "2": ("2024-03-11", "night")}


CLOCKS = {
    "2024-03-10T04:59:59": (10, "night"),
    "2024-03-10T05:00:00": (10, "morning"),
    "2024-03-10T11:59:59.999": (10, "morning"),
    "2024-03-10T12:00:00": (10, "afternoon"),
    "2024-03-10T16:59:59": (10, "afternoon"),
    "2024-03-10T17:00:00": (10, "evening"),
    "2024-03-10T21:00:00": (10, "night"),
    "2024-03-10T23:59:59": (10, "night"),
    "2024-03-11T00:00:00": (11, "night"),
}


def test_local_day_and_time_of_day() -> None:
    browser(make_user(), {M: [meal(id=clock, timestamp=clock) for clock in CLOCKS]}, zone="Pacific/Kiritimati")
    go()
    told = {
        row.legacy_id: (int(str(row.local_date)[-2:]), row.meal_time_category)
        for row in MealEntry.objects.filter(meal_type=None)
    }
    assert told == CLOCKS


def favorites(*names_and_ids: tuple[str, str], **fields: Any) -> dict[str, Any]:
    items = [
        favorite(id=number, name=name, description=f"n° {number}", createdAt=f"2024-01-0{number}T08:00:00Z", **fields)
        for name, number in names_and_ids
    ]
    return {F: app_state(favoriteMeals=items)}


def test_favourites_of_one_name() -> None:
    browser(make_user(), favorites(("Yaourt", "1"), ("YAOURT", "2"), ("yaourt", "3")))
    report = go()
    assert names() == ["YAOURT (2)", "Yaourt", "yaourt (3)"]
    assert fates(report)[f"{F}.favoriteMeals[2]"] == ("created", ["name_made_unique"])


ALIKE = [
    ("ΑΣ", "ας"), ("ΑΣ", "ασ"), ("ας", "ασ"), ("İ", "i"), ("İ", "i̇"), ("I", "ı"), ("ẞ", "ß"), ("Straße", "STRASSE"), ("K", "\u212a"), ("Ω", "\u2126"),
    ("Å", "\u212b"), ("Ǆ", "ǆ"), ("ﬀ", "FF"), ("ſ", "s"), ("É", "é"),
]  # fmt: skip


def test_names_that_some_alphabets_think_equal() -> None:
    """PostgreSQL's idea of upper and lower case decides about uniqueness, not Python's: no pair may fail the batch."""
    for one, other in ALIKE:
        browser(make_user(), favorites((one, "1"), (other, "2")))
    report = go()
    assert counts(report, "favorite") == {"found": 2 * len(ALIKE), "created": 2 * len(ALIKE)}


def test_two_favourites_swap_their_names() -> None:
    user = make_user()
    browser(user, favorites(("Yaourt", "1"), ("Skyr", "2")))
    go()
    browser(user, favorites(("Skyr", "1"), ("Yaourt", "2")), day=1)
    report = go()
    assert counts(report, "favorite") == {"found": 2, "updated": 2}
    assert dict(FavoriteMeal.objects.values_list("legacy_id", "name")) == {"1": "Skyr", "2": "Yaourt"}
    assert counts(go(), "favorite") == {}


def test_a_name_that_a_new_favourite_takes_from_a_renamed_one() -> None:
    user = make_user()
    browser(user, favorites(("Yaourt", "1")))
    go()
    browser(user, favorites(("Skyr", "1"), ("Yaourt", "2")), day=1)
    assert counts(go(), "favorite") == {"found": 2, "created": 1, "updated": 1}
    assert names() == ["Skyr", "Yaourt"]


def test_a_name_that_the_server_gave_to_another() -> None:
    user = make_user()
    make_favorite(user, "skyr", description="mine")
    browser(user, favorites(("Skyr", "1")))
    assert counts(go(), "favorite") == {"found": 1, "created": 1}
    assert names() == ["Skyr (2)", "skyr"]


def test_a_favourite_renamed_on_the_server_keeps_its_name() -> None:
    """The new favourite of that name is numbered; the batch does not fail for it."""
    user = make_user()
    browser(user, favorites(("Yaourt", "1")))
    go()
    FavoriteMeal.objects.update(name="Skyr", updated_at="2026-03-20T00:00:00Z")
    browser(user, favorites(("Yaourt", "1"), ("skyr", "2")), day=1)
    report = go()
    assert counts(report, "favorite") == {"found": 2, "created": 1, "superseded": 1}
    assert names() == ["Skyr", "skyr (2)"]
    again = go()
    assert again["items"]["favorite"]["found"] == 0


def test_a_row_that_this_run_does_not_write_keeps_its_name() -> None:
    """Its browser was migrated before; the other favourite of the name is older, and numbered all the same."""
    user = make_user()
    browser(user, favorites(("Yaourt", "2")))
    go()
    browser(user, favorites(("yaourt", "1")), day=1)
    assert counts(go(), "favorite") == {"found": 1, "created": 1}
    assert names() == ["Yaourt", "yaourt (2)"]
    again = go(again=True)
    assert counts(again, "favorite") == {"found": 2, "unchanged": 2}
    assert names() == ["Yaourt", "yaourt (2)"]


def test_an_edited_favourite_keeps_its_name_from_an_older_one() -> None:
    user = make_user()
    browser(user, favorites(("Yaourt", "2")))
    go()
    FavoriteMeal.objects.update(use_count=50, updated_at="2026-03-20T00:00:00Z")
    browser(user, favorites(("yaourt", "1"), ("Yaourt", "2")), day=1)
    report = go()
    assert counts(report, "favorite") == {"found": 2, "created": 1, "superseded": 1}
    assert names() == ["Yaourt", "yaourt (2)"]


def test_a_favourite_of_the_server() -> None:
    user = make_user()
    make_favorite(user, "Yaourt grec", description="Yaourt grec nature", protein_grams=10)
    browser(user, {F: app_state(favoriteMeals=[favorite()])})
    report = go()
    assert fates(report) == {f"{F}.favoriteMeals[0]": ("duplicate", ["already_on_server"])}
    assert FavoriteMeal.objects.count() == 1
