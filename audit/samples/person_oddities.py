"""What goes wrong in the records beside the meals: profile, settings, preferences, favourites.

Each takes the AppState and changes it in place; the state is the person's own copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from audit.samples.chance import pick
from audit.samples.meals import amount

Json = dict[str, Any]
StateOddity = Callable[[Json, Random], None]


def _user(field: str, *values: object) -> StateOddity:
    return lambda state, rng: state["user"].update({field: pick(rng, values)})


def _settings(field: str, *values: object) -> StateOddity:
    return lambda state, rng: state["userSettings"].update({field: pick(rng, values)})


def _preferences(field: str, *values: object) -> StateOddity:
    return lambda state, rng: state["preferences"].update({field: pick(rng, values)})


def _favorite(field: str, *values: object) -> StateOddity:
    return lambda state, rng: state["favoriteMeals"][0].update({field: pick(rng, values)})


def _replace(key: str, value: object) -> StateOddity:
    return lambda state, rng: state.update({key: value})


def _settings_missing(state: Json, rng: Random) -> None:
    del state["userSettings"]


def _percentages_impossible(state: Json, rng: Random) -> None:
    state["userSettings"].update({"bodyFatPercentage": pick(rng, (120, "vingt")), "trainingDays": pick(rng, (9, "3"))})


def _preferences_missing(state: Json, rng: Random) -> None:
    del state["preferences"]


def _user_disagrees(state: Json, rng: Random) -> None:
    """The two places that hold the goals do not hold the same."""
    state["user"]["dailyProteinGoal"] = state["userSettings"]["proteinGoal"] + 15
    state["user"]["weightKg"] = amount(state["userSettings"]["weightKg"] + 1.5)


def _favorites_same_name(state: Json, rng: Random) -> None:
    """Names that differ in capitals only: one favourite by the server's rule."""
    first = state["favoriteMeals"][0]
    again = {**first, "id": str(int(first["id"]) + 1), "name": first["name"].upper(), "useCount": 1}
    state["favoriteMeals"].append(again)


def _favorites_repeated(state: Json, rng: Random) -> None:
    state["favoriteMeals"].append(dict(state["favoriteMeals"][0]))


def _favorites_not_favorites(state: Json, rng: Random) -> None:
    state["favoriteMeals"].extend([None, "Poulet rôti", 7, {}])


# One of each of the two tables goes to a person: from one table they would hide one another.
PROFILE_TABLE: Mapping[str, StateOddity] = {
    "profile.goal_text": _user("dailyProteinGoal", "130", "130 g", "127,5"),
    "profile.goal_out_of_bounds": _user("dailyProteinGoal", 0, 5, 900, -120),
    "profile.weight_text": _settings("weightKg", "72,5 kg", "72.5"),
    "profile.weight_impossible": _settings("weightKg", 0, -70, 1200),
    "profile.height_in_metres": _settings("heightCm", 1.75, "1,75 m"),
    "profile.age_impossible": _settings("age", 0, 212, 33.5),
    "profile.activity_unknown": _settings("activityLevel", "actif", "", None),
    "profile.fitness_goal_not_the_browsers": _settings("fitnessGoal", "lose_weight", "cut", "perte de poids", 3),
    "profile.gender_unknown": _settings("gender", "homme", "prefer_not_to_say", None),
    "profile.calorie_goal_null": _settings("calorieGoal", None),
    "profile.percentages_impossible": _percentages_impossible,
    "profile.name_markup": _user("name", "<b>Léa</b>\u0000", "  Léa   Petit "),
    "profile.diets_odd": _user("dietPreferences", "Végétarien", None, ["Végétarien", "vegan", "De tout", None, 4]),
    "profile.places_disagree": _user_disagrees,
    "profile.settings_missing": _settings_missing,
    "profile.settings_not_an_object": _replace("userSettings", [120, 2000]),
    "profile.user_null": _replace("user", None),
}
FAVORITES_TABLE: Mapping[str, StateOddity] = {
    "favorite.use_count_odd": _favorite("useCount", "12", 3.5, -1, None),
    "favorite.last_used_odd": _favorite("lastUsed", None, "", 1_775_000_000_000, "1970-01-01T00:00:00.000Z"),
    "favorite.name_empty": _favorite("name", "", None, "\u0000"),
    "favorite.name_long": _favorite("name", "Poulet " * 60),
    "favorite.protein_odd": _favorite("protein", "25,5 g", None, -3, 1500),
    "favorite.same_name_other_capitals": _favorites_same_name,
    "favorite.repeated": _favorites_repeated,
    "favorite.not_favorites": _favorites_not_favorites,
    "preferences.dark_mode_text": _preferences("darkMode", "true", 1),
    "preferences.null": _replace("preferences", None),
    "preferences.missing": _preferences_missing,
    "preferences.accessibility_null": _preferences("accessibility", None),
}
