"""Starting a migration from the admin: choose, preview, launch what was shown; who may, and what is refused."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from accounts.staff import staff_acted
from audit.models import ActivityLog, MigrationEvent, MigrationPreview, MigrationRun, PreviewStatus, StorageSnapshot
from audit.runs import control, previewing
from audit.runs.plan import Scope
from audit.runs.previewing import run_preview
from nutrition.models import MealEntry
from tests.audit.admin_client import get, page_of, staff
from tests.audit.captures import capture as line
from tests.audit.test_previewing import ask, people
from tests.audit.test_previewing import made as make_preview
from tests.factories import make_snapshot, make_user

pytestmark = pytest.mark.django_db

START, SEE, RAW = "audit.start_migrationrun", "audit.view_migrationrun", "audit.view_raw_data"
ADD = "accounts.add_user"
FORM = "/admin/audit/migrationpreview/add/"
CHOICES: dict[str, Any] = {
    "source": "waiting",
    "who": "everybody",
    "cohort_percent": "5",
    "emails": "",
    "batch_size": "100",
    "sizing": "adaptive",
    "workers": "1",
    "governor": "on",
    "max_failures": "10",
    "max_quarantine_percent": "50",
}


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Whom the admin has called; no process is started."""
    calls: dict[str, list[Any]] = {"previews": [], "runs": []}
    monkeypatch.setattr(previewing, "call_previewer", calls["previews"].append)
    monkeypatch.setattr(previewing, "call_workers", lambda run: calls["runs"].append(run.pk))
    return calls


@pytest.fixture
def operator(client: Client) -> Client:
    """The browser of somebody who may start, look and see raw values."""
    return staff(client, START, SEE, RAW)


def choose(client: Client, **fields: Any) -> Any:
    """Sends the form."""
    return client.post(FORM, {**CHOICES, "request_key": str(uuid4()), **fields})


def deed(preview: MigrationPreview, key: str) -> str:
    """The confirmation page of a button."""
    return reverse("admin:audit_migrationpreview_deed", args=[preview.pk, key])


def press(client: Client, preview: MigrationPreview, key: str, **fields: Any) -> Any:
    """Looks at a confirmation page, then confirms."""
    seen = re.search(r'name="seen" value="([^"]*)"', get(client, deed(preview, key)))
    assert seen
    return client.post(deed(preview, key), {"seen": seen[1], "reason": "répétition", **fields})


# --- Choosing -----------------------------------------------------------------------------------------------------------


def test_choosing_makes_a_preview_and_migrates_nothing(operator: Client, called: dict[str, list[Any]]) -> None:
    people(2)
    assert "Instantanés qui attendent : 2." in get(operator, FORM)
    answer = choose(
        operator, batch_size="7", sizing="fixed", workers="3", max_failures="2", max_quarantine_percent="12.5"
    )
    preview = MigrationPreview.objects.get()
    assert answer["Location"] == page_of(preview)
    assert called["previews"] == [preview.pk]
    assert preview.options == {
        "batch_size": 7,
        "fixed_size": True,
        "workers": 3,
        "cohort_percent": 100.0,
        "max_failures": 2,
        "max_quarantine_percent": 12.5,
        "governor": True,
    }
    assert "En attente d'un processus" in unescape(get(operator, page_of(preview)))
    assert not MigrationRun.objects.exists()
    assert not MealEntry.objects.exists()


def test_a_cohort_is_previewed_whole_and_said_so(operator: Client) -> None:
    people(2)
    choose(operator, who="cohort", cohort_percent="50")
    preview = MigrationPreview.objects.get()
    run_preview(preview.pk)
    page = unescape(get(operator, page_of(preview)))
    assert "Cet aperçu couvre tout le monde. La migration en déplace d'abord 50\xa0%" in page
    preview.refresh_from_db()
    assert preview.report["users"] == 2


def test_chosen_people_must_exist(operator: Client) -> None:
    user = people(1)[0]
    answer = choose(operator, who="people", emails=f"{user.email.upper()}\nperdu@example.fr")
    assert answer.status_code == 422
    assert "perdu@example.fr" in answer.content.decode()
    assert not MigrationPreview.objects.exists()
    choose(operator, who="people", emails=f"{user.email.upper()}, {user.email}")
    assert MigrationPreview.objects.get().scope["emails"] == [user.email]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"batch_size": "0"}, "batch_size"),
        ({"workers": "65"}, "workers"),
        ({"source": "upload"}, "file"),
        ({"who": "cohort", "cohort_percent": "150"}, "cohort_percent"),
        ({"who": "people"}, "emails"),
        ({"max_quarantine_percent": "101"}, "max_quarantine_percent"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(operator: Client, fields: dict[str, str], field: str) -> None:
    answer = choose(operator, **fields)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not MigrationPreview.objects.exists()


def send(client: Client, content: bytes, **fields: Any) -> Any:
    """Sends the form with a file."""
    fields = {"reason": "les navigateurs du 3 mars", **fields}
    return choose(client, source="upload", file=SimpleUploadedFile("jour.ndjson", content), **fields)


def test_an_upload_names_its_rejected_lines_on_the_page(client: Client) -> None:
    operator = staff(client, START, SEE, RAW, ADD)
    content = b"\n".join([line("nouvelle@example.fr"), b"<script>", line("nouvelle@example.fr")])
    send(operator, content, create_users="on")
    preview = MigrationPreview.objects.get()
    run_preview(preview.pk)
    page = get(operator, page_of(preview))
    for expected in ("jour.ndjson", "Lignes refusées", "Comptes créés", "Déjà là"):
        assert expected in page
    assert StorageSnapshot.objects.get().user
    preview.refresh_from_db()
    assert preview.staging["rejected_lines"][0]["line"] == 2


def test_an_upload_says_what_it_writes_and_asks_why(operator: Client) -> None:
    kept = "Ses instantanés restent en base, même si vous ne lancez rien"
    assert kept in unescape(get(operator, FORM))
    answer = send(operator, line(), reason=" ")
    assert answer.status_code == 422
    assert 'id="id_reason_error"' in answer.content.decode()
    assert not MigrationPreview.objects.exists()
    send(operator, line("inconnue@example.fr"))
    preview = MigrationPreview.objects.get()
    run_preview(preview.pk)
    page = unescape(get(operator, page_of(preview)))
    assert kept in page
    for false in ("Rien n'est écrit", "Rien n'est encore écrit"):
        assert false not in page
    assert StorageSnapshot.objects.count() == 1
    row = ActivityLog.objects.get(action_type="staff_preview_uploaded")
    told = row.new_values or {}
    assert (row.user_id, row.table_name) == (None, "migration_previews")
    assert told["preview"] == preview.pk
    assert (told["file"], told["bytes"], told["create_users"]) == (
        "jour.ndjson",
        len(line("inconnue@example.fr")),
        False,
    )
    assert (told["reason"], "@" in told["staff_email"]) == ("les navigateurs du 3 mars", True)


def test_what_only_waits_needs_no_reason_and_says_that_nothing_is_written(operator: Client) -> None:
    people(1)
    assert choose(operator).status_code == 302
    preview = MigrationPreview.objects.get()
    page = unescape(get(operator, page_of(preview)))
    assert "Aucun repas n'est écrit" in page
    assert "Ses instantanés restent" not in page
    assert not ActivityLog.objects.filter(action_type="staff_preview_uploaded").exists()


def test_an_upload_that_leaves_no_trace_is_not_made(operator: Client) -> None:
    operator.raise_request_exception = False

    def refuse(**_: Any) -> None:
        raise OSError("the log is full")

    staff_acted.connect(refuse)
    try:
        assert send(operator, line()).status_code == 500
    finally:
        staff_acted.disconnect(refuse)
    assert not MigrationPreview.objects.exists()
    assert default_storage.listdir("uploads")[1] == []


def test_a_form_sent_twice_leaves_one_trace(operator: Client) -> None:
    key = str(uuid4())
    for _ in range(2):
        assert send(operator, line(), request_key=key).status_code == 302
    assert ActivityLog.objects.filter(action_type="staff_preview_uploaded").count() == 1


def test_accounts_are_only_made_by_those_who_may(operator: Client) -> None:
    assert 'name="create_users"' not in get(operator, FORM)
    send(operator, line("nouvelle@example.fr"), create_users="on")
    preview = MigrationPreview.objects.get()
    assert preview.create_users is False
    run_preview(preview.pk)
    assert not User.objects.filter(email="nouvelle@example.fr").exists()
    may = staff(Client(), START, SEE, ADD)
    assert 'name="create_users"' in get(may, FORM)
    operators = Group.objects.get(name="operators").permissions
    assert operators.filter(content_type__app_label="accounts", codename="add_user").exists()


def test_made_again_without_its_file_it_says_so(operator: Client) -> None:
    send(operator, line())
    preview = MigrationPreview.objects.get()
    run_preview(preview.pk)
    assert "Le fichier n'est pas relu" in unescape(get(operator, deed(preview, "again")))


def test_without_the_permission_nothing_is_prepared(client: Client) -> None:
    colleague = staff(client, SEE, RAW)
    preview = make_preview()
    assert colleague.get(FORM).status_code == 403
    assert choose(colleague).status_code == 403
    for key in ("launch", "again", "cancel"):
        assert colleague.post(deed(preview, key), {"reason": "x"}).status_code == 403
    page = get(colleague, page_of(preview))
    assert "Lancer une migration" not in get(colleague, reverse("admin:audit_migrationrun_changelist"))
    assert 'data-deed="launch"' not in page
    assert MigrationPreview.objects.count() == 1
    assert not MigrationRun.objects.exists()


def test_who_sees_no_runs_sees_no_previews(client: Client) -> None:
    preview = make_preview()
    colleague = staff(client, "accounts.view_user")
    for path in (
        page_of(preview),
        reverse("admin:audit_migrationpreview_changelist"),
        reverse("admin:audit_migrationpreview_live", args=[preview.pk]),
    ):
        assert colleague.get(path).status_code == 403, path


# --- Watching and looking -----------------------------------------------------------------------------------------------


def test_the_live_numbers_follow_the_calculation(operator: Client) -> None:
    people(3)
    preview = ask()
    path = reverse("admin:audit_migrationpreview_live", args=[preview.pk])
    assert operator.get(path).json()["at_work"] is True
    MigrationPreview.objects.filter(pk=preview.pk).update(people_done=1, people_total=4)
    answer = operator.get(path).json()
    assert (answer["percent"], answer["done"], answer["total"]) == (25.0, 1, 4)
    run_preview(preview.pk)
    answer = operator.get(path).json()
    assert (answer["status"], answer["at_work"], answer["percent"]) == ("done", False, 100.0)
    assert operator.get(reverse("admin:audit_migrationpreview_live", args=[10**9])).status_code == 404


def test_the_page_shows_counts_reasons_and_samples_before_and_after(operator: Client) -> None:
    user = people(1)[0]
    preview = make_preview()
    with CaptureQueriesContext(connection) as queries:
        page = get(operator, page_of(preview))
    assert len(queries) <= 15
    for expected in ("Voilà ce que la migration ferait", "Date illisible", "20.005", "20.01", "jamais", user.email):
        assert expected in page, expected
    assert preview.plan_digest in page
    assert 'data-deed="launch"' in page


def test_raw_values_need_their_own_permission(client: Client) -> None:
    people(1)
    preview = make_preview()
    page = get(staff(client, START, SEE), page_of(preview))
    assert "Les valeurs ne vous sont pas montrées" in page
    for value in ("20.005", "jamais", "Yaourt grec"):
        assert value not in page


def test_what_came_since_is_said(operator: Client) -> None:
    preview = make_preview()
    assert "Des instantanés sont arrivés depuis" not in get(operator, page_of(preview))
    make_snapshot(make_user())
    assert "Des instantanés sont arrivés depuis" in get(operator, page_of(preview))
    assert "Des instantanés sont arrivés depuis" in get(operator, deed(preview, "launch"))


# --- Launching ----------------------------------------------------------------------------------------------------------


def test_launching_starts_the_run_that_was_shown(operator: Client, called: dict[str, list[Any]]) -> None:
    people(2)
    preview = make_preview()
    explained = get(operator, deed(preview, "launch"))
    assert preview.plan_digest in explained
    assert not MigrationRun.objects.exists()
    answer = press(operator, preview, "launch")
    run = MigrationRun.objects.get()
    assert answer["Location"] == page_of(run)
    assert (run.plan_digest, run.status, called["runs"]) == (preview.plan_digest, "pending", [run.pk])
    assert MigrationEvent.objects.get(run=run, action="launch").reason == "répétition"
    page = get(operator, page_of(preview))
    assert f"Migration {run.pk}" in page
    assert 'data-deed="launch"' not in page


def test_a_reason_is_needed(operator: Client) -> None:
    preview = make_preview()
    assert press(operator, preview, "launch", reason=" ").status_code == 422
    assert not MigrationRun.objects.exists()


def test_a_stale_page_launches_nothing_and_says_what_changed(operator: Client) -> None:
    preview = make_preview()
    seen = re.search(r'name="seen" value="([^"]*)"', get(operator, deed(preview, "launch")))
    assert seen
    previewing.call_again(preview)
    answer = operator.post(deed(preview, "launch"), {"seen": seen[1], "reason": "x"})
    assert answer.status_code == 409
    run_preview(preview.pk)
    answer = operator.post(deed(preview, "launch"), {"seen": seen[1], "reason": "x"})
    assert answer.status_code == 409
    assert "entre-temps" in answer.content.decode()
    assert not MigrationRun.objects.exists()


def test_another_active_migration_is_named(operator: Client, called: dict[str, list[Any]]) -> None:
    preview = make_preview()
    other = control.start(scope=Scope(), batch_size=1)
    answer = press(operator, preview, "launch")
    assert answer.status_code == 409
    assert f"la migration {other.pk} (en attente)" in answer.content.decode()
    assert MigrationRun.objects.count() == 1
    assert called["runs"] == []
    assert "Une migration est active" in get(operator, FORM)


def test_a_calculation_is_stopped_and_made_again(operator: Client, called: dict[str, list[Any]]) -> None:
    preview = ask()
    assert press(operator, preview, "cancel").status_code == 302
    preview.refresh_from_db()
    assert preview.status == PreviewStatus.CANCELLED
    assert press(operator, preview, "again").status_code == 302
    preview.refresh_from_db()
    assert preview.status == PreviewStatus.WAITING
    assert called["previews"] == [preview.pk, preview.pk]
    traces = ActivityLog.objects.filter(table_name="migration_previews").order_by("id")
    assert [row.action_type for row in traces] == ["staff_preview_cancelled", "staff_preview_again"]


def test_the_list_of_runs_leads_to_the_form(operator: Client) -> None:
    assert f'href="{FORM}"' in get(operator, reverse("admin:audit_migrationrun_changelist"))
    make_preview()
    assert "Aperçu " in get(operator, reverse("admin:audit_migrationpreview_changelist"))
