"""The pages of one run, one outcome, one snapshot: telling the truth, and never what must not be shown."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from audit import selectors
from audit.admin.reason_texts import reason_text
from audit.models import MigrationBatch, MigrationOutcome, MigrationRun, StorageSnapshot
from tests.audit.admin_client import get, page_of, staff
from tests.audit.admin_rows import HOSTILE, SECRET, finished_run, migrate_people
from tests.factories import make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("operateur@example.fr", None, username="operateur"))
    return client


# --- Runs --------------------------------------------------------------------------------------------------------------


def test_the_page_of_a_run_tells_what_it_did(operator: Client) -> None:
    run, _people = migrate_people(3)
    page = get(operator, page_of(run))
    for expected in (
        "Terminée, avec quarantaine",
        "Vérification réussie",
        "chaque élément a un sort",
        "Lot 3",
        "4\xa0322",
        "1\xa0min\xa015\xa0s",
    ):
        assert expected in page
    reason = reason_text("unreadable_timestamp").title
    assert f"run__id__exact={run.pk}&amp;reason=unreadable_timestamp" in page
    assert reason in page


def test_the_equation_adds_up_and_says_when_it_does_not() -> None:
    run, _people = migrate_people(3)
    meals, favorites, *_rest = selectors.equation_of_run(run)
    assert (meals.found, meals.outcomes["created"], meals.outcomes["quarantined"]) == (15, 9, 3)
    assert meals.holds
    assert favorites.found == 0
    assert not meals._replace(found=16).holds


def test_a_run_that_has_not_ended_counts_its_reasons_itself(operator: Client) -> None:
    run, _people = migrate_people(2)
    MigrationRun.objects.filter(pk=run.pk).update(status="running", verdict="", report={}, finished_at=None)
    page = get(operator, page_of(run))
    assert reason_text("rounded").title in page
    assert "Le rapport s'écrit à la fin." in page
    assert {row.code: row.times for row in selectors.quarantine_by_reason(run)} == {"unreadable_timestamp": 2}


def test_differences_and_errors_of_a_failed_run_are_shown(operator: Client) -> None:
    difference = {"path": HOSTILE, "expected": "20", "actual": "21", "problem": "the row says something else"}
    run = make_run(
        status="failed",
        verdict="failed",
        error=f"1 difference {HOSTILE}",
        report={"verification": {"verdict": "failed", "compared": 1234, "differences": [difference]}},
    )
    page = get(operator, page_of(run))
    assert "Vérification échouée" in page
    assert "1\xa0234" in page
    assert "&lt;script&gt;" in page
    assert HOSTILE not in page


def test_the_report_is_a_file(operator: Client) -> None:
    run = finished_run()
    answer = operator.get(reverse("admin:audit_migrationrun_report", args=[run.pk]))
    assert answer["Content-Disposition"] == f'attachment; filename="migration-{run.pk}.json"'
    assert json.loads(answer.content) == run.report
    assert operator.get(reverse("admin:audit_migrationrun_report", args=[10**9])).status_code == 404


def test_a_failed_batch_comes_first_and_shows_its_error(operator: Client) -> None:
    run, _people = migrate_people(2)
    failed = MigrationBatch.objects.create(run=run, number=9, status="failed", users=1, error="deadlock detected")
    assert selectors.batches_of_run(run, at_most=1) == [failed]
    assert "deadlock detected" in get(operator, page_of(failed))


# --- Outcomes and snapshots ----------------------------------------------------------------------------------------------


def test_outcomes_are_found_by_run_reason_and_person(operator: Client) -> None:
    run, people = migrate_people(3)
    path = reverse("admin:audit_migrationoutcome_changelist")
    expectations = {
        f"run__id__exact={run.pk}": 6,
        "reason=rounded": 3,
        "outcome__exact=quarantined": 3,
        f"user__id__exact={people[0].user.pk}": 2,
        f"q={people[1].user.email}": 2,
        f"q={people[1].user.legacy_id}": 2,
        "q=nobody@example.fr": 0,
    }
    for query, count in expectations.items():
        answer = operator.get(f"{path}?{query}")
        assert answer.context["cl"].result_count == count, query


def test_what_postgresql_cannot_hold_is_refused_before_it_is_asked(operator: Client) -> None:
    path = reverse("admin:audit_migrationoutcome_changelist")
    for query in ("reason=%00", "outcome__exact=%00", "run__id__exact=1%00"):
        assert operator.get(f"{path}?{query}").status_code == 400, query


def test_the_page_of_an_outcome_shows_before_and_after(operator: Client) -> None:
    _run, people = migrate_people(1)
    corrected = MigrationOutcome.objects.get(outcome="updated")
    page = get(operator, page_of(corrected))
    assert "20.005" in page
    assert "20.01" in page
    assert page_of(people[0].meal) in page
    people[0].meal.delete()
    assert page_of(people[0].meal) not in get(operator, page_of(corrected))


def test_raw_values_that_no_text_can_hold_are_shown_escaped(operator: Client) -> None:
    _run, people = migrate_people(1)
    page = get(operator, page_of(people[0].outcome))
    assert "\\ud83d" in page
    assert "\\u0000" in page


def test_a_snapshot_lists_its_keys_and_never_a_token(operator: Client) -> None:
    _run, people = migrate_people(1)
    page = get(operator, page_of(people[0].snapshot))
    assert "access_token" in page
    assert "jamais montré" in page
    assert SECRET not in page


def test_the_bytes_are_for_superusers(operator: Client) -> None:
    _run, people = migrate_people(1)
    path = reverse("admin:audit_storagesnapshot_payload", args=[people[0].snapshot.pk])
    answer = operator.get(path)
    assert answer.content == bytes(StorageSnapshot.objects.get().payload)
    assert answer["Content-Disposition"].startswith("attachment")
    assert "no-store" in answer["Cache-Control"]
    support = staff(Client(), "audit.view_storagesnapshot")
    assert support.get(path).status_code == 403
    assert path not in get(support, page_of(people[0].snapshot))


def test_a_big_snapshot_is_not_read_for_a_page(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.admin.snapshot_page.READ_UP_TO", 10)
    run, people = migrate_people(1)
    with CaptureQueriesContext(connection) as queries:
        page = get(operator, page_of(people[0].snapshot))
    assert "lu-par-la-migration" in page
    assert not [query for query in queries if '"payload"' in query["sql"]]
    run.plan.update(read_report=None)
    assert "Trop gros pour être relu ici" in get(operator, page_of(people[0].snapshot))
