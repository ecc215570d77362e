"""One meal or favourite after the rules of importing.md section 4: the columns it should have, or why it is in quarantine.

Columns are kept as PostgreSQL's COPY prints them, so that a row is compared by comparing one line.
"""

from __future__ import annotations

from typing import Any

from audit.runs.verification.amounts import FAVORITE_AMOUNTS, MEAL_AMOUNTS, Read
from audit.runs.verification.copied import NULL, copied
from audit.runs.verification.instants import Latest, NoInstantError, Zone, read_instant
from audit.runs.verification.pictures import Picture, read_photo
from audit.runs.verification.rows import FAVORITE_LINE, MEAL_BODY
from audit.runs.verification.texts import (
    DESCRIPTION_LENGTH,
    NAME_LENGTH,
    read_estimated,
    read_id,
    read_source,
    read_tags,
    tidy,
)

_READ_MEAL_AMOUNTS = tuple((amount.name, amount.read) for amount in MEAL_AMOUNTS)
NO_DESCRIPTION = "Repas"
NO_NAME = "Repas favori"
_MOST_USES = 2**31

Note = tuple[str, str, Any]
"""JSON field, reason code, and the value that was stored instead."""


class QuarantineError(Exception):
    """The item is kept raw and no row is written; `reason` is the first reason in the order of the fields."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Cleaned:
    """A meal or favourite as it should stand in its table.

    `created_said`: a favourite says itself when it was made. `key` is what makes two items without ids the same. `body` is everything that is written but the zone's part of a meal (local day, time of
    day) and the photo file: the columns `names`, as COPY prints them.
    """

    __slots__ = ("body", "created_said", "date_only", "key", "legacy_id", "names", "notes", "picture")

    def __init__(
        self, legacy_id: str | None, key: tuple[str, str, str], body: str, names: tuple[str, ...], notes: list[Note]
    ) -> None:
        self.legacy_id = legacy_id
        self.key = key
        self.body = body
        self.names = names
        self.notes = notes
        self.date_only = False
        self.created_said = True
        self.picture: Picture | None = None

    @property
    def created(self) -> str:
        """When a favourite was made, as its row says it."""
        return self.body.rpartition("\t")[2]

    @created.setter
    def created(self, instant: str) -> None:
        self.body = f"{self.body.rpartition(chr(9))[0]}\t{instant}"

    @property
    def columns(self) -> dict[str, str]:
        return dict(zip(self.names, self.body.split("\t"), strict=True))


def clean_meal(raw: dict[str, Any], zone: Zone, latest: Latest) -> Cleaned:
    """Raises QuarantineError. Written for speed: nearly all of a verification is spent here."""
    notes: list[Note] = []
    get = raw.get
    try:
        instant, time_note = read_instant(get("timestamp"), zone, latest)
    except NoInstantError as error:
        raise QuarantineError(error.reason) from None
    if time_note:
        notes.append(("timestamp", time_note, instant))
    amounts = []
    for name, read_amount in _READ_MEAL_AMOUNTS:
        read = read_amount(get(name))
        amounts.append(read.column if read.is_plain else _told(name, read, notes))
    protein, calories, carbs, fat, fiber = amounts
    description = _description(get("description"), notes, NO_DESCRIPTION)
    source, mapped = read_source(get("source"))
    if mapped:
        notes.append(("source", "source_mapped", source))
    estimated = get("aiEstimated")
    if estimated is not True and estimated is not False:
        estimated, from_text = read_estimated(estimated, source)
        if from_text:
            notes.append(("aiEstimated", "flag_from_text", estimated))
    tags = _tags(get("tags"), notes)
    photo = read_photo(get("photo"), get("imageUrl"))
    if photo.note:
        notes.append((photo.field, photo.note, None))
    body = (
        f"{description}\t{instant}\t{protein}\t{calories}\t{carbs}\t{fat}\t{fiber}\t{source}\t{'t' if estimated else 'f'}"
        f"\t{copied(photo.url) if photo.url else NULL}\t{tags}"
    )
    meal = Cleaned(read_id(get("id")), (instant, description, protein), body, MEAL_BODY, notes)
    meal.date_only = time_note == "date_only"
    meal.picture = photo.picture
    return meal


def clean_favorite(raw: dict[str, Any], zone: Zone, latest: Latest, captured_at: str) -> Cleaned:
    """Raises QuarantineError."""
    notes: list[Note] = []
    amounts = [_told(amount.name, amount.read(raw.get(amount.name)), notes) for amount in FAVORITE_AMOUNTS]
    protein, calories, carbs, fat = amounts
    description = _description(raw.get("description"), notes, "")
    name = _name(raw.get("name"), notes, description)
    uses = _use_count(raw.get("useCount"), notes)
    last_used = _date(raw, "lastUsed", zone, latest, notes)
    created = _date(raw, "createdAt", zone, latest, notes)
    tags = _tags(raw.get("tags"), notes)
    columns = (
        name,
        description or name,
        protein,
        calories,
        carbs,
        fat,
        str(uses),
        last_used or NULL,
        tags,
        NULL,
        created or last_used or captured_at,
    )
    key = (name, description or name, protein)
    favorite = Cleaned(read_id(raw.get("id")), key, "\t".join(columns), FAVORITE_LINE, notes)
    favorite.created_said = created is not None
    return favorite


def _told(name: str, read: Read, notes: list[Note]) -> str:
    """The column of an amount, with what has to be said of it."""
    if read.problem:
        raise QuarantineError(read.problem)
    notes.extend((name, reason, read.text) for reason in read.notes)
    return read.column


def _tags(value: Any, notes: list[Note]) -> str:
    tags = read_tags(value)
    if tags.changed:
        notes.append(("tags", "tags_changed", list(tags.texts)))
    return tags.copied


def _description(value: Any, notes: list[Note], missing: str) -> str:
    """The description as COPY prints it; `missing` when there is none."""
    if type(value) is not str:
        if isinstance(value, bool | dict | list):
            raise QuarantineError("description_not_text")
        if value is not None:
            notes.append(("description", "description_not_text", None))
            return number_text(value)
        notes.append(("description", "description_missing", None))
        return missing
    clean = tidy(value, DESCRIPTION_LENGTH)
    if clean.is_plain:
        return clean.copied
    if not clean.text:
        notes.append(("description", "description_missing", None))
        return missing
    if clean.cut:
        notes.append(("description", "description_cut", clean.text))
    if clean.changed:
        notes.append(("description", "description_tidied", clean.text))
    return clean.copied


def number_text(value: Any) -> str:
    """A JSON number as its text; a whole double without its point, as JavaScript writes it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)
    return {"inf": "Infinity", "-inf": "-Infinity"}.get(repr(value), repr(value))


def _name(value: Any, notes: list[Note], description: str) -> str:
    """The name as COPY prints it; when it is missing, the first three words of the description (as COPY prints them)."""
    clean = tidy(value, NAME_LENGTH) if isinstance(value, str) else None
    if clean is None or not clean.text:
        name = " ".join(description.split()[:3])[:NAME_LENGTH].rstrip() or NO_NAME
        notes.append(("name", "name_missing", None))
        return name
    if clean.cut:
        notes.append(("name", "name_cut", clean.text))
    if clean.changed:
        notes.append(("name", "name_tidied", clean.text))
    return clean.copied


def _use_count(value: Any, notes: list[Note]) -> int:
    if value is None:
        return 0
    if type(value) in (int, float) and 0 <= value < _MOST_USES and value == int(value):
        return int(value)
    notes.append(("useCount", "use_count_reset", 0))
    return 0


def _date(raw: dict[str, Any], field: str, zone: Zone, latest: Latest, notes: list[Note]) -> str | None:
    value = raw.get(field)
    if value is None:
        return None
    try:
        instant, note = read_instant(value, zone, latest)
    except NoInstantError:
        notes.append((field, "date_left_out", None))
        return None
    if note:
        notes.append((field, note, instant))
    return instant
