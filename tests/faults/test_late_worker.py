"""A worker held past its lease, before its transaction and in it, while another finishes the run: when it wakes it changes nothing."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from audit.digest import content_digest
from audit.models import MigrationBatch, RunStatus
from audit.runs import control
from audit.runs.batch import LeaseLost, commit_batch
from audit.runs.claim import ClaimedBatch, claim_batch, exhaust_batch, release_claim, split_batch
from audit.runs.plan import Scope
from audit.runs.prepare import prepare
from audit.runs.transitions import transition
from tests.faults.harness.children import Arm, attend, children, last_run
from tests.faults.harness.fire import BATCH_SIZE, Fire
from tests.laws.world import everything

pytestmark = [pytest.mark.slow, pytest.mark.faults]

HELD = [
    ("claim.leased", 2),
    ("claim.committed", 1),
    ("prepare.read", 1),
    ("prepare.read", 3),
    ("batch.begun", 1),
    ("batch.meals", 2),
    ("batch.marked", 1),
    ("batch.marked", 3),
    ("batch.committed", 1),
    ("batch.committed", 3),
]


@pytest.mark.parametrize(("point", "hit"), HELD)
def test_held_past_its_lease_it_changes_nothing(fire: Fire, settings: Settings, point: str, hit: int) -> None:
    settings.MIGRATION_LEASE_SECONDS = 1
    with children(fire.migrate(arm=Arm(point, hit, "stop"))) as all_of_them:
        (late,) = all_of_them
        late.wait_stopped()
        run = last_run()
        all_of_them.append(another := fire.fork(lambda: attend(run)))
        assert another.wait(30) == 0, another.said
        fire.check(run)
        finished = everything()
        late.send(signal.SIGCONT)
        assert late.wait(30) == 0, late.said
    assert everything() == finished
    fire.check(run)


def test_with_a_session_that_lives_the_epoch_alone_keeps_it_out(fire: Fire) -> None:
    """Whatever the locks may say: what it claimed is another's now, so it can write, release, split and give up nothing."""
    run = control.start(scope=Scope(), batch_size=BATCH_SIZE)
    transition(run=run, action="start", target=RunStatus.RUNNING, digest_before=content_digest())
    claim = claim_batch(run)
    assert isinstance(claim, ClaimedBatch)
    prepared = list(prepare(claim.people))
    MigrationBatch.objects.filter(pk=claim.id).update(lease_expires_at=Now() - timedelta(seconds=1))
    for finished in (False, True):
        if finished:
            with children(fire.fork(lambda: attend(run))) as (another,):
                assert another.wait() == 0, another.said
        else:  # leased to another, who is still at it
            MigrationBatch.objects.filter(pk=claim.id).update(epoch=claim.epoch + 1, lease_owner="another")
        before = everything()
        with pytest.raises(LeaseLost, match="taken over"):
            commit_batch(prepared, run_id=run.pk, claim=claim)
        assert not release_claim(claim)
        assert not split_batch(claim, error="")
        assert not exhaust_batch(claim, error="")
        assert everything() == before
    fire.check(run)
