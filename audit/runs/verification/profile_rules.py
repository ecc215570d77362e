"""Profiles, preferences and goals: importing.md section 6. What each record of a browser answers, and what all of them make together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from audit.runs.verification.amounts import GRAMS, KILOCALORIES, number_in_text
from audit.runs.verification.instants import NoInstantError, microseconds_of_text, read_instant
from audit.runs.verification.items import Item, Snapshot
from audit.runs.verification.json_text import as_double
from audit.runs.verification.texts import read_tags, tidy

LEFT_OUT = "profile_field_left_out"
STALE_AFTER = 86_400_000 * 1000
"""Goals that waited so long (microseconds) for the server are dropped, as the app drops them."""

FIRST_DAY = "2000-01-01"
"""The first snapshot's goals are in force from here on: as far back as anyone knows."""

_ACTIVITY_LEVELS = ("sedentary", "light", "moderate", "very_active", "extremely_active")
_API_GOALS = ("lose_weight", "maintain", "gain_muscle", "bulk", "cut")
_GOALS = {
    "weight_loss": "lose_weight",
    "muscle_gain": "gain_muscle",
    "strength": "gain_muscle",
    "maintenance": "maintain",
    "general_health": "maintain",
    "endurance": "maintain",
    **{goal: goal for goal in _API_GOALS},
}
SEPARATOR = "\x1f"
"""Between the texts of an array; never in a cleaned text."""

_ENORMOUS = 10**9
NAMES_THAT_ARE_DEFAULTS = ("User", "Utilisateur")


_NO_OBJECT = object()


class BadFieldError(Exception):
    """The value is left out with the note `profile_field_left_out`."""


@dataclass(frozen=True, slots=True)
class Read:
    """A value as PostgreSQL prints the column (None: no answer), and the notes that go with it."""

    text: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column, the JSON fields that answer it, and the browser's default, which is no answer."""

    name: str
    fields: tuple[str, ...]
    read: Callable[[Any], Read]
    default: str | None = None


def _number(lowest: int, highest: int, step: str, units: str = "") -> Callable[[Any], Read]:
    """A number, or text that is one as amounts are read (importing.md section 4), rounded half up, then within a range."""

    def read(value: Any) -> Read:
        notes: tuple[str, ...] = ()
        if isinstance(value, str):
            number = number_in_text(value, units)
            notes = ("number_from_text",)
        elif isinstance(value, bool) or not isinstance(value, int | float) or abs(as_double(value)) > _ENORMOUS:
            raise BadFieldError
        else:
            number = Decimal(repr(value))
        if number is None or number > _ENORMOUS:
            raise BadFieldError
        rounded = number.quantize(Decimal(step), ROUND_HALF_UP)
        if not lowest <= rounded <= highest:
            raise BadFieldError
        return Read(str(rounded), (*notes, "rounded") if rounded != number else notes)

    return read


def _choice(*allowed: str) -> Callable[[Any], Read]:
    def read(value: Any) -> Read:
        if isinstance(value, str) and value in allowed:
            return Read(value)
        raise BadFieldError

    return read


def _fitness_goal(value: Any) -> Read:
    if not isinstance(value, str):
        raise BadFieldError
    return Read(_GOALS[value]) if value in _GOALS else Read("maintain", ("goal_mapped",))


def _diets(value: Any) -> Read:
    tags = read_tags(value)
    return Read(SEPARATOR.join(tags.texts) or None, ("tags_changed",) if tags.changed else ())


def _flag(value: Any) -> Read:
    if isinstance(value, bool):
        return Read("t" if value else "f")
    raise BadFieldError


COLUMNS = (
    Column("weight_kg", ("weightKg",), _number(20, 500, "0.01"), "75.00"),
    Column("height_cm", ("heightCm",), _number(100, 250, "1"), "175"),
    Column("age", ("age",), _number(13, 120, "1"), "30"),
    Column("gender", ("gender",), _choice("male", "female", "other", "prefer_not_to_say"), "other"),
    Column("body_fat_percentage", ("bodyFatPercentage",), _number(3, 50, "0.1"), "20.0"),
    Column("daily_protein_goal", ("proteinGoal", "dailyProteinGoal"), _number(10, 500, "1", GRAMS), "120"),
    Column("daily_calorie_goal", ("calorieGoal",), _number(800, 5000, "1", KILOCALORIES), "2000"),
    Column("activity_level", ("activityLevel",), _choice(*_ACTIVITY_LEVELS)),
    Column("fitness_goal", ("fitnessGoal",), _fitness_goal),
    Column("training_days_per_week", ("trainingDays",), _number(0, 7, "1"), "3"),
    Column("preferred_units", ("preferredUnits",), _choice("metric", "imperial")),
    Column("diet_preferences", ("dietPreferences",), _diets),
)
PREFERENCE_COLUMNS = (
    Column("dark_mode", ("darkMode",), _flag, "f"),
    Column("notifications_enabled", ("notifications",), _flag, "t"),
    Column("share_data", ("privacySettings", "shareData"), _flag, "f"),
    Column("allow_analytics", ("privacySettings", "allowAnalytics"), _flag, "t"),
    Column("reduced_motion", ("accessibility", "reducedMotion"), _flag, "f"),
    Column("high_contrast", ("accessibility", "highContrast"), _flag, "f"),
    Column("large_text", ("accessibility", "largeText"), _flag, "f"),
)


_FLAGS = frozenset(column.name for column in PREFERENCE_COLUMNS)


@dataclass(slots=True)
class Answers:
    """What one record answers: columns, the defaults in it, a name, and notes (field, reason, value that was taken).

    `typed`: the app only writes such a record when somebody typed it, so that nothing in it is a default.
    """

    columns: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    name: str = ""
    typed: bool = False
    notes: list[tuple[str, str, Any]] = field(default_factory=list)

    def take(self, column: Column, name: str, value: Any) -> None:
        """Adds what the JSON field `name` says of this column, unless another field of the record said it already."""
        if value is None or (value == "" and column.name not in _FLAGS):
            return
        try:
            read = column.read(value)
        except BadFieldError:
            self.notes.append((name, LEFT_OUT, None))
            return
        shown = read.text if column.name != "diet_preferences" else None
        self.notes.extend((name, note, shown) for note in read.notes)
        if read.text is None:
            return
        is_default = read.text == column.default and not self.typed
        place = self.defaults if is_default else self.columns
        place.setdefault(column.name, read.text)


def profile_answers(item: Item) -> Answers:
    """What one profile record answers (goals only for `pending_nutrition_goals`)."""
    answers = Answers(typed=item.place.source == "pending")
    raw = item.raw
    for column in COLUMNS:
        if item.place.source == "pending" and column.name not in ("daily_protein_goal", "daily_calorie_goal"):
            continue
        for name in column.fields:
            answers.take(column, name, raw.get(name))
    name = raw.get("name")
    if item.place.source != "pending" and name is not None:
        if not isinstance(name, str):
            answers.notes.append(("name", LEFT_OUT, None))
        elif (text := tidy(name, 200).text) and text not in NAMES_THAT_ARE_DEFAULTS:
            answers.name = text
    return answers


def preferences_answers(item: Item) -> Answers:
    """What one record of preferences answers; the root keys `darkMode` and `accessibility` hold a part of it each.

    A bad value is noted by the record's own field, once: `privacySettings` for anything in it.
    """
    answers = Answers()
    source = item.place.source
    raw = {source: item.raw} if source in ("darkMode", "accessibility") else item.raw
    for column in PREFERENCE_COLUMNS:
        value = raw.get(column.fields[0])
        if len(column.fields) > 1 and value is not None:
            value = value.get(column.fields[1]) if isinstance(value, dict) else value
            value = _NO_OBJECT if value is not None and not isinstance(raw[column.fields[0]], dict) else value
        answers.take(column, column.fields[0], value)
    answers.notes = list(dict.fromkeys(answers.notes))
    return answers


def is_stale(item: Item) -> bool:
    """Whether `pending_nutrition_goals` waited too long when the snapshot was taken, or cannot say since when."""
    snapshot = item.snapshot
    try:
        since, _ = read_instant(item.raw.get("timestamp"), snapshot.zone, snapshot.latest)
    except NoInstantError as error:
        return error.reason != "timestamp_in_future"  # a clock that ran ahead: not old, whatever else
    return microseconds_of_text(snapshot.captured_at) - microseconds_of_text(since) >= STALE_AFTER


def by_precedence(items: Iterable[Item]) -> list[Item]:
    """Later snapshots before earlier ones; within one by the rank of the place."""
    ordered = sorted(items, key=lambda item: item.place.rank)
    return sorted(ordered, key=lambda item: (item.snapshot.captured_at, item.snapshot.sha256), reverse=True)


def merged(records: Iterable[Answers]) -> Answers:
    """The first answer to each column, from the record of the highest precedence down; defaults only where nothing answers."""
    result = Answers()
    for record in records:
        for column, text in record.columns.items():
            result.columns.setdefault(column, text)
        for column, text in record.defaults.items():
            result.defaults.setdefault(column, text)
        result.name = result.name or record.name
    result.defaults = {column: text for column, text in result.defaults.items() if column not in result.columns}
    return result


def goals_of(
    snapshots: Iterable[Snapshot], answers: dict[int, list[Answers]], before: list[tuple[str, str, str]]
) -> list[tuple[str, str, str]]:
    """The goal history that these snapshots tell, oldest first: day, protein (g), calories (kcal). What one leaves open stays as it was."""
    history = list(before)
    for snapshot in snapshots:
        if snapshot.id not in answers:
            continue
        said = merged(answers[snapshot.id]).columns
        last = history[-1][1:] if history else ("120", "2000")
        protein = said.get("daily_protein_goal")
        calories = said.get("daily_calorie_goal")
        if protein is None and calories is None:
            continue
        goals = (protein or last[0], calories or last[1])
        day = snapshot.zone.local(snapshot.captured_at)[0] if history else FIRST_DAY
        if not history or goals != last:
            if history and history[-1][0] == day:
                history.pop()
            history.append((day, *goals))
    return history
