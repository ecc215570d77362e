"""`migrate_local_storage` on the command line: exit codes, what it says, its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.management.commands import migrate_local_storage
from audit.models import MigrationRun
from audit.runs import driver, worker
from audit.runs.verification import Verdict
from nutrition.models import MealEntry
from tests.audit.runs.browsers import M, browser
from tests.captures import capture, meal, meals
from tests.factories import make_run, make_user

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["meal", "favorite", "profile", "preferences"]
OUTCOMES = ["found", "created", "updated", "unchanged", "duplicate", "superseded", "quarantined", "waived"]


def command(*arguments: str, progress: str = "none") -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    output, errors = StringIO(), StringIO()
    try:
        call_command("migrate_local_storage", f"--progress={progress}", *arguments, stdout=output, stderr=errors)
    except CommandError as error:
        return error.returncode, output.getvalue(), errors.getvalue() + str(error)
    except SystemExit as end:
        return int(end.code or 0), output.getvalue(), errors.getvalue()
    return 0, output.getvalue(), errors.getvalue()


def report(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    file = tmp_path / "report.json"
    code, _, errors = command(f"--report={file}", *arguments)
    assert file.exists(), errors
    return code, json.loads(file.read_text())


def test_the_report_has_exactly_the_published_shape(tmp_path: Path) -> None:
    browser(make_user(), {M: [meal(), meal(), None]})
    code, said = report(tmp_path, "--batch-size=3")
    assert code == 3
    phases = said.pop("phases", {})
    assert all(isinstance(seconds, float) for seconds in phases.values())
    assert set(said) == {
        "run", "status", "dry_run", "batch_size", "batches", "snapshots", "users", "items", "reasons", "summaries", "verification", "digest", "seconds",
        "meals_per_second", "plan_digest",
    }  # fmt: skip
    assert said["status"] == "completed_with_quarantine"
    assert (said["dry_run"], said["batch_size"], said["users"]) == (False, 3, 1)
    assert said["batches"] == {"planned": 1, "committed": 1, "failed": 0}
    assert said["snapshots"] == {"found": 1, "read": 1, "unreadable": 0, "waiting": 0}
    assert {kind: list(said["items"][kind]) for kind in said["items"]} == dict.fromkeys(KINDS, OUTCOMES)
    assert said["items"]["meal"] == {
        **dict.fromkeys(OUTCOMES, 0),
        "found": 3,
        "created": 1,
        "duplicate": 1,
        "quarantined": 1,
    }
    assert said["reasons"] == {"copy": 1, "not_an_object": 1}
    assert said["summaries"] == {"days": 1}
    assert set(said["verification"]) == {"verdict", "compared", "differences"}
    assert (said["verification"]["verdict"], said["verification"]["differences"]) == ("passed", [])
    assert len(said["digest"]) == 64
    assert MigrationRun.objects.get().report["digest"] == said["digest"]


def test_a_dry_run_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    browser(make_user(), {M: [meal()]})
    code, said = report(tmp_path, "--dry-run")
    assert (code, said["run"], said["dry_run"], said["items"]["meal"]["created"]) == (0, None, True, 1)
    assert MigrationRun.objects.count() == MealEntry.objects.count() == 0
    assert "Nothing was written" in command("--dry-run")[1]


def test_done_is_0_and_a_person_can_read_it() -> None:
    browser(make_user(), {M: meals(3)})
    code, output, errors = command()
    assert (code, errors) == (0, "")
    for words in ("done, everything verified", "meals", "Verification passed", "/admin/audit/migrationrun/"):
        assert words in output
    assert "\x1b" not in output


def test_done_with_quarantine_is_3_and_says_why() -> None:
    browser(make_user(), {M: [meal(protein=-1)]})
    code, output, _ = command()
    assert code == 3
    assert "negative_number" in output
    assert "a negative amount" in output


def test_failed_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret: Poulet rôti")

    browser(make_user(), {M: [meal()]})
    monkeypatch.setattr(worker, "commit_batch", broken)
    code, _, errors = command()
    assert code == 1
    assert "What was committed before stays" in errors
    assert "secret" not in errors
    run = MigrationRun.objects.get()
    assert (run.status, run.batches.get().status) == ("failed", "failed")
    assert "secret" not in run.error + run.batches.get().error
    monkeypatch.undo()
    assert command()[0] == 0
    assert MealEntry.objects.count() == 1


def test_a_failed_verification_is_1(monkeypatch: pytest.MonkeyPatch) -> None:
    browser(make_user(), {M: [meal()]})
    monkeypatch.setattr(
        driver,
        "verify_run",
        lambda run, on_progress=None: Verdict(verdict="failed", compared=1, differences=[], seconds=0.0),
    )
    code, output, _ = command()
    assert code == 1
    assert "Verification FAILED" in output
    assert MigrationRun.objects.get().status == "failed"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--batch-size=0"],
        ["--batch-size=x"],
        ["--limit=-1"],
        ["--limit=0"],
        ["--nonsense"],
        ["--user"],
        ["--progress=loud"],
    ],
)
def test_a_wrong_command_line_is_2(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr(migrate_local_storage, "give_way", lambda: None)  # this process is the tests'
    with pytest.raises(SystemExit) as end:
        migrate_local_storage.Command().run_from_argv(["manage.py", "migrate_local_storage", *arguments])
    assert end.value.code == 2


@pytest.mark.parametrize(
    "arguments", [["--user=nobody@example.fr"], ["--report=/nowhere/report.json"], ["--source=/nowhere/file"]]
)
def test_refused_is_5_and_changes_nothing(arguments: list[str]) -> None:
    browser(make_user(), {M: [meal()]})
    code, _, errors = command(*arguments)
    assert code == 5
    assert errors
    assert MigrationRun.objects.count() == MealEntry.objects.count() == 0


def test_a_run_that_is_paused_refuses_with_5() -> None:
    make_run(scope="all", status="paused")
    code, _, errors = command()
    assert code == 5
    assert "Nothing was changed" in errors


def test_user_limit_and_again(tmp_path: Path) -> None:
    users = [make_user() for _ in range(3)]
    for user in users:
        browser(user, {M: [meal()]})
    assert report(tmp_path, f"--user={users[2].email}")[1]["users"] == 1
    assert report(tmp_path, "--limit=1")[1]["users"] == 1
    assert report(tmp_path)[1]["users"] == 1
    code, said = report(tmp_path, "--again", "--batch-size=1")
    assert (code, said["users"], said["batches"]["planned"], said["items"]["meal"]["unchanged"]) == (0, 3, 3, 3)


def test_source_stages_first_and_broken_lines_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "browsers.ndjson"
    file.write_bytes(capture({M: [meal()]}, email="new@example.fr", legacy_id="U") + b"\nbroken\n")
    code, said = report(tmp_path, f"--source={file}", "--create-users")
    assert (said["users"], said["snapshots"]["unreadable"], said["snapshots"]["read"]) == (1, 1, 1)
    assert code in (0, 3)
    assert MealEntry.objects.get().user.email == "new@example.fr"


def _no_line(errors: str) -> bool:
    return errors == ""


def _plain_lines(errors: str) -> bool:
    return "1 people" in errors and "\x1b" not in errors and "{" not in errors


def _json_lines(errors: str) -> bool:
    return all(isinstance(json.loads(line), dict) for line in errors.splitlines()) and bool(errors)


@pytest.mark.parametrize(
    ("mode", "fits"), [("none", _no_line), ("plain", _plain_lines), ("json", _json_lines), ("auto", _plain_lines)]
)
def test_progress_is_on_standard_error(mode: str, fits: Callable[[str], bool]) -> None:
    browser(make_user(), {M: meals(3)})
    code, output, errors = command(progress=mode)
    assert code == 0
    assert "Verification passed" in output
    assert fits(errors), errors
