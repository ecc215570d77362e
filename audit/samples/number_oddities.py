"""Oddities of a meal's amounts: text for numbers, units, separators, impossible values, and the bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.samples.chance import between
from audit.samples.oddities import BOOLEANS, Json, Oddity, Scene, derive, drop, put

NBSP, NARROW_NBSP = "\u00a0", "\u202f"


def _comma(value: object) -> str:
    return str(value).replace(".", ",")


def _half(meal: Json) -> float:
    """The meal's protein with a decimal in any case."""
    return float(int(meal["protein"]) + 0.5)


def _thousands(separator: str) -> Oddity:
    """`1 234,5`: an amount over a thousand, as French writes it."""
    return derive("calories", lambda meal, scene: f"1{separator}{between(scene.rng, 100, 899)},5")


def _kcal(meal: Json, scene: Scene) -> str:
    return f"{meal['calories'] or 350} kcal"


def _all_as_text(meal: Json, scene: Scene) -> Any:
    """An old form kept every number as it came out of the input field."""
    return {key: str(value) if type(value) in (int, float) else value for key, value in meal.items()}


TABLE: Mapping[str, Oddity] = {
    "protein_text_point": derive("protein", lambda meal, scene: str(_half(meal))),
    "protein_text_comma": derive("protein", lambda meal, scene: _comma(_half(meal))),
    "protein_text_unit": derive("protein", lambda meal, scene: f"{int(meal['protein']) + 1} g"),
    "protein_text_comma_unit": derive("protein", lambda meal, scene: f"{_comma(_half(meal))}g"),
    "protein_text_nbsp_unit": derive("protein", lambda meal, scene: f"{_comma(_half(meal))}{NBSP}g"),
    "protein_text_padded": derive("protein", lambda meal, scene: f"  {_half(meal)}\t"),
    "calories_text_unit": derive("calories", _kcal),
    "calories_text_thousands_space": _thousands(" "),
    "calories_text_thousands_nbsp": _thousands(NBSP),
    "calories_text_thousands_narrow_nbsp": _thousands(NARROW_NBSP),
    "amounts_all_text": _all_as_text,
    "protein_many_decimals": derive("protein", lambda meal, scene: _half(meal) + 0.046875),
    "protein_float_noise": put("protein", 30.000000000000004, 28.499999999999996, 0.30000000000000004),
    "protein_three_decimals_half": put("protein", 25.125, 25.375, 12.005),
    "calories_decimals": put("calories", 350.456, 499.995),
    "calories_zero": put("calories", 0),
    "calories_null": put("calories", None),
    "calories_missing": drop("calories"),
    "calories_empty_text": put("calories", ""),
    "protein_nan_text": put("protein", "NaN", "nan"),
    "protein_infinity_text": put("protein", "Infinity", "-Infinity"),
    "calories_nan_text": put("calories", "NaN"),
    "protein_boolean": put("protein", *BOOLEANS),
    "calories_boolean": put("calories", *BOOLEANS),
    "protein_negative": put("protein", -12, -0.5),
    "protein_negative_text": put("protein", "-12,5 g"),
    "calories_negative": put("calories", -350),
    "protein_zero": put("protein", 0),
    "protein_missing": drop("protein"),
    "protein_null": put("protein", None),
    "protein_empty_text": put("protein", "", "   "),
    "protein_words": put("protein", "beaucoup", "env. vingt", "g"),
    "protein_two_numbers": put("protein", "25-30 g", "25 ou 30"),
    "protein_object": put("protein", {"value": 25, "unit": "g"}),
    "protein_array": put("protein", [25], []),
    "protein_above_api": put("protein", 600, 500.5),
    "protein_at_api_bound": put("protein", 500),
    "protein_at_ui_bound": put("protein", 1000),
    "protein_above_ui": put("protein", 1500, 1000.01),
    "calories_above_api": put("calories", 7500),
    "calories_at_ui_bound": put("calories", 10000),
    "calories_above_ui": put("calories", 25000),
    "protein_huge": put("protein", 1e308, 10**25),
    "protein_tiny": put("protein", 1e-07, 5e-324),
    "carbs_text_comma_unit": put("carbs", "45,5 g"),
    "fat_negative": put("fat", -3),
    "fiber_boolean": put("fiber", *BOOLEANS),
    "macros_null": lambda meal, scene: {**meal, "carbs": None, "fat": None, "fiber": None},
    "macros_above_bounds": lambda meal, scene: {**meal, "carbs": 5000, "fat": 1200, "fiber": 999.99},
}
