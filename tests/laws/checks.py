"""What every migration has to keep, asserted from the tables; and how long the laws look."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings

from audit.local_storage.rules import RULES
from audit.models import MigrationOutcome, MigrationTally, StorageSnapshot
from tests.laws.counting import count_items

EXAMPLES = int(os.environ.get("DYNPROT_LAWS", "0"))
OUTCOMES = ("created", "updated", "unchanged", "duplicate", "superseded", "quarantined", "waived")


def law(examples: int) -> settings:
    return settings(
        max_examples=EXAMPLES or examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
        print_blob=True,
    )


def check_conservation(report: dict[str, Any]) -> None:
    """Law 1, from the tables alone: each item was found once, has one fate, and whoever is not plainly a row has a row in outcomes."""
    run = report["run"]
    by_kind: Counter[str] = Counter()
    for snapshot in StorageSnapshot.objects.filter(plans__run_id=run):
        counted = count_items(bytes(snapshot.payload))
        tallies = {tally.kind: tally for tally in MigrationTally.objects.filter(run_id=run, snapshot=snapshot)}
        assert tallies.keys() == {"meal", "favorite", "profile", "preferences"}
        for kind, tally in tallies.items():
            assert tally.found == counted[kind], f"{kind}: {tally.found} were found, {counted[kind]} are there"
            assert tally.found == sum(getattr(tally, outcome) for outcome in OUTCOMES)
            kept = Counter(
                MigrationOutcome.objects.filter(run_id=run, snapshot=snapshot, kind=kind).values_list(
                    "outcome", flat=True
                )
            )
            for outcome in ("updated", "duplicate", "superseded", "quarantined"):
                assert kept[outcome] == getattr(tally, outcome), (kind, outcome)
            for outcome in ("created", "unchanged"):
                assert kept[outcome] <= getattr(tally, outcome), (kind, outcome)
            by_kind[kind] += tally.found
    assert {kind: counts["found"] for kind, counts in report["items"].items()} == {
        kind: by_kind[kind] for kind in report["items"]
    }
    assert report["reasons"].keys() <= RULES.keys()
    for reasons, raw in MigrationOutcome.objects.filter(
        run_id=run, outcome__in=["quarantined", "duplicate", "superseded"]
    ).values_list("reasons", "raw"):
        assert reasons
        assert raw.isascii()
        assert raw


def check_verified(report: dict[str, Any]) -> None:
    """The second path comes to the same."""
    assert report["verification"]["differences"] == []
    quarantined = any(counts["quarantined"] for counts in report["items"].values())
    assert report["status"] == ("completed_with_quarantine" if quarantined else "completed")
