"""Profile, preferences and goals: what the browser answers against what the server has (importing.md section 6)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from accounts.models import UserProfile
from audit.local_storage.items import ItemOutcome, changes_of, distinct, raw_text
from audit.local_storage.people import BEGINNING, Goals, WantedSettings, marked_defaults
from audit.local_storage.settings import GOAL_COLUMNS
from audit.runs.existing import PROFILE_COLUMNS, Existing
from audit.runs.wanted import PreparedPerson
from dynprot.identifiers import RowIds


class SettingsPlan(msgspec.Struct):
    """What to write about one person."""

    create: bool = False
    columns: dict[str, Any] = {}
    """Profile columns to write; all of them when the row is created."""
    mark_untouched: bool = False
    """Whether the row counts as "as imported" afterwards, so that a later snapshot may update it."""
    names: tuple[str | None, str | None] | None = None
    goals: list[Goals] | None = None
    """The goals that the import answers for, replacing what it or a default said before; None leaves the history alone."""
    keep_server_goals: bool = False
    snapshot_id: int | None = None
    outcomes: list[ItemOutcome] = []
    plain: list[tuple[int, str, str]] = []
    """(snapshot position, kind, outcome) of items that need no outcome row."""

    @property
    def writes(self) -> bool:
        """Whether anything of the person's settings changes."""
        return bool(self.create or self.columns or self.names or self.goals is not None)


def profile_row_id(user_id: UUID) -> str:
    """The id of the profile that an import makes for this person."""
    return RowIds(user_id).text("profile", "")


def _defaults() -> dict[str, Any]:
    defaults = UserProfile.defaults()
    return {column: defaults[column] for column in PROFILE_COLUMNS}


class SettingsReconciler:
    """Settles profile and preferences of one person."""

    def __init__(self, person: PreparedPerson, existing: Existing) -> None:
        self._person = person
        self._existing = existing
        self._defaults = _defaults()
        self._plan = SettingsPlan(snapshot_id=person.sources[person.in_run[-1]].id if person.in_run else None)
        self._kept_goals = False
        self._zone_due: str | None = None
        """The zone of the latest snapshot while it is still to be written."""
        self._row_id = existing.profile_id or profile_row_id(person.user_id)

    def settle(self) -> SettingsPlan:
        """The whole plan for this person."""
        wanted = self._person.wanted
        if self._existing.profile is None:
            self._create()
        else:
            self._zone_due = self._new_zone(self._existing.profile)
            for one in (wanted.profile, wanted.preferences):
                self._update(one, self._existing.profile)
            if self._zone_due is not None:
                self._write_zone_alone(self._existing.profile, self._zone_due)
        self._goals()
        for fate in wanted.outcomes:
            if fate.kind in ("profile", "preferences") and fate.outcome != "quarantined":
                fate.row_id = self._row_id
        return self._plan

    # --- a new row --------------------------------------------------------------------------------------------------------

    def _create(self) -> None:
        wanted = self._person.wanted
        columns = dict(self._defaults)
        for one in (wanted.profile, wanted.preferences):
            columns.update(
                {column: value for column, value in {**one.defaults, **one.answers}.items() if column in columns}
            )
        columns["timezone"] = wanted.zone
        columns["imported_defaults"] = marked_defaults(wanted.profile)
        self._plan.create = self._plan.mark_untouched = True
        self._plan.columns = columns
        before = {"names": [None, None]} if self._names() else None
        for one in (wanted.profile, wanted.preferences):
            self._fate(one, "created", [], before if one.kind == "profile" else None)

    def _names(self) -> bool:
        name = self._person.wanted.profile.answers.get("name")
        if name is None or self._existing.first_name or self._existing.last_name:
            return False
        self._plan.names = name
        return True

    # --- an existing row --------------------------------------------------------------------------------------------------

    def _update(self, wanted: WantedSettings, row: dict[str, Any]) -> None:
        if wanted.representative is None:
            return
        changed: dict[str, Any] = {}
        kept: dict[str, list[Any]] = {}
        for column, value in wanted.answers.items():
            if column not in row or row[column] == value:
                continue
            if self._existing.profile_untouched or self._is_no_answer(column, row):
                changed[column] = value
            else:
                kept[column] = [json_value(row[column]), json_value(value)]
        filled = [
            column
            for column, value in wanted.defaults.items()
            if column in row and row[column] is None and value is not None
        ]
        changed.update({column: wanted.defaults[column] for column in filled})
        if wanted.kind == "profile":
            changed.update(self._marks(row, changed, {*filled, *self._said_to_everybody(wanted, row)}))
            self._kept_goals = any(column in kept for column in GOAL_COLUMNS)
        if self._zone_due is not None:
            changed["timezone"], self._zone_due = self._zone_due, None
        before = {column: json_value(row[column]) for column in changed}
        if wanted.kind == "profile" and self._names():
            before["names"] = [None, None]
        self._plan.columns = {**self._plan.columns, **changed}
        if before:
            self._plan.mark_untouched = self._existing.profile_untouched or self._all_defaults(row)
            self._fate(
                wanted, "updated", ["server_edit_kept"] if kept else [], {**before, **({"kept": kept} if kept else {})}
            )
        elif kept:
            self._fate(wanted, "superseded", ["server_edit_kept"], {"kept": kept})
        else:
            self._fate(wanted, "unchanged", [], None)

    def _is_no_answer(self, column: str, row: dict[str, Any]) -> bool:
        return row[column] is None or row[column] == self._defaults[column] or column in row["imported_defaults"]

    def _all_defaults(self, row: dict[str, Any]) -> bool:
        return all(self._is_no_answer(column, row) for column in PROFILE_COLUMNS if column != "imported_defaults")

    def _said_to_everybody(self, wanted: WantedSettings, row: dict[str, Any]) -> set[str]:
        """Defaults that the row has already, where nobody but imports and defaults wrote it: marked as if all browsers had come at once."""
        if not (self._existing.profile_untouched or self._all_defaults(row)):
            return set()
        return {column for column in marked_defaults(wanted) if row[column] == wanted.defaults[column]}

    def _marks(self, row: dict[str, Any], changed: dict[str, Any], taken: set[str]) -> dict[str, Any]:
        marks = sorted({column for column in row["imported_defaults"] if column not in changed} | taken)
        return {} if marks == sorted(row["imported_defaults"]) else {"imported_defaults": marks}

    def _new_zone(self, row: dict[str, Any]) -> str | None:
        zone = self._person.wanted.zone
        if row["timezone"] == zone or not (self._existing.profile_untouched or self._is_no_answer("timezone", row)):
            return None
        return zone

    def _write_zone_alone(self, row: dict[str, Any], zone: str) -> None:
        """No item of the run is about the profile: the latest browser's zone is taken all the same."""
        self._plan.columns = {**self._plan.columns, "timezone": zone}
        self._plan.mark_untouched = self._existing.profile_untouched or self._all_defaults(row)

    # --- goals --------------------------------------------------------------------------------------------------------------

    def _goals(self) -> None:
        wanted = self._person.wanted.goals
        if self._existing.profile is None and not wanted:
            wanted = [
                Goals(
                    BEGINNING,
                    self._plan.columns["daily_protein_goal"],
                    self._plan.columns["daily_calorie_goal"] or 2000,
                )
            ]
        if not wanted or (self._existing.profile is not None and self._person.wanted.profile.representative is None):
            return
        server = [row.goals for row in self._existing.goals if row.from_server]
        touched = self._existing.profile is not None and not self._existing.profile_untouched
        if server and (self._kept_goals or (touched and self._existing.profile_imported)):
            first: date = min(goals.effective_from for goals in server)
            wanted = [goals for goals in wanted if goals.effective_from < first]
            self._plan.keep_server_goals = True
            current = [row.goals for row in self._existing.goals if not row.from_server]
        else:
            current = [row.goals for row in self._existing.goals]
        if wanted != current:
            self._plan.goals = wanted

    # --- fates --------------------------------------------------------------------------------------------------------------

    def _fate(self, wanted: WantedSettings, outcome: str, reasons: list[str], before: dict[str, Any] | None) -> None:
        item = wanted.representative
        if item is None:
            return
        codes = distinct([*reasons, *(note.code for note in item.notes)])
        if outcome in ("created", "unchanged") and not codes:
            self._plan.plain = [*self._plan.plain, (item.snapshot, item.kind, outcome)]
            return
        if before is not None and wanted.kind == "profile" and outcome == "updated":
            before = {
                **before,
                "goals": [
                    [str(row.goals.effective_from), row.goals.protein, row.goals.calories, row.from_server]
                    for row in self._existing.goals
                ],
            }
        self._plan.outcomes = [
            *self._plan.outcomes,
            ItemOutcome(
                item.snapshot,
                item.kind,
                item.path,
                outcome,
                codes,
                raw_text(item.raw) if outcome == "superseded" else "",
                changes_of(item.raw, item.notes),
                self._row_id,
                before,
            ),
        ]


def json_value(value: Any) -> Any:
    """A column's value for a pre-image: decimals as text, the rest as it is."""
    return value if value is None or isinstance(value, bool | int | str | list) else str(value)
