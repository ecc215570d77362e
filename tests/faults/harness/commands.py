"""The real command line as real processes on the test's database, and what they are doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.models import MigrationBatch, MigrationRun
from audit.models.runs import ACTIVE
from tests.conftest import database_url

MANAGE = [sys.executable, "-W", "error", "manage.py"]
TIMEOUT = 90.0
Process = subprocess.Popen[str]


def environment(**more: str) -> dict[str, str]:
    """For processes of the project that are to work on this test's database and media."""
    return {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "dynprot.settings.test",
        "DYNPROT_ENV_FILE": "",
        "DYNPROT_MEDIA_ROOT": str(settings.MEDIA_ROOT),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def start(*arguments: str, command: list[str] | None = None, **more: str) -> Process:
    """Begins `manage.py ...` (or another command) and does not wait for it."""
    return subprocess.Popen(
        [*(command or MANAGE), *arguments],
        cwd=settings.BASE_DIR,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextmanager
def processes(*started: Process) -> Iterator[list[Process]]:
    """None of them, and none of their children, outlives the block."""
    alive = list(started)
    try:
        yield alive
    finally:
        for process in alive:
            for pid in (*children_of(process.pid), process.pid):
                kill(pid)
            process.communicate()


def kill(pid: int, sign: signal.Signals = signal.SIGKILL) -> None:
    """Nothing happens to one that is gone."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


def children_of(pid: int) -> list[int]:
    """The numbers of its children that live."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(number) for number in text.split()]


def wait_for_batches(number: int, *watched: Process, seconds: float = TIMEOUT) -> None:
    """Returns once so many batches of the last run are committed."""
    wait_until(
        lambda: MigrationBatch.objects.filter(run__status__in=ACTIVE, status="committed").count() >= number,
        *watched,
        seconds=seconds,
    )


def wait_until_ended(*watched: Process, seconds: float = TIMEOUT) -> None:
    """Returns once no run is active."""
    wait_until(lambda: not MigrationRun.objects.filter(status__in=ACTIVE).exists(), *watched, seconds=seconds)


def wait_until(condition: Any, *watched: Process, seconds: float = TIMEOUT) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        for process in watched:
            assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, list(MigrationRun.objects.values("id", "status", "error"))
        time.sleep(0.01)


def finish(process: Process, *codes: int, seconds: float = TIMEOUT) -> str:
    """Its standard error, when it has ended with one of these codes and without a traceback."""
    _, errors = process.communicate(timeout=seconds)
    assert process.returncode in codes, (process.returncode, errors)
    assert "Traceback" not in errors, errors
    return errors
