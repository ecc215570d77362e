"""The bookkeeping of a batch: tallies and outcomes, written in the batch's own transaction (laws 1 and 2)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

import msgspec
from django.db import connection

from audit.local_storage.items import KINDS, ItemOutcome
from audit.runs.copying import NULL, array, copy_lines, text

OUTCOMES = ("created", "updated", "unchanged", "duplicate", "superseded", "quarantined", "waived")


class Unbalanced(Exception):
    """An item has no outcome, or two: the first law would be broken, so nothing of the batch is kept."""


class Ledger(msgspec.Struct):
    """What became of the items of a batch, by snapshot."""

    found: dict[int, Counter[str]] = {}
    counts: dict[int, Counter[tuple[str, str]]] = {}
    """Snapshot id → (kind, outcome) → number."""
    outcomes: list[tuple[UUID, int, ItemOutcome]] = []
    """Person, snapshot id, outcome: the rows of `migration_outcomes`."""
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    reports: dict[int, str] = {}

    def open(self, snapshot: int, found: Counter[str], report: str) -> None:
        """Begins the account of one snapshot."""
        self.found[snapshot] = found
        self.counts[snapshot] = Counter()
        self.reports[snapshot] = report

    def plain(self, snapshot: int, kind: str, outcome: str, number: int = 1) -> None:
        """Items that were simply created or unchanged."""
        self.counts[snapshot][kind, outcome] += number

    def add(self, user_id: UUID, snapshot: int, outcome: ItemOutcome) -> None:
        """An item with a row of its own."""
        self.counts[snapshot][outcome.kind, outcome.outcome] += 1
        self.reasons.update(outcome.reasons)
        self.outcomes.append((user_id, snapshot, outcome))

    def check(self) -> None:
        """found = created + updated + unchanged + duplicate + superseded + quarantined + waived, for every snapshot and kind."""
        for snapshot, found in self.found.items():
            for kind in KINDS:
                settled = sum(self.counts[snapshot][kind, outcome] for outcome in OUTCOMES)
                if settled != found[kind]:
                    raise Unbalanced(
                        f"snapshot {snapshot}: {found[kind]} items of kind {kind} were found, {settled} have an outcome"
                    )

    @property
    def items(self) -> int:
        """All items found."""
        return sum(found.total() for found in self.found.values())

    @property
    def quarantined(self) -> int:
        """Items that wait in quarantine."""
        return sum(counts[kind, "quarantined"] for counts in self.counts.values() for kind in KINDS)

    def totals(self) -> dict[str, Counter[str]]:
        """Kind → found and the seven outcomes, over all snapshots of the batch."""
        totals: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        for snapshot, found in self.found.items():
            for kind in KINDS:
                totals[kind]["found"] += found[kind]
                for outcome in OUTCOMES:
                    totals[kind][outcome] += self.counts[snapshot][kind, outcome]
        return totals


def write_ledger(run_id: int, ledger: Ledger) -> None:
    """Writes tallies (four a snapshot), outcomes and what was seen in each browser."""
    with connection.cursor() as cursor:
        copy_lines(
            cursor,
            f"COPY migration_tallies (run_id, snapshot_id, kind, found, {', '.join(OUTCOMES)}) FROM STDIN",
            _tally_lines(run_id, ledger),
        )
        if ledger.outcomes:
            copy_lines(
                cursor,
                "COPY migration_outcomes (run_id, snapshot_id, user_id, kind, path, outcome, reasons, raw, changes, row_id, before) FROM STDIN",
                (_outcome_line(run_id, *one) for one in ledger.outcomes),
            )
        cursor.execute(
            "UPDATE migration_run_snapshots AS plan SET read_report = seen.report::jsonb "
            "FROM unnest(%s::bigint[], %s::text[]) AS seen(snapshot_id, report) "
            "WHERE plan.run_id = %s AND plan.snapshot_id = seen.snapshot_id",
            [list(ledger.reports), list(ledger.reports.values()), run_id],
        )


def _tally_lines(run_id: int, ledger: Ledger) -> Iterator[str]:
    for snapshot, found in ledger.found.items():
        counts = ledger.counts[snapshot]
        for kind in KINDS:
            values = "\t".join(str(counts[kind, outcome]) for outcome in OUTCOMES)
            yield f"{run_id}\t{snapshot}\t{kind}\t{found[kind]}\t{values}\n"


def _outcome_line(run_id: int, user_id: UUID, snapshot: int, one: ItemOutcome) -> str:
    before = NULL if one.before is None else text(json.dumps(one.before))
    return (
        f"{run_id}\t{snapshot}\t{user_id}\t{one.kind}\t{text(one.path)}\t{one.outcome}\t{array(one.reasons)}\t{text(one.raw)}\t"
        f"{text(json.dumps(one.changes)) if one.changes else '[]'}\t{one.row_id or NULL}\t{before}\n"
    )
