"""Everything works without JavaScript: preparing a migration, looking at its preview, its page, and a deed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from audit.models import MigrationRun
from tests.audit.runs.browsers import M
from tests.audit.runs.browsers import browser as staged
from tests.captures import meals
from tests.e2e.conftest import Processes
from tests.e2e.staff import DESK, SECONDS, Watched, member, sign_in_quietly
from tests.factories import make_user

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pytest_django.live_server_helper import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_an_operator_prepares_starts_and_cancels_a_run(
    browser: Browser, live_server: LiveServer, processes: Processes
) -> None:
    for _ in range(2):
        staged(make_user(), {M: meals(3)})
    context = browser.new_context(locale="fr-FR", java_script_enabled=False, viewport=DESK)
    sign_in_quietly(context, live_server.url, member("operators"))
    watched = Watched(context.new_page(), live_server.url)
    page = watched.page
    page.goto(live_server.url + "/admin/")
    page.get_by_role("link", name="Lancer une migration").first.click()
    page.get_by_label("Personnes par lot").fill("1")
    page.get_by_role("button", name="Voir l'aperçu").click()

    deadline = time.monotonic() + SECONDS
    done = page.get_by_role("heading", name="L'équation prévue")
    while not done.is_visible():
        assert time.monotonic() < deadline, page.content()[-3000:]
        page.get_by_role("link", name="Recharger pour voir").click()

    processes.held = True
    watched.do("launch", "accord de l'équipe")
    head = page.locator("#run-head")
    expect(head).to_contain_text("Elle attend son tour")
    page.get_by_role("link", name="Lots", exact=True).click()
    expect(page.locator("#run-tab")).to_contain_text("Aucun lot")
    page.get_by_role("link", name="Actualiser").click()
    watched.do("cancel", "finalement non")
    expect(head).to_contain_text("Annulée")
    run = MigrationRun.objects.get()
    assert (run.status, run.events.latest("id").reason) == ("cancelled", "finalement non")
    assert watched.faults == []
    context.close()
