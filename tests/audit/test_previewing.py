"""Previews in the background: they predict what the run then does, write nothing else, and say when they are lost or outdated."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from audit.models import (
    ActivityLog,
    MigrationEvent,
    MigrationPreview,
    MigrationPreviewSample,
    MigrationRun,
    PreviewStatus,
    StorageSnapshot,
)
from audit.runs import control, previewing
from audit.runs.engine import Driver, SilentObserver, Stop
from audit.runs.plan import Refused, Scope
from audit.runs.previewing import (
    StartOptions,
    call_again,
    cancel_preview,
    is_stalled,
    outdated,
    request_preview,
    run_preview,
    start_from_preview,
)
from nutrition.models import MealEntry
from tests.audit.captures import capture as line
from tests.audit.runs.browsers import browser
from tests.captures import app_state, favorite, meal, meals
from tests.conftest import database_url
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The previews that a process was called to; none is started."""
    calls: list[int] = []
    monkeypatch.setattr(previewing, "call_previewer", calls.append)
    monkeypatch.setattr(previewing, "call_workers", lambda run: None)
    return calls


def people(number: int = 3) -> list[User]:
    """People with one waiting browser each: clean meals, one that is rounded, one for the quarantine, a favourite."""
    users = [make_user() for _ in range(number)]
    for user in users:
        odd = [meal(id="9001", protein=20.005, description="Arrondi"), meal(id="9002", timestamp="jamais")]
        browser(user, {"p-meals-U": [*meals(4), *odd], "p-app-state-U": app_state(favoriteMeals=[favorite()])})
    return users


def ask(operator: User | None = None, **fields: Any) -> MigrationPreview:
    """A preview of everybody, not made yet."""
    values = {"scope": Scope(), "options": StartOptions(batch_size=2), "made_by": operator or make_user(), **fields}
    return request_preview(**values)


def made(**fields: Any) -> MigrationPreview:
    """A preview that is done."""
    preview = ask(**fields)
    run_preview(preview.pk)
    preview.refresh_from_db()
    assert preview.status == PreviewStatus.DONE, preview.error
    return preview


def test_a_preview_predicts_what_the_run_then_does_and_writes_nothing() -> None:
    people()
    preview = made()
    assert (preview.people_done, preview.people_total) == (3, 3)
    assert not MealEntry.objects.exists()
    assert not MigrationRun.objects.exists()
    assert set(StorageSnapshot.objects.values_list("status", flat=True)) == {"waiting"}

    run = start_from_preview(preview=preview, actor=make_user(), reason="c'est le jour")
    driver = Driver(run, SilentObserver(), Stop(), patient=False)
    driver.drive()
    report = driver.report()
    assert report["items"] == preview.report["items"]
    assert report["reasons"] == preview.report["reasons"]
    assert run.plan_digest == preview.plan_digest
    assert len(preview.plan_digest) == 64


def test_samples_are_different_items_with_what_the_browser_held() -> None:
    user = people(1)[0]
    preview = made()
    samples = {(one.outcome, one.kind): one for one in preview.samples.all()}
    plain = next(one for one in preview.samples.all() if one.outcome == "created" and one.kind == "favorite")
    assert (plain.reasons, plain.changes, '"Yaourt grec"' in plain.raw) == ([], [], True)
    assert samples["quarantined", "meal"].reasons == ["unreadable_timestamp"]
    rounded = next(one for one in preview.samples.all() if one.changes)
    assert rounded.changes[0]["raw"] == "20.005"
    assert {one.user_id for one in preview.samples.all()} == {user.pk}


def test_samples_go_with_the_person() -> None:
    user = people(1)[0]
    preview = made()
    assert preview.samples.exists()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM users WHERE id = %s", [user.pk])
    assert not MigrationPreviewSample.objects.filter(preview=preview).exists()


def test_items_that_are_simply_new_have_an_example_too() -> None:
    browser(make_user(), {"p-meals-U": meals(3)})
    sample = made().samples.get(kind="meal")
    assert (sample.outcome, sample.path) == ("created", "p-meals-U[0]")
    assert "Poulet" in sample.raw


def test_an_upload_is_staged_and_removed_and_its_bad_lines_are_named() -> None:
    known = make_user(email="anne@example.fr")
    content = gzip.compress(b"\n".join([line(), b"{broken", line(), line("nouveau@example.fr")]))
    preview = made(upload=ContentFile(content, name="jour.ndjson.gz"), create_users=True)
    assert preview.upload_name == "jour.ndjson.gz"
    assert preview.staging["lines"] == 4
    assert (preview.staging["staged"], preview.staging["already"], preview.staging["rejected"]) == (2, 1, 1)
    assert preview.staging["rejected_lines"][0]["line"] == 2
    assert preview.staging["users_created"] == 1
    assert preview.upload == ""
    assert default_storage.listdir("uploads")[1] == []
    assert StorageSnapshot.objects.filter(user=known).count() == 1
    assert preview.report["users"] == 2


def test_only_chosen_people_are_previewed() -> None:
    first, *_others = people(3)
    preview = made(scope=Scope(emails=(first.email,)))
    assert preview.report["users"] == 1


def test_a_form_sent_twice_makes_one_preview(called: list[int]) -> None:
    key, operator = uuid4(), make_user()
    one = ask(operator, request_key=key, upload=ContentFile(line(), name="a"))
    other = ask(operator, request_key=key, upload=ContentFile(line(), name="a"))
    assert one.pk == other.pk
    assert called == [one.pk]
    assert len(default_storage.listdir("uploads")[1]) == 1


def test_nobody_who_waits_is_a_good_preview() -> None:
    preview = made()
    assert preview.report["users"] == 0
    assert preview.plan_digest


def test_what_cannot_be_predicted_says_why() -> None:
    preview = ask(scope=Scope(emails=("personne-du-tout@example.fr",)))
    run_preview(preview.pk)
    preview.refresh_from_db()
    assert preview.status == PreviewStatus.FAILED
    assert "personne-du-tout@example.fr" in preview.error


def test_an_unforeseen_error_is_kept_without_anybodys_data() -> None:
    people(1)
    preview = ask()
    with (
        patch.object(previewing, "dry_run", side_effect=ValueError("secret 42")),
        pytest.raises(ValueError, match="42"),
    ):
        run_preview(preview.pk)
    preview.refresh_from_db()
    assert preview.status == PreviewStatus.FAILED
    assert "ValueError" in preview.error
    assert "42 " not in preview.error


def test_cancelled_in_the_middle_it_ends_and_writes_nothing_more() -> None:
    people(5)
    preview = ask()

    def cancel_after_first(self: Any, numbers: Any) -> None:
        if numbers.users == 2:
            cancel_preview(MigrationPreview.objects.get(pk=preview.pk))
        original(self, numbers)

    original = previewing._Making.advanced
    with patch.object(previewing._Making, "advanced", cancel_after_first):
        assert run_preview(preview.pk) == "it was cancelled or taken over"
    preview.refresh_from_db()
    assert (preview.status, preview.report, preview.plan_digest) == (PreviewStatus.CANCELLED, {}, "")
    with pytest.raises(Refused):
        cancel_preview(preview)


def test_a_call_too_many_does_nothing() -> None:
    preview = made()
    before = MigrationPreview.objects.values().get(pk=preview.pk)
    assert run_preview(preview.pk) == "there is nothing to do"
    assert MigrationPreview.objects.values().get(pk=preview.pk) == before


@pytest.mark.django_db(transaction=True)
def test_while_somebody_is_at_it_nobody_else_is_and_when_they_die_it_is_seen(called: list[int]) -> None:
    preview = ask()
    MigrationPreview.objects.filter(pk=preview.pk).update(status=PreviewStatus.RUNNING)
    preview.refresh_from_db()
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [previewing._PREVIEWS, preview.pk])
        assert not is_stalled(preview)
        assert run_preview(preview.pk) == "another process is at it"
        with pytest.raises(Refused):
            call_again(preview)
    wait_until(lambda: is_stalled(preview))
    call_again(preview)
    assert called == [preview.pk, preview.pk]
    run_preview(preview.pk)
    preview.refresh_from_db()
    assert preview.status == PreviewStatus.DONE


def test_a_call_that_got_lost_is_seen_after_a_while() -> None:
    preview = ask()
    assert not is_stalled(preview)
    preview.asked_at = timezone.now() - timedelta(minutes=1)
    assert is_stalled(preview)


def test_made_again_it_replaces_what_it_said(called: list[int]) -> None:
    people(1)
    preview = made()
    people(1)
    assert outdated(preview).newer_snapshots
    call_again(preview)
    preview.refresh_from_db()
    assert (preview.status, preview.plan_digest, preview.samples.count()) == (PreviewStatus.WAITING, "", 0)
    run_preview(preview.pk)
    preview.refresh_from_db()
    assert preview.report["users"] == 2
    assert not outdated(preview)
    assert len(called) == 2


def test_a_run_since_makes_it_outdated() -> None:
    preview = made()
    control.start(scope=Scope(), batch_size=1)
    assert outdated(preview).newer_runs


def test_the_run_has_what_was_chosen_and_says_from_where_it_comes() -> None:
    people(1)
    options = StartOptions(
        batch_size=7, fixed_size=True, workers=3, cohort_percent=20, max_failures=1, max_quarantine_percent=9
    )
    preview, operator = made(options=options), make_user()
    run = start_from_preview(preview=preview, actor=operator, reason="répétition")
    run.refresh_from_db()
    assert (run.batch_size, run.fixed_size, run.workers, run.cohort_percent) == (7, True, 3, 20)
    assert (run.max_failures, run.max_quarantine_percent, run.started_by) == (1, 9, operator)
    assert run.options["governor"] is True
    event = MigrationEvent.objects.get(run=run, action="launch")
    assert (event.actor, event.reason, event.data["preview"]) == (operator.email, "répétition", preview.pk)


def test_a_preview_starts_one_run_and_none_while_another_is_active() -> None:
    preview, operator = made(), make_user()
    other = control.start(scope=Scope(), batch_size=1)
    with pytest.raises(Refused):
        start_from_preview(preview=preview, actor=operator, reason="x")
    control.cancel(run=other, actor="")
    run = start_from_preview(preview=preview, actor=operator, reason="x")
    control.cancel(run=run, actor="")
    with pytest.raises(Refused, match="already"):
        start_from_preview(preview=preview, actor=operator, reason="x")
    assert MigrationRun.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_command_makes_it_in_a_process_of_its_own(manage: Callable[..., Any]) -> None:
    people(2)
    preview = ask()
    answer = manage("preview_migration", str(preview.pk))
    assert answer.returncode == 0, answer.stderr
    preview.refresh_from_db()
    assert (preview.status, preview.report["users"]) == (PreviewStatus.DONE, 2)
    assert manage("preview_migration", "99999999").returncode == 5


def wait_until(condition: Callable[[], bool]) -> None:
    """A closed connection's locks go a moment later."""
    deadline = timezone.now() + timedelta(seconds=10)
    while not condition():
        assert timezone.now() < deadline


# --- The file -----------------------------------------------------------------------------------------------------------
def uploads() -> list[str]:
    """The files that are kept for previews."""
    return default_storage.listdir("uploads")[1] if default_storage.exists("uploads") else []


def test_a_preview_that_fails_keeps_no_file() -> None:
    preview = ask(upload=ContentFile(line(), name="jour.ndjson"))
    assert len(uploads()) == 1
    with patch.object(previewing, "stage_files", side_effect=ValueError("x")), pytest.raises(ValueError, match="x"):
        run_preview(preview.pk)
    preview.refresh_from_db()
    assert (preview.status, preview.upload, preview.upload_name, uploads()) == (
        PreviewStatus.FAILED,
        "",
        "jour.ndjson",
        [],
    )
    call_again(preview)
    run_preview(preview.pk)
    preview.refresh_from_db()
    assert preview.status == PreviewStatus.DONE


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_that_is_undone_keeps_the_file() -> None:
    preview = ask(upload=ContentFile(line(), name="jour.ndjson"))
    with transaction.atomic():
        cancel_preview(preview)
        transaction.set_rollback(True)
    assert len(uploads()) == 1
    assert run_preview(preview.pk) == f"preview {preview.pk} is done"
    other = ask(upload=ContentFile(line("b@example.fr"), name="b"))
    cancel_preview(other)
    assert uploads() == []


def test_files_that_nobody_read_go_after_a_day() -> None:
    stalled = ask(upload=ContentFile(line(), name="perdu"))
    default_storage.save("uploads/orphelin", ContentFile(line()))
    ask()
    assert len(uploads()) == 2
    long_ago = timezone.now().timestamp() - 25 * 3600
    for name in uploads():
        os.utime(default_storage.path(f"uploads/{name}"), (long_ago, long_ago))
    fresh = ask(upload=ContentFile(line("b@example.fr"), name="b"))
    assert [f"uploads/{name}" for name in uploads()] == [fresh.upload]
    stalled.refresh_from_db()
    assert stalled.upload == ""
    assert run_preview(stalled.pk) == f"preview {stalled.pk} is done"


def test_what_a_file_brought_is_in_the_log_with_numbers_only() -> None:
    operator = make_user()
    content = b"\n".join([line("a@example.fr"), b"{broken", line("b@example.fr")])
    preview = made(operator=operator, upload=ContentFile(content, name="jour.ndjson"), create_users=True)
    (row,) = ActivityLog.objects.filter(action_type="staff_preview_staged")
    assert row.new_values == {
        "preview": preview.pk,
        "lines": 3,
        "staged": 2,
        "rejected": 1,
        "users_created": 2,
        "staff": str(operator.pk),
        "staff_email": operator.email,
        "reason": "",
    }
