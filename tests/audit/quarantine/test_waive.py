"""Setting items aside and back: outcome and tally move together, the raw values stay, the verifier decides what the run is."""

from __future__ import annotations

import json

import pytest
from django.db import IntegrityError, transaction

from audit.models import ActivityLog, MigrationEvent, MigrationOutcome, MigrationRun, MigrationTally
from audit.runs.plan import Refused
from audit.runs.quarantine import verdict
from audit.runs.quarantine.selection import Selection
from audit.runs.quarantine.verdict import can_be_judged_again, is_stale, judge_again
from audit.runs.quarantine.waive import unwaive, waive
from tests.audit.quarantine.world import BAD, OTHER, WHO, M, P, item, migrated, payloads, tallies
from tests.factories import make_run
from tests.laws.world import everything

pytestmark = pytest.mark.django_db


def test_there_and_back() -> None:
    run = migrated({M: [BAD, None, OTHER], P: "[]"})
    before, bytes_before = tallies(run), payloads()
    raws = list(MigrationOutcome.objects.order_by("id").values_list("path", "raw", "reasons"))
    done = waive(run=run, chosen=Selection(reason_code="not_an_object"), **WHO)
    assert (done.items, done.people, done.left) == (
        {("meal", "not_an_object"): 1, ("profile", "not_an_object"): 1},
        1,
        1,
    )
    assert [one[1:] for one in tallies(run)] == [
        ("favorite", 0, 0, 0, 0, 0, 0, 0, 0),
        ("meal", 3, 1, 0, 0, 0, 0, 1, 1),
        ("preferences", 0, 0, 0, 0, 0, 0, 0, 0),
        ("profile", 1, 0, 0, 0, 0, 0, 0, 1),
    ]
    event = MigrationEvent.objects.filter(run=run).latest("id")
    assert (event.action, event.actor, event.reason) == ("waive", WHO["actor"], WHO["reason"])
    assert event.data == {"items": {"meal": {"not_an_object": 1}, "profile": {"not_an_object": 1}}, "people": 1}
    log = ActivityLog.objects.get(action_type="MIGRATION_ITEMS_WAIVED")
    assert log.new_values == {"run": run.pk, "items": 2, **WHO}
    assert judge_again(run=run, **WHO).status == "completed_with_quarantine"
    assert unwaive(run=run, **WHO).items.total() == 2
    assert (tallies(run), payloads()) == (before, bytes_before)
    assert list(MigrationOutcome.objects.order_by("id").values_list("path", "raw", "reasons")) == raws
    assert judge_again(run=run, **WHO).status == "completed_with_quarantine"


def test_only_the_verifier_completes_a_run_of_which_everything_is_waived() -> None:
    run = migrated({M: [BAD, OTHER]})
    assert not is_stale(run)
    done = waive(run=run, **WHO)
    run.refresh_from_db()
    assert (done.left, run.status, is_stale(run)) == (0, "completed_with_quarantine", True)
    judged = judge_again(run=run, **WHO)
    assert (judged.status, judged.verdict, is_stale(judged)) == ("completed", "passed", False)
    actions = list(
        MigrationEvent.objects.filter(run=run).order_by("id").values_list("action", "old_status", "new_status")
    )
    assert actions[-3:] == [
        ("waive", "completed_with_quarantine", "completed_with_quarantine"),
        ("verify", "completed_with_quarantine", "verifying"),
        ("complete", "verifying", "completed"),
    ]


def test_a_completed_run_is_not_left_with_items_in_quarantine(monkeypatch: pytest.MonkeyPatch) -> None:
    run = migrated({M: [BAD]})
    waive(run=run, **WHO)
    judge_again(run=run, **WHO)
    monkeypatch.setattr(verdict, "TRANSITIONS", ())
    with pytest.raises(Refused, match="nothing may lead it back to the verifier"):
        unwaive(run=run, **WHO)


def test_a_run_that_the_verifier_doubts_is_failed_and_can_be_judged_again() -> None:
    run = migrated({M: [BAD, OTHER]})
    with transaction.atomic():
        MigrationOutcome.objects.filter(path=f"{M}[0]").update(raw='"forged"')
    waive(run=run, **WHO)
    assert (judge_again(run=run, **WHO).status, run.verdict) == ("failed", "failed")
    MigrationOutcome.objects.filter(path=f"{M}[0]").update(raw=json.dumps(BAD))
    assert judge_again(run=run, **WHO).status == "completed"


def test_a_run_with_batches_that_were_given_up_is_not_completed_by_it() -> None:
    run = migrated({M: [BAD]})
    waive(run=run, **WHO)
    run.batches.update(status="exhausted")
    MigrationRun.objects.filter(pk=run.pk).update(status="failed")
    run.refresh_from_db()
    assert not can_be_judged_again(run)
    with pytest.raises(Refused, match="cannot be verified again"):
        judge_again(run=run, **WHO)


def test_the_verdict_waits_for_another_migration() -> None:
    run = migrated({M: [BAD]})
    waive(run=run, **WHO)
    make_run(scope="all", status="running")
    with pytest.raises(Refused, match="another migration is active"):
        judge_again(run=run, **WHO)
    run.refresh_from_db()
    assert (run.status, is_stale(run)) == ("completed_with_quarantine", True)


def test_nothing_is_waived_twice_or_for_nothing() -> None:
    run = migrated({M: [BAD]})
    waive(run=run, **WHO)
    before = everything()
    with pytest.raises(Refused, match="no such item that is quarantined"):
        waive(run=run, **WHO)
    with pytest.raises(Refused, match="reason"):
        unwaive(run=run, actor="x", reason=" ")
    assert everything() == before


def test_not_while_anything_else_moves_the_run_nor_after_it_was_taken_back() -> None:
    run = migrated({M: [BAD]})
    for status in ("running", "rolling_back", "rolled_back"):
        MigrationRun.objects.filter(pk=run.pk).update(status=status)
        with pytest.raises(Refused, match=f"is {status}"):
            waive(run=run, **WHO)
    MigrationRun.objects.filter(pk=run.pk).update(status="completed_with_quarantine")
    run.plan.update(reverted_at=run.finished_at)
    with pytest.raises(Refused, match="was taken back"):
        waive(run=run, **WHO)
    assert item(run, f"{M}[0]").outcome == "quarantined"


def test_the_check_refuses_a_tally_that_does_not_follow() -> None:
    run = migrated({M: [BAD]})
    with pytest.raises(IntegrityError, match="conservation"), transaction.atomic():
        MigrationTally.objects.filter(run=run, kind="meal").update(waived=1)
    with pytest.raises(IntegrityError, match="quarantined_check"), transaction.atomic():
        MigrationTally.objects.filter(run=run, kind="meal").update(quarantined=-1, waived=2)
