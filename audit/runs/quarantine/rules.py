"""Rules by which people mend many items at once: each a small pure function from what the browser held to what stands for it.

A rule mends only what was refused: the field that the reason names, or the item itself where it names none. Where it does not apply it says
`UNTOUCHED`; it never changes the value that it gets. What it yields still has to pass the rules of cleaning, like every repair.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any, Final, NamedTuple

from audit.local_storage.decode import Unreadable, decode_json
from audit.local_storage.values import CALORIES, GRAMS, number_from_text


class Untouched:
    """The rule has nothing to say about this value."""

    def __repr__(self) -> str:
        return "UNTOUCHED"


UNTOUCHED: Final = Untouched()


class BadRule(Exception):
    """What was typed makes no rule; `parameter` says where: kind, field, first or second."""

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter = parameter
        self.problem = problem


class Rule(NamedTuple):
    """One rule as somebody chose it. `field` narrows it to items that were refused for that field; `first` and `second` are as typed."""

    kind: str
    field: str = ""
    first: str = ""
    second: str = ""


class RuleKind(NamedTuple):
    """What a kind of rule does and needs. `mend(value, rule, item)` gets the refused value; `MISSING` when the field is not there."""

    mend: Callable[[Any, Rule, Any], Any]
    check: Callable[[Rule], None]
    whole: bool = False
    """Whether it can also mend an item that was refused as a whole."""


class Missing:
    """The field is not there; as an answer: it shall not be there."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


def value_of(typed: str) -> Any:
    """What somebody typed as a value: JSON where it is JSON (12, true, null, "12", [1]), else the text itself."""
    try:
        value = decode_json(typed)
        json.dumps(value, allow_nan=False)
    except (Unreadable, ValueError, RecursionError):
        return typed
    return value


def applied(rule: Rule, item: Any, refused: str) -> Any:
    """The item as the rule would have it, or `UNTOUCHED`. `refused`: the field that the reason names, empty for the item as a whole."""
    kind = KINDS[rule.kind]
    if rule.field and rule.field != refused:
        return UNTOUCHED
    if not refused:
        mended = kind.mend(item, rule, {}) if kind.whole else UNTOUCHED
        return UNTOUCHED if mended is MISSING or _same(mended, item) else mended
    if not isinstance(item, dict):
        return UNTOUCHED
    value = item.get(refused, MISSING)
    mended = kind.mend(value, rule, item)
    if mended is UNTOUCHED or _same(mended, value):
        return UNTOUCHED
    rest = {name: kept for name, kept in item.items() if name != refused}
    if mended is MISSING:
        return rest
    return {name: mended if name == refused else kept for name, kept in item.items()} | {refused: mended}


def checked(rule: Rule) -> Rule:
    """The rule itself; raises `BadRule` when it is none."""
    if rule.kind not in KINDS:
        raise BadRule("kind", "unknown")
    KINDS[rule.kind].check(rule)
    return rule


def _same(one: Any, other: Any) -> bool:
    """Equal, and of one type: to JSON, true is not 1 and 1 is not 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


# --- values -----------------------------------------------------------------------------------------------------------------


def set_value(value: Any, rule: Rule, item: Any) -> Any:
    """The value that was typed, whatever was there."""
    return value_of(rule.first)


def replace_value(value: Any, rule: Rule, item: Any) -> Any:
    """One value by another; anything else is left alone."""
    return value_of(rule.second) if _same(value, value_of(rule.first)) else UNTOUCHED


def replace_text(value: Any, rule: Rule, item: Any) -> Any:
    """A piece of a text by another, wherever it occurs in it."""
    if not isinstance(value, str) or rule.first not in value:
        return UNTOUCHED
    return value.replace(rule.first, rule.second)


def drop_field(value: Any, rule: Rule, item: Any) -> Any:
    """The field is left out; nothing is known of it."""
    return MISSING


def copy_field(value: Any, rule: Rule, item: Any) -> Any:
    """What another field of the same item holds, where it holds something."""
    other = item.get(rule.first)
    return UNTOUCHED if other is None or other == "" else other


def take_inside(value: Any, rule: Rule, item: Any) -> Any:
    """What is wrapped: the only element of a list, or what an object holds under the name that was typed."""
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    if isinstance(value, dict) and rule.first and rule.first in value:
        return value[rule.first]
    return UNTOUCHED


def parse_json(value: Any, rule: Rule, item: Any) -> Any:
    """A text that is itself JSON: what it says. (Something was written as text twice.)"""
    if not isinstance(value, str):
        return UNTOUCHED
    try:
        return decode_json(value)
    except Unreadable:
        return UNTOUCHED


# --- numbers ----------------------------------------------------------------------------------------------------------------


def multiply(value: Any, rule: Rule, item: Any) -> Any:
    """A number, also one written as text, times the factor."""
    return _scaled(value, lambda number, factor: number * factor, rule)


def divide(value: Any, rule: Rule, item: Any) -> Any:
    """A number, also one written as text, by the divisor."""
    return _scaled(value, lambda number, factor: number / factor, rule)


def absolute(value: Any, rule: Rule, item: Any) -> Any:
    """A negative number without its sign."""
    number = _number(value)
    return UNTOUCHED if number is None or number >= 0 else _json_number(-number)


_IN_TEXT = re.compile(r"(?<![\w.,])\d{1,6}(?:[.,]\d{1,4})?(?![\d.,]*\d)", re.ASCII)


def only_number(value: Any, rule: Rule, item: Any) -> Any:
    """The number in a text with exactly one: "environ 25 g" is 25. "25-30 g" has two, and is left alone; so is a text with a sign before it."""
    if not isinstance(value, str):
        return UNTOUCHED
    found = _IN_TEXT.findall(value)
    if len(found) != 1 or len(re.findall(r"\d+(?:[.,]\d+)*", value)) != 1 or re.search(r"[-\u2212]\s*\d", value):
        return UNTOUCHED
    return _json_number(Decimal(found[0].replace(",", ".")))


def _number(value: Any) -> Decimal | None:
    if type(value) is int:
        return Decimal(value)
    if type(value) is float:
        return Decimal(repr(value)) if math.isfinite(value) else None
    return number_from_text(value, GRAMS | CALORIES) if isinstance(value, str) else None


def _json_number(number: Decimal) -> Any:
    """As JSON has it, whole numbers without decimals; `UNTOUCHED` for what no double holds."""
    if not math.isfinite(float(number)):
        return UNTOUCHED
    return int(number) if number == number.to_integral_value() else float(number)


def _scaled(value: Any, scale: Callable[[Decimal, Decimal], Decimal], rule: Rule) -> Any:
    number, factor = _number(value), _factor(rule.first)
    if number is None or factor is None:
        return UNTOUCHED
    try:
        return _json_number(scale(number, factor))
    except (InvalidOperation, Overflow, DivisionByZero):
        return UNTOUCHED


_FACTOR = re.compile(r"\d{1,9}(?:[.,]\d{1,9})?\Z", re.ASCII)


def _factor(typed: str) -> Decimal | None:
    if not _FACTOR.match(typed.strip()):
        return None
    factor = Decimal(typed.strip().replace(",", "."))
    return factor if factor > 0 else None


# --- dates ------------------------------------------------------------------------------------------------------------------

WORDS: Final = "words"
DATE_FORMATS: Final = (
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y%m%d",
    WORDS,
)
"""How dates may be written. None has a zone: the clock is the browser's, which cleaning notes."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("janvier", "janv", "january", "jan"),
            ("février", "fevrier", "févr", "fevr", "february", "feb"),
            ("mars", "march", "mar"),
            ("avril", "avr", "april", "apr"),
            ("mai", "may"),
            ("juin", "june", "jun"),
            ("juillet", "juil", "july", "jul"),
            ("août", "aout", "august", "aug"),
            ("septembre", "sept", "september", "sep"),
            ("octobre", "oct", "october"),
            ("novembre", "nov", "november"),
            ("décembre", "decembre", "déc", "dec", "december"),
        ),
        start=1,
    )
    for name in names
}
_IN_WORDS = re.compile(
    r"(?:[^\W\d_]+\.?,?\s+)?(?P<day>\d{1,2})(?:er)?\s+(?P<month>[^\W\d_]+)\.?\s+(?P<year>\d{4})"
    r"(?:\s*(?:,|à|a)?\s*(?P<hour>\d{1,2})\s*[:h]\s*(?P<minute>\d{2})(?::(?P<second>\d{2}))?)?\Z",
    re.IGNORECASE,
)


def parse_date(value: Any, rule: Rule, item: Any) -> Any:
    """A date in the chosen form, as ISO 8601 without zone; a day alone stays one."""
    if not isinstance(value, str):
        return UNTOUCHED
    text = " ".join(value.split())
    moment = _in_words(text) if rule.first == WORDS else _in_format(text, rule.first)
    if moment is None:
        return UNTOUCHED
    return moment.isoformat()


def _in_format(text: str, form: str) -> datetime | date | None:
    """strptime takes one digit for two; between separators that says the same, without any it does not."""
    for accepted in (form, f"{form}:%S") if "%H" in form else (form,):
        try:
            moment = datetime.strptime(text, accepted)  # noqa: DTZ007 - the zone is the browser's, and cleaning knows it
        except ValueError:
            continue
        if form != "%Y%m%d" or moment.strftime(form) == text:
            return moment if "%H" in form else moment.date()
    return None


def _in_words(text: str) -> datetime | date | None:
    match = _IN_WORDS.match(text)
    month = _MONTHS.get(match["month"].lower()) if match else None
    if match is None or month is None:
        return None
    try:
        day = date(int(match["year"]), month, int(match["day"]))
        if match["hour"] is None:
            return day
        return datetime(  # noqa: DTZ001 - as above
            day.year, day.month, day.day, int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
        )
    except ValueError:
        return None


# --- the table --------------------------------------------------------------------------------------------------------------

LONGEST_TYPED: Final = 500


def _nothing(rule: Rule) -> None:
    """Needs no parameter."""


def _a_value(rule: Rule) -> None:
    if not rule.first.strip():
        raise BadRule("first", "missing")


def _a_text(rule: Rule) -> None:
    if not rule.first:
        raise BadRule("first", "missing")


def _a_factor(rule: Rule) -> None:
    if _factor(rule.first) is None:
        raise BadRule("first", "not_a_factor")


def _a_format(rule: Rule) -> None:
    if rule.first not in DATE_FORMATS:
        raise BadRule("first", "not_a_format")


def _a_name(rule: Rule) -> None:
    if not re.fullmatch(r"\w{1,60}", rule.first):
        raise BadRule("first", "not_a_name")


KINDS: Final[Mapping[str, RuleKind]] = {
    "only_number": RuleKind(only_number, _nothing),
    "absolute": RuleKind(absolute, _nothing),
    "multiply": RuleKind(multiply, _a_factor),
    "divide": RuleKind(divide, _a_factor),
    "date": RuleKind(parse_date, _a_format),
    "inside": RuleKind(take_inside, _nothing, whole=True),
    "parse": RuleKind(parse_json, _nothing, whole=True),
    "copy": RuleKind(copy_field, _a_name),
    "replace_text": RuleKind(replace_text, _a_text),
    "replace": RuleKind(replace_value, _a_value, whole=True),
    "drop": RuleKind(drop_field, _nothing),
    "set": RuleKind(set_value, _a_value),
}

RULES_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "missing_timestamp": ("copy", "set"),
    "unreadable_timestamp": ("date", "inside", "parse", "replace_text", "copy", "replace", "set"),
    "timestamp_too_old": ("multiply", "divide", "copy", "replace_text", "replace", "set"),
    "timestamp_in_future": ("divide", "copy", "replace_text", "replace", "set"),
    "missing_protein": ("copy", "set"),
    "not_a_number": ("only_number", "inside", "parse", "copy", "replace_text", "replace", "drop", "set"),
    "not_finite": ("copy", "replace", "drop", "set"),
    "negative_number": ("absolute", "copy", "replace", "drop", "set"),
    "above_bound": ("divide", "multiply", "copy", "replace", "drop", "set"),
    "description_not_text": ("inside", "copy", "drop", "set"),
    "not_an_object": ("parse", "inside", "replace"),
    "invalid_json": ("parse", "replace"),
}
"""Reason code → the kinds of rules that can mend it, the likeliest first. A reason that is not here is mended item by item, or waived."""
