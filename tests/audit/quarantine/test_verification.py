"""The second reading takes repairs from the table by its own code, and doubts everything that does not follow from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from audit.models import ItemRepair, MigrationOutcome, MigrationRun
from audit.runs.quarantine.replay import replay
from audit.runs.quarantine.selection import Selection
from audit.runs.quarantine.waive import waive
from audit.runs.verification import verify_run
from nutrition.models import MealEntry
from tests.audit.quarantine.world import BAD, GOOD, OTHER, SEALED, WHO, F, M, P, item, mend, mended, migrated
from tests.captures import app_state, favorite
from tests.laws.world import go

pytestmark = pytest.mark.django_db

M0 = f"{M}[0]"


def forge(**changes: Any) -> Callable[[MigrationRun], None]:
    """Changes the outcome row of the repaired meal."""

    def act(run: MigrationRun) -> None:
        MigrationOutcome.objects.filter(pk=item(run, M0).pk).update(**changes)

    return act


def forge_change(field: str, value: str) -> Callable[[MigrationRun], None]:
    def act(run: MigrationRun) -> None:
        row = item(run, M0)
        for change in row.changes:
            if change["reason"] == "repaired":
                change[field] = value
        row.save(update_fields=["changes"])

    return act


def row_as_the_bytes_hold_it(run: MigrationRun) -> None:
    MealEntry.objects.filter(description="Lentilles").update(protein_grams=12)


def no_row(run: MigrationRun) -> None:
    MealEntry.objects.filter(description="Lentilles").delete()


def no_outcome(run: MigrationRun) -> None:
    item(run, M0).delete()


def no_repair(run: MigrationRun) -> None:
    ItemRepair.objects.filter(path=M0).delete()


def another_repair(run: MigrationRun) -> None:
    one = ItemRepair.objects.get(path=M0)
    value = json.dumps({**GOOD, "protein": 99})
    ItemRepair.objects.create(snapshot_id=one.snapshot_id, path=M0, value=value, actor="x", reason="x")


CORRUPTIONS: dict[str, Callable[[MigrationRun], None]] = {
    "the row says something else": row_as_the_bytes_hold_it,
    "the row is gone": no_row,
    "the outcome does not say that it was repaired": forge(reasons=[], changes=[]),
    "the outcome is gone": no_outcome,
    "the raw value is forged": forge_change("raw", json.dumps(GOOD)),
    "the repaired value is forged": forge_change("value", json.dumps(BAD)),
    "the outcome is quarantined again": forge(outcome="quarantined", reasons=["not_a_number"], changes=[], row_id=None),
    "there is no repair": no_repair,
    "there is another repair since, which nobody replayed": another_repair,
}


def test_it_doubts_what_does_not_follow_from_the_repairs() -> None:
    run = migrated({M: [BAD, OTHER], P: SEALED, F: app_state(favoriteMeals=["?"])})
    repairs = {(0, M0): GOOD, (0, P): {"weightKg": 81}, (0, f"{F}.favoriteMeals[0]"): favorite()}
    mended(run, repairs)
    assert verify_run(run).differences == []
    for name, corrupt in CORRUPTIONS.items():
        with transaction.atomic():
            corrupt(run)
            assert verify_run(run).verdict == "failed", name
            transaction.set_rollback(True)
    assert verify_run(run).differences == []


def test_a_repair_counts_in_a_run_when_it_was_replayed_there() -> None:
    run = migrated({M: [BAD, None, OTHER]})
    mend(run, M0, GOOD)
    mend(run, f"{M}[1]", {**OTHER, "id": "9", "description": "Riz"})
    assert verify_run(run).differences == []
    waive(run=run, chosen=Selection(path=M0), **WHO)
    assert verify_run(run).differences == []


def test_a_repair_that_does_not_pass_counts_for_nothing() -> None:
    """As when the rules have become stricter since: the item is what the bytes say, for both readings."""
    run = migrated({M: [BAD, OTHER]})
    snapshot = item(run, M0).snapshot_id
    for path in (M0, f"{M}[7]", f"{M}", "elsewhere[0]"):
        ItemRepair.objects.create(snapshot_id=snapshot, path=path, value='"x"', actor="x", reason="x")
    report = go(again=True)
    assert report["verification"]["differences"] == []
    assert report["items"]["meal"]["quarantined"] == 1
    assert MigrationOutcome.objects.get(run_id=report["run"]).reasons == ["not_a_number"]


def test_a_repair_makes_nobody_the_owner() -> None:
    run = migrated({"p-meals-X": [BAD], "p-user-profile-X": SEALED, M: [OTHER]})
    snapshot = item(run, "p-meals-X[0]").snapshot_id
    for path, value in (("p-meals-X[0]", GOOD), ("p-user-profile-X", {"weightKg": 81})):
        ItemRepair.objects.create(snapshot_id=snapshot, path=path, value=json.dumps(value), actor="x", reason="x")
    assert replay(run=run, **WHO).items.total() == 0
    report = go(again=True)
    assert (report["verification"]["differences"], report["status"]) == ([], "completed_with_quarantine")
    assert MealEntry.objects.count() == 1
