"""The profile row of one person, its preferences, the account's name and the goal history, against the browsers' records."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from audit.runs.verification.copied import NULL, copied_array
from audit.runs.verification.copies import STANDS
from audit.runs.verification.items import PREFERENCES, PROFILE, Item, Person
from audit.runs.verification.outcome_rows import SERVER_REASONS, Fate, OutcomeCheck, OutcomeRow
from audit.runs.verification.profile_rules import (
    COLUMNS,
    FIRST_DAY,
    PREFERENCE_COLUMNS,
    SEPARATOR,
    Answers,
    by_precedence,
    goals_of,
    is_stale,
    merged,
    preferences_answers,
    profile_answers,
)
from audit.runs.verification.tables import Goal, Tables
from audit.runs.verification.verdict import Findings
from audit.runs.verification.zones import default_zone

_FACTORY: dict[str, str] = {
    "daily_protein_goal": "120",
    "daily_calorie_goal": "2000",
    "activity_level": "moderate",
    "fitness_goal": "maintain",
    "training_days_per_week": "3",
    "preferred_units": "metric",
    "diet_preferences": "{}",
    **{column.name: str(column.default) for column in PREFERENCE_COLUMNS},
}
"""What a new row says where nobody answered."""

_FACTORY_GOALS = (_FACTORY["daily_protein_goal"], _FACTORY["daily_calorie_goal"])
_NAME_LENGTH = 100
_STANDING = frozenset({"created", "updated", "unchanged", "superseded"})

Fields = dict[str, str]
"""A row of `user_profiles` as COPY prints it."""


@dataclass(slots=True)
class Record:
    """The readable records of one kind, in falling precedence, with what each answers."""

    items: list[Item] = field(default_factory=list)
    answers: dict[int, Answers] = field(default_factory=dict)
    stale: list[Item] = field(default_factory=list)

    @property
    def merged(self) -> Answers:
        return merged(self.answers[id(item)] for item in self.items)


def read_records(person: Person, kind: str) -> Record:
    """Reads what each record of this kind answers; goals that waited too long are set apart."""
    record = Record()
    readable = [item for item in person.items[kind] if not item.problem]
    for item in by_precedence(readable):
        if kind == PROFILE and item.place.source == "pending" and is_stale(item):
            record.stale.append(item)
            continue
        record.items.append(item)
        answers = profile_answers(item) if kind == PROFILE else preferences_answers(item)
        answers.notes.extend(item.repair_notes)
        record.answers[id(item)] = answers
    return record


class ProfileCheck:
    """One person's row of `user_profiles` and what hangs on it."""

    def __init__(self, findings: Findings, run: int, person: Person, tables: Tables, outcomes: OutcomeCheck) -> None:
        self.findings = findings
        self.run = run
        self.person = person
        self.outcomes = outcomes
        self.row = tables.profiles.get(person.id)
        self.goals = tables.goals.get(person.id, [])
        self.name = tables.names.get(person.id, (NULL, NULL))
        self.records = {kind: read_records(person, kind) for kind in (PROFILE, PREFERENCES)}

    def check(self) -> None:
        told = {kind: self._standing_row(kind) for kind in self.records}
        row = self.row
        if row is None:
            self._differ("row", "a profile", "", "the person has no profile")
        elif row["imported_at"] != NULL and row["edited"] == "t":
            self.findings.edited += 1
        elif row["import_run_id"] != NULL and int(row["import_run_id"]) > self.run:
            self.findings.later += 1
        elif row["imported_at"] != NULL:
            kept = {kind: _kept_fields(outcome) for kind, outcome in told.items()}
            self._columns(row, kept, made=self._made_by_this_run(row, list(told.values())))
            self._name()
        self._goals(made=row is not None and self._made_by_this_run(row, list(told.values())))
        plain = self._plain(list(told.values()))
        for kind in self.records:
            self._fates(kind, plain)

    def _standing_row(self, kind: str) -> OutcomeRow | None:
        items = [item for item in self.records[kind].items if item.snapshot.in_run]
        return self.outcomes.of(items[0]) if items else None

    def _made_by_this_run(self, row: Fields, told: list[OutcomeRow | None]) -> bool:
        """Whether the row was made by this run, so that nothing in it can come from anywhere else."""
        return row["import_run_id"] == str(self.run) and all(
            outcome is None or outcome.outcome == "created" for outcome in told
        )

    def _plain(self, told: list[OutcomeRow | None]) -> str:
        """What a standing record without outcome row is, as far as the row tells."""
        row = self.row
        if row is None or row["edited"] == "t" or row["import_run_id"] == NULL or int(row["import_run_id"]) > self.run:
            return ""
        return "created" if self._made_by_this_run(row, told) else "unchanged"

    # --- the row ------------------------------------------------------------------------------------------------------

    def _columns(self, row: Fields, kept: dict[str, set[str]], *, made: bool) -> None:
        for kind, columns in ((PROFILE, COLUMNS), (PREFERENCES, PREFERENCE_COLUMNS)):
            answers = self.records[kind].merged
            for column in columns:
                expected = answers.columns.get(column.name)
                if expected is None and made:
                    expected = answers.defaults.get(column.name, _FACTORY.get(column.name, NULL))
                if expected is None or kept[kind] & {column.name, *column.fields, ".".join(column.fields)}:
                    continue
                if column.name == "diet_preferences" and expected != "{}":
                    expected = copied_array(tuple(expected.split(SEPARATOR)))
                if row[column.name] != expected:
                    problem = "the profile does not say what the browser said"
                    self._differ(column.name, expected, row[column.name], problem, kind)
        self._defaults(row, made=made)
        self._zone(row, kept[PROFILE] | kept[PREFERENCES])

    def _defaults(self, row: Fields, *, made: bool) -> None:
        ours = {column.name for column in COLUMNS}
        expected = sorted(self.records[PROFILE].merged.defaults)
        actual = sorted(set(row["imported_defaults"].strip("{}").split(",")) & ours)
        if (actual != expected) if made else not set(actual) <= set(expected):
            problem = "these are not the fields that were left at the browser's defaults"
            self._differ("imported_defaults", expected, actual, problem)

    def _zone(self, row: Fields, kept: set[str]) -> None:
        latest = self.person.snapshots[-1]
        expected = latest.zone_given or default_zone().name
        if row["timezone"] != expected and "timezone" not in kept:
            self._differ("timezone", expected, row["timezone"], "the zone is not that of the latest snapshot")

    def _name(self) -> None:
        """The account's name comes from the browser only when it had none; what it had before is not known any more."""
        name = self.records[PROFILE].merged.name
        if name and self.name in ((NULL, NULL), ("", ""), (NULL, ""), ("", NULL)):
            self._differ(
                "first_name", name.partition(" ")[0][:_NAME_LENGTH], "", "the account has no name, the browser knew one"
            )

    # --- goals --------------------------------------------------------------------------------------------------------

    def _goals(self, *, made: bool) -> None:
        if any(goal.run is not None and goal.run > self.run for goal in self.goals):
            self.findings.later += 1
            return
        answers: dict[int, list[Answers]] = defaultdict(list)
        record = self.records[PROFILE]
        for item in record.items:
            answers[item.snapshot.id].append(record.answers[id(item)])
        told = goals_of(self.person.snapshots, answers, before=self._goals_before())
        expected = {day: goals for day, *goals in told} or self._factory_goals(made=made)
        actual = {goal.day: goal for goal in self.goals}
        served = min((goal.day for goal in self.goals if goal.source == "server"), default=None)
        for day, (protein, calories) in expected.items():
            goal = actual.get(day)
            if goal is None and served is not None and day >= served:
                continue  # the person's own goals were kept from there on
            if goal is None:
                self._differ("goal_history", f"{day}: {protein} g, {calories} kcal", "", "the goal is missing")
            elif goal.source == "import" and (goal.protein, goal.calories) != (protein, calories):
                self._differ("goal_history", f"{day}: {protein} g, {calories} kcal", _text(goal), "the goal is another")
        for goal in self.goals:
            if goal.run == self.run and goal.day not in expected:
                self._differ("goal_history", "", _text(goal), "no snapshot accounts for this goal")

    def _factory_goals(self, *, made: bool) -> dict[str, list[str]]:
        """Where nobody answers: the goals of a profile that the import made; the server may have its own otherwise."""
        is_there = any(goal.day == FIRST_DAY for goal in self.goals)
        return {FIRST_DAY: list(_FACTORY_GOALS)} if made or is_there else {}

    def _goals_before(self) -> list[tuple[str, str, str]]:
        """The goals that an earlier run gave to a profile for which nobody had answered yet: what is answered later does not change them."""
        for goal in self.goals:
            earlier = goal.run is not None and goal.run < self.run
            if earlier and goal.day == FIRST_DAY and (goal.protein, goal.calories) == _FACTORY_GOALS:
                return [(FIRST_DAY, *_FACTORY_GOALS)]
        return []

    # --- the items ----------------------------------------------------------------------------------------------------

    def _fates(self, kind: str, plain: str) -> None:
        record = self.records[kind]
        row_ids = frozenset({self.row["id"]}) if self.row is not None else None
        for item in record.stale:
            if item.snapshot.in_run:
                notes = item.repair_notes
                self.outcomes.check(Fate(item, "superseded", "stale_pending_goals", notes, row_ids=row_ids))
        for item in record.items:
            if not item.snapshot.in_run:
                continue
            fate = Fate(item, "superseded", "older_copy", record.answers[id(item)].notes, row_ids=row_ids)
            if item is record.items[0]:
                fate.outcome, fate.reason, fate.allowed, fate.plain = STANDS, "", _STANDING, plain
            elif item.snapshot is record.items[0].snapshot:
                fate.outcome, fate.reason = "duplicate", "merged"
            self.outcomes.check(fate)

    def _differ(self, name: str, expected: object, actual: object, problem: str, kind: str = PROFILE) -> None:
        record = self.records[kind]
        item = record.items[0] if record.items else None
        self.findings.differ(
            kind, problem, user=self.person.id, snapshot=item.snapshot.id if item else None, path=item.path if item else "", field=name,
            expected=expected, actual=actual,
        )  # fmt: skip


def _kept_fields(row: OutcomeRow | None) -> set[str]:
    """The fields in which the server's value was kept."""
    if row is None or not SERVER_REASONS.intersection(row.reasons):
        return set()
    kept = row.before.get("kept", {}) if isinstance(row.before, dict) else {}
    return set(kept)


def _text(goal: Goal) -> str:
    return f"{goal.day}: {goal.protein} g, {goal.calories} kcal"
