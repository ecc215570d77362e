"""Law 2 over random worlds: whatever the batch size, the number of worker processes, the order of snapshots and who comes first, one digest."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.digest import content_digest
from audit.models import MigrationRun
from audit.runs import control
from audit.runs.control import Tuning
from audit.runs.plan import Scope
from audit.runs.report import numbers_of
from tests.faults.harness.children import attend, children, fork, last_run, shake
from tests.laws.checks import check_conservation, law
from tests.laws.strategies import Browser, browsers
from tests.laws.world import empty, go, stage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.faults]


def at_once(*, batch_size: int, workers: int, seed: int) -> MigrationRun:
    """A run by so many processes, each of which dawdles at random places."""
    run = control.start(scope=Scope(), batch_size=batch_size, tuning=Tuning(workers=workers))

    def work(number: int) -> None:
        shake(Random(f"{seed}/{number}"))
        attend(run)

    with TemporaryDirectory() as folder:
        started = [fork(partial(work, number), Path(folder)) for number in range(workers)]
        with children(*started):
            for child in started:
                assert child.wait() == 0, child.said
    run.refresh_from_db()
    return run


@law(6)
@given(
    captures=browsers(people=4),
    chance=st.randoms(use_true_random=False),
    batch_size=st.integers(1, 3),
    workers=st.integers(1, 3),
)
def test_any_batch_size_workers_order_and_interleaving(
    captures: list[Browser], chance: Random, batch_size: int, workers: int
) -> None:
    empty()
    stage(captures)
    wanted = go()
    empty()
    shuffled = chance.sample(captures, len(captures))
    stage(shuffled)
    run = at_once(batch_size=batch_size, workers=workers, seed=chance.randint(0, 10**6))
    assert run.status == wanted["status"]
    assert content_digest() == wanted["digest"]
    numbers = numbers_of(last_run())
    assert (numbers.items, numbers.reasons) == (wanted["items"], wanted["reasons"])
    assert numbers.days == wanted["summaries"]["days"]
    check_conservation(run.report)
