"""Law 4 over random dirty captures: however a run is taken back, in whatever parts, the content is that of before; and it can be migrated again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.digest import content_digest
from audit.models import MigrationRun, StorageSnapshot
from audit.runs.rollback import RollbackScope, roll_back
from tests.audit.rollback.worlds import contents, photos
from tests.laws.checks import law
from tests.laws.strategies import Browser, browsers
from tests.laws.world import empty, go, stage

pytestmark = pytest.mark.django_db(transaction=True)


def later_browsers_wait() -> None:
    """Only each person's first browser is there as yet."""
    StorageSnapshot.objects.filter(captured_at__day__gt=10).update(status="poisoned")


def they_arrive() -> None:
    StorageSnapshot.objects.filter(status="poisoned").update(status="waiting")


def take_back_in_parts(run: MigrationRun, data: st.DataObject) -> None:
    """Some people and batches by themselves, in any order; then, mostly, the rest as a whole."""
    emails = sorted(set(run.plan.values_list("user__email", flat=True)))
    numbers = sorted(run.batches.values_list("number", flat=True))
    scopes = [RollbackScope(email=email) for email in emails] + [RollbackScope(batch=number) for number in numbers]
    chosen = data.draw(st.lists(st.sampled_from(scopes), unique=True, max_size=len(scopes)) if scopes else st.just([]))
    for scope in chosen:
        roll_back(run=run, scope=scope)
    run.refresh_from_db()
    receipt = roll_back(run=run, batch_size=data.draw(st.integers(1, 3)))
    assert receipt.kept == []
    assert receipt.equal


@law(3)
@given(captures=browsers(), batch_size=st.integers(1, 3), data=st.data())
def test_two_runs_taken_back_in_any_parts(captures: list[Browser], batch_size: int, data: st.DataObject) -> None:
    empty()
    stage(captures)
    later_browsers_wait()
    nothing = contents(), content_digest()
    first = go(batch_size=batch_size)
    once = contents(), content_digest(), photos()
    they_arrive()
    second = go(batch_size=4 - batch_size)
    twice = content_digest(), second["items"]
    take_back_in_parts(MigrationRun.objects.get(pk=second["run"]), data)
    assert (contents(), content_digest(), photos()) == once
    again = go()
    assert (again["digest"], again["items"]) == twice
    take_back_in_parts(MigrationRun.objects.get(pk=again["run"]), data)
    take_back_in_parts(MigrationRun.objects.get(pk=first["run"]), data)
    assert (contents(), content_digest()) == nothing
    assert photos() == []
    assert not StorageSnapshot.objects.exclude(status="waiting", last_run=None).exists()
