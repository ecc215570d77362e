"""`rollback_migration` as operators meet it: in its own process, on a terminal, killed in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from audit.digest import content_digest
from audit.management.commands.migrate_local_storage import operator
from audit.models import MigrationEvent, MigrationRun
from audit.runs.rollback import Receipt, service
from nutrition.models import MealEntry
from tests.audit.rollback.worlds import PHOTO, photos, run_of, stage_anne
from tests.audit.runs.browsers import M, browser
from tests.captures import meal, meals
from tests.conftest import ManageCommand
from tests.factories import make_user
from tests.laws.world import everything, go

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 120


class Terminal(StringIO):
    """A stream that somebody sits at."""

    def isatty(self) -> bool:
        return True


def call(*arguments: str, stdout: StringIO | None = None) -> tuple[int, str]:
    """The exit code, and what stands on standard output and error."""
    out = stdout or StringIO()
    err = StringIO()
    try:
        call_command("rollback_migration", *arguments, "--progress=none", stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue() + err.getvalue()
    return 0, out.getvalue() + err.getvalue()


def test_in_its_own_process(manage: ManageCommand, tmp_path: Path) -> None:
    stage_anne()
    report = go()
    edited = MealEntry.objects.get(legacy_id="photo")
    edited.description = "À moi"
    edited.save()
    file = tmp_path / "receipt.json"
    done = manage("rollback_migration", str(report["run"]), "--reason=trial", "--progress=plain", f"--report={file}")
    assert done.returncode == 3, done.stderr
    assert "Taking back: 1 of 1 people" in done.stderr
    assert "rolled back, with rows that stay" in done.stdout
    assert f"meal_entries {edited.pk}: changed_since" in done.stdout
    receipt = json.loads(file.read_text())
    assert receipt == run_of(report).rollback
    assert receipt["kept"] == [
        {"table": "meal_entries", "row_id": str(edited.pk), "user_id": str(edited.user_id), "reason": "changed_since"}
    ]
    event = MigrationEvent.objects.get(action="roll_back")
    assert event.reason == "trial"
    assert event.actor == operator() != ""


def test_words_and_codes() -> None:
    stage_anne()
    report = go()
    run = str(report["run"])
    before = everything()
    code, words = call(run, "--dry-run")
    assert code == 0
    assert "Nothing was written: this is what the rollback would do." in words
    assert everything() == before
    assert call("999") == (5, "Refused: there is no run 999. Nothing was changed.")
    refused = "Refused: nobody has the e-mail address nobody@example.fr. Nothing was changed."
    assert call(run, "--user=nobody@example.fr") == (5, refused)
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("rollback_migration", run, "--user=a@example.fr", "--batch=1")
    assert everything() == before
    assert call(run, "--report=/nowhere/x")[0] == 5
    code, words = call(run)
    assert code == 0, words
    assert "Equal: the content is that of before the run." in words
    assert f"digest before the run    {report_digest(run)}" in words
    assert call(run) == (5, f"Refused: run {run} is rolled back already. Nothing was changed.")


def report_digest(run: str) -> str:
    return MigrationRun.objects.get(pk=run).digest_before


def test_on_a_terminal_it_shows_and_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    stage_anne()
    report = go()
    for answer, code, status in (("", 5, report["status"]), ("no", 5, report["status"]), ("y", 0, "rolled_back")):
        monkeypatch.setattr(sys, "stdin", Terminal(answer + "\n"))
        found, words = call(str(report["run"]), stdout=Terminal())
        assert found == code
        assert "this is what the rollback would do" in words
        assert "Take it back? [y/N]" in words
        assert run_of(report).status == status


def test_ctrl_c_and_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    stage_anne()
    report = go()
    run = str(report["run"])
    for error, code in ((KeyboardInterrupt(), 130), (RuntimeError("secret"), 1)):

        def stop(error: BaseException = error, **_: Any) -> None:
            raise error

        monkeypatch.setattr(service, "take_back", stop)
        found, words = call(run, "--yes")
        assert found == code
        assert "start the command again" in words
        assert "secret" not in words
        monkeypatch.undo()
    assert run_of(report).status == "rollback_failed"
    assert call(run, "--yes")[0] == 0


@pytest.mark.slow
@pytest.mark.faults
def test_killed_in_the_middle_it_goes_on(
    manage: ManageCommand, process_environment: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(PEOPLE):
        browser(make_user(), {M: [*meals(2), meal(id="p", timestamp="2024-05-01T11:00:00Z", photo=PHOTO)]})
    before = content_digest()
    report = go()
    command = [sys.executable, "-W", "error", "manage.py", "rollback_migration", str(report["run"]), "--progress=none"]
    # Held up in the second of its two transactions: with the first it has committed a hundred people.
    environment = {**process_environment, "DYNPROT_FAILPOINT": "rollback.people:2:stop"}
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    run = run_of(report)
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    refused = call(str(run.pk), "--yes")
    assert refused == (5, f"Refused: run {run.pk} is in the hands of another process. Nothing was changed.")
    process.kill()
    process.wait()
    run.refresh_from_db()
    assert run.status == "rolling_back"
    assert run.plan.filter(reverted_at__isnull=False).count() == 100 == Receipt.from_json(run.rollback).people
    assert MealEntry.objects.count() == 20 * 3
    file = tmp_path / "receipt.json"
    again = manage("rollback_migration", str(run.pk), "--progress=plain", f"--report={file}")
    assert again.returncode == 0, again.stderr
    assert "100 people were taken back before, 20 are left" in again.stderr
    receipt = json.loads(file.read_text())
    assert (receipt["people"], receipt["photos"], receipt["deleted"]["meal_entries"]) == (PEOPLE, PEOPLE, PEOPLE * 3)
    assert receipt["equal"]
    assert content_digest() == before
    assert photos() == []
    assert list(MigrationEvent.objects.values_list("action", flat=True))[-3:] == [
        "roll_back",
        "roll_back",
        "rolled_back",
    ]
    assert go()["digest"] == report["digest"]
