"""Finding the row of each group of items, and saying what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from audit.runs.verification.cleaned import Cleaned
from audit.runs.verification.copied import NULL, copied, uncopied
from audit.runs.verification.copies import Group
from audit.runs.verification.instants import Zone, microseconds_of_text
from audit.runs.verification.items import FAVORITE, MEAL, Item
from audit.runs.verification.pictures import fault_of_file
from audit.runs.verification.rows import FAVORITE_LINE, MEAL_LINE, PersonRows, Row, row_of
from audit.runs.verification.verdict import Findings
from dynprot.identifiers import RowIds

State = Literal["there", "edited", "later", "deleted", "server", "missing"]
"""`there`: compared with its item; `edited`/`deleted`: by the person since; `later`: a later run wrote it again; `server`: not from a browser."""


@dataclass(slots=True)
class Match:
    """A group and its row."""

    group: Group
    state: State
    row: Row | None = None


def meal_line(cleaned: Cleaned, legacy_id: str | None, zone: Zone) -> str:
    """Legacy id and `MEAL_LINE` of the row that this meal should have, for a person whose clock was in this zone."""
    instant = cleaned.key[0]
    day, time_of_day = zone.local(instant)
    return f"{copied(legacy_id)}\t{cleaned.body}\t{day}\t{time_of_day}\t{instant}\t{NULL}\t{NULL}"


def favorite_line(cleaned: Cleaned, legacy_id: str | None, zone: Zone) -> str:
    """Legacy id and `FAVORITE_LINE` of the row that this favourite should have."""
    return f"{copied(legacy_id)}\t{cleaned.body}"


LINES: dict[str, tuple[Callable[[Cleaned, str | None, Zone], str], tuple[str, ...]]] = {
    MEAL: (meal_line, MEAL_LINE),
    FAVORITE: (favorite_line, FAVORITE_LINE),
}
KEY_COLUMNS = {
    MEAL: ("meal_timestamp", "description", "protein_grams"),
    FAVORITE: ("name", "description", "protein_grams"),
}


_VERSION = 14
_IMPORTED = "8"
"""The place and value of the version in the id of an imported row (UUIDv8): a deleted row of another kind explains no missing one."""


def _identity(item: Item) -> str:
    """What the id of a row is made of whose earliest item this is (importing.md section 5)."""
    if item.legacy_id is not None:
        return f"id:{item.legacy_id}"
    first, description, protein = item.cleaned.key
    first = str(microseconds_of_text(first)) if item.place.kind == MEAL else uncopied(first)
    return "\x1f".join((f"like:{first}", uncopied(description), str(int(Decimal(protein) * 100))))


class Matcher:
    """The rows of one person and kind. `told` gives the row id that the standing item's outcome row names, if it has one; `kept` the reasons
    that it gives for leaving the server's side alone: only these and the activity log excuse a row that is different or gone (section 8)."""

    def __init__(
        self,
        findings: Findings,
        *,
        run: int,
        user: str,
        kind: str,
        rows: PersonRows,
        deleted: dict[str, bool],
        told: Callable[[Group], str | None],
        kept: Callable[[Group], frozenset[str]],
    ) -> None:
        self.findings = findings
        self.run = run
        self.user = user
        self.kind = kind
        self.rows = rows.by_content()
        imported = {row: answered for row, answered in deleted.items() if row[_VERSION] == _IMPORTED}
        self.deleted = {row for row, answered in imported.items() if answered}
        self.traced = set(imported)
        self.told = told
        self.kept = kept
        self.ids = RowIds(UUID(user))
        self.line, self.columns = LINES[kind]

    def match(self, groups: list[Group]) -> list[Match]:
        """A match for each group that has items in the run, and a difference for everything that is not as it should be."""
        matches: list[Match] = []
        open_groups: list[tuple[Group, str]] = []
        rows = self.rows
        for group in groups:
            expected = self._line(group)
            found = rows.get(expected)
            if not found:
                open_groups.append((group, expected))
                continue
            row = row_of(expected, found.pop())
            if not found:
                del rows[expected]
            if group.parts:
                matches.append(self._identical(group, row))
        if rows or open_groups:
            matches.extend(self._open(open_groups))
        return matches

    def all_identical(self, groups: list[Group]) -> bool:
        """Whether each group has a row that says just what it says: then no favourite had to be given another name."""
        return all(self._line(group) in self.rows for group in groups)

    def rows_by_group(self, groups: list[Group]) -> tuple[Callable[[Group], Row | None], list[Row]]:
        """Which row is each group's by what it is, whatever its name says; and all rows."""
        rows = [row_of(content, entry) for content, entries in self.rows.items() for entry in entries]
        left, by_id = list(rows), {row.id: row for row in rows}
        found: dict[int, Row] = {}
        for same in (self._same_id, self._same_identity):
            for group in groups:
                row = same(group, left, by_id) if id(group) not in found else None
                if row is not None:
                    found[id(group)] = row
                    left.remove(row)
                    del by_id[row.id]
        return lambda group: found.get(id(group)), rows

    def _line(self, group: Group) -> str:
        """The local day is that of the earliest snapshot that has the item."""
        return self.line(group.content, group.legacy_id, group.items[0].snapshot.zone)

    def _identical(self, group: Group, row: Row) -> Match:
        if not row.imported:
            return Match(group, "server", row)
        if row.run is not None and row.run > self.run:
            return Match(group, "later", row)
        self._compare_origin(group, row)
        return Match(group, "there", row)

    def _open(self, groups: list[tuple[Group, str]]) -> list[Match]:
        """Groups without a row that says exactly the same, and rows without such a group."""
        left = [row_of(content, entry) for content, entries in self.rows.items() for entry in entries]
        by_id = {row.id: row for row in left}
        matches = []
        without_row = []
        for group, expected in groups:
            row = self._same_identity(group, left, by_id)
            if row is None:
                without_row.append(group)
                continue
            left.remove(row)
            del by_id[row.id]
            if group.parts:
                matches.append(self._different(group, row, expected))
        matches.extend(self._without_row(without_row, left))
        for row in left:
            if row.run == self.run and not row.edited:
                self._differ("no item of a snapshot accounts for this row", expected="", actual=f"{row.id} {row.line}")
        return matches

    def _same_id(self, group: Group, left: list[Row], by_id: dict[str, Row]) -> Row | None:
        """The row that the run names, or that an item of the group was given; of several the one of the earliest item."""
        told = self.told(group)
        if told is not None and told in by_id:
            return by_id[told]
        identities = [_identity(group.items[0]), *(f"id:{item.legacy_id}" for item in group.items if item.legacy_id)]
        for identity in dict.fromkeys(identities):
            row_id = self.ids.text(self.kind, identity)
            if row_id in by_id:
                return by_id[row_id]
        ids = {copied(legacy_id) for legacy_id in group.legacy_ids}
        return next((row for row in left if row.legacy_id in ids), None)

    def _same_identity(self, group: Group, left: list[Row], by_id: dict[str, Row]) -> Row | None:
        row = self._same_id(group, left, by_id)
        if row is None:
            keys = {item.cleaned.key for item in group.items}
            row = next((row for row in left if self._key(row) in keys), None)
        return row

    def _key(self, row: Row) -> tuple[str, ...]:
        columns = row.columns(self.columns)
        return tuple(columns[name] for name in KEY_COLUMNS[self.kind])

    def _different(self, group: Group, row: Row, expected: str) -> Match:
        """A row that is this group's by identity and does not say the same."""
        if not row.imported:
            if self._key(row) not in {item.cleaned.key for item in group.items}:
                self._differ_in(group, "row", "another meal", row.line, "the row on the server is not this item")
            return Match(group, "server", row)
        if row.edited or "server_edit_kept" in self.kept(group):
            self.findings.edited += 1
            return Match(group, "edited", row)
        if row.run is not None and row.run > self.run:
            self.findings.later += 1
            return Match(group, "later", row)
        legacy_id, line = expected.split("\t", 1)
        wanted = {"legacy_id": legacy_id, **dict(zip(self.columns, line.split("\t"), strict=True))}
        found = {"legacy_id": row.legacy_id, **row.columns(self.columns)}
        for column, value in wanted.items():
            if found[column] != value and not (column == "legacy_id" and self._may_have_id(group, row)):
                self._differ_in(group, column, value, found[column], "the row does not say what the browser said")
        self._compare_origin(group, row)
        return Match(group, "there", row)

    def _may_have_id(self, group: Group, row: Row) -> bool:
        """The id is not content: a row that this run did not write keeps the one it got, be it none, as long as an item says so."""
        ids = {copied(item.legacy_id) for item in group.items}
        return row.run != self.run and row.legacy_id in ids

    def _without_row(self, groups: list[Group], left: list[Row]) -> list[Match]:
        """Groups that have no row at all: deleted by the person, edited beyond recognition, or missing."""
        matches = []
        edited = [row for row in left if row.edited]
        for group in groups:
            if not group.parts:
                continue
            told = self.told(group)
            if "deleted_on_server" in self.kept(group) and told in self.traced:
                self.findings.deleted += 1
                matches.append(Match(group, "deleted"))
            elif (told in self.deleted) if told else self.deleted:
                self.deleted.discard(told or next(iter(self.deleted)))
                self.findings.deleted += 1
                matches.append(Match(group, "deleted"))
            elif edited:
                left.remove(edited[-1])
                self.findings.edited += 1
                matches.append(Match(group, "edited", edited.pop()))
            else:
                self._differ_in(group, "row", self._line(group), "", "the row is missing")
                matches.append(Match(group, "missing"))
        return matches

    def _compare_origin(self, group: Group, row: Row) -> None:
        """The photo's file, and the snapshot that the row says it comes from."""
        picture = group.content.picture
        if picture is None and row.photo_file != NULL:
            self._differ_in(group, "photo_file", "", row.photo_file, "the item has no photo to store")
        elif picture is not None:
            fault = fault_of_file(row.photo_file, picture) if row.photo_file != NULL else "the photo was not stored"
            if fault:
                self._differ_in(group, "photo_file", picture.format, row.photo_file, fault)
        if row.run == self.run and row.snapshot not in {item.snapshot.id for item in group.items}:
            self._differ_in(
                group, "import_snapshot_id", group.final.snapshot.id, row.snapshot, "the item is not in that snapshot"
            )

    def _differ_in(self, group: Group, field: str, expected: object, actual: object, problem: str) -> None:
        item = group.standing or group.final
        self.findings.differ(
            self.kind, problem, user=self.user, snapshot=item.snapshot.id, path=item.path, field=field, expected=expected, actual=actual
        )  # fmt: skip

    def _differ(self, problem: str, *, expected: object, actual: object) -> None:
        self.findings.differ(self.kind, problem, user=self.user, field="row", expected=expected, actual=actual)
