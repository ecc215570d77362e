"""The admin's pages about migrations: bounded, safe to look at, and telling the truth."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from psycopg import sql

from accounts.admin.read_only import WindowedPaginator
from accounts.models import User
from audit import selectors
from audit.models import MigrationRun
from tests.audit.admin_client import get, page_of, staff
from tests.audit.admin_rows import Migrated, migrate_people

pytestmark = pytest.mark.django_db

RUN_PAGE_STATEMENTS = 15
PERSON_PAGE_STATEMENTS = 30
INDEX_STATEMENTS = 20
LIST_STATEMENTS = 8
OURS = {"accounts", "nutrition", "exports", "audit"}
LISTS = sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)
EDITED = {"audit_migrationpreview", "auth_group", "accounts_user", "nutrition_dietarypreference"}


@pytest.fixture
def operator(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("operateur@example.fr", None, username="operateur"))
    return client


def statements(client: Client, path: str) -> int:
    """How many statements a page takes, content types being known from an earlier page."""
    ContentType.objects.get_for_models(*admin.site._registry)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        get(client, path)
    return len(queries)


# --- Every model, every page ------------------------------------------------------------------------------------------


def test_every_model_is_registered() -> None:
    missing = {
        model._meta.label
        for model in apps.get_models()
        if model._meta.app_label in OURS and not model._meta.proxy and model not in admin.site._registry
    }
    assert not missing


def test_lists_take_as_many_statements_for_thirty_rows_as_for_three(operator: Client) -> None:
    run, _people = migrate_people(3)
    paths = {name: reverse(f"admin:{name}_changelist") for name in LISTS}
    few = {name: statements(operator, path) for name, path in paths.items()}
    migrate_people(27, run, first=4)
    assert {name: statements(operator, path) for name, path in paths.items()} == few
    assert max(few.values()) <= LIST_STATEMENTS


def test_pages_take_as_many_statements_for_a_big_run_as_for_a_small_one(operator: Client) -> None:
    run, people = migrate_people(3)
    paths = [
        reverse("admin:index"),
        page_of(run),
        page_of(people[0].user),
        page_of(people[0].snapshot),
        page_of(people[0].outcome),
    ]
    few = [statements(operator, path) for path in paths]
    migrate_people(27, run, first=4)
    assert [statements(operator, path) for path in paths] == few
    assert few[0] <= INDEX_STATEMENTS
    assert few[1] <= RUN_PAGE_STATEMENTS
    assert few[2] <= PERSON_PAGE_STATEMENTS


CONTENT = "SELECT count(*), sum(hashtextextended(t::text || t.xmin::text, 0)) FROM {} AS t"


def table_contents() -> dict[str, tuple[Any, ...]]:
    """Rows, content and row versions of every table, and every sequence: a rewritten row shows even with the same content.

    But for `activity_logs`: that the team looked at somebody's data is written there.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
            "AND relname <> 'activity_logs' ORDER BY 1"
        )
        tables = [name for (name,) in cursor.fetchall()]
        contents: dict[str, tuple[Any, ...]] = {}
        for table in tables:
            cursor.execute(sql.SQL(CONTENT).format(sql.Identifier(table)))
            contents[table] = tuple(cursor.fetchone() or ())
        cursor.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
        contents["sequences"] = tuple(cursor.fetchall())
    return contents


class Links(HTMLParser):
    """The addresses that a page leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.update(value for name, value in attrs if tag == "a" and name == "href" and value)


def test_imported_and_audited_rows_are_read_only(operator: Client) -> None:
    migrate_people(1)
    before = table_contents()
    for name in set(LISTS) - EDITED:
        row = apps.get_model(name.replace("_", "."))._default_manager.first()
        assert row is not None, name
        for path in (page_of(row), page_of(row).replace("change", "delete"), reverse(f"admin:{name}_add")):
            assert operator.post(path, {"post": "yes"}).status_code == 403, path
    assert table_contents() == before


# --- Who may look --------------------------------------------------------------------------------------------------------


def test_without_the_view_permission_there_is_nothing_to_see(client: Client) -> None:
    migrate_people(1)
    colleague = staff(client)
    for name in LISTS:
        assert colleague.get(reverse(f"admin:{name}_changelist")).status_code == 403, name
        row = apps.get_model(name.replace("_", "."))._default_manager.first()
        assert row is None or colleague.get(page_of(row)).status_code == 403, name


def test_the_first_page_shows_what_the_reader_may_see(client: Client, operator: Client) -> None:
    migrate_people(1)
    everything = get(operator, reverse("admin:index"))
    assert "Instantanés sans compte" in everything
    assert "Tout sur cette migration" in everything
    nothing = get(staff(Client()), reverse("admin:index"))
    assert "Instantanés sans compte" not in nothing
    assert "Tout sur cette migration" not in nothing


def test_the_first_page_before_any_migration(operator: Client) -> None:
    assert "Aucune migration encore" in get(operator, reverse("admin:index"))


@pytest.fixture
def migrated(db: None) -> Migrated:
    """One migrated person."""
    return migrate_people(1)[1][0]


def test_reports_need_the_permission_to_see_runs(client: Client, migrated: Migrated) -> None:
    run = MigrationRun.objects.get()
    assert staff(client).get(reverse("admin:audit_migrationrun_report", args=[run.pk])).status_code == 403


# --- Big tables ------------------------------------------------------------------------------------------------------------


def test_lists_count_no_further_than_their_window(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WindowedPaginator, "window", 4)
    migrate_people(3)
    with CaptureQueriesContext(connection) as queries:
        page = get(operator, reverse("admin:nutrition_mealentry_changelist"))
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "meal_entries" in query["sql"]]
    assert counts
    assert all("LIMIT 5" in statement for statement in counts)
    assert "4+" in page


def test_rows_are_counted_exactly_while_they_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    migrate_people(2)
    (estimate,) = selectors.estimated_counts([User]).values()
    assert estimate == (2, True)
    monkeypatch.setattr(selectors, "COUNTED_AT_MOST", 1)
    (estimate,) = selectors.estimated_counts([User]).values()
    assert not estimate.exact


def test_the_pages_speak_english_too(operator: Client) -> None:
    run, people = migrate_people(1)
    operator.cookies["django_language"] = "en"
    for path, expected in (
        (page_of(run), ("Verification passed", "every item has an outcome", "In quarantine")),
        (page_of(people[0].user), ("Profile and preferences", "What became of their data", "browser default")),
        (page_of(people[0].snapshot), ("What it contains", "never shown")),
        (reverse("admin:index"), ("Overview", "Snapshots without an account")),
    ):
        page = get(operator, path)
        for text in expected:
            assert text in page, (path, text)
