"""All snapshots of one person to what the tables should say about them: the whole of reading, cleaning and merging, without any table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from audit.local_storage.decode import Unreadable
from audit.local_storage.items import ItemOutcome, Kind, PlainMeals, Settings, changes_of, distinct, raw_text
from audit.local_storage.merge import Merged, favorite_likeness, meal_likeness, merge
from audit.local_storage.read import ReadSnapshot, Repairs, SnapshotReader, SnapshotSource
from audit.local_storage.settings import GOAL_COLUMNS, MARKED_DEFAULTS

BEGINNING = date(2000, 1, 1)
"""From when the first known goals are in force: as far back as anyone knows."""


class Goals(msgspec.Struct, frozen=True):
    """Goals (g, kcal a day) in force from a local day on."""

    effective_from: date
    protein: int
    calories: int


class WantedSettings(msgspec.Struct):
    """What the browser says about the profile row, for one of the two kinds of settings."""

    kind: Kind
    representative: Settings | None
    answers: dict[str, Any]
    defaults: dict[str, Any]


class Person(msgspec.Struct):
    """What the snapshots of one person come to."""

    merged_meals: list[Merged]
    favorites: list[Merged]
    profile: WantedSettings
    preferences: WantedSettings
    goals: list[Goals]
    """Empty when no snapshot answers a goal."""
    zone: str
    outcomes: list[ItemOutcome]
    """Fates that no table can change: quarantine, stale goals, settings merged into others."""
    found: dict[int, Counter[Kind]]
    """Position of a run's snapshot → items found, by kind."""
    reports: dict[int, dict[str, Any]]
    plain: PlainMeals | None = None
    """All meals, instead of `merged_meals`: those of the person's only snapshot, all different."""

    @property
    def meals(self) -> list[Merged]:
        """All meals, one by one."""
        if self.plain is not None:
            self.merged_meals = merge(self.plain.entries(), meal_likeness, (self.plain.snapshot,))
            self.plain = None
        return self.merged_meals


def read_person(
    sources: list[SnapshotSource],
    in_run: Collection[int],
    poisoned: Collection[int] = frozenset(),
    repairs: Mapping[int, Repairs] | None = None,
) -> Person:
    """Reads all snapshots of a person, in order of (captured_at, sha256); `in_run` are the positions that the run is to account for.

    Of those in `poisoned` nothing is read: an error was met that they alone cause, so they are quarantined whole. `repairs`: snapshot id →
    what stands for its items.
    """
    read = [
        _set_aside(position, "poison_snapshot")
        if position in poisoned
        else _read(source, position, repairs.get(source.id) if repairs else None)
        for position, source in enumerate(sources)
    ]
    plain = _all_plain(read) if in_run else None
    meals = [] if plain else merge([entry for one in read for entry in one.meals], meal_likeness, in_run)
    favorites = merge([entry for one in read for entry in one.favorites], favorite_likeness, in_run)
    settings = [entry for one in read for entry in one.settings]
    outcomes = [outcome for position in in_run for outcome in read[position].settled]
    return Person(
        meals,
        favorites,
        _wanted("profile", settings, in_run, outcomes),
        _wanted("preferences", settings, in_run, outcomes),
        _goals(settings, sources),
        sources[-1].zone.key,
        outcomes,
        {position: read[position].found for position in in_run},
        {position: read[position].report for position in in_run},
        plain,
    )


def _all_plain(read: list[ReadSnapshot]) -> PlainMeals | None:
    """The meals of somebody with a single snapshot in which no two are the same: there is nothing to merge."""
    plain = read[0].plain if len(read) == 1 else None
    if plain is None or len({meal_likeness(content) for content in plain.contents}) != len(plain.contents):
        return None
    return plain


def _read(source: SnapshotSource, position: int, repairs: Repairs | None) -> ReadSnapshot:
    try:
        return SnapshotReader(source, position, repairs).read()
    except Unreadable as problem:
        return _set_aside(position, problem.code)


def _set_aside(position: int, problem: str) -> ReadSnapshot:
    code = "poison_snapshot" if problem == "poison_snapshot" else "unreadable_snapshot"
    result = ReadSnapshot(report={"unreadable": problem})
    result.found["meal"] = 1
    result.settled.append(
        ItemOutcome(position, "meal", "", "quarantined", (code,), raw_text("(the bytes are in the snapshot)"))
    )
    return result


def _falling(settings: list[Settings]) -> list[Settings]:
    """Later snapshots before earlier ones; within one by rank."""
    return sorted(settings, key=lambda entry: (-entry.snapshot, entry.rank))


def _wanted(
    kind: Kind, settings: list[Settings], in_run: Collection[int], outcomes: list[ItemOutcome]
) -> WantedSettings:
    ordered = _falling([entry for entry in settings if entry.kind == kind])
    answers: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for entry in ordered:
        for column, value in entry.answers.items():
            answers.setdefault(column, value)
        for column, value in entry.defaults.items():
            defaults.setdefault(column, value)
    mine = [entry for entry in ordered if entry.snapshot in in_run]
    representative = mine[0] if mine else None
    for entry in mine[1:]:
        assert representative is not None
        same_snapshot = entry.snapshot == representative.snapshot
        outcomes.append(
            ItemOutcome(
                entry.snapshot,
                kind,
                entry.path,
                "duplicate" if same_snapshot else "superseded",
                distinct(["merged" if same_snapshot else "older_copy", *(note.code for note in entry.notes)]),
                raw_text(entry.raw),
                changes_of(entry.raw, entry.notes),
            )
        )
    return WantedSettings(
        kind, representative, answers, {column: value for column, value in defaults.items() if column not in answers}
    )


def marked_defaults(wanted: WantedSettings) -> list[str]:
    """The columns of a profile that would say something only because the browser says it to everybody."""
    return sorted(MARKED_DEFAULTS & wanted.defaults.keys())


def _goals(settings: list[Settings], sources: list[SnapshotSource]) -> list[Goals]:
    """The first snapshot's goals hold from the beginning, another snapshot's from the local day of its capture."""
    history: list[Goals] = []
    current: dict[str, int] = {"daily_protein_goal": 120, "daily_calorie_goal": 2000}
    for position, source in enumerate(sources):
        answers: dict[str, int] = {}
        for entry in _falling([entry for entry in settings if entry.snapshot == position and entry.kind == "profile"]):
            for column in GOAL_COLUMNS:
                if column in entry.answers:
                    answers.setdefault(column, entry.answers[column])
        if not answers:
            continue
        current = {**current, **answers}
        since = _local_day(source.captured_at, source.zone) if history else BEGINNING
        goals = Goals(since, current["daily_protein_goal"], current["daily_calorie_goal"])
        if history and (history[-1].protein, history[-1].calories) == (goals.protein, goals.calories):
            continue
        if history and history[-1].effective_from >= since:
            goals = Goals(history[-1].effective_from, goals.protein, goals.calories)
            history.pop()
        history.append(goals)
    return history


def _local_day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
