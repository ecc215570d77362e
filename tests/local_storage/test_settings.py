"""Profiles and preferences: which fields answer, what is only a default, and which source comes first."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.local_storage.people import BEGINNING, Goals, Person, marked_defaults
from audit.local_storage.settings import CleanSettings, clean_pending_goals, clean_preferences, clean_profile
from tests.captures import CAPTURED, app_state, capture, outcomes_of, person, source

P, F = "p-user-profile-U", "p-app-state-U"
DEFAULTS = {
    "name": "User", "dailyProteinGoal": 120, "proteinGoal": 120, "calorieGoal": 2000, "weightKg": 75, "heightCm": 175, "age": 30, "gender": "other",
    "bodyFatPercentage": 20, "trainingDays": 3, "activityLevel": "moderate", "fitnessGoal": "general_health", "preferredUnits": "metric", "dietPreferences": [],
}  # fmt: skip
NOW = int(CAPTURED.timestamp() * 1000)


def one_person(*storages: dict[str, Any], **fields: Any) -> Person:
    sources = [
        source(capture(storage, **fields), number, captured_at=CAPTURED + timedelta(days=number))
        for number, storage in enumerate(storages)
    ]
    return person(*sources)


def answers(storage: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return one_person(storage, **fields).profile.answers


def test_defaults_are_no_answers() -> None:
    one = one_person({P: DEFAULTS})
    # The first values of these three do no harm as answers, and nothing tells them from one.
    assert one.profile.answers == {
        "activity_level": "moderate",
        "fitness_goal": "maintain",
        "preferred_units": "metric",
    }
    assert one.goals == []
    assert marked_defaults(one.profile) == sorted(
        [
            "weight_kg",
            "height_cm",
            "age",
            "gender",
            "body_fat_percentage",
            "daily_protein_goal",
            "daily_calorie_goal",
            "training_days_per_week",
        ]
    )
    assert clean_profile({"name": "Utilisateur"}).answers == {}


@pytest.mark.parametrize(
    ("field", "raw", "column", "value"),
    [
        ("weightKg", 82.456, "weight_kg", Decimal("82.46")),
        ("weightKg", "82,5", "weight_kg", Decimal("82.5")),
        ("weightKg", 20, "weight_kg", Decimal(20)),
        ("weightKg", 500, "weight_kg", Decimal(500)),
        ("heightCm", 180.5, "height_cm", 181),
        ("age", 13, "age", 13),
        ("age", "44", "age", 44),
        ("gender", "female", "gender", "female"),
        ("bodyFatPercentage", 18.25, "body_fat_percentage", Decimal("18.3")),
        ("proteinGoal", 10, "daily_protein_goal", 10),
        ("dailyProteinGoal", "130 g", "daily_protein_goal", 130),
        ("calorieGoal", "1 800 kcal", "daily_calorie_goal", 1800),
        ("activityLevel", "very_active", "activity_level", "very_active"),
        ("fitnessGoal", "weight_loss", "fitness_goal", "lose_weight"),
        ("fitnessGoal", "strength", "fitness_goal", "gain_muscle"),
        ("fitnessGoal", "cut", "fitness_goal", "cut"),
        ("trainingDays", 0, "training_days_per_week", 0),
        ("preferredUnits", "imperial", "preferred_units", "imperial"),
        ("dietPreferences", [" Végétarien ", "Végétarien"], "diet_preferences", ["Végétarien"]),
        ("name", " Anne  Marie Le Goff", "name", ("Anne", "Marie Le Goff")),
        ("name", "Anne", "name", ("Anne", None)),
    ],
)
def test_an_answer(field: str, raw: Any, column: str, value: Any) -> None:
    assert clean_profile({field: raw}).answers == {column: value}


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        ("weightKg", 19.99), ("weightKg", 500.01), ("weightKg", "75 kg"), ("weightKg", True), ("weightKg", [75]), ("weightKg", float("inf")), ("weightKg", 10**400),
        ("heightCm", 99), ("heightCm", 251), ("age", 12), ("age", 121), ("age", -30), ("gender", "F"), ("gender", ["male"]), ("gender", {"a": 1}),
        ("bodyFatPercentage", 2), ("bodyFatPercentage", 50.06), ("proteinGoal", 9), ("proteinGoal", 501), ("calorieGoal", 799), ("calorieGoal", 5001),
        ("activityLevel", "lazy"), ("activityLevel", 3), ("fitnessGoal", []), ("trainingDays", 8), ("trainingDays", "x"), ("preferredUnits", "furlongs"),
        ("name", 5), ("name", ["Anne"]),
    ],
)  # fmt: skip
def test_a_bad_field_is_left_out_and_costs_no_other(field: str, raw: Any) -> None:
    good = {"age": 44} if field != "age" else {"heightCm": 181}
    clean = clean_profile({**good, field: raw})
    assert list(clean.answers.values()) == list(good.values())
    assert [(note.field, note.code) for note in clean.notes] == [(field, "profile_field_left_out")]


@pytest.mark.parametrize("field", list(DEFAULTS))
@pytest.mark.parametrize("raw", [None, ""])
def test_an_empty_field_says_nothing(field: str, raw: Any) -> None:
    assert clean_profile({field: raw}) == CleanSettings({}, {}, ())


def test_precedence_within_a_snapshot() -> None:
    storage = {
        F: app_state(user={"age": 16, "weightKg": 66}, userSettings={"age": 15, "weightKg": 65, "heightCm": 155}),
        P: {"age": 14, "heightCm": 154, "trainingDays": 4},
    }
    state = app_state(user={"age": 13, "trainingDays": 5}, userSettings={"gender": "male"})
    pending = {"pending_nutrition_goals": {"proteinGoal": 99, "calorieGoal": 1500, "timestamp": NOW}}
    assert answers({**storage, **pending}, page_state=state) == {
        "age": 13, "gender": "male", "training_days_per_week": 5, "height_cm": 154, "weight_kg": Decimal(65), "daily_protein_goal": 99, "daily_calorie_goal": 1500,
    }  # fmt: skip


def test_a_default_gives_way_to_an_answer_further_down() -> None:
    one = one_person({P: {"age": 30}, F: app_state(user={"age": 51})})
    assert one.profile.answers == {"age": 51}
    assert one.profile.defaults == {}


def test_later_snapshots_come_first() -> None:
    one = one_person({P: {"age": 40, "heightCm": 180}}, {P: {"age": 41}}, {P: {"age": 30}})
    assert one.profile.answers == {"age": 41, "height_cm": 180}
    assert [outcomes_of(one)[position, P] for position in range(3)] == [
        ("superseded", ("older_copy",)),
        ("superseded", ("older_copy",)),
        ("stands", ()),
    ]


@pytest.mark.parametrize(
    ("timestamp", "stale"),
    [
        (NOW, False),
        (NOW - 86_399_999, False),
        (NOW - 86_400_001, True),
        (NOW + 60_000, False),
        (..., True),
        (None, True),
        ("x", True),
        (str(NOW), False),
        (True, True),
    ],
)
def test_pending_goals_are_fresh_for_a_day(timestamp: Any, stale: bool) -> None:
    goals = {"proteinGoal": 140, "needsSync": True} | ({} if timestamp is ... else {"timestamp": timestamp})
    one = one_person({"pending_nutrition_goals": goals})
    assert outcomes_of(one)[0, "pending_nutrition_goals"] == (
        ("superseded", ("stale_pending_goals",)) if stale else ("stands", ())
    )
    assert one.profile.answers == ({} if stale else {"daily_protein_goal": 140})


def test_pending_goals_were_typed_even_when_they_equal_a_default() -> None:
    assert clean_pending_goals({"proteinGoal": 120, "calorieGoal": 2000, "age": 44}).answers == {
        "daily_protein_goal": 120,
        "daily_calorie_goal": 2000,
    }


def test_goals_have_history() -> None:
    one = one_person(
        {P: {"proteinGoal": 100}},
        {P: {"proteinGoal": 100}},
        {P: {"calorieGoal": 1800}},
        {P: {"age": 44}},
        {P: {"proteinGoal": 150}},
    )
    days = [(CAPTURED + timedelta(days=number)).date() for number in range(5)]
    assert one.goals == [Goals(BEGINNING, 100, 2000), Goals(days[2], 100, 1800), Goals(days[4], 150, 1800)]


def test_the_day_of_new_goals_is_the_local_one() -> None:
    late = CAPTURED.replace(hour=23, minute=30)
    sources = [
        source(capture({P: {"proteinGoal": 100}}), 1),
        source(capture({P: {"proteinGoal": 110}}), 2, captured_at=late),
        source(
            capture({P: {"proteinGoal": 120, "calorieGoal": 1900}}),
            3,
            captured_at=late + timedelta(minutes=1),
            zone=ZoneInfo("America/St_Johns"),
        ),
    ]
    goals = person(*sources).goals
    assert [(one.effective_from, one.protein, one.calories) for one in goals] == [
        (BEGINNING, 100, 2000),
        (date(2026, 3, 11), 110, 1900),
    ]


def test_preferences() -> None:
    raw = {
        "darkMode": True,
        "notifications": True,
        "privacySettings": {"shareData": True, "allowAnalytics": 0},
        "accessibility": {"largeText": True, "highContrast": False},
    }
    clean = clean_preferences(raw)
    assert clean.answers == {"dark_mode": True, "share_data": True, "large_text": True}
    assert clean.defaults == {"notifications_enabled": True, "high_contrast": False}
    assert [(note.field, note.code) for note in clean.notes] == [("privacySettings", "profile_field_left_out")]


def test_the_root_keys_come_first_among_preferences() -> None:
    storage = {
        "p-preferences-U": {"darkMode": False, "notifications": False},
        "accessibility": {"reducedMotion": True},
        "darkMode": "true",
        F: app_state(preferences={"accessibility": {"largeText": True}}),
    }
    one = one_person(storage, page_state={"preferences": {"darkMode": False}})
    assert one.preferences.answers == {
        "dark_mode": True,
        "reduced_motion": True,
        "notifications_enabled": False,
        "large_text": True,
    }
    fates = outcomes_of(one)
    assert fates[0, "darkMode"] == ("stands", ())
    assert {
        fates[0, path] for path in ("accessibility", "p-preferences-U", "page_state.preferences", f"{F}.preferences")
    } == {("duplicate", ("merged",))}


@pytest.mark.parametrize("value", ["1", '"true"', "{}", "TRUE", "yes", "[]"])
def test_dark_mode_that_is_no_boolean(value: str) -> None:
    assert outcomes_of(one_person({"darkMode": value}))[0, "darkMode"] == ("quarantined", ("invalid_json",))


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from(["male", "75", "Keto"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from([*DEFAULTS, "darkMode", "notifications", "privacySettings", "accessibility"]), JSON_VALUES
    )
)
def test_no_profile_is_a_traceback(raw: dict[str, Any]) -> None:
    for clean in (clean_profile(raw), clean_preferences(raw), clean_pending_goals(raw)):
        assert not clean.answers.keys() & clean.defaults.keys()
        assert {note.code for note in clean.notes} <= {
            "profile_field_left_out",
            "goal_mapped",
            "number_from_text",
            "rounded",
            "tags_changed",
        }
