"""The short way for what nearly all meals are: exactly what the app writes, nothing to clean, no copies, created by this run.

It can only say yes: the line that such a meal should have is worked out with the same rules as everywhere, and when a row says exactly that,
the meal is done. Everything else - another shape, a copy, an outcome row, no such row - goes the long way, which alone can say no.
"""

from __future__ import annotations

from typing import Any

from audit.runs.verification.amounts import MEAL_AMOUNTS
from audit.runs.verification.copied import NULL, copied
from audit.runs.verification.instants import Latest, Zone, read_iso_string
from audit.runs.verification.items import Array, Item
from audit.runs.verification.pictures import LONGEST_ADDRESS
from audit.runs.verification.rows import PersonRows, plain_ending
from audit.runs.verification.texts import DESCRIPTION_LENGTH, SOURCES, is_storable, read_id, read_tags, tidy

_READ_AMOUNTS = tuple((amount.name, amount.read) for amount in MEAL_AMOUNTS)
_AFTER = f"\t{NULL}\t{NULL}"
"""No photo in the row, no meal type."""


def plain_meal(raw: Any, zone: Zone, latest: Latest, seen: set[Any]) -> str | None:
    """The line that a meal should have whose fields are all plain; nothing when one is not, or when its id or content was seen before."""
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
    key = (instant, clean.copied, protein)
    if key in seen or legacy_id in seen:
        return None
    seen.add(key)
    seen.add(legacy_id)
    day, time_of_day = zone.local(instant)
    return (
        f"{legacy_id}\t{clean.copied}\t{instant}\t{protein}\t{calories}\t{carbs}\t{fat}\t{fiber}\t{source}\t{'t' if estimated else 'f'}"
        f"\t{copied(address) if address else NULL}\t{tags.copied}\t{day}\t{time_of_day}\t{instant}{_AFTER}"
    )


def _is_plain_address(address: Any) -> bool:
    return (
        type(address) is str
        and address.startswith(("http://", "https://"))
        and len(address) <= LONGEST_ADDRESS
        and is_storable(address)
    )


def take_plain(array: Array, run: int, rows: PersonRows, others: list[Item], lines: list[str | None]) -> int:
    """Takes the rows of the plain meals out and returns their number; plain meals without such a row become items among `others`."""
    ending = plain_ending(run, array.snapshot.id)
    taken = 0
    for index, line in enumerate(lines):
        if line is None:
            continue
        if rows.take(line + ending):
            taken += 1
        else:
            others.append(array.item(index))
    return taken
