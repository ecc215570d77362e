"""What becomes of each single item of a person in a run. A batch only counts those that are plain; a replay has to tell them apart."""

from __future__ import annotations

from audit.local_storage.items import Entry, ItemOutcome
from audit.runs.existing import Existing
from audit.runs.reconcile import EntryReconciler, name_favorites_apart
from audit.runs.reconcile_settings import SettingsReconciler
from audit.runs.wanted import EntryPlan, PreparedPerson

Place = tuple[int, str]
"""Snapshot id and path: where an item is."""

PLAIN = ("created", "unchanged")


class _EveryEntry(EntryReconciler):
    """Says of plain items too where they are and which row is theirs."""

    def _done(self, plan: EntryPlan, entry: Entry, outcome: str, row_id: str) -> None:
        self._note(plan, entry, outcome, "", row_id)


def fates_of(person: PreparedPerson, existing: Existing, present: Existing) -> dict[Place, ItemOutcome]:
    """The fate of every item in the run's snapshots, by the rules of a batch, against the tables as they were (`existing`). Favourites are named
    apart as they are now (`present`), since a row keeps the name that it got. `person` must be freshly prepared: naming happens in place."""
    wanted = person.wanted
    plan = EntryPlan()
    meals = _EveryEntry(person, existing, "meal")
    for merged in wanted.meals:
        meals.settle(merged, plan)
    favorites = _EveryEntry(person, existing, "favorite")
    name_favorites_apart(wanted.favorites, present, EntryReconciler(person, present, "favorite").matches)
    for merged in wanted.favorites:
        favorites.settle(merged, plan)
    settings = SettingsReconciler(person, existing).settle()
    representatives = {"profile": wanted.profile.representative, "preferences": wanted.preferences.representative}
    plain = [
        ItemOutcome(position, item.kind, item.path, outcome)
        for position, kind, outcome in settings.plain
        if (item := representatives[kind]) is not None
    ]
    fates = (*wanted.outcomes, *plan.outcomes, *settings.outcomes, *plain)
    return {(person.sources[fate.snapshot].id, fate.path): fate for fate in fates}


def is_plain(fate: ItemOutcome) -> bool:
    """Whether the item needs no outcome row."""
    return fate.outcome in PLAIN and not fate.reasons


def same(one: ItemOutcome | None, other: ItemOutcome) -> bool:
    """Whether two fates say the same of an item."""
    if one is None or one.outcome != other.outcome:
        return False
    if is_plain(one) and is_plain(other):
        return True
    return (one.reasons, one.raw, one.changes, one.row_id) == (other.reasons, other.raw, other.changes, other.row_id)
