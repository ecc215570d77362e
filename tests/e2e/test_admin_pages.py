"""The admin in a real browser: signing in, and the pages that operators and support look at, on a desk and on a phone.

Screenshots are kept only when DYNPROT_SCREENSHOTS names a folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from accounts.models import User
from tests.audit.admin_rows import migrate_people

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pytest_django.live_server_helper import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

EMAIL, PASSWORD = "operateur@example.fr", "un-mot-de-passe-assez-long"
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


class Watched:
    """A page that remembers what went wrong on it."""

    def __init__(self, page: Page, server: str) -> None:
        self.page = page
        self.server = server
        self.faults: list[str] = []
        page.on("console", lambda message: self._note(message.type in {"error", "warning"}, f"console: {message.text}"))
        page.on("pageerror", lambda error: self._note(True, f"script: {error}"))
        page.on("response", lambda answer: self._note(answer.status >= 400, f"{answer.status}: {answer.url}"))
        page.on(
            "request", lambda request: self._note(not request.url.startswith((server, "data:")), f"left: {request.url}")
        )

    def _note(self, wrong: bool, what: str) -> None:
        if wrong:
            self.faults.append(what)

    def visit(self, path: str, name: str) -> None:
        """Open a page; nothing may fail on it, and nothing may stick out of it sideways."""
        self.page.goto(self.server + path)
        self.page.wait_for_load_state("networkidle")
        assert self.faults == [], path
        overflow = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{path} is {overflow} px too wide"
        if folder := os.environ.get("DYNPROT_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture
def watched(page: Page, live_server: LiveServer) -> Iterator[Watched]:
    """A signed-in operator's page, through the real form."""
    User.objects.create_superuser(EMAIL, PASSWORD, username="operateur")
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    watched = Watched(page, live_server.url)
    watched.visit("/", "login")
    page.get_by_label("Adresse e-mail").fill(EMAIL.upper())
    page.get_by_label("Mot de passe", exact=False).first.fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    yield watched
    page.goto("about:blank")


def paths() -> dict[str, str]:
    """The pages to look at, by name."""
    run, people = migrate_people(2)
    person = people[0]

    def page_of(row: Any) -> str:
        return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])

    return {
        "index": reverse("admin:index"),
        "run": page_of(run),
        "person": page_of(person.user),
        "snapshot": page_of(person.snapshot),
        "outcome": page_of(person.outcome),
        "people": reverse("admin:accounts_user_changelist"),
        "outcomes": reverse("admin:audit_migrationoutcome_changelist"),
        "meals": reverse("admin:nutrition_mealentry_changelist"),
    }


def test_the_pages_work_on_a_desk_and_on_a_phone_light_and_dark(watched: Watched) -> None:
    pages = paths()
    for scheme, size, label in (("light", DESK, "desk"), ("dark", PHONE, "phone")):
        watched.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        watched.page.set_viewport_size(size)  # type: ignore[arg-type]
        for name, path in pages.items():
            watched.visit(path, f"{name}-{label}-{scheme}")
    assert watched.page.evaluate("document.documentElement.classList.contains('dark')")


def test_support_corrects_a_name_and_finds_the_persons_items(watched: Watched) -> None:
    pages, page = paths(), watched.page
    watched.visit(pages["person"], "person")
    page.get_by_role("link", name="Modifier le compte").click()
    page.get_by_label("Prénom").fill("Anna")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    page.wait_for_url("**/accounts/user/")
    assert User.objects.filter(first_name="Anna").count() == 1
    watched.visit(pages["person"], "person")
    page.get_by_role("link", name="Chaque élément, un par un").click()
    page.wait_for_url("**/migrationoutcome/**")
    assert page.locator("#result_list tbody").count() == 2
    assert watched.faults == []


def test_the_reasons_of_a_run_lead_to_its_items(watched: Watched) -> None:
    watched.visit(paths()["run"], "run")
    page = watched.page
    page.get_by_role("region", name="En quarantaine, à reprendre").get_by_role("link").first.click()
    page.wait_for_url("**reason=unreadable_timestamp**")
    assert page.locator("#result_list tbody").count() == 2
    watched.visit(reverse("admin:audit_migrationrun_changelist"), "runs")
    with page.expect_download() as download:
        page.goto(page.url)
        page.locator("#result_list a").first.click()
        page.get_by_role("link", name="Télécharger le JSON").click()
    assert download.value.suggested_filename.startswith("migration-")
