"""The real command with real worker processes: any of them killed at any moment, and asked to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from random import Random

import pytest
from django.conf import settings
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from audit.runs import control
from audit.runs.presence import present
from tests.faults.harness.children import attend, last_run
from tests.faults.harness.commands import (
    children_of,
    finish,
    kill,
    processes,
    start,
    wait_for_batches,
    wait_until,
    wait_until_ended,
)
from tests.faults.harness.fire import Fire

pytestmark = [pytest.mark.slow, pytest.mark.faults]

PEOPLE = 16
MIGRATE = ("migrate_local_storage", "--progress=none", "--batch-size=1", "--fixed")
PAUSED, QUARANTINE = 4, 3


@pytest.fixture(scope="module")
def world_on_fire(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fire]:
    """More people than elsewhere: there must be time to kill somebody."""
    folder = tmp_path_factory.mktemp("fire")
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "MEDIA_ROOT", folder / "media")
        try:
            yield Fire(seed=3, folder=folder, people=PEOPLE)
        finally:
            TransactionTestCase._fixture_teardown(TransactionTestCase())  # type: ignore[attr-defined]


@pytest.mark.parametrize("point", ["batch.meals:3", "verify.begun"])
def test_the_environment_arms_the_command_which_goes_on_when_started_again(fire: Fire, point: str) -> None:
    with processes(start(*MIGRATE, DYNPROT_FAILPOINT=point)) as (process,):
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
    with processes(start(*MIGRATE)) as (process,):
        finish(process, QUARANTINE)
    fire.check(last_run())


def test_workers_killed_are_replaced(fire: Fire) -> None:
    """One of them, then all at once."""
    with processes(start(*MIGRATE, "--workers=2", "--pause-between=0.02")) as (process,):
        wait_for_batches(2, process)
        kill(children_of(process.pid)[0])
        wait_for_batches(7, process)
        for pid in children_of(process.pid):
            kill(pid)
        finish(process, QUARANTINE)
    fire.check(last_run())


def test_the_operators_process_killed_its_workers_finish(fire: Fire) -> None:
    with processes(start(*MIGRATE, "--workers=2", "--pause-between=0.05")) as (process,):
        wait_for_batches(2, process)
        workers = children_of(process.pid)
        assert len(workers) == 2
        process.kill()
        wait_until_ended()
        wait_until(lambda: not any(_alive(pid) for pid in workers))
    fire.check(last_run())


def test_everybody_killed_it_is_started_again(fire: Fire) -> None:
    with processes(start(*MIGRATE, "--workers=2", "--pause-between=0.05")) as (process,):
        wait_for_batches(4, process)
        for pid in (process.pid, *children_of(process.pid)):
            kill(pid)
    run = last_run()
    wait_until(lambda: not present(run))
    with processes(start(*MIGRATE, "--workers=2")) as (process,):
        finish(process, QUARANTINE)
    fire.check(run)


@pytest.mark.parametrize(("sign", "seed"), [(signal.SIGINT, 5), (signal.SIGTERM, 6)])
def test_asked_to_stop_it_pauses_and_goes_on(fire: Fire, sign: signal.Signals, seed: int) -> None:
    with processes(start(*MIGRATE, "--workers=2", "--pause-between=0.05")) as (process,):
        wait_for_batches(Random(seed).randint(1, 10), process)
        process.send_signal(sign)
        finish(process, PAUSED)
    run = last_run()
    assert (run.status, run.batches.filter(status="leased").count()) == ("paused", 0)
    assert not present(run)
    if sign == signal.SIGINT:
        resume = ("migrate_local_storage", "--progress=none", f"--resume={run.pk}", "--workers=2")
        with processes(start(*resume)) as (process,):
            finish(process, QUARANTINE)
    else:
        control.resume(run=run, actor="test")
        attend(run)
    fire.check(run)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
