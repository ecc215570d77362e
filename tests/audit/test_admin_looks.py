"""Values that are somebody's: shown only with the permission for raw ones, and never without a line in the log that says who looked."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.models import ActivityLog, ItemRepair, MigrationPreview, MigrationRun
from tests.audit.admin_client import get, page_of, staff
from tests.audit.admin_rows import Migrated, migrate_people

pytestmark = pytest.mark.django_db

RUNS, RAW = "audit.view_migrationrun", "audit.view_raw_data"
EATEN, WRITTEN = "SOUPE-AU-PISTOU", "PIZZA-AUX-CEPES"


def differing(run: MigrationRun, people: list[Migrated]) -> None:
    """A report whose verification found one difference for each person."""
    differences = [
        {
            "snapshot": person.snapshot.pk,
            "user": str(person.user.pk),
            "kind": "meal",
            "path": "k[0]",
            "field": "description",
            "expected": EATEN,
            "actual": WRITTEN,
            "problem": "the row is not the item",
        }
        for person in people
    ]
    told = {"verdict": "failed", "compared": 3, "differences": differences, "differences_found": len(differences)}
    run.report = {**run.report, "verification": told}
    run.save(update_fields=["report"])


def looks() -> list[tuple[Any, list[str]]]:
    """Whose data was looked at, and which."""
    rows = ActivityLog.objects.filter(action_type="staff_looked").order_by("created_at", "id")
    return [(row.user_id, (row.new_values or {})["parts"]) for row in rows]


def report_of(run: MigrationRun) -> str:
    return reverse("admin:audit_migrationrun_report", args=[run.pk])


@pytest.mark.parametrize("tab", ["verification", "overview"])
def test_differences_show_values_only_with_the_permission_and_the_look_is_logged(client: Client, tab: str) -> None:
    run, people = migrate_people(1)
    differing(run, people)
    page = get(staff(client, RUNS), f"{page_of(run)}?tab={tab}")
    assert "the row is not the item" in page
    assert EATEN not in page
    assert WRITTEN not in page
    assert "il faut le droit de voir les valeurs brutes" in page
    assert looks() == []
    page = get(staff(Client(), RUNS, RAW), f"{page_of(run)}?tab={tab}")
    assert EATEN in page
    assert WRITTEN in page
    assert looks() == [(people[0].user.pk, ["migration_runs"])]


def test_the_report_as_a_file_has_values_only_with_the_permission(client: Client) -> None:
    run, people = migrate_people(2)
    differing(run, people)
    told = staff(client, RUNS).get(report_of(run)).json()
    assert [row["problem"] for row in told["verification"]["differences"]] == ["the row is not the item"] * 2
    assert all("expected" not in row and "actual" not in row for row in told["verification"]["differences"])
    assert told["reasons"] == run.report["reasons"]
    assert looks() == []
    told = staff(Client(), RUNS, RAW).get(report_of(run)).json()
    assert told["verification"]["differences"][1]["actual"] == WRITTEN
    assert looks() == [(None, ["migration_runs"])]
    run.refresh_from_db()
    assert run.report["verification"]["differences"][0]["expected"] == EATEN


def test_a_run_without_differences_leaves_no_look(client: Client) -> None:
    run, _people = migrate_people(1)
    colleague = staff(client, RUNS, RAW)
    get(colleague, page_of(run))
    assert colleague.get(report_of(run)).status_code == 200
    assert looks() == []


@pytest.mark.parametrize("several", [False, True])
def test_the_examples_of_a_preview_are_a_look(client: Client, several: bool) -> None:
    _run, people = migrate_people(2)
    preview = MigrationPreview.objects.earliest("id")
    if several:
        MigrationPreview.objects.latest("id").samples.update(preview=preview)
    get(staff(client, RUNS), page_of(preview))
    assert looks() == []
    get(staff(Client(), RUNS, RAW), page_of(preview))
    assert looks() == [(None if several else people[0].user.pk, ["migration_preview_samples"])]


def test_the_value_of_a_repair_is_a_look(client: Client) -> None:
    _run, people = migrate_people(1)
    repair = ItemRepair.objects.get()
    page = get(staff(client, "audit.view_itemrepair"), page_of(repair))
    assert "&quot;protein&quot;" not in page
    assert looks() == []
    colleague = staff(Client(), "audit.view_itemrepair", RAW)
    get(colleague, reverse("admin:audit_itemrepair_changelist"))
    assert looks() == []
    assert "&quot;protein&quot;" in get(colleague, page_of(repair))
    assert looks() == [(people[0].user.pk, ["item_repairs"])]
    member = User.objects.get(pk=colleague.session["_auth_user_id"])
    assert (ActivityLog.objects.get(action_type="staff_looked").new_values or {})["staff_email"] == member.email
