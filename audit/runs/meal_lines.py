"""Meals as lines of COPY for `meal_entries` (load.py). Some 20 values a meal, so each step is there because it is fast."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

from audit.local_storage.items import MealContent, PlainMeals
from audit.runs.copying import NULL, array, hundredths, text
from audit.runs.local_clock import LocalClock, local_clock
from audit.runs.wanted import WantedRow
from dynprot.identifiers import RowIds

COLUMNS = (
    "id, user_id, description, meal_timestamp, created_at, local_date, protein_grams, calories, carbs_grams, fat_grams, fiber_grams, "
    "source_type, ai_estimated, photo_url, photo_file, tags, meal_time_category, legacy_id, import_snapshot_id"
)


def photo_file(user_id: UUID | str, name: str) -> str:
    """Where a meal's picture is in the media storage."""
    return f"meals/{user_id}/{name}"


def meal_lines(rows: Sequence[WantedRow]) -> str:
    """Rows of one person, one line each with the columns of COLUMNS, in the order of their ids: so neighbours in the index follow each other."""
    if not rows:
        return ""
    user_id = str(rows[0].user_id)
    lines = [
        _line(row.id, user_id, row.content, text(row.legacy_id), row.snapshot_id, local_clock(row.zone)) for row in rows
    ]
    lines.sort()
    return "".join(lines)


def plain_meal_lines(plain: PlainMeals, ids: RowIds, user_id: str, snapshot_id: int, zone: ZoneInfo) -> str:
    """The same for an array of plain meals that are all new, without an object for each."""
    clock, id_of = local_clock(zone), ids.text
    lines = [
        _line(id_of("meal", f"id:{legacy_id}"), user_id, content, legacy_id, snapshot_id, clock)
        for content, legacy_id in zip(plain.contents, plain.ids, strict=True)  # plain ids need no escape
    ]
    lines.sort()
    return "".join(lines)


def _line(row_id: str, user_id: str, content: MealContent, legacy_id: str, snapshot_id: int, clock: LocalClock) -> str:
    (
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
        photo_url,
        photo_name,
    ) = content
    moment, day, part = clock.tell(instant)
    photo = NULL if photo_name is None else photo_file(user_id, photo_name)
    return (
        f"{row_id}\t{user_id}\t{text(description)}\t{moment}\t{moment}\t{day}\t{hundredths(protein)}\t"
        f"{NULL if calories is None else calories}\t{hundredths(carbs)}\t{hundredths(fat)}\t{hundredths(fiber)}\t"
        f"{source}\t{'t' if ai_estimated else 'f'}\t{NULL if photo_url is None else text(photo_url)}\t{photo}\t"
        f"{array(tags) if tags else '{}'}\t{part}\t{legacy_id}\t{snapshot_id}\n"
    )
