"""Items get another fate: outcome rows, tallies and their batch's count change in one statement, so that the equation holds before it and after it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from audit.local_storage.items import ItemOutcome
from audit.runs.ledger import OUTCOMES
from audit.runs.quarantine.fates import is_plain


class Move(NamedTuple):
    """One item: what the run said of it, and what it says now. `recorded`: it has an outcome row."""

    snapshot_id: int
    old: str
    new: ItemOutcome
    recorded: bool


class Mismatch(Exception):
    """The book-keeping is not what it was found to be a moment before: nothing was changed."""


_DELTAS = ", ".join(f"sum((new = '{name}')::int - (old = '{name}')::int) AS {name}" for name in OUTCOMES)
_CHANGES = ", ".join(f"{name} = tally.{name} + delta.{name}" for name in OUTCOMES)

# An item that was plain and stays plain has no row to write, and still moves in its tally.
_MOVE = f"""
    WITH wanted AS (
        SELECT * FROM jsonb_to_recordset(%(moves)s::jsonb) AS one(
            snapshot_id bigint, kind text, path text, old text, new text, recorded boolean, needed boolean,
            reasons text[], raw text, changes jsonb, row_id uuid, before jsonb)
    ), changed AS (
        UPDATE migration_outcomes AS kept
        SET outcome = new, reasons = wanted.reasons, raw = wanted.raw, changes = wanted.changes, row_id = wanted.row_id, before = wanted.before
        FROM wanted
        WHERE kept.run_id = %(run)s AND kept.snapshot_id = wanted.snapshot_id AND kept.path = wanted.path
          AND kept.outcome = old AND kept.kind = wanted.kind AND recorded
        RETURNING 1
    ), added AS (
        INSERT INTO migration_outcomes (run_id, user_id, snapshot_id, kind, path, outcome, reasons, raw, changes, row_id, before)
        SELECT %(run)s, %(user)s, snapshot_id, kind, path, new, reasons, raw, changes, row_id, before
        FROM wanted WHERE needed AND NOT recorded
        RETURNING 1
    ), delta AS (
        SELECT snapshot_id, kind, {_DELTAS} FROM wanted GROUP BY snapshot_id, kind
    ), tallied AS (
        UPDATE migration_tallies AS tally SET {_CHANGES}
        FROM delta WHERE tally.run_id = %(run)s AND tally.snapshot_id = delta.snapshot_id AND tally.kind = delta.kind
        RETURNING 1
    ), batched AS (
        UPDATE migration_batches AS batch SET quarantined = batch.quarantined + sums.items
        FROM (
            SELECT plan.batch_id, sum(delta.quarantined) AS items FROM delta
            JOIN migration_run_snapshots AS plan ON plan.run_id = %(run)s AND plan.snapshot_id = delta.snapshot_id
            GROUP BY plan.batch_id
        ) AS sums
        WHERE batch.id = sums.batch_id
    )
    SELECT (SELECT count(*) FROM changed), (SELECT count(*) FROM added),
           (SELECT count(*) FROM tallied) = (SELECT count(*) FROM delta)
"""


def move(*, run_id: int, user_id: UUID, moves: Sequence[Move]) -> None:
    """Writes these moves of one person's items. Raises `Mismatch`; the CHECK of conservation and those against counts below zero do the rest."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, {"run": run_id, "user": user_id, "moves": json.dumps([_as_json(one) for one in moves])})
        changed, added, tallied = cursor.fetchone()
    wanted = sum(one.recorded for one in moves)
    needed = sum(not one.recorded and not is_plain(one.new) for one in moves)
    if (changed, added) != (wanted, needed) or not tallied:
        raise Mismatch(f"{changed} of {wanted} outcomes changed, {added} of {needed} added")


def _as_json(one: Move) -> dict[str, object]:
    fate = one.new
    return {
        "snapshot_id": one.snapshot_id,
        "kind": fate.kind,
        "path": fate.path,
        "old": one.old,
        "new": fate.outcome,
        "recorded": one.recorded,
        "needed": not is_plain(fate),
        "reasons": fate.reasons,
        "raw": fate.raw,
        "changes": fate.changes,
        "row_id": fate.row_id,
        "before": fate.before,
    }
