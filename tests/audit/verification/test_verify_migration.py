"""The command: answers, exit codes, report, progress."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audit.models import MigrationRun
from tests import database
from tests.audit.verification.world import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def test_passed(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    call_command("verify_migration", report=report, progress="json")
    captured = capsys.readouterr()
    assert f"Migration {world.run.pk}: verification passed" in captured.out
    assert json.loads(captured.err) == {"verified": 3, "people": 3}
    content = json.loads(report.read_text())
    assert content["run"] == world.run.pk
    assert (content["verdict"], content["differences"]) == ("passed", [])
    assert content["compared"] > 0
    assert content["seconds"] >= 0


def test_failed(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    database.run("UPDATE meal_entries SET description = 'Poulet secret' WHERE description = 'Poulet rôti'")
    report = tmp_path / "report.json"
    with pytest.raises(SystemExit) as exit_code:
        call_command("verify_migration", "--run", str(world.run.pk), "--report", str(report), "--progress", "none")
    assert exit_code.value.code == 1
    captured = capsys.readouterr()
    assert "verification failed" in captured.out
    assert "dynprot-app-state-alice1.meals[0] description: the row does not say what the browser said" in captured.out
    assert "secret" not in captured.out + captured.err
    [difference] = json.loads(report.read_text())["differences"]
    assert (difference["user"], difference["expected"], difference["actual"]) == (
        str(world.alice.pk),
        "Poulet rôti",
        "Poulet secret",
    )


def test_unknown_run(world: World) -> None:
    with pytest.raises(CommandError, match="There is no migration 12345"):
        call_command("verify_migration", run=12345)


def test_no_run_at_all() -> None:
    assert not MigrationRun.objects.exists()
    with pytest.raises(CommandError, match="no migration to verify"):
        call_command("verify_migration")


def test_the_newest_run_is_the_default_and_one_without_people_passes(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = MigrationRun.objects.create(batch_size=100, scope="empty")
    call_command("verify_migration", progress="plain")
    assert f"Migration {newest.pk}: verification passed" in capsys.readouterr().out
