"""Rows of meals and favourites as COPY prints them: found by their whole content, taken apart only when something differs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from audit.runs.verification.copied import NULL

MEAL_LINE = (
    "description", "meal_timestamp", "protein_grams", "calories", "carbs_grams", "fat_grams", "fiber_grams", "source_type", "ai_estimated",
    "photo_url", "tags", "local_date", "meal_time_category", "created_at", "photo_data", "meal_type",
)  # fmt: skip
MEAL_BODY = MEAL_LINE[: MEAL_LINE.index("local_date")]
FAVORITE_LINE = (
    "name", "description", "protein_grams", "calories", "carbs_grams", "fat_grams", "use_count", "last_used_at", "tags", "photo_url",
    "created_at",
)  # fmt: skip
ORIGIN = ("photo_file", "import_run_id", "import_snapshot_id", "imported", "edited")
_ID_LENGTH = 36
MEAL_FILE = ("user_id", "id", "legacy_id", *MEAL_LINE, *ORIGIN)
"""The columns of the copied meals, for whoever reads that text again."""


@dataclass(slots=True, eq=False)
class Row:
    """A row of meals or favourites. `line` is its content as COPY prints it, tab between the columns; the rest says where it comes from."""

    id: str
    legacy_id: str
    line: str
    photo_file: str
    run: int | None
    snapshot: int | None
    imported: bool
    edited: bool

    def columns(self, names: tuple[str, ...]) -> dict[str, str]:
        return dict(zip(names, self.line.split("\t"), strict=True))


Entry = list[str]
"""A row as it is kept until somebody wants more: its id, then `ORIGIN`."""


class PersonRows:
    """One person's rows: the whole line after the id → the id, or the ids with commas between when rows are the same."""

    __slots__ = ("lines",)

    def __init__(self, lines: dict[str, str]) -> None:
        self.lines = lines

    def take(self, line: str) -> bool:
        """Takes out the one row that says exactly this."""
        if len(self.lines.get(line, "")) != _ID_LENGTH:
            return False
        del self.lines[line]
        return True

    def by_content(self) -> dict[str, list[Entry]]:
        """Legacy id and content → the rows, for `row_of`."""
        contents: dict[str, list[Entry]] = defaultdict(list)
        for line, ids in self.lines.items():
            content, *origin = line.rsplit("\t", len(ORIGIN))
            contents[content].extend([row_id, *origin] for row_id in ids.split(","))
        return dict(contents)


class Rows:
    """The rows of one table by person; who matches a row takes it out, so that what is left is left over."""

    def __init__(self, text: bytes) -> None:
        people: dict[str, dict[str, str]] = defaultdict(dict)
        for line in text.decode().split("\n"):
            if line:
                user, row_id, rest = line.split("\t", 2)
                rows = people[user]
                rows[rest] = f"{rows[rest]},{row_id}" if rest in rows else row_id
        self._people = people

    def of(self, user: str) -> PersonRows:
        return PersonRows(self._people.pop(user, {}))


def row_of(content: str, entry: Entry) -> Row:
    """Takes a row apart."""
    legacy_id, line = content.split("\t", 1)
    row_id, photo, run, snapshot, imported, edited = entry
    return Row(
        id=row_id,
        legacy_id=legacy_id,
        line=line,
        photo_file=photo,
        run=None if run == NULL else int(run),
        snapshot=None if snapshot == NULL else int(snapshot),
        imported=imported == "t",
        edited=imported == "t" and edited == "t",
    )


def plain_ending(run: int, snapshot: int) -> str:
    """How the line of a row ends that this run created from this snapshot, without a photo, and that nobody changed since."""
    return f"\t{NULL}\t{run}\t{snapshot}\tt\tf"
