"""Over Celery on a real Redis: a message is only a hint. Delivered thrice and out of order, lost with the whole queue, workers killed: the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

import pytest
from django.conf import settings
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from audit.models import MigrationRun
from tests.faults.harness.children import last_run
from tests.faults.harness.commands import (
    Process,
    finish,
    kill,
    processes,
    start,
    wait_for_batches,
    wait_until,
)
from tests.faults.harness.fire import Fire
from tests.faults.harness.queue import CeleryWorker, RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.faults]

PEOPLE = 24
"""More batches than one task moves."""
QUARANTINE = 3


@pytest.fixture(scope="module")
def world_on_fire(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fire]:
    folder = tmp_path_factory.mktemp("fire")
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "MEDIA_ROOT", folder / "media")
        try:
            yield Fire(seed=5, folder=folder, people=PEOPLE)
        finally:
            TransactionTestCase._fixture_teardown(TransactionTestCase())  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def workers(
    world_on_fire: Fire, broker: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CeleryWorker]:
    """Started once: they are to get along with all of it."""
    worker = CeleryWorker(broker, tmp_path_factory.mktemp("celery"))
    yield worker
    worker.end()


@pytest.fixture
def fire(world_on_fire: Fire, monkeypatch: pytest.MonkeyPatch) -> Fire:
    """As elsewhere, but the photos stay where Celery's workers look for them."""
    monkeypatch.setattr(settings, "MEDIA_ROOT", world_on_fire.folder / "media")
    world_on_fire.relight()
    return world_on_fire


def begin(broker: RedisServer, *more: str) -> Process:
    return start(
        "migrate_local_storage",
        "--celery",
        "--workers=2",
        "--progress=none",
        "--batch-size=1",
        "--fixed",
        *more,
        REDIS_URL=broker.url,
    )


def lost_processes(run: MigrationRun) -> list[str]:
    return [event.reason for event in run.events.all() if "lost" in event.reason]


def test_two_workers(fire: Fire, broker: RedisServer, workers: CeleryWorker) -> None:
    with processes(begin(broker)) as (process,):
        finish(process, QUARANTINE)
    fire.check(last_run())
    assert lost_processes(last_run()) == []


def test_each_message_three_times_in_any_order(fire: Fire, broker: RedisServer, workers: CeleryWorker) -> None:
    chance = Random(7)
    with processes(begin(broker)) as (process,):
        wait_until(lambda: MigrationRun.objects.count() > fire.runs_before, process)
        run = last_run()
        messages = [*[("audit.attend_run", (run.pk,))] * 20, *[("audit.sweep", ())] * 4] * 3
        chance.shuffle(messages)
        for task, arguments in messages:
            broker.send(task, *arguments, after=chance.uniform(0, 3))
        finish(process, QUARANTINE)
    fire.check(run)
    time.sleep(1)  # those that come too late find nothing to do
    fire.check(run)


def test_redis_flushed_again_and_again(fire: Fire, broker: RedisServer, workers: CeleryWorker) -> None:
    with processes(begin(broker, "--pause-between=0.05")) as (process,):
        for batches in (0, 3, 8, 15):
            wait_for_batches(batches, process)
            broker.empty()
        finish(process, QUARANTINE)
    fire.check(last_run())


def test_redis_stopped_and_started_again(fire: Fire, broker: RedisServer, workers: CeleryWorker) -> None:
    with processes(begin(broker, "--pause-between=0.05")) as (process,):
        wait_for_batches(4, process)
        broker.stop()
        time.sleep(1)
        broker.start()
        finish(process, QUARANTINE)
    fire.check(last_run())


def test_a_process_of_the_worker_killed(fire: Fire, broker: RedisServer, workers: CeleryWorker) -> None:
    with processes(begin(broker, "--pause-between=0.05")) as (process,):
        for batches in (3, 9):
            wait_for_batches(batches, process)
            owner = last_run().batches.filter(status="leased").values_list("lease_owner", flat=True).first()
            if owner:
                kill(int(owner.split("/")[1]))
        finish(process, QUARANTINE)
    fire.check(last_run())


def test_the_whole_worker_killed_and_another_started(fire: Fire, broker: RedisServer, workers: CeleryWorker) -> None:
    with processes(begin(broker, "--pause-between=0.05")) as (process,):
        wait_for_batches(5, process)
        workers.kill()
        workers.start()
        finish(process, QUARANTINE)
    fire.check(last_run())
