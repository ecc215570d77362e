"""The quarantine by cause for a page: a few statements of bounded size, however many items there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Sum

from audit.models import MigrationOutcome, MigrationRun, MigrationTally, Outcome

SAMPLES: Final = 3
SHOWN: Final = 300
"""So many examples of a cause are shown, each cut to so many characters."""
COUNTED_AT_MOST: Final = 200_000
"""Items that are counted by cause; of more, the page says `at least`."""


class Example(NamedTuple):
    """One item of a cause. `value` (of the refused field) and `raw` are personal data, and empty for those who may not see them."""

    outcome_id: int
    path: str
    field: str
    value: str
    raw: str


class Cause(NamedTuple):
    """Items of one kind that have one reason. `mended`: those among them that have a repair, and wait to be replayed."""

    reason: str
    kind: str
    items: int
    people: int
    mended: int
    examples: Sequence[Example]


class Causes(NamedTuple):
    """All of them, the most frequent first."""

    causes: Sequence[Cause]
    complete: bool
    """False when there are more items than were counted."""

    @property
    def items(self) -> int:
        """Of all causes."""
        return sum(one.items for one in self.causes)


# Served by idx_outcomes_quarantine_run (quarantined), or by the unique key for the snapshots that have such items (waived). Counted by person
# first, for the people and for examples of different people; hashes all the way, since sorting what is left takes as long as the rest.
# No raw value is read here.
CAUSES = """
    SELECT reason, kind, items, people,
           (SELECT array_agg(id) FROM (SELECT id FROM unnest(firsts) AS first(id) ORDER BY id LIMIT %(samples)s) AS examples) || last
    FROM (
        SELECT reason, kind, sum(items) AS items, count(*) AS people, array_agg(first) AS firsts, max(last) AS last
        FROM (
            SELECT reason, kind, user_id, count(*) AS items, min(id) AS first, max(id) AS last
            FROM (
                SELECT id, reasons[1] AS reason, kind, user_id FROM migration_outcomes
                WHERE run_id = %(run)s AND outcome = {outcome} {narrowed}
                LIMIT %(most)s
            ) AS items
            GROUP BY reason, kind, user_id
        ) AS of_people
        GROUP BY reason, kind
    ) AS found
    ORDER BY items DESC, reason, kind
"""
_MENDED = """
    SELECT reasons[1], kind, count(DISTINCT items.id) FROM item_repairs
    JOIN migration_outcomes AS items ON items.run_id = %(run)s AND items.snapshot_id = item_repairs.snapshot_id AND items.path = item_repairs.path
    WHERE items.outcome = 'quarantined' AND (%(user)s::uuid IS NULL OR items.user_id = %(user)s)
    GROUP BY reasons[1], kind
"""
_WAIVED_SNAPSHOTS = (
    "AND snapshot_id IN (SELECT snapshot_id FROM migration_tallies WHERE run_id = %(run)s AND waived > 0)"
)
_EXAMPLES = """
    SELECT id, path, COALESCE(changes->0->>'field', ''), CASE WHEN %(raw)s THEN left(COALESCE(changes->0->>'raw', ''), %(shown)s) ELSE '' END,
           CASE WHEN %(raw)s THEN left(raw, %(shown)s) ELSE '' END
    FROM migration_outcomes WHERE id = ANY (%(ids)s)
"""


def causes_statement(*, outcome: Outcome, kind: str, user_id: UUID | None) -> str:
    """The statement for this choice. (A literal outcome: the planner has to see that the partial index serves.)"""
    narrowed = _WAIVED_SNAPSHOTS if outcome == Outcome.WAIVED else ""
    narrowed += " AND kind = %(kind)s" if kind else ""
    narrowed += " AND user_id = %(user)s" if user_id else ""
    return CAUSES.format(outcome=f"'{outcome.value}'", narrowed=narrowed)


def causes(
    run: MigrationRun,
    *,
    outcome: Outcome = Outcome.QUARANTINED,
    kind: str = "",
    user_id: UUID | None = None,
    with_raw: bool = False,
) -> Causes:
    """Items of a run that are in quarantine, or were waived, by cause. Three statements."""
    statement = causes_statement(outcome=outcome, kind=kind, user_id=user_id)
    with connection.cursor() as cursor:
        chosen: dict[str, Any] = {
            "run": run.pk,
            "kind": kind,
            "user": user_id,
            "most": COUNTED_AT_MOST,
            "samples": SAMPLES,
        }
        cursor.execute(statement, chosen)
        rows = [
            (reason or "", what, int(items), people, list(dict.fromkeys(ids))[:SAMPLES])
            for reason, what, items, people, ids in cursor.fetchall()
        ]
        cursor.execute(_MENDED, {"run": run.pk, "user": user_id})
        mended = {(reason, what): items for reason, what, items in cursor.fetchall()}
        cursor.execute(_EXAMPLES, {"ids": [one for row in rows for one in row[-1]], "raw": with_raw, "shown": SHOWN})
        examples = {row[0]: Example._make(row) for row in cursor.fetchall()}
    found = [
        Cause(
            reason,
            what,
            items,
            people,
            mended.get((reason, what), 0),
            [examples[one] for one in ids if one in examples],
        )
        for reason, what, items, people, ids in rows
    ]
    return Causes(found, complete=sum(one.items for one in found) < COUNTED_AT_MOST)


def runs_with_quarantine(*, at_most: int) -> list[MigrationRun]:
    """The newest runs of which something is in quarantine. One statement, an index look-up a run."""
    quarantined = MigrationOutcome.objects.filter(run=OuterRef("pk"), outcome=Outcome.QUARANTINED)
    return list(MigrationRun.objects.filter(Exists(quarantined)).order_by("-id")[:at_most])


def sums_of(run: MigrationRun) -> tuple[int, int]:
    """(In quarantine, waived): items of a run, from its tallies. One statement."""
    sums: dict[str, Any] = MigrationTally.objects.filter(run=run).aggregate(
        quarantined=Sum("quarantined"), waived=Sum("waived")
    )
    return sums["quarantined"] or 0, sums["waived"] or 0


def refused_fields(outcomes: Sequence[MigrationOutcome]) -> list[str]:
    """The fields for which these items were refused, each once."""
    return sorted({refused_field(outcome) for outcome in outcomes} - {""})


def refused_field(outcome: MigrationOutcome) -> str:
    """The field that the reason names; empty when the item as a whole was refused."""
    return str(outcome.changes[0].get("field", "")) if outcome.changes else ""
