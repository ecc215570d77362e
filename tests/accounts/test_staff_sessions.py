"""The team's sessions end by themselves: some hours after the sign-in, some minutes after the last thing somebody did."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts import middleware
from audit.models import MigrationPreview
from tests.audit.admin_client import staff
from tests.factories import make_run, make_user

pytestmark = pytest.mark.django_db

HOME = "/admin/"
BACKGROUND = {"sec-fetch-dest": "empty"}
OF_OURS = {"x-background": "1"}
SCRIPTS = Path(settings.BASE_DIR) / "dynprot" / "static" / "dynprot"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000_000

    def __call__(self) -> int:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Clock:
    settings.STAFF_SESSION_SECONDS, settings.STAFF_IDLE_SECONDS = 8 * 3600, 1800
    clock = Clock()
    monkeypatch.setattr(middleware, "now", clock)
    return clock


def test_who_does_nothing_is_signed_out(client: Client, clock: Clock) -> None:
    staff(client)
    clock.seconds += 1799
    assert client.get(HOME).status_code == 200
    clock.seconds += 1800
    answer = client.get("/admin/?a=b", follow=True)
    assert answer.redirect_chain == [("/admin/login/?next=%2Fadmin%2F%3Fa%3Db", 302)]
    assert "rien n&#x27;a été fait" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_who_works_all_day_signs_in_again_after_eight_hours(client: Client, clock: Clock) -> None:
    staff(client)
    for _ in range(16):
        assert client.get(HOME).status_code == 200
        clock.seconds += 1799
    assert client.get(HOME).status_code == 200
    clock.seconds += 30
    assert client.get(HOME).status_code == 302
    staff(client)
    assert client.get(HOME).status_code == 200


@pytest.mark.parametrize("headers", [BACKGROUND, OF_OURS])
def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(
    client: Client, clock: Clock, headers: dict[str, str]
) -> None:
    staff(client)
    for _ in range(3):
        clock.seconds += 500
        assert client.get(HOME, headers=headers).status_code == 200
    clock.seconds += 300
    answer = client.get(HOME, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["page"] == "/admin/login/"


@pytest.mark.parametrize("name", ["audit_migrationrun_live", "audit_migrationpreview_live", "audit_dashboard_live"])
def test_live_figures_keep_nobody_signed_in_whatever_the_browser_says(client: Client, clock: Clock, name: str) -> None:
    staff(client, "audit.view_migrationrun")
    run, preview = make_run(status="running"), MigrationPreview.objects.create()
    row = {"audit_migrationrun_live": [run.pk], "audit_migrationpreview_live": [preview.pk]}.get(name, [])
    address = reverse(f"admin:{name}", args=row)
    for _ in range(3):
        clock.seconds += 500
        assert client.get(address).status_code == 200
    clock.seconds += 300
    assert client.get(address).status_code == 401


def test_a_deed_is_never_in_the_background(client: Client, clock: Clock) -> None:
    staff(client)
    clock.seconds += 1700
    client.post("/admin/logout-of-nowhere/", headers={**BACKGROUND, **OF_OURS})
    clock.seconds += 1700
    assert client.get(HOME).status_code == 200


def test_our_scripts_say_that_they_ask_by_themselves_and_know_the_end_of_a_session() -> None:
    for script in ("run.js", "dashboard.js", "preview.js"):
        text = (SCRIPTS / script).read_text(encoding="utf-8")
        asked = re.findall(r"fetch\((.*?)\);", text, flags=re.DOTALL)
        assert asked, script
        assert all('"X-Background": "1"' in one for one in asked), script
        assert "window.sessionIsOver(answer, " in text, script


def test_a_deed_after_the_end_is_not_done(client: Client, clock: Clock) -> None:
    staff(client, "accounts.add_user")
    clock.seconds += 8 * 3600
    answer = client.post("/admin/accounts/user/add/", {"email": "x@exemple.fr"})
    assert answer.status_code == 302
    assert answer.url == "/admin/login/"  # type: ignore[attr-defined]


def test_not_every_page_writes_the_session(client: Client, clock: Clock) -> None:
    staff(client)
    client.get(HOME)
    before = client.session[middleware.SEEN]
    clock.seconds += 59
    client.get(HOME)
    assert client.session[middleware.SEEN] == before
    clock.seconds += 1
    client.get(HOME)
    assert client.session[middleware.SEEN] == clock.seconds


def test_a_session_of_before_this_rule_begins_now(client: Client, clock: Clock) -> None:
    staff(client)
    session = client.session
    del session[middleware.SINCE], session[middleware.SEEN]
    session.save()
    clock.seconds += 1_000_000
    assert client.get(HOME).status_code == 200
    assert client.session[middleware.SINCE] == clock.seconds


def test_people_of_the_app_keep_their_sessions(client: Client, clock: Clock) -> None:
    client.force_login(make_user())
    clock.seconds += 7 * 24 * 3600
    client.get("/health")
    client.get(HOME)
    assert "_auth_user_id" in client.session


def test_production_sends_the_cookies_over_tls_only() -> None:
    text = (Path(settings.BASE_DIR) / "dynprot" / "settings" / "production.py").read_text(encoding="utf-8")
    assert "SESSION_COOKIE_SECURE = True" in text
    assert "CSRF_COOKIE_SECURE = True" in text
