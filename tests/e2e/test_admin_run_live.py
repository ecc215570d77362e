"""The page of a run in a real browser: it keeps itself fresh, says so aloud, and does without JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from accounts.models import User
from audit.models import MigrationBatch, MigrationRun, MigrationTally
from audit.runs.transitions import record
from tests.audit.admin_client import page_of
from tests.audit.admin_rows import migrate_people
from tests.factories import NOON

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page
    from pytest_django.live_server_helper import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def running() -> MigrationRun:
    """A run at work on its third person; the first two are in the tables."""
    run, _people = migrate_people(2)
    MigrationRun.objects.filter(pk=run.pk).update(
        status="running", verdict="", finished_at=None, report={}, users_planned=4
    )
    run.refresh_from_db()
    return run


def sign_in(context: BrowserContext, server: LiveServer) -> None:
    """As a superuser, without the form."""
    client = Client()
    client.force_login(User.objects.create_superuser("operateur@example.fr", None, username="operateur"))
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server.url}])


def test_it_follows_the_run_and_says_when_its_state_changes(page: Page, live_server: LiveServer) -> None:
    run = running()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    sign_in(page.context, live_server)
    page.goto(live_server.url + page_of(run))
    found = page.locator("#equation tfoot td").first
    expect(found).to_have_text("10")
    expect(page.get_by_text("À jour toutes les deux secondes.")).to_be_visible()
    page.get_by_role("link", name="Mettre en pause").focus()

    MigrationTally.objects.filter(run=run).update(found=50, created=48)
    MigrationBatch.objects.create(run=run, number=3, status="committed", users=1, started_at=NOON, finished_at=NOON)
    expect(found).to_have_text("100")
    expect(page.locator("[data-live=progress]")).to_have_text("3 lots sur 3, 3 personnes sur 4")
    expect(page.get_by_role("link", name="Mettre en pause")).to_be_focused()

    MigrationRun.objects.filter(pk=run.pk).update(status="paused")
    record(run=run, action="paused", actor="engine", reason="trop d'erreurs")
    expect(page.get_by_role("status").filter(has_text="En pause.")).to_be_attached()
    expect(page.get_by_role("link", name="Reprendre")).to_be_visible()
    expect(page.get_by_role("link", name="Mettre en pause")).to_have_count(0)
    expect(page.get_by_text("trop d'erreurs").first).to_be_visible()
    expect(page.get_by_text("À jour toutes les deux secondes.")).to_have_count(0)
    assert faults == []


def test_without_javascript_it_is_read_again(browser: Browser, live_server: LiveServer) -> None:
    run = running()
    context = browser.new_context(locale="fr-FR", java_script_enabled=False, viewport={"width": 390, "height": 844})
    sign_in(context, live_server)
    page = context.new_page()
    page.goto(live_server.url + page_of(run))
    MigrationRun.objects.filter(pk=run.pk).update(status="paused")
    page.get_by_role("link", name="Actualiser").click()
    page.get_by_role("link", name="Reprendre").click()
    page.get_by_label("Raison").fill("c'est réparé")
    expect(page.get_by_role("button", name="Reprendre")).to_be_visible()
    context.close()
