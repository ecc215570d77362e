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
_ID = slice(_ID_LENGTH + 1, 2 * _ID_LENGTH + 1)
_REST = 2 * _ID_LENGTH + 2
"""Where a line has the row's id, and what follows: before both there is the person's."""

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
    """One person's rows, as lines."""

    __slots__ = ("lines",)

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def take(self, expected: list[str | None], ending: str) -> list[int]:
        """Takes out each row that says exactly one of these (with that ending, and it alone); returns which of them no row says."""
        ids = {line[_REST:]: line for line in self.lines}
        if len(ids) < len(self.lines):  # where two rows say the same, which of them it is has to be found out
            return [index for index, line in enumerate(expected) if line is not None]
        take = ids.pop
        left = [index for index, line in enumerate(expected) if line is not None and take(line + ending, None) is None]
        self.lines = list(ids.values())
        return left

    def by_content(self) -> dict[str, list[Entry]]:
        """Legacy id and content → the rows, for `row_of`."""
        contents: dict[str, list[Entry]] = defaultdict(list)
        for line in self.lines:
            content, *origin = line[_REST:].rsplit("\t", len(ORIGIN))
            contents[content].append([line[_ID], *origin])
        return dict(contents)


class Rows:
    """The rows of one table by person; who matches a row takes it out, so that what is left is left over."""

    def __init__(self, texts: dict[str, bytes]) -> None:
        self._people = dict(texts)

    def of(self, user: str) -> PersonRows:
        text = self._people.pop(user, b"")
        return PersonRows(text.decode().split("\n") if text else [])


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
