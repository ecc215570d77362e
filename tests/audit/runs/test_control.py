"""What people can do to a run: pause, resume, cancel, retry, retune, cohorts, plan digests; and what the engine does by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.local_storage import people as people_of_bytes
from audit.models import MigrationBatch, MigrationEvent, MigrationOutcome, MigrationRun, RunStatus, StorageSnapshot
from audit.runs import control, dispatch, driver, prepare, worker
from audit.runs.batch import commit_batch
from audit.runs.claim import ClaimedBatch, claim_batch
from audit.runs.control import Tuning
from audit.runs.engine import Driver
from audit.runs.flow.errors import Kind, Trouble
from audit.runs.plan import Refused, Scope
from audit.runs.status import list_status, status_of
from audit.runs.transitions import TRANSITIONS, IllegalTransition
from audit.runs.worker import BatchFailed, End, Stop
from nutrition.models import MealEntry
from tests.audit.runs.browsers import M, browser
from tests.captures import meal, meals
from tests.database import other_connection
from tests.factories import make_run, make_user
from tests.laws.world import Silent, everything, go, predict

pytestmark = pytest.mark.django_db(transaction=True)


def people(number: int) -> None:
    for _ in range(number):
        browser(make_user(), {M: meals(3)})


def planned(batch_size: int = 1, **tuning: Any) -> MigrationRun:
    return control.start(scope=Scope(), batch_size=batch_size, tuning=Tuning(**tuning), actor="test")


class StopAfter(Silent):
    """Asks to stop after so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches
        self.stop = Stop()

    def advanced(self, numbers: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.stop.request("Ctrl-C")


def drive(run: MigrationRun, batches: int | None = None) -> End:
    observer = StopAfter(batches) if batches else Silent()
    stop = observer.stop if isinstance(observer, StopAfter) else Stop()
    return Driver(run, observer, stop, actor="test").drive()


def actions(run: MigrationRun) -> list[str]:
    return list(run.events.order_by("id").values_list("action", flat=True))


def test_asked_to_stop_it_finishes_the_batch_and_pauses() -> None:
    people(5)
    run = planned()
    assert drive(run, batches=2) is End.STOPPED
    assert (run.status, run.batches.filter(status="committed").count()) == ("paused", 2)
    assert not run.batches.filter(status="leased").exists()
    assert run.batches.filter(status="planned", attempt=0).count() == 1  # claimed ahead and given back
    assert run.events.get(action="pause").reason == "Ctrl-C"
    control.resume(run=run, actor="anne", reason="le matin")
    assert drive(run) is End.NOT_RUNNING
    assert (run.status, MealEntry.objects.count()) == ("completed", 15)
    assert actions(run) == ["plan", "start", "pause", "paused", "resume", "verify", "complete"]


def test_a_run_that_nobody_works_on_pauses_at_once_and_lets_orphans_go() -> None:
    people(3)
    run = planned()
    MigrationRun.objects.update(status="running")
    assert isinstance(claim_batch(run), ClaimedBatch)
    run.refresh_from_db()
    assert control.pause(run=run, actor="anne").status == "paused"
    assert MigrationBatch.objects.get().status == "planned"


def test_while_somebody_works_a_pause_waits_for_the_batch_under_way() -> None:
    people(3)
    run = planned()
    MigrationRun.objects.update(status="running")
    claim_batch(run)
    run.refresh_from_db()
    with other_connection() as other:
        other.execute("SELECT pg_advisory_lock_shared(%s, %s)", [0x44594E50, run.pk])
        assert control.pause(run=run, actor="anne").status == "pausing"
    MigrationBatch.objects.update(status="committed", lease_expires_at=None)
    assert control.settle(run).status == "paused"


def test_a_cancelled_run_keeps_what_it_has_and_the_rest_waits() -> None:
    people(4)
    run = planned()
    drive(run, batches=1)
    done = MealEntry.objects.count()
    control.cancel(run=run, actor="anne", reason="le mauvais fichier")
    assert (run.status, done > 0) == ("cancelled", True)
    with pytest.raises(IllegalTransition):
        control.resume(run=run, actor="anne")
    report = go()
    assert report["status"] == "completed"
    assert MealEntry.objects.count() == 12


@pytest.mark.parametrize("status", RunStatus.values)
@pytest.mark.parametrize("service", [control.pause, control.cancel, control.retry_failed, control.resume])
def test_only_what_the_table_allows(status: str, service: Any) -> None:
    verdict = "passed" if status.startswith("completed") else ""
    run = make_run(scope="all", status=status, verdict=verdict)
    action = {"pause": "pause", "cancel": "cancel", "retry_failed": "retry", "resume": "resume"}[service.__name__]
    legal = {line.source.value for line in TRANSITIONS if line.action == action}
    if service is control.resume:
        legal |= {"pending", "running", "verifying"}  # taken up as they are
    if status in legal:
        service(run=run, actor="anne")
        return
    with pytest.raises(IllegalTransition, match=f"run {run.pk} is {status}"):
        service(run=run, actor="anne")
    run.refresh_from_db()
    assert (run.status, MigrationEvent.objects.count()) == (status, 0)


def test_retuning_says_old_and_new_and_counts_at_the_next_batch() -> None:
    people(5)
    run = planned(batch_size=1)
    drive(run, batches=1)
    control.retune(run=run, tuning=Tuning(batch_size=4, pause_seconds=0.01), actor="anne", reason="trop lent")
    event = run.events.get(action="retune")
    assert event.data == {"batch_size": [1, 4], "pause_seconds": [0.0, 0.01]}
    assert (event.actor, event.reason) == ("anne", "trop lent")
    run.batches.filter(status="planned").count()
    control.resume(run=run, actor="anne")
    drive(run)
    assert sorted(run.batches.values_list("users", flat=True)) == [1, 1, 3]


@pytest.mark.parametrize(
    ("name", "value"), [("batch_size", 0), ("workers", 65), ("pause_seconds", -1), ("cohort_percent", 0)]
)
def test_a_tuning_out_of_bounds_is_refused(name: str, value: Any) -> None:
    run = make_run(scope="all", status="paused")
    with pytest.raises(Refused, match=f"{name} is {value}"):
        control.retune(run=run, tuning=Tuning(**{name: value}), actor="anne")
    assert MigrationEvent.objects.count() == 0


def test_a_cohort_is_verified_and_waits_then_the_rest_follows_on_the_same_run() -> None:
    people(40)
    run = planned(batch_size=10, cohort_percent=30)
    drive(run)
    first = MealEntry.objects.values("user").distinct().count()
    assert run.status == "paused"
    assert 0 < first < 40
    assert actions(run)[-1] == "cohort_done"
    assert run.report["verification"]["verdict"] == "passed"
    control.continue_with_rest(run=run, actor="anne", reason="tout va bien")
    drive(run)
    assert (run.status, MealEntry.objects.count(), MigrationRun.objects.count()) == ("completed", 120, 1)


def test_the_plan_digest_predicts_and_binds(tmp_path: Path) -> None:
    people(5)
    before = everything()
    digests = {predict(batch_size=size)["plan_digest"] for size in (1, 2, 5)}
    assert everything() == before  # no sequence, no row, no file
    (digest,) = digests
    browser(make_user(), {M: [meal()]})
    other = predict()["plan_digest"]
    assert other != digest

    def command(*arguments: str) -> tuple[int, str]:
        try:
            call_command("migrate_local_storage", "--progress=none", *arguments, stdout=StringIO(), stderr=StringIO())
        except CommandError as error:
            return error.returncode, str(error)
        return 0, ""

    before = everything()
    code, said = command(f"--expect-plan={digest}")
    assert (code, other in said) == (5, True)
    assert everything() == before
    assert command(f"--expect-plan={other}") == (0, "")
    assert MigrationRun.objects.get().plan_digest == other


def test_one_poison_snapshot_is_set_aside_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    people(5)
    victim = make_user()
    browser(victim, {M: meals(2)})
    poison = browser(victim, {M: [meal(description="poison")]}, day=1)
    people(2)
    read = people_of_bytes.read_person

    def poisoned(sources: Any, in_run: Any, left_out: Any = (), *rest: Any) -> Any:
        for position, source in enumerate(sources):
            if b"poison" in source.payload and position not in left_out:
                raise KeyError("ce que personne n'attendait")
        return read(sources, in_run, left_out, *rest)

    monkeypatch.setattr(prepare, "read_person", poisoned)
    report = go(batch_size=4)
    assert report["status"] == "completed_with_quarantine", report["verification"]
    assert (report["users"], report["reasons"]) == (8, {"poison_snapshot": 1})
    assert MealEntry.objects.filter(user=victim).count() == 2
    outcome = MigrationOutcome.objects.get()
    assert (outcome.snapshot_id, outcome.outcome, outcome.reasons) == (poison.pk, "quarantined", ["poison_snapshot"])
    poison.refresh_from_db()
    assert poison.status == "poisoned"
    run = MigrationRun.objects.get()
    event = run.events.get(action="poison")
    assert event.data["snapshots"] == [poison.pk]
    assert len(run.plan.get(snapshot=poison).poison_digest) == 64
    assert "personne n'attendait" not in event.reason
    split = run.batches.filter(status="split")
    assert split.count() >= 1
    assert not run.batches.exclude(status__in=["split", "committed"]).exists()
    monkeypatch.undo()
    assert go()["users"] == 0  # set aside until somebody retries it
    assert StorageSnapshot.objects.filter(status="migrated").count() == 8


def test_the_error_budget_pauses_the_run_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    people(6)

    real = people_of_bytes.read_person

    def always(sources: Any, in_run: Any, left_out: Any = (), *rest: Any) -> Any:
        if not left_out:
            raise ValueError("toujours")
        return real(sources, in_run, left_out, *rest)

    monkeypatch.setattr(prepare, "read_person", always)
    run = planned(batch_size=1, max_failures=2)
    drive(run)
    assert run.status == "paused"
    assert "error budget is used up: 3 poison snapshots" in run.events.get(action="pause").reason
    assert run.events.get(action="pause").actor == "engine"


def test_passing_trouble_is_tried_again_and_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError
    from psycopg import errors

    people(2)
    monkeypatch.setattr(worker, "backoff_seconds", lambda *_: 0.01)
    commit = commit_batch
    tries: list[int] = []

    def deadlocked(*arguments: Any, **options: Any) -> Any:
        tries.append(1)
        if len(tries) <= 3:
            raise OperationalError from errors.DeadlockDetected()
        return commit(*arguments, **options)

    monkeypatch.setattr(worker, "commit_batch", deadlocked)
    assert go(batch_size=2)["status"] == "completed"
    assert MigrationBatch.objects.get().attempt == 4
    people(1)

    def broken(*_: Any, **__: Any) -> Any:
        raise OperationalError

    monkeypatch.setattr(worker, "commit_batch", broken)
    monkeypatch.setattr(worker, "classify", lambda *_, **__: Trouble(Kind.TRANSIENT, "40P01"))
    with pytest.raises(BatchFailed, match="1 of its batches could not be written"):
        go()
    run = MigrationRun.objects.latest("id")
    assert (run.status, run.batches.get().status, run.batches.get().attempt) == ("failed", "exhausted", 6)
    monkeypatch.undo()
    control.retry_failed(run=run, actor="anne", reason="le disque est réparé")
    drive(run)
    assert (run.status, run.batches.get().status) == ("completed", "committed")


def test_the_status_of_runs() -> None:
    assert list_status() == []
    people(3)
    run = planned()
    drive(run, batches=1)
    newest, *_ = list_status()
    assert (newest["run"], newest["status"], newest["stalled"]) == (run.pk, "paused", False)
    assert newest["people"] == {"planned": 3, "done": 1}
    assert newest["items"] == {"found": 3, "quarantined": 0}
    MigrationRun.objects.update(status="running")
    run.refresh_from_db()
    assert status_of(run)["stalled"] is True  # nobody holds its lock
    output = StringIO()
    call_command("migration_status", "--json", stdout=output)
    said = json.loads(output.getvalue())
    assert {"run", "status", "batches", "items", "stalled"} <= said[0].keys()
    output = StringIO()
    call_command("migration_status", str(run.pk), stdout=output)
    assert "running (stalled)" in output.getvalue()
    assert "resume_migration takes it up" in output.getvalue()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Workers that were called, instead of real ones."""
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(dispatch, "_spawn", lambda run, number: seen.append((run, number)))
    return seen


def test_the_commands(calls: list[tuple[int, int]]) -> None:
    people(3)
    run = planned()
    drive(run, batches=1)

    def said(name: str, *arguments: str) -> str:
        output = StringIO()
        call_command(name, str(run.pk), *arguments, stdout=output)
        return output.getvalue()

    assert "is running" in said("resume_migration", "--reason=encore")
    assert calls == [(run.pk, 1)]
    assert "is paused" in said("pause_migration")
    assert "is cancelled" in said("cancel_migration", "--reason=assez")
    assert run.events.get(action="cancel").reason == "assez"
    for name in ("pause_migration", "resume_migration", "retry_migration", "cancel_migration"):
        with pytest.raises(CommandError, match="Nothing was changed") as refused:
            said(name)
        assert refused.value.returncode == 5
    with pytest.raises(CommandError, match="there is no run 0"):
        call_command("pause_migration", "0")


def test_an_ended_run_is_not_retried_while_another_is_active() -> None:
    failed = make_run(scope="all", status="failed")
    make_run(scope="all", status="paused")
    with pytest.raises(Refused, match="another migration is active"):
        control.retry_failed(run=failed, actor="anne")
    failed.refresh_from_db()
    assert (failed.status, MigrationEvent.objects.count()) == ("failed", 0)


def test_a_batch_with_which_workers_die_is_broken_up_and_given_up() -> None:
    people(2)
    run = planned(batch_size=2)
    MigrationRun.objects.update(status="running")
    claim_batch(run)
    MigrationBatch.objects.update(attempt=worker.MOST_LEASES, lease_owner="gone")
    drive(run)
    assert (run.status, MealEntry.objects.count()) == ("completed", 6)  # each part begins to count anew
    assert sorted(run.batches.values_list("status", "users")) == [("committed", 1), ("committed", 1), ("split", 2)]
    people(1)
    alone = planned()
    MigrationRun.objects.filter(pk=alone.pk).update(status="running")
    claim_batch(alone)
    MigrationBatch.objects.filter(run=alone).update(attempt=worker.MOST_LEASES, lease_owner="gone")
    with pytest.raises(BatchFailed, match="1 of its batches could not be written"):
        drive(alone)
    assert (alone.status, alone.batches.get().status) == ("failed", "exhausted")


# --- bound to what was previewed -----------------------------------------------------------------------------------------


def test_a_bound_run_goes_on_when_its_effects_are_those_previewed() -> None:
    people(3)
    digest = predict()["plan_digest"]
    run = control.start(scope=Scope(), batch_size=1, actor="test", plan_digest=digest, bound=True)
    drive(run)
    run.refresh_from_db()
    assert (run.status, run.verdict) == ("completed", "passed")


def test_a_bound_run_is_called_off_when_its_effects_would_be_others() -> None:
    people(3)
    digest = predict()["plan_digest"]
    people(1)
    run = control.start(scope=Scope(), batch_size=100, actor="test", plan_digest=digest, bound=True)
    drive(run)
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert "no longer those that were previewed" in run.error
    assert run.events.order_by("-id").values_list("reason", flat=True)[0] == run.error
    assert MealEntry.objects.count() == 0
    assert go()["status"] == "completed"  # the way is free


# --- tuning from the command line ---------------------------------------------------------------------------------------


def retuned(run: MigrationRun, *arguments: str) -> str:
    out = StringIO()
    call_command("retune_migration", str(run.pk), *arguments, stdout=out)
    run.refresh_from_db()
    return out.getvalue()


def test_retuning_changes_what_is_given_and_says_old_and_new() -> None:
    people(2)
    run = planned(batch_size=100)
    assert f"Run {run.pk} is pending" in retuned(
        run, "--batch-size=7", "--workers=3", "--fixed", "--pause-between=0.5", "--max-failures=2", "--reason=night"
    )
    assert (run.batch_size, run.workers, run.fixed_size, run.pause_seconds, run.max_failures) == (7, 3, True, 0.5, 2)
    assert (run.target_seconds, run.cohort_percent, run.max_quarantine_percent) == (2.0, 100.0, 50.0)
    event = run.events.get(action="retune")
    assert (event.reason, event.data["batch_size"], event.data["workers"]) == ("night", [100, 7], [1, 3])
    retuned(run, "--no-fixed")
    assert (run.fixed_size, run.workers) == (False, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "Say what is to be changed"),
        (("--workers=65",), 5, "workers is 65: it goes from 1 to 64"),
        (("--target-seconds=0",), 5, "target_seconds is 0.0"),
    ],
)
def test_retuning_refuses_what_makes_no_sense(arguments: tuple[str, ...], code: int, said: str) -> None:
    people(1)
    run = planned()
    with pytest.raises(CommandError, match=said) as refused:
        retuned(run, *arguments)
    assert refused.value.returncode == code
    assert not run.events.filter(action="retune").exists()


def test_retuning_an_ended_run_is_refused() -> None:
    people(1)
    go()
    with pytest.raises(CommandError, match="there is nothing to tune any more"):
        retuned(MigrationRun.objects.get(), "--workers=2")


# --- a verification is seen by others ------------------------------------------------------------------------------------


def test_how_far_a_verification_is_can_be_read_from_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "VERIFICATION_TOLD_EVERY", 0.0)
    people(2)
    seen: list[Any] = []

    class Looks(Silent):
        def verifying(self, done: int, total: int) -> None:
            seen.append((status_of(MigrationRun.objects.get())["verified"], done, total))

    run = planned()
    Driver(run, Looks(), Stop()).drive()
    assert seen[0] == (None, 0, 2)
    Driver(run, Looks(), Stop()).drive()
    run.refresh_from_db()
    assert (run.flow["verified"], run.flow["to_verify"]) == (2, 2)
    assert status_of(run)["verified"] is None  # it is over


# --- manners -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "found"), [("7", "7"), ("0", "0")])
def test_the_commands_stand_back_from_the_processor(
    process_environment: dict[str, str], asked: str, found: str
) -> None:
    before = os.nice(0)
    program = (
        "import os, sys; from django.core.management import execute_from_command_line as go\n"
        "try: go(['manage.py', 'migration_worker', '0'])\n"
        "except SystemExit: print(os.nice(0))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**process_environment, "MIGRATION_NICENESS": asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.strip() == str(max(int(found), before)), said.stderr
