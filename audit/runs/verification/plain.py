"""The short way for what nearly all meals are: exactly what the app writes, nothing to clean, no copies, created by this run.

It can only say yes: the line that such a meal should have is worked out with the same rules as everywhere, and when a row says exactly that,
the meal is done. Everything else - another shape, a copy, an outcome row, no such row - goes the long way, which alone can say no.

Two forms of it: `plain_meal` for a meal that was decoded, and `written_meals` for a whole array in which every meal has the form in which the
app writes it: such an array needs no decoder, its values are taken from the text as they stand.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from audit.runs.verification.amounts import MEAL_AMOUNTS, Amount
from audit.runs.verification.copied import NULL, copied
from audit.runs.verification.instants import Latest, Zone, hour_exists, read_iso_string
from audit.runs.verification.json_text import decode
from audit.runs.verification.pictures import LONGEST_ADDRESS
from audit.runs.verification.texts import DESCRIPTION_LENGTH, SOURCES, is_storable, read_id, read_tags, tidy

_READ_AMOUNTS = tuple((amount.name, amount.read) for amount in MEAL_AMOUNTS)
_AFTER = f"\t{NULL}\t{NULL}"
"""No photo in the row, no meal type."""

PlainLine = tuple[str, str, str]
"""Legacy id, instant, and the whole line that the row should have."""


def plain_meal(raw: Any, zone: Zone, latest: Latest) -> PlainLine | None:
    """What the row of a meal should say whose fields are all plain; nothing when one is not."""
    if type(raw) is not dict:
        return None
    get = raw.get
    legacy_id = get("id")
    instant = read_iso_string(get("timestamp"), latest)
    if instant is None or type(legacy_id) is not str or not legacy_id.isdigit() or read_id(legacy_id) != legacy_id:
        return None
    amounts = []
    for name, read_amount in _READ_AMOUNTS:
        read = read_amount(get(name))
        if not read.is_plain:
            return None
        amounts.append(read.column)
    protein, calories, carbs, fat, fiber = amounts
    description, source, estimated, address = get("description"), get("source"), get("aiEstimated"), get("imageUrl")
    if type(description) is not str or type(source) is not str or source not in SOURCES or get("photo"):
        return None
    if estimated is not True and estimated is not False:
        return None
    clean, tags = tidy(description, DESCRIPTION_LENGTH), read_tags(get("tags"))
    if not clean.is_plain or tags.changed or (address and not _is_plain_address(address)):
        return None
    day, time_of_day = zone.local(instant)
    line = (
        f"{legacy_id}\t{clean.copied}\t{instant}\t{protein}\t{calories}\t{carbs}\t{fat}\t{fiber}\t{source}\t{'t' if estimated else 'f'}"
        f"\t{copied(address) if address else NULL}\t{tags.copied}\t{day}\t{time_of_day}\t{instant}{_AFTER}"
    )
    return legacy_id, instant, line


def _is_plain_address(address: Any) -> bool:
    return (
        type(address) is str
        and address.startswith(("http://", "https://"))
        and len(address) <= LONGEST_ADDRESS
        and is_storable(address)
    )


# --- a whole array, from its text -----------------------------------------------------------------------------------------

_TEXT = r'"[^"\\\x00-\x1f]*"'
_NUMBER = r"(null|(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,16})?)"
_MEAL = (
    r'\{"id":"([0-9]{1,100})"'
    r',"timestamp":"(20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}):([0-5][0-9]:[0-5][0-9])(\.[0-9]{3})Z"'
    r',"description":"([^"\\\x00-\x1f]*)"'
    rf',"protein":{_NUMBER}(?:,"calories":{_NUMBER})?(?:,"carbs":{_NUMBER})?(?:,"fat":{_NUMBER})?(?:,"fiber":{_NUMBER})?'
    rf'(?:,"tags":(null|\[(?:{_TEXT}(?:,{_TEXT})*)?\]))?'
    r',"source":"([a-z_]+","aiEstimated":(?:true|false))\}'
)
# After a meal comes the next one, or the end of the array with everything behind it. Where neither a meal begins, the rest is swallowed: so a
# search for all finds either one meal after the other, and in the end the rest, or says that there was something else.
_MEALS = re.compile(rf"{_MEAL}(?:,(?=\{{)|(\](?s:.*)))|(?s:.+)").findall

Groups = tuple[str, ...]
"""The values of a meal, as they are written."""


@dataclass(frozen=True, slots=True)
class WrittenMeals:
    """An array of meals that was recognised in its text: `text` is all of it, `meals` the values in it."""

    text: str
    meals: list[Groups]

    def __len__(self) -> int:
        return len(self.meals)

    def decoded(self) -> list[Any]:
        """The same by a decoder, for meals that have to be looked at closely."""
        meals: list[Any] = decode(self.text)
        return meals


def written_meals(text: str, start: int) -> tuple[WrittenMeals, str] | None:
    """The array of meals that begins at `start` of a text, and what is behind it; nothing when one of its meals has another form.

    What is recognised is JSON, and means what a decoder would make of it: there are no escapes, no white space and no second field of a name.
    """
    if not text.startswith('[{"id":"', start):
        return None
    meals: list[Groups] = _MEALS(text, start + 1)
    rest = meals[-1][-1]
    if not rest:
        return None
    return WrittenMeals(text[start : len(text) - len(rest) + 1], meals), rest[1:]


class _NotPlain(Exception):
    """A value about which something has to be said."""


_MOST_REMEMBERED = 100_000


class _Columns(dict[str, str]):
    """What a written value is in its column; worked out once, since people repeat themselves. Raises `_NotPlain`."""

    def __missing__(self, text: str) -> str:
        column = self.read(text)
        if len(self) > _MOST_REMEMBERED:
            self.clear()
        self[text] = column
        return column

    def read(self, text: str) -> str:
        raise NotImplementedError


class _AmountColumns(_Columns):
    def __init__(self, amount: Amount) -> None:
        super().__init__()
        self.amount = amount

    def read(self, text: str) -> str:
        read = self.amount.read(json.loads(text) if text else None)
        if not read.is_plain:
            raise _NotPlain
        return read.column


class _DescriptionColumns(_Columns):
    def read(self, text: str) -> str:
        clean = tidy(text, DESCRIPTION_LENGTH)
        if not clean.is_plain:
            raise _NotPlain
        return clean.copied


class _TagColumns(_Columns):
    def read(self, text: str) -> str:
        tags = read_tags(json.loads(text) if text else None)
        if tags.changed:
            raise _NotPlain
        return tags.copied


class _SourceColumns(_Columns):
    """Source and estimate, with what is between them."""

    def read(self, text: str) -> str:
        source, _, flag = text.partition('","aiEstimated":')
        if source not in SOURCES:
            raise _NotPlain
        return f"{source}\t{'t' if flag == 'true' else 'f'}"


class _FractionColumns(_Columns):
    """Milliseconds, as PostgreSQL prints them."""

    def read(self, text: str) -> str:
        digits = text.rstrip("0")
        return f"{digits}+00" if digits != "." else "+00"


class _Hours(dict[str, tuple[str, str]]):
    """A UTC hour (`2026-03-14T12`) → how an instant in it begins in PostgreSQL, and the local day and time of day. Raises `_NotPlain`."""

    def __init__(self, zone: Zone) -> None:
        super().__init__()
        self.zone = zone

    def __missing__(self, hour: str) -> tuple[str, str]:
        if not hour_exists(hour):
            raise _NotPlain
        begin = hour.replace("T", " ")
        local = self.zone.whole_hour(begin)
        if local is None:
            raise _NotPlain
        if len(self) > _MOST_REMEMBERED:
            self.clear()
        found = self[hour] = (f"{begin}:", "\t".join(local))
        return found


_amounts = tuple(_AmountColumns(amount) for amount in MEAL_AMOUNTS)
_descriptions, _tags, _sources, _fractions = _DescriptionColumns(), _TagColumns(), _SourceColumns(), _FractionColumns()
_hours: dict[str, _Hours] = {}


@dataclass(slots=True)
class PlainLines:
    """Of an array of meals: legacy id, instant and line of each that is plain; nothing of the others."""

    ids: list[str] = field(default_factory=list)
    instants: list[str] = field(default_factory=list)
    lines: list[str | None] = field(default_factory=list)

    def are_different(self) -> bool:
        """Whether no two of them can be the same meal: no id comes twice, nor a content."""
        if len(set(self.ids)) < len(self.ids):
            return False
        if len(set(self.instants)) == len(self.instants):
            return True
        keys = [tuple(line.split("\t", 4)[1:4]) for line in self.lines if line is not None]
        return len(set(keys)) == len(keys)


def lines_of_written(written: WrittenMeals, zone: Zone, latest: Latest) -> PlainLines:
    """The lines of meals as they are written: `plain_meal` for their texts. Nearly all of a verification is spent here."""
    plain = PlainLines()
    add_id, add_instant, add_line = plain.ids.append, plain.instants.append, plain.lines.append
    hours = _hours.get(zone.name) or _hours.setdefault(zone.name, _Hours(zone))
    last = latest.text
    proteins, calories, carbs, fats, fibers = _amounts
    for (
        legacy_id,
        hour,
        clock,
        fraction,
        description,
        protein,
        calorie,
        carb,
        fat,
        fiber,
        tags,
        source,
        _,
    ) in written.meals:
        try:
            begin, local = hours[hour]
            instant = f"{begin}{clock}{_fractions[fraction]}"
            line = (
                f"{legacy_id}\t{_descriptions[description]}\t{instant}\t{proteins[protein]}\t{calories[calorie]}\t{carbs[carb]}"
                f"\t{fats[fat]}\t{fibers[fiber]}\t{_sources[source]}\t{NULL}\t{_tags[tags]}\t{local}\t{instant}{_AFTER}"
            )
        except _NotPlain:
            add_line(None)
            continue
        if instant > last:
            add_line(None)
            continue
        add_id(legacy_id)
        add_instant(instant)
        add_line(line)
    return plain


def lines_of_decoded(meals: list[Any], zone: Zone, latest: Latest) -> PlainLines:
    """The lines of meals in any order of fields."""
    plain = PlainLines()
    for raw in meals:
        found = plain_meal(raw, zone, latest)
        if found is None:
            plain.lines.append(None)
            continue
        legacy_id, instant, line = found
        plain.ids.append(legacy_id)
        plain.instants.append(instant)
        plain.lines.append(line)
    return plain
