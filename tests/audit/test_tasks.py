"""Celery's tasks, called as functions: what each does, and that doing it again costs nothing. (`tests/faults/test_celery.py` has real workers.)"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from audit import tasks
from audit.models import MigrationPreview, MigrationRun
from audit.runs import control, previewing
from audit.runs.plan import Scope
from audit.runs.previewing import StartOptions
from nutrition.models import DailySummary
from nutrition.tasks import refresh_daily_summaries
from tests.audit.runs.browsers import M, browser
from tests.captures import meals
from tests.database import run as execute
from tests.factories import make_meal, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int | None]]:
    """Which workers were called: (run, how many)."""
    calls: list[tuple[int, int | None]] = []
    monkeypatch.setattr(tasks, "call_workers", lambda run, number=None: calls.append((run.pk, number)))
    return calls


def test_attending_a_run_takes_it_to_its_verdict(called: list[Any]) -> None:
    browser(make_user(), {M: meals(3)})
    run = control.start(scope=Scope(), batch_size=1, actor="test")
    assert (
        tasks.attend_run(run.pk) == "the run was paused, cancelled or has failed"
    )  # or has ended: nothing runs any more
    run.refresh_from_db()
    assert (run.status, run.verdict) == ("completed", "passed")
    tasks.attend_run(run.pk)
    assert run.events.filter(action="complete").count() == 1
    assert tasks.attend_run(run.pk + 1) == "there is no such run"


def test_a_task_does_its_share_and_calls_the_next(called: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BATCHES_A_TASK", 2)
    for _ in range(5):
        browser(make_user(), {M: meals(1)})
    run = control.start(scope=Scope(), batch_size=1, actor="test")
    for done in (2, 4):
        assert tasks.attend_run(run.pk) == "it has done its share"
        assert run.batches.filter(status="committed").count() == done
    assert called == [(run.pk, 1), (run.pk, 1)]
    tasks.attend_run(run.pk)
    run.refresh_from_db()
    assert run.status == "completed"


def test_the_sweep_takes_up_what_nobody_is_at(called: list[Any]) -> None:
    assert tasks.sweep() == "nothing is active"
    browser(make_user(), {M: meals(1)})
    run = control.start(scope=Scope(), batch_size=1, actor="test")
    assert tasks.sweep() == f"run {run.pk} was stalled: workers are called"
    assert called == [(run.pk, None)]


def test_the_sweep_ends_a_pause_that_nobody_ended(called: list[Any]) -> None:
    browser(make_user(), {M: meals(1)})
    run = control.start(scope=Scope(), batch_size=1, actor="test")
    MigrationRun.objects.filter(pk=run.pk).update(status="pausing")
    assert tasks.sweep() == f"run {run.pk} is paused"
    assert called == []


def test_new_snapshots_are_migrated_only_when_switched_on(called: list[Any], settings: Any) -> None:
    settings.MIGRATE_NEW_SNAPSHOTS = False
    browser(make_user(), {M: meals(1)})
    assert tasks.migrate_new_snapshots() == "switched off"
    settings.MIGRATE_NEW_SNAPSHOTS = True
    answer = tasks.migrate_new_snapshots()
    run = MigrationRun.objects.get()
    assert answer == f"run {run.pk} is started"
    assert called == [(run.pk, None)]
    assert tasks.migrate_new_snapshots() == "another process has just started a migration"
    tasks.attend_run(run.pk)
    assert tasks.migrate_new_snapshots() == "nothing waits"


def test_refreshing_summaries_makes_them_right() -> None:
    user = make_user()
    for day in (date(2026, 3, 10), date(2026, 3, 11)):
        make_meal(user, at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    wanted = list(DailySummary.objects.order_by("summary_date").values_list("summary_date", "total_protein"))
    assert [day for day, _ in wanted] == [date(2026, 3, 10), date(2026, 3, 11)]
    execute("UPDATE daily_summaries SET total_protein = 0")
    refresh_daily_summaries([str(user.pk)], since="2026-03-11", until="2026-03-11")
    found = list(DailySummary.objects.order_by("summary_date").values_list("summary_date", "total_protein"))
    assert found == [(wanted[0][0], 0), wanted[1]]
    refresh_daily_summaries([str(user.pk)])
    refresh_daily_summaries([str(user.pk)])
    assert list(DailySummary.objects.order_by("summary_date").values_list("summary_date", "total_protein")) == wanted


def test_what_was_uploaded_to_be_looked_at_is_not_migrated_behind_the_lookers_back(
    called: list[Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MIGRATE_NEW_SNAPSHOTS = True
    monkeypatch.setattr(previewing, "call_previewer", lambda preview: None)
    monkeypatch.setattr(previewing, "call_workers", lambda run: None)
    browser(make_user(), {M: meals(1)})
    operator = make_user()
    preview = previewing.request_preview(
        scope=Scope(), options=StartOptions(), made_by=operator, upload=ContentFile(b"{}", name="jour.ndjson")
    )
    held = f"preview {preview.pk} is being looked at"
    assert tasks.migrate_new_snapshots() == held
    MigrationPreview.objects.filter(pk=preview.pk).update(status="running")
    assert tasks.migrate_new_snapshots() == held
    MigrationPreview.objects.filter(pk=preview.pk).update(status="waiting")
    previewing.run_preview(preview.pk)
    assert tasks.migrate_new_snapshots() == held
    assert not MigrationRun.objects.exists()

    MigrationPreview.objects.filter(pk=preview.pk).update(asked_at=timezone.now() - timedelta(hours=25))
    assert tasks.migrate_new_snapshots().endswith("is started")
    assert MigrationRun.objects.count() == 1


@pytest.mark.parametrize("fields", [{"status": "failed"}, {"status": "cancelled"}, {"upload_name": ""}])
def test_other_previews_hold_nothing_back(called: list[Any], settings: Any, fields: dict[str, str]) -> None:
    settings.MIGRATE_NEW_SNAPSHOTS = True
    browser(make_user(), {M: meals(1)})
    MigrationPreview.objects.create(**{"status": "done", "upload_name": "jour.ndjson", **fields})
    assert tasks.migrate_new_snapshots().endswith("is started")
