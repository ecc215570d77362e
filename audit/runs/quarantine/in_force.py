"""Which repairs count: of each path the latest. Everything that reads snapshots asks here once for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from django.db import connection

RepairsInForce = Mapping[int, Mapping[str, str]]
"""Snapshot id → path → the JSON text that stands for the item. Snapshots without repairs are not in it."""


def repairs_in_force(snapshot_ids: Iterable[int]) -> RepairsInForce:
    """The repairs of these snapshots. One statement, an index look-up a snapshot."""
    found: dict[int, dict[str, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (snapshot_id, path) snapshot_id, path, value FROM item_repairs WHERE snapshot_id = ANY (%s) "
            "ORDER BY snapshot_id, path, id DESC",
            [list(snapshot_ids)],
        )
        for snapshot, path, value in cursor.fetchall():
            found.setdefault(snapshot, {})[path] = value
    return found


def without(repairs: RepairsInForce, places: Collection[tuple[int, str]]) -> RepairsInForce:
    """The same, but for items at these places (snapshot, path)."""
    return {
        snapshot: {path: value for path, value in ours.items() if (snapshot, path) not in places}
        for snapshot, ours in repairs.items()
    }
