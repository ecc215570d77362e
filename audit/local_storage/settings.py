"""Profiles and preferences: which columns an item answers, and which of its values are only the browser's defaults (section 6)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from audit.local_storage.values import (
    CALORIES,
    GRAMS,
    NO_UNIT,
    Note,
    Quarantine,
    clean_tags,
    read_number,
    round_half_up,
    tidy_text,
)

STALE_AFTER = 86_400_000_000
"""The old app drops pending goals after a day (microseconds)."""

_LEFT_OUT = object()
_NO_DEFAULT = object()
"""For fields whose first value cannot be told from an answer and does no harm as one."""


class Field(NamedTuple):
    """One field of the browser's profile: the column it answers, how it is read, and the value that is no answer."""

    column: str
    read: Callable[[Any, str, list[Note]], Any]
    default: Any


def _within(
    lowest: int, highest: int, places: int, units: frozenset[str] = NO_UNIT
) -> Callable[[Any, str, list[Note]], Any]:
    def read(raw: Any, field: str, notes: list[Note]) -> Any:
        try:
            number = read_number(raw, field, units)
        except Quarantine:
            return _LEFT_OUT
        rounded = round_half_up(number, places)
        if not lowest <= rounded <= highest:
            return _LEFT_OUT
        value = rounded if places else int(rounded)
        stored = float(rounded) if places else value
        if type(raw) is str:
            notes.append(Note(field, "number_from_text", stored))
        if rounded != number:
            notes.append(Note(field, "rounded", stored))
        return value

    return read


def _one_of(*words: str) -> Callable[[Any, str, list[Note]], Any]:
    def read(raw: Any, field: str, notes: list[Note]) -> Any:
        return raw if type(raw) is str and raw in words else _LEFT_OUT

    return read


GOALS = {
    "weight_loss": "lose_weight",
    "muscle_gain": "gain_muscle",
    "strength": "gain_muscle",
    "maintenance": "maintain",
    "general_health": "maintain",
    "endurance": "maintain",
    **{goal: goal for goal in ("lose_weight", "maintain", "gain_muscle", "bulk", "cut")},
}


def _fitness_goal(raw: Any, field: str, notes: list[Note]) -> Any:
    if type(raw) is not str:
        return _LEFT_OUT
    if raw not in GOALS:
        notes.append(Note(field, "goal_mapped", "maintain"))
    return GOALS.get(raw, "maintain")


def _diets(raw: Any, field: str, notes: list[Note]) -> Any:
    return list(clean_tags(raw, field, notes))


def _name(raw: Any, field: str, notes: list[Note]) -> Any:
    if type(raw) is not str:
        return _LEFT_OUT
    first, _, last = tidy_text(raw).partition(" ")
    return (first[:100], last[:100] or None) if first else None


_PROTEIN_GOAL = Field("daily_protein_goal", _within(10, 500, 0, GRAMS), 120)
PROFILE_FIELDS: dict[str, Field] = {
    "weightKg": Field("weight_kg", _within(20, 500, 2), Decimal(75)),
    "heightCm": Field("height_cm", _within(100, 250, 0), 175),
    "age": Field("age", _within(13, 120, 0), 30),
    "gender": Field("gender", _one_of("male", "female", "other", "prefer_not_to_say"), "other"),
    "bodyFatPercentage": Field("body_fat_percentage", _within(3, 50, 1), Decimal(20)),
    "proteinGoal": _PROTEIN_GOAL,
    "dailyProteinGoal": _PROTEIN_GOAL,
    "calorieGoal": Field("daily_calorie_goal", _within(800, 5000, 0, CALORIES), 2000),
    "activityLevel": Field(
        "activity_level", _one_of("sedentary", "light", "moderate", "very_active", "extremely_active"), _NO_DEFAULT
    ),
    "fitnessGoal": Field("fitness_goal", _fitness_goal, _NO_DEFAULT),
    "trainingDays": Field("training_days_per_week", _within(0, 7, 0), 3),
    "preferredUnits": Field("preferred_units", _one_of("metric", "imperial"), _NO_DEFAULT),
    "dietPreferences": Field("diet_preferences", _diets, []),
    "name": Field("name", _name, ("User", None)),
}
_DEFAULT_NAMES = (("User", None), ("Utilisateur", None))
_PENDING_FIELDS = ("proteinGoal", "calorieGoal")
MARKED_DEFAULTS = frozenset(
    {
        "weight_kg",
        "height_cm",
        "age",
        "gender",
        "body_fat_percentage",
        "daily_protein_goal",
        "daily_calorie_goal",
        "training_days_per_week",
    }
)
"""Columns whose default looks like an answer; a profile that has one from the browser's default says so."""

GOAL_COLUMNS = ("daily_protein_goal", "daily_calorie_goal")

PREFERENCE_DEFAULTS: dict[str, bool] = {
    "dark_mode": False,
    "notifications_enabled": True,
    "share_data": False,
    "allow_analytics": True,
    "reduced_motion": False,
    "high_contrast": False,
    "large_text": False,
}
_ACCESSIBILITY = {"reducedMotion": "reduced_motion", "highContrast": "high_contrast", "largeText": "large_text"}
_PRIVACY = {"shareData": "share_data", "allowAnalytics": "allow_analytics"}


class CleanSettings(NamedTuple):
    """Answers and defaults of one item, by column, and the notes."""

    answers: dict[str, Any]
    defaults: dict[str, Any]
    notes: tuple[Note, ...]


def clean_profile(raw: dict[str, Any], fields: tuple[str, ...] = tuple(PROFILE_FIELDS)) -> CleanSettings:
    """One profile object. A bad field is left out (`profile_field_left_out`) and never costs the others."""
    notes: list[Note] = []
    answers: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for name in fields:
        value = raw.get(name)
        if value is None or value == "":
            continue
        field = PROFILE_FIELDS[name]
        clean = field.read(value, name, notes)
        if clean is _LEFT_OUT:
            notes.append(Note(name, "profile_field_left_out", None))
        elif clean is None or field.column in answers:
            continue
        elif clean == field.default or (name == "name" and clean in _DEFAULT_NAMES):
            defaults.setdefault(field.column, clean)
        else:
            answers[field.column] = clean
            defaults.pop(field.column, None)
    return CleanSettings(answers, defaults, tuple(notes))


def clean_pending_goals(raw: dict[str, Any]) -> CleanSettings:
    """Goals that waited to be sent: whatever is in them was typed, so it is an answer even when it equals a default."""
    clean = clean_profile(raw, _PENDING_FIELDS)
    return CleanSettings({**clean.defaults, **clean.answers}, {}, clean.notes)


def clean_preferences(raw: dict[str, Any]) -> CleanSettings:
    """One preferences object."""
    notes: list[Note] = []
    found: dict[str, bool] = {}
    _flag(raw, "darkMode", "dark_mode", found, notes)
    _flag(raw, "notifications", "notifications_enabled", found, notes)
    for group, columns in (("privacySettings", _PRIVACY), ("accessibility", _ACCESSIBILITY)):
        part = raw.get(group)
        if type(part) is dict:
            for name, column in columns.items():
                _flag(part, name, column, found, notes, group)
        elif part is not None:
            notes.append(Note(group, "profile_field_left_out", None))
    return _sorted_preferences(found, notes)


def clean_root_preference(key: str, raw: Any) -> CleanSettings:
    """The root keys `darkMode` (a boolean) and `accessibility` (an object)."""
    if key == "accessibility":
        return clean_preferences({"accessibility": raw})
    return clean_preferences({"darkMode": raw})


def _flag(
    part: dict[str, Any], name: str, column: str, found: dict[str, bool], notes: list[Note], group: str | None = None
) -> None:
    value = part.get(name)
    if type(value) is bool:
        found[column] = value
    elif value is not None:
        notes.append(Note(group or name, "profile_field_left_out", None))


def _sorted_preferences(found: dict[str, bool], notes: list[Note]) -> CleanSettings:
    answers = {column: value for column, value in found.items() if value != PREFERENCE_DEFAULTS[column]}
    defaults = {column: value for column, value in found.items() if column not in answers}
    return CleanSettings(answers, defaults, tuple(dict.fromkeys(notes)))
