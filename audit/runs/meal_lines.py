"""A meal as a line of COPY for `importing_meals` (load.py). Some 20 values a meal, so each step is there because it is fast."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

from audit.local_storage.items import MealContent
from audit.runs.copying import NULL, array, hundredths, text
from audit.runs.local_clock import local_clock

COLUMNS = (
    "fresh, instant, id, user_id, description, local_date, protein_grams, calories, carbs_grams, fat_grams, fiber_grams, source_type, "
    "ai_estimated, photo_url, photo_file, tags, meal_time_category, legacy_id, import_snapshot_id"
)
FRESH, CHANGED = "t", "f"


def photo_file(user_id: UUID | str, name: str) -> str:
    """Where a meal's picture is in the media storage."""
    return f"meals/{user_id}/{name}"


class MealLines:
    """Makes the lines of one person's meals; what is the person's own is made once."""

    def __init__(self, user_id: UUID) -> None:
        self._user_id = str(user_id)

    def line(
        self,
        *,
        row_id: str,
        content: MealContent,
        zone: ZoneInfo,
        legacy_id: str | None,
        snapshot_id: int,
        fresh: str = FRESH,
    ) -> str:
        """One line, in the order of COLUMNS; `zone` is the one whose clock tells the meal's day."""
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
        day, part = local_clock(zone).tell(instant)
        photo = NULL if photo_name is None else photo_file(self._user_id, photo_name)
        return (
            f"{fresh}\t{instant}\t{row_id}\t{self._user_id}\t{text(description)}\t{day}\t{hundredths(protein)}\t"
            f"{NULL if calories is None else calories}\t{hundredths(carbs)}\t{hundredths(fat)}\t{hundredths(fiber)}\t"
            f"{source}\t{'t' if ai_estimated else 'f'}\t{NULL if photo_url is None else text(photo_url)}\t{photo}\t"
            f"{array(tags) if tags else '{}'}\t{part}\t{text(legacy_id)}\t{snapshot_id}\n"
        )
