"""The first page: the numbers are the tables', each reader sees what is theirs, and it stays cheap."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.admin.charts import BARS, MEALS_COUNTED_UP_TO, charts_of, moments_of
from audit.admin.dashboard import flow_text
from audit.models import MigrationBatch, MigrationRun
from audit.runs import control
from audit.runs.engine import Driver, SilentObserver, Stop
from audit.runs.plan import Scope
from tests.audit.admin_client import get, page_of, staff
from tests.audit.admin_rows import migrate_people
from tests.audit.test_previewing import ask, people
from tests.factories import NOON, make_run

pytestmark = pytest.mark.django_db

INDEX = "/admin/"
LIVE = "/admin/audit/migrationrun/dashboard/live/"
SEE, START, FIND = "audit.view_migrationrun", "audit.start_migrationrun", "accounts.view_user"
STATEMENTS = 30


@pytest.fixture
def operator(client: Client) -> Client:
    """The browser of somebody who starts runs and looks at them."""
    return staff(client, SEE, START, FIND, "audit.view_storagesnapshot", "audit.view_migrationoutcome")


def test_it_tells_of_the_active_run_not_only_of_the_newest(operator: Client) -> None:
    old = make_run(status="failed")
    make_run(status="completed", verdict="passed")
    control.retry_failed(run=old, actor="x")
    page = get(operator, INDEX)
    assert page_of(old) in page
    answer = operator.get(LIVE).json()
    assert (answer["run"], answer["active"]) == (old.pk, True)


def test_the_equation_of_a_real_run_is_on_it(operator: Client) -> None:
    people(3)
    run = control.start(scope=Scope(), batch_size=2)
    Driver(run, SilentObserver(), Stop(), patient=False).drive()
    page = get(operator, INDEX)
    run.refresh_from_db()
    assert run.verdict == "passed"
    for expected in ("Terminée, avec quarantaine", "Vérification réussie", "Date illisible", "Repas migrés"):
        assert expected in page
    meals, crowd = charts_of(run)
    assert (meals.total, crowd.total) == (str(run.report["items"]["meal"]["created"]), "3")


def test_live_numbers_are_the_tables(operator: Client) -> None:
    run, _people = migrate_people(2)
    MigrationRun.objects.filter(pk=run.pk).update(
        status="running",
        verdict="",
        finished_at=None,
        started_at=timezone.now() - timedelta(seconds=100),
        users_planned=4,
    )
    answer = operator.get(LIVE).json()
    assert answer["percent"] == 50.0
    assert answer["texts"]["people"] == "2 personnes sur 4"
    assert answer["texts"]["found"] == "10"
    assert answer["texts"]["rate"] == "0,1\xa0éléments/s"
    assert answer["texts"]["eta"].startswith("1\xa0min\xa0")
    page = unescape(get(operator, INDEX))
    assert f'data-state="{answer["state"]}"' in page
    assert answer["state"] == "running.stalled"
    assert "personne n'y est" in page


def test_the_live_address_needs_the_permission(client: Client) -> None:
    assert staff(client, FIND).get(LIVE).status_code == 403


def test_nothing_yet_is_said_plainly(operator: Client) -> None:
    page = get(operator, INDEX)
    assert "Aucune migration encore." in page
    assert reverse("admin:audit_migrationpreview_add") in page
    assert operator.get(LIVE).json() == {"run": None, "state": "", "active": False, "percent": 0, "texts": {}}


def test_support_finds_people_first_and_starts_nothing(client: Client) -> None:
    migrate_people(1)
    page = get(staff(client, FIND), INDEX)
    assert "dp-find--big" in page
    assert f'action="{reverse("admin:accounts_user_changelist")}"' in page
    assert "Lancer une migration" not in page
    assert "latest-title" not in page


def test_who_may_see_nothing_sees_nothing(client: Client) -> None:
    migrate_people(1)
    page = get(staff(client), INDEX)
    assert "dp-find" not in page
    assert "latest-title" not in page


def test_latency_is_shown_only_when_it_was_measured(operator: Client) -> None:
    run = make_run(status="running", options={"governor": True}, workers=4)
    assert "Pas encore mesuré." in get(operator, INDEX)
    assert flow_text(run) == "Le frein n'a encore rien mesuré."
    flow = {
        "concurrency": 2,
        "pause": 0.5,
        "reason": "2 instead of 4: slow.",
        "probe_ms": 12.34,
        "baseline": {"probe_ms": 3.2, "error": ""},
        "at": NOON.isoformat(),
    }
    MigrationRun.objects.filter(pk=run.pk).update(flow=flow)
    page = get(operator, INDEX)
    assert "Pas encore mesuré." not in page
    for expected in (
        "12,3\xa0ms",
        "3,2\xa0ms",
        "Freinée : 2 ouvriers sur 4, 500\xa0ms de pause",
        "2 instead of 4: slow.",
    ):
        assert expected in page


def test_moments_add_up_and_gaps_are_gaps() -> None:
    run = make_run(snapshots_planned=MEALS_COUNTED_UP_TO + 1)
    for number, seconds in enumerate((0, 1, 1, 3600), start=1):
        MigrationBatch.objects.create(
            run=run, number=number, status="committed", users=2, items=10, finished_at=NOON + timedelta(seconds=seconds)
        )
    MigrationBatch.objects.create(run=run, number=9, status="failed", users=50, finished_at=NOON)
    moments, step = moments_of(run)
    assert len(moments) <= BARS
    assert sum(moment.people for moment in moments) == 8
    assert [moment.people for moment in moments][1:-1] == [0] * (len(moments) - 2)
    assert step * (len(moments) - 1) <= timedelta(hours=1)
    items, _people = charts_of(run)
    assert (items.key, items.total) == ("items", "40")


def test_a_run_in_one_instant_has_one_bar() -> None:
    run = make_run()
    MigrationBatch.objects.create(run=run, number=1, status="committed", users=2, items=10, finished_at=NOON)
    assert len(moments_of(run)[0]) == 1
    assert charts_of(make_run(status="cancelled")) == []


def test_a_preview_that_waits_for_its_operator_is_on_it(operator: Client) -> None:
    preview = ask()
    assert page_of(preview) in get(operator, INDEX)


def test_it_takes_few_statements_however_big_the_run(operator: Client) -> None:
    run, _people = migrate_people(2)
    MigrationRun.objects.filter(pk=run.pk).update(status="running", verdict="", finished_at=None)
    with CaptureQueriesContext(connection) as few:
        get(operator, INDEX)
    migrate_people(8, run, first=3)
    with CaptureQueriesContext(connection) as many:
        get(operator, INDEX)
    assert len(many) == len(few) <= STATEMENTS
