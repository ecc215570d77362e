"""Meals and favourites: from a raw element to clean content, by the rules of importing.md section 4.

`fast_meal` takes the canonical form, which nearly all meals have, in one pass; everything else goes through the rules one by one. A test
holds both to the same result.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from unicodedata import is_normalized
from zoneinfo import ZoneInfo

from audit.local_storage.items import FavoriteContent, MealContent
from audit.local_storage.photos import Picture, clean_photo
from audit.local_storage.values import (
    CARBS,
    EARLIEST,
    ESTIMATED_SOURCES,
    FAT,
    FIBER,
    KILOCALORIES,
    PROTEIN,
    SOURCES,
    Note,
    Quarantine,
    clean_amount,
    clean_date,
    clean_description,
    clean_flag,
    clean_legacy_id,
    clean_meal_instant,
    clean_source,
    clean_tags,
    clean_text,
)

_fromisoformat = datetime.fromisoformat
_new_tuple = tuple.__new__
_NO_PHOTO = (None, "")


class CleanMeal(NamedTuple):
    """The result of cleaning one meal."""

    content: MealContent
    legacy_id: str | None
    notes: tuple[Note, ...]
    exact_instant: bool
    picture: Picture | None


class CleanFavorite(NamedTuple):
    """The result of cleaning one favourite."""

    content: FavoriteContent
    legacy_id: str | None
    notes: tuple[Note, ...]


def _required_protein(raw: Any, notes: list[Note]) -> int:
    if raw is None or (type(raw) is str and not raw.strip()):
        raise Quarantine("missing_protein", "protein")
    protein = clean_amount(raw, "protein", PROTEIN, notes)
    assert protein is not None
    return protein


def clean_meal(raw: Any, zone: ZoneInfo, latest: int) -> CleanMeal:
    """Any element of an array of meals. Raises `Quarantine` with the first reason in the order of the fields."""
    if type(raw) is not dict:
        raise Quarantine("not_an_object", "")
    notes: list[Note] = []
    instant = clean_meal_instant(raw.get("timestamp"), zone, latest, notes)
    exact = not any(note.code == "date_only" for note in notes)
    protein = _required_protein(raw.get("protein"), notes)
    calories = clean_amount(raw.get("calories"), "calories", KILOCALORIES, notes) or None
    carbs = clean_amount(raw.get("carbs"), "carbs", CARBS, notes)
    fat = clean_amount(raw.get("fat"), "fat", FAT, notes)
    fiber = clean_amount(raw.get("fiber"), "fiber", FIBER, notes)
    description = clean_description(raw.get("description"), notes)
    source = clean_source(raw.get("source"), notes)
    ai_estimated = clean_flag(raw.get("aiEstimated"), "aiEstimated", notes, otherwise=source in ESTIMATED_SOURCES)
    tags = clean_tags(raw.get("tags"), "tags", notes)
    photo = clean_photo(raw, notes)
    content = MealContent(
        instant,
        description,
        protein,
        calories,
        carbs,
        fat,
        fiber,
        source,
        ai_estimated,
        tags,
        photo.url,
        photo.picture.name if photo.picture else None,
    )
    return CleanMeal(content, clean_legacy_id(raw.get("id")), tuple(notes), exact, photo.picture)


def _plain_grams(value: Any, highest: int) -> int:
    """Hundredths of a number that needs no note: not negative, at most two decimals, within the API's bound; else `ValueError`."""
    if type(value) is float and 0 <= value <= highest:
        hundredths = round(value * 100)
        # Exactly the double nearest to that many hundredths: it has at most two decimals.
        if hundredths / 100 == value:
            return hundredths
    elif type(value) is int and 0 <= value <= highest:
        return value * 100
    raise ValueError


@lru_cache(maxsize=1 << 13)  # people eat what they ate before: 0.05 µs a meal instead of 0.4
def _is_plain_text(text: str) -> bool:
    return (
        text.isprintable()
        and text[0] != " "
        and text[-1] != " "
        and "  " not in text
        and (text.isascii() or is_normalized("NFC", text))
    )


@lru_cache(
    maxsize=1 << 12
)  # the same few tags again and again: 0.1 µs a meal instead of 1.7, and one tuple instead of many
def _plain_tags(tags: tuple[Any, ...]) -> tuple[str, ...]:
    """The tags when cleaning would leave them alone, else `ValueError`."""
    notes: list[Note] = []
    clean = clean_tags(list(tags), "tags", notes)
    if notes:
        raise ValueError
    return clean


def fast_meal(raw: Any, latest: int) -> tuple[MealContent, str] | None:
    """Content and legacy id of a meal in the canonical form (all that `clean_meal` would leave alone), else None.

    Half of the time that a meal costs in Python was spent here, so: one pass, plain checks first, no object that is not kept.
    """
    if type(raw) is not dict:
        return None
    get = raw.get
    text, legacy_id, description = get("timestamp"), get("id"), get("description")
    calories, ai_estimated, source, tags = get("calories"), get("aiEstimated"), get("source"), get("tags")
    if (
        type(text) is not str
        or len(text) != 24
        or text[10] != "T"
        or text[5] == "W"  # ISO week dates, which the library also reads
        or text[19] != "."
        or text[23] != "Z"
        or type(legacy_id) is not str
        or not legacy_id.isalnum()
        or len(legacy_id) > 100
        or type(description) is not str
        or not 0 < len(description) <= 500
        or not _is_plain_text(description)
        or not (calories is None or (type(calories) is int and 0 <= calories <= 5000))
        or type(ai_estimated) is not bool
        or not (source is None or (type(source) is str and source in SOURCES))
        or not (tags is None or type(tags) is list)
        or get("photo") not in _NO_PHOTO
        or get("imageUrl") not in _NO_PHOTO
    ):
        return None
    try:
        content = (
            round(_fromisoformat(text).timestamp() * 1000) * 1000,
            description,
            _plain_grams(get("protein"), 500),
            calories or None,
            None if (carbs := get("carbs")) is None else _plain_grams(carbs, 1000),
            None if (fat := get("fat")) is None else _plain_grams(fat, 500),
            None if (fiber := get("fiber")) is None else _plain_grams(fiber, 200),
            source or "manual",
            ai_estimated,
            _plain_tags(tuple(tags)) if tags else (),
            None,
            None,
        )
    except (ValueError, TypeError):  # TypeError: a tag that cannot be a key of the cache
        return None
    # `tuple.__new__` does what the class's own constructor does, in half the time.
    return (_new_tuple(MealContent, content), legacy_id) if EARLIEST <= content[0] <= latest else None


def clean_favorite(raw: Any, zone: ZoneInfo, latest: int, captured: int) -> CleanFavorite:
    """Any element of an array of favourites. Raises `Quarantine`."""
    if type(raw) is not dict:
        raise Quarantine("not_an_object", "")
    notes: list[Note] = []
    protein = _required_protein(raw.get("protein"), notes)
    calories = clean_amount(raw.get("calories"), "calories", KILOCALORIES, notes) or None
    carbs = clean_amount(raw.get("carbs"), "carbs", CARBS, notes)
    fat = clean_amount(raw.get("fat"), "fat", FAT, notes)
    raw_name = raw.get("name")
    name = clean_text(raw_name, "name", 200, notes, "name") if type(raw_name) is str else ""
    description = clean_description(raw.get("description"), notes, name or "Repas favori")
    if not name:
        described = not any(note.code == "description_missing" for note in notes)
        name = " ".join(description.split()[:3])[:200].rstrip() if described else "Repas favori"
        notes.append(Note("name", "name_missing", name))
    last_used = clean_date(raw.get("lastUsed"), "lastUsed", zone, latest, notes)
    created = clean_date(raw.get("createdAt"), "createdAt", zone, latest, notes)
    if created is None:
        created = captured if last_used is None else last_used
    content = FavoriteContent(
        name,
        description,
        protein,
        calories,
        carbs,
        fat,
        _clean_use_count(raw.get("useCount"), notes),
        last_used,
        clean_tags(raw.get("tags"), "tags", notes),
        None,
        created,
    )
    return CleanFavorite(content, clean_legacy_id(raw.get("id")), tuple(notes))


def _clean_use_count(raw: Any, notes: list[Note]) -> int:
    """Note `use_count_reset`."""
    if raw is None:
        return 0
    if type(raw) is float and raw.is_integer():
        raw = int(raw)
    if type(raw) is int and 0 <= raw < 2**31:
        return raw
    notes.append(Note("useCount", "use_count_reset", 0))
    return 0
