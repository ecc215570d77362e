"""PostgreSQL killed in mid-run, wholly or one of its processes: it recovers, the run goes on by itself, and nothing is lost or there twice.

On a server of the test's own, which nobody else may lose, and which answers a COMMIT when it is on disk, as in production.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

from dynprot import embedded
from tests.database import run, value
from tests.faults.harness.children import Arm, children, last_run, let_go
from tests.faults.harness.commands import finish, processes, start, wait_for_batches
from tests.faults.harness.fire import Fire

pytestmark = [pytest.mark.slow, pytest.mark.faults]

POINTS = [("claim.leased", 2), ("batch.meals", 2), ("batch.marked", 1), ("batch.committed", 2), ("verify.begun", 1)]


@contextmanager
def own_server() -> Iterator[Path]:
    """This process's Django works on a new private server; `var` is its folder."""
    before = dict(connection.settings_dict)
    with (
        tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        var = Path(folder)
        var.chmod(0o755)
        try:
            server = embedded.ensure_running(var)
            let_go()
            patch.setattr(settings, "VAR_DIR", var)  # of the embedded backend
            options = before["OPTIONS"]
            durable = options["options"].replace("synchronous_commit=off", "synchronous_commit=on")
            connection.settings_dict.update(
                OPTIONS={**options, "options": durable},
                NAME=server.database,
                USER=server.user,
                PASSWORD="",
                HOST=str(server.socket_dir),
                PORT="",
            )
            yield var
        finally:
            let_go()
            connection.settings_dict.update(before)
            embedded.remove(var)


@pytest.fixture(scope="module")
def world_on_fire(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fire]:
    folder = tmp_path_factory.mktemp("fire")
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, own_server():
        patch.setattr(settings, "MEDIA_ROOT", folder / "media")
        call_command("migrate", verbosity=0, interactive=False)
        yield Fire(seed=4, folder=folder)


@pytest.fixture
def fire(world_on_fire: Fire, tmp_path: Path) -> Fire:
    """The world as it was before the import under fire, on a server that runs, whatever the test before has left."""
    embedded.ensure_running(settings.VAR_DIR)
    world_on_fire.relight(tmp_path)
    return world_on_fire


def kill_server() -> None:
    """Returns when its first process is gone: until then it could be taken for one that runs."""
    server = embedded.ensure_running(settings.VAR_DIR)
    os.kill(server.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while server.alive:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    let_go()


@pytest.mark.parametrize(("point", "hit"), POINTS)
def test_the_whole_server_killed(fire: Fire, point: str, hit: int) -> None:
    with children(fire.migrate(arm=Arm(point, hit, "stop"))) as (child,):
        child.wait_stopped()
        kill_server()
        child.send(signal.SIGCONT)
        embedded.ensure_running(settings.VAR_DIR)
        assert child.wait() == 0, child.said
    fire.check(last_run())


@pytest.mark.parametrize(("point", "hit"), [("batch.meals", 2), ("batch.committed", 1)])
def test_one_of_its_processes_killed_takes_all_sessions_with_it(fire: Fire, point: str, hit: int) -> None:
    with children(fire.migrate(arm=Arm(point, hit, "stop"))) as (child,):
        child.wait_stopped()
        os.kill(value("SELECT pid FROM pg_locks WHERE locktype = 'advisory'"), signal.SIGKILL)
        let_go()
        child.send(signal.SIGCONT)
        assert child.wait() == 0, child.said
    fire.check(last_run())


def test_the_command_and_its_workers_outlast_the_server(fire: Fire) -> None:
    arguments = (
        "migrate_local_storage",
        "--progress=none",
        "--batch-size=1",
        "--fixed",
        "--workers=2",
        "--pause-between=0.3",
    )
    with processes(start(*arguments)) as (process,):
        wait_for_batches(2, process)
        run("CHECKPOINT")  # the command's processes commit without waiting for the disk, as all tests do
        kill_server()
        time.sleep(1)
        embedded.ensure_running(settings.VAR_DIR)
        finish(process, 3)
    fire.check(last_run())
