"""What somebody wrote down for items that could not be read (importing.md section 9); the second reading honours it by its own code."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from audit.runs.verification.cleaned import QuarantineError, clean_favorite, clean_meal
from audit.runs.verification.items import FAVORITE, MEAL, Item, Person, Snapshot
from audit.runs.verification.json_text import UnreadableError, decode
from audit.runs.verification.tables import Session

# An item that the run keeps in quarantine, or waived, is still what the bytes say: its repair has not been replayed there.
_REPAIRS = """
    SELECT DISTINCT ON (snapshot_id, path) snapshot_id, path, value FROM item_repairs AS repair
    WHERE snapshot_id = ANY (%s) AND NOT EXISTS (
        SELECT FROM migration_outcomes AS outcome
        WHERE outcome.run_id = %s AND outcome.snapshot_id = repair.snapshot_id AND outcome.path = repair.path
          AND outcome.outcome IN ('quarantined', 'waived'))
    ORDER BY snapshot_id, path, id DESC
"""


def fetch_repairs(session: Session, run: int, snapshots: list[int]) -> dict[int, dict[str, str]]:
    """Snapshot → path → the JSON text that stands for the item, as far as it counts for this run."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for snapshot, path, value in session.cursor().execute(_REPAIRS, [snapshots, run]):
        found[snapshot][path] = value
    return dict(found)


def put_in_place(person: Person, snapshot: Snapshot) -> None:
    """Puts the repairs of a snapshot in the place of what its bytes hold. Whose an item is, no repair decides; one that does not pass the rules
    counts for nothing."""
    texts = snapshot.repairs
    for array in person.meals:
        if array.snapshot is not snapshot:
            continue
        for path, text in texts.items():
            index = array.index_of(path)
            if index is not None and (value := _passing(MEAL, path, text, snapshot)) is not _NOTHING:
                array.repaired[index] = value
    for kind, items in person.items.items():
        for item in items:
            if item.snapshot is not snapshot or item.place.problem or not _is_single(item):
                continue
            repair = texts.get(item.path)
            if repair is not None and (value := _passing(kind, item.path, repair, snapshot)) is not _NOTHING:
                item.repair(value)


_NOTHING = object()


def _is_single(item: Item) -> bool:
    """A list that cannot be read counts as one item, but no single value can stand for it."""
    return item.index >= 0 or item.place.kind not in (MEAL, FAVORITE)


def _passing(kind: str, path: str, text: str, snapshot: Snapshot) -> Any:
    try:
        value = decode(text)
    except UnreadableError:
        return _NOTHING
    if path == "darkMode":
        return value if isinstance(value, bool) else _NOTHING
    if not isinstance(value, dict):
        return _NOTHING
    try:
        if kind == MEAL:
            clean_meal(value, snapshot.zone, snapshot.latest)
        elif kind == FAVORITE:
            clean_favorite(value, snapshot.zone, snapshot.latest, snapshot.captured_at)
    except QuarantineError:
        return _NOTHING
    return value
