"""The command as real processes: two at once, killed in mid-run, interrupted from the keyboard."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from audit.digest import content_digest
from audit.models import MigrationBatch, MigrationEvent, MigrationRun, MigrationTally
from nutrition.models import MealEntry
from tests.audit.runs.browsers import M, P
from tests.captures import capture, favorite, meals
from tests.conftest import ManageCommand
from tests.laws.strategies import Browser
from tests.laws.world import empty, go, stage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.faults]
PEOPLE = 60
COMMAND = [sys.executable, "-W", "error", "manage.py", "migrate_local_storage", "--progress=none"]
Start = Callable[..., "subprocess.Popen[str]"]


def world() -> list[Browser]:
    """Some people with something of everything."""
    storage = {
        M: [*meals(15), None],
        P: {"name": "Anne Le Goff", "proteinGoal": 140},
        "p-app-state-U": {"favoriteMeals": [favorite()]},
    }
    return [Browser(person, 0, capture(storage, nonce=str(person)), "Europe/Paris") for person in range(PEOPLE)]


@pytest.fixture
def start(process_environment: dict[str, str]) -> Start:
    """Starts the command and does not wait for it."""

    def begin(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=settings.BASE_DIR,
            env=process_environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


def uninterrupted() -> str:
    """The digest of the same world migrated in one go; leaves the world staged anew."""
    stage(world())
    digest: str = go()["digest"]
    empty()
    stage(world())
    return digest


def wait_for_batches(number: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while MigrationBatch.objects.filter(status="committed").count() < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def check_whole(digest: str) -> None:
    assert content_digest() == digest
    run = MigrationRun.objects.get()
    assert (run.status, run.verdict) == ("completed_with_quarantine", "passed")
    assert run.batches.exclude(status="committed").count() == 0
    assert (
        sum(MigrationTally.objects.filter(kind="meal").values_list("created", flat=True))
        == MealEntry.objects.count()
        == 15 * PEOPLE
    )


def test_killed_in_mid_run_it_goes_on_with_the_same_run(start: Start, manage: ManageCommand, tmp_path: Path) -> None:
    digest = uninterrupted()
    process = start("--batch-size=1", "--fixed")
    wait_for_batches(5, process)
    process.kill()
    process.communicate()
    done = MigrationBatch.objects.filter(status="committed").count()
    assert 5 <= done < PEOPLE
    assert MealEntry.objects.count() == 15 * done
    again = manage("migrate_local_storage", "--batch-size=7", "--progress=plain", f"--report={tmp_path / 'report'}")
    assert again.returncode == 3, again.stderr
    assert "goes on where it was interrupted" in again.stderr
    check_whole(digest)
    report: dict[str, Any] = json.loads((tmp_path / "report").read_text())
    assert report["batches"] == {"planned": PEOPLE, "committed": PEOPLE, "failed": 0}
    assert report["items"]["meal"]["created"] == 15 * PEOPLE
    assert list(MigrationEvent.objects.values_list("action", flat=True)) == [
        "plan",
        "start",
        "resume",
        "verify",
        "complete",
    ]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_stopped_politely_it_pauses(start: Start, manage: ManageCommand, sign: signal.Signals) -> None:
    digest = uninterrupted()
    process = start("--batch-size=1", "--fixed")
    wait_for_batches(5, process)
    process.send_signal(sign)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 4, errors
    assert "Traceback" not in errors
    assert "the batch under way is finished, then the run pauses" in errors
    run = MigrationRun.objects.get()
    assert (run.status, run.batches.filter(status="leased").count()) == ("paused", 0)
    refused = manage("migrate_local_storage", "--progress=none")
    assert (refused.returncode, f"--resume {run.pk}" in refused.stderr) == (5, True)
    assert manage("migrate_local_storage", f"--resume={run.pk}", "--progress=none").returncode == 3
    check_whole(digest)


def test_a_second_ctrl_c_stops_at_once_and_it_goes_on(start: Start, manage: ManageCommand) -> None:
    digest = uninterrupted()
    process = start("--batch-size=1", "--fixed", "--pause-between=0.2")
    wait_for_batches(2, process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in (4, 130), errors  # 4 when the batch ended between the two
    assert "Traceback" not in errors
    if process.returncode == 130:
        assert "start the command again to go on" in errors
        assert manage("migrate_local_storage", "--progress=none").returncode == 3
    else:
        assert (
            manage("migrate_local_storage", f"--resume={MigrationRun.objects.get().pk}", "--progress=none").returncode
            == 3
        )
    check_whole(digest)


def test_two_at_the_same_instant(start: Start) -> None:
    digest = uninterrupted()
    processes = [start("--batch-size=2") for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes in ([3, 5], [0, 3]), outputs  # refused, or so late that nothing was left
    if codes == [3, 5]:
        refused = next(
            errors for process, (_, errors) in zip(processes, outputs, strict=True) if process.returncode == 5
        )
        assert "another process" in refused
        assert "Traceback" not in refused
        check_whole(digest)
    assert MigrationRun.objects.filter(status="completed_with_quarantine").count() == 1
    assert content_digest() == digest
