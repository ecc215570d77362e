"""A page that keeps itself fresh, when the session ends under it: it stops asking, and leads back to where one was."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts import middleware
from audit.models import MigrationPreview
from tests.audit.admin_client import page_of
from tests.e2e.test_admin_run_live import running, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pytest_django.live_server_helper import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("place", ["run", "overview", "preview"])
def test_it_says_so_and_stops(page: Page, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    run = running()
    addresses = {
        "run": page_of(run),
        "overview": reverse("admin:index"),
        "preview": page_of(MigrationPreview.objects.create()),
    }
    address = addresses[place]
    sign_in(page.context, live_server)
    page.goto(live_server.url + address)
    tomorrow = int(time.time()) + 86_400
    monkeypatch.setattr(middleware, "now", lambda: tomorrow)
    back = page.get_by_role("alert").get_by_role("link", name="Connectez-vous de nouveau.")
    expect(back).to_be_visible(timeout=30_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4_000)
    assert asked == []
    back.click()
    expect(page.locator("#id_username")).to_be_visible()
    assert parse_qs(urlsplit(page.url).query)["next"] == [address]
