"""The quarantine by cause, for people who look into it."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection

from audit.models import MigrationRun

SAMPLES = 3
SHOWN = 300
"""So many examples of a cause are shown, each cut to so many characters."""


class Sample(NamedTuple):
    """One item: where it stands, and the beginning of its raw value."""

    snapshot_id: int
    path: str
    raw: str


class Group(NamedTuple):
    """Items of one kind that wait for one reason."""

    reason: str
    kind: str
    items: int
    people: int
    samples: list[Sample]


# Served by idx_outcomes_quarantine_run. Only the samples' raw values are unpacked.
GROUPS = """
    SELECT reason, kind, count(*), count(DISTINCT user_id),
           array_agg(snapshot_id ORDER BY id) FILTER (WHERE place <= %(samples)s),
           array_agg(path ORDER BY id) FILTER (WHERE place <= %(samples)s),
           array_agg(left(raw, %(shown)s) ORDER BY id) FILTER (WHERE place <= %(samples)s)
    FROM (
        SELECT id, reasons[1] AS reason, kind, user_id, snapshot_id, path, raw,
               row_number() OVER (PARTITION BY reasons[1], kind ORDER BY id) AS place
        FROM migration_outcomes WHERE run_id = %(run)s AND outcome = 'quarantined'
    ) AS items
    GROUP BY reason, kind ORDER BY count(*) DESC, reason, kind
"""


def groups(run: MigrationRun) -> list[Group]:
    """Reason and kind → how many, whose, and examples; the most frequent first. One statement. The examples are personal data."""
    with connection.cursor() as cursor:
        cursor.execute(GROUPS, {"run": run.pk, "samples": SAMPLES, "shown": SHOWN})
        return [
            Group(reason, kind, items, people, list(map(Sample._make, zip(snapshots, paths, raws, strict=True))))
            for reason, kind, items, people, snapshots, paths, raws in cursor.fetchall()
        ]
