"""Profile, preferences, names and goals against what the account has already."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import GoalHistory, User, UserProfile
from nutrition.models import DailySummary
from tests.audit.runs.browsers import F, M, P, browser, counts, fates, former
from tests.captures import app_state, meal
from tests.factories import make_profile, make_user
from tests.laws.world import go

pytestmark = pytest.mark.django_db(transaction=True)


def goals() -> list[tuple[str, int, int | None, str]]:
    rows = GoalHistory.objects.order_by("effective_from").values_list(
        "effective_from", "daily_protein_goal", "daily_calorie_goal", "source"
    )
    return [(str(day), protein, calories, source) for day, protein, calories, source in rows]


def profile() -> Any:
    return UserProfile.objects.get()


def edit(**fields: Any) -> None:
    """The person changes the profile on the server."""
    row = profile()
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


def test_a_profile_is_made() -> None:
    browser(
        make_user(),
        {P: {"name": "Anne Marie Le Goff", "weightKg": 82.456, "age": 30, "proteinGoal": 140}, "darkMode": "true"},
        zone="America/St_Johns",
    )
    report = go()
    row = profile()
    assert (row.weight_kg, row.age, row.daily_protein_goal, row.dark_mode, row.timezone) == (
        Decimal("82.46"),
        30,
        140,
        True,
        "America/St_Johns",
    )
    assert row.imported_defaults == ["age"]
    user = User.objects.get()
    assert (user.first_name, user.last_name) == ("Anne", "Marie Le Goff")
    assert (counts(report, "profile"), counts(report, "preferences")) == (
        {"found": 1, "created": 1},
        {"found": 1, "created": 1},
    )
    assert goals() == [("2000-01-01", 140, 2000, "import")]


def test_a_registered_account_that_was_never_touched_takes_the_browsers_answers() -> None:
    make_profile()
    browser(profile().user, {P: {"weightKg": 82, "proteinGoal": 140, "age": 30, "fitnessGoal": "strength"}})
    report = go()
    row = profile()
    assert (row.weight_kg, row.daily_protein_goal, row.age, row.fitness_goal) == (82, 140, 30, "gain_muscle")
    assert fates(report)[P] == ("updated", [])
    assert goals() == [("2000-01-01", 140, 2000, "import")]
    browser(row.user, {P: {"weightKg": 83, "proteinGoal": 140}}, day=1)
    assert counts(go(), "profile") == {"found": 1, "updated": 1}
    assert profile().weight_kg == 83


def test_what_the_person_changed_stays_and_is_listed() -> None:
    user = make_user()
    browser(user, {P: {"weightKg": 82, "heightCm": 180}})
    go()
    edit(weight_kg=Decimal(79))
    browser(user, {P: {"weightKg": 83, "heightCm": 180, "gender": "male"}}, day=1)
    report = go()
    row = profile()
    assert (row.weight_kg, row.gender) == (79, "male")
    assert fates(report)[P] == ("updated", ["server_edit_kept"])
    assert former(report)["kept"] == {"weight_kg": ["79.00", "83.00"]}
    browser(user, {P: {"weightKg": 84}}, day=2)
    assert fates(go())[P] == ("superseded", ["server_edit_kept"])
    assert profile().weight_kg == 79


def test_a_default_never_replaces_what_is_there() -> None:
    user = make_user()
    make_profile(user, weight_kg=Decimal(60), age=51)
    browser(user, {P: {"weightKg": 75, "age": 30, "heightCm": 175}})
    go()
    row = profile()
    assert (row.weight_kg, row.age, row.height_cm) == (60, 51, 175)
    assert row.imported_defaults == ["height_cm"]


@pytest.mark.parametrize(("first", "last"), [("Zoé", None), (None, "Martin"), ("Zoé", "Martin")])
def test_a_name_is_taken_only_by_an_account_without(first: str | None, last: str | None) -> None:
    user = make_user(first_name=first, last_name=last)
    browser(user, {P: {"name": "Anne Le Goff"}})
    go()
    user.refresh_from_db()
    assert (user.first_name, user.last_name) == (first, last)


def test_past_days_keep_the_goals_of_their_time() -> None:
    user = make_user()
    days = [meal(id=str(day), timestamp=f"2026-03-{day:02d}T11:00:00Z", protein=110) for day in (8, 9, 10, 11)]
    browser(user, {P: {"proteinGoal": 100}, M: days[:2]})
    go()
    browser(user, {P: {"proteinGoal": 150}, M: days}, day=1)
    go()
    assert goals() == [("2000-01-01", 100, 2000, "import"), ("2026-03-11", 150, 2000, "import")]
    met = {summary.summary_date.day: summary.protein_goal_met for summary in DailySummary.objects.all()}
    assert met == {8: True, 9: True, 10: True, 11: False}
    edit(daily_protein_goal=90)
    browser(user, {P: {"proteinGoal": 170}}, day=2)
    go()
    assert goals()[:2] == [("2000-01-01", 100, 2000, "import"), ("2026-03-11", 150, 2000, "import")]
    assert goals()[-1][1:] == (90, 2000, "server")
    assert profile().daily_protein_goal == 90


def test_goals_that_came_one_by_one_are_those_that_come_together() -> None:
    together, apart = make_user(), make_user()
    storages: list[dict[str, Any]] = [
        {P: {"proteinGoal": 100}},
        {P: {"calorieGoal": 1800}},
        {F: app_state(user={"proteinGoal": 100})},
    ]
    for day, storage in enumerate(storages):
        browser(together, storage, day=day)
    go()
    for day, storage in enumerate(storages):
        browser(apart, storage, day=day)
        go()
    history = [
        list(
            GoalHistory.objects.filter(user=user)
            .order_by("effective_from")
            .values_list("effective_from", "daily_protein_goal", "daily_calorie_goal")
        )
        for user in (together, apart)
    ]
    assert history[0] == history[1] == [(date(2000, 1, 1), 100, 2000), (date(2026, 3, 11), 100, 1800)]


def test_a_browser_without_settings_makes_the_profile_once() -> None:
    user = make_user()
    browser(user, {M: [meal()]}, zone="Pacific/Kiritimati")
    report = go()
    assert counts(report, "profile") == {}
    assert profile().timezone == "Pacific/Kiritimati"
    assert goals() == [("2000-01-01", 120, 2000, "import")]
    browser(user, {M: []}, day=1, zone="America/St_Johns")
    assert go()["status"] == "completed"
    assert profile().timezone == "America/St_Johns"


def test_the_zone_is_the_latest_browsers_and_that_is_an_update() -> None:
    user = make_user()
    browser(user, {P: {"age": 44}}, zone="Pacific/Kiritimati")
    go()
    browser(user, {P: {"age": 44}}, day=1, zone="Europe/Paris")
    report = go()
    assert fates(report)[P] == ("updated", [])
    assert former(report)["timezone"] == "Pacific/Kiritimati"
    assert report["status"] == "completed"
    assert profile().timezone == "Europe/Paris"


def test_preferences_of_the_server_stay() -> None:
    user = make_user()
    make_profile(user, large_text=True, notifications_enabled=False)
    browser(user, {"p-preferences-U": {"darkMode": True, "notifications": True, "accessibility": {"largeText": False}}})
    assert fates(go())["p-preferences-U"][0] == "updated"
    row = profile()
    assert (row.dark_mode, row.large_text, row.notifications_enabled) == (True, True, False)


def test_defaults_that_come_with_a_later_browser_are_marked_too() -> None:
    """One by one or together: the same columns are marked as said by the browser to everybody."""
    apart, together = make_user(), make_user()
    storages: list[dict[str, Any]] = [{M: [meal()]}, {P: {"proteinGoal": 120, "age": 30, "weightKg": 82}}]
    browser(apart, storages[0])
    assert go()["status"] == "completed"
    browser(apart, storages[1], day=1)
    for day, storage in enumerate(storages):
        browser(together, storage, day=day)
    report = go()
    assert report["verification"]["differences"] == []
    marks = [UserProfile.objects.get(user=user).imported_defaults for user in (apart, together)]
    assert marks == [["age", "daily_protein_goal"]] * 2
