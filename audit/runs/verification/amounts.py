"""Amounts of food, as importing.md section 4 says. An amount is kept as PostgreSQL prints the column: `25.50`, `301`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from audit.runs.verification.copied import copied

_NUMBER = r"([+-]?)([0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+|[0-9]+)(?:[.,]([0-9]+))?[ \t\u00a0\u202f]*(?:%s)?"
_GROUPING = re.compile("[ \u00a0\u202f]")
GRAMS = "g|gr|grammes?|grams?"
KILOCALORIES = "kcal|cal"

_MOST_REMEMBERED = 50_000
_BEYOND_EVERY_BOUND = 10**9


@cache
def _pattern(units: str) -> re.Pattern[str]:
    return re.compile(_NUMBER % units, re.IGNORECASE | re.ASCII)


def number_in_text(value: str, units: str) -> Decimal | None:
    """The number that a text is, with one of these units or none; French or English, thousands grouped by blanks."""
    match = _pattern(units).fullmatch(value.strip())
    if match is None:
        return None
    sign, whole, fraction = match.groups()
    return Decimal(f"{sign}{_GROUPING.sub('', whole)}.{fraction or 0}")


@dataclass(frozen=True, slots=True)
class Read:
    """What a value means: the column's text or nothing; a reason to refuse the item, or notes."""

    text: str | None
    problem: str = ""
    notes: tuple[str, ...] = ()
    column: str = field(init=False)
    """As COPY prints it."""
    is_plain: bool = field(init=False)
    """Nothing has to be said of it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "column", copied(self.text))
        object.__setattr__(self, "is_plain", not self.problem and not self.notes)


@dataclass(frozen=True, slots=True)
class Amount:
    """One nutrient: the name of its JSON field, its bounds and its unit."""

    name: str
    bound: Decimal
    api_bound: int
    calories: bool = False
    required: bool = False
    _known: dict[float, Read] = field(default_factory=dict, compare=False)

    def read(self, value: Any) -> Read:
        """Cleans one value; the same number always means the same, so it is worked out once."""
        kind = type(value)
        if kind is float or kind is int:
            found = self._known.get(value)
            if found is None:
                if len(self._known) > _MOST_REMEMBERED:
                    self._known.clear()
                found = self._known[value] = self._number(value)
            return found
        if value is None:
            return Read(None, "missing_protein") if self.required else _UNKNOWN
        if kind is str:
            return self._text(value)
        return Read(None, "not_a_number")

    def _number(self, value: float) -> Read:
        if isinstance(value, int):
            if abs(value) >= 1 << 1024:
                return Read(None, "not_finite")
            return self._decimal(Decimal(value), ())
        if value in (float("inf"), float("-inf")):
            return Read(None, "not_finite")
        return self._decimal(Decimal(repr(value)), ())

    def _text(self, value: str) -> Read:
        text = value.strip()
        if not text:
            return Read(None, "missing_protein") if self.required else Read(None, "", ("number_from_text",))
        number = number_in_text(text, KILOCALORIES if self.calories else GRAMS)
        return Read(None, "not_a_number") if number is None else self._decimal(number, ("number_from_text",))

    def _decimal(self, number: Decimal, notes: tuple[str, ...]) -> Read:
        if number < 0:
            return Read(None, "negative_number")
        if number > _BEYOND_EVERY_BOUND:
            return Read(None, "above_bound")
        rounded = number.quantize(Decimal(1) if self.calories else Decimal("0.01"), ROUND_HALF_UP)
        rounded = abs(rounded)  # -0 is 0
        if rounded > self.bound:
            return Read(None, "above_bound")
        if self.calories and not rounded:
            return Read(None, "", notes)
        if rounded != number:
            notes = (*notes, "rounded")
        if rounded > self.api_bound:
            notes = (*notes, "above_api_bound")
        return Read(str(rounded), "", notes)


_UNKNOWN = Read(None)

PROTEIN = Amount("protein", Decimal(1000), 500, required=True)
CALORIES = Amount("calories", Decimal(10_000), 5000, calories=True)
CARBS = Amount("carbs", Decimal("9999.99"), 1000)
FAT = Amount("fat", Decimal("9999.99"), 500)
FIBER = Amount("fiber", Decimal("999.99"), 200)

MEAL_AMOUNTS = (PROTEIN, CALORIES, CARBS, FAT, FIBER)
FAVORITE_AMOUNTS = (PROTEIN, CALORIES, CARBS, FAT)
