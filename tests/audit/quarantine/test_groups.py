"""The quarantine by cause: one statement, by the index of what is in quarantine."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.runs.quarantine.groups import GROUPS, SAMPLES, SHOWN, Sample, groups
from audit.runs.quarantine.selection import Selection
from audit.runs.quarantine.waive import waive
from tests.audit.quarantine.world import BAD, OTHER, WHO, M, P, item, run_of, snapshots
from tests.laws.world import go

pytestmark = pytest.mark.django_db


def test_the_causes_with_examples() -> None:
    snapshots({M: [BAD] * 4 + [None, OTHER, {**BAD, "protein": "x" * 1000}]})
    snapshots({M: ["?"], P: "[]"}, number=2)
    run = run_of(go())
    waive(run=run, chosen=Selection(path=f"{M}[0]", reason_code="not_a_number"), **WHO)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = groups(run)
    assert len(queries) == 1
    assert [one[:4] for one in found] == [
        ("not_a_number", "meal", 4, 1),
        ("not_an_object", "meal", 2, 2),
        ("not_an_object", "profile", 1, 1),
    ]
    assert len(found[0].samples) == SAMPLES
    null = item(run, f"{M}[4]")
    assert found[1].samples[0] == Sample(null.snapshot_id, f"{M}[4]", "null")
    assert max(len(sample.raw) for sample in found[0].samples) <= SHOWN


def test_by_its_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + GROUPS, {"run": 1, "samples": SAMPLES, "shown": SHOWN})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "idx_outcomes_quarantine_run" in plan, plan
