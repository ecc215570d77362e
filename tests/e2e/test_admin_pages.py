"""The admin in a real browser: signing in, and the pages that operators and support look at, on a desk and on a phone.

Screenshots are kept only when DYNPROT_SCREENSHOTS names a folder.
"""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from tests.audit.admin_client import page_of
from tests.audit.admin_rows import migrate_people
from tests.e2e.staff import DESK, PHONE, Watched, member

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def signed_in(watched: Watched) -> Watched:
    """Somebody who may see everything."""
    watched.sign_in(member("superuser"))
    return watched


def paths() -> dict[str, str]:
    """The pages to look at, by name."""
    run, people = migrate_people(2)
    person = people[0]

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


def test_the_pages_work_on_a_desk_and_on_a_phone_light_and_dark(signed_in: Watched) -> None:
    pages = paths()
    for scheme, size, label in (("light", DESK, "desk"), ("dark", PHONE, "phone")):
        signed_in.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        signed_in.page.set_viewport_size(size)
        for name, path in pages.items():
            signed_in.visit(path, f"{name}-{label}-{scheme}")
    assert signed_in.page.evaluate("document.documentElement.classList.contains('dark')")


def test_support_corrects_a_name_and_finds_the_persons_items(signed_in: Watched) -> None:
    pages, page = paths(), signed_in.page
    signed_in.visit(pages["person"], "person")
    page.get_by_role("link", name="Modifier le compte").click()
    page.get_by_label("Prénom").fill("Anna")
    page.get_by_role("button", name="Enregistrer", exact=True).click()
    page.wait_for_url("**/accounts/user/")
    assert User.objects.filter(first_name="Anna").count() == 1
    signed_in.visit(pages["person"], "person")
    page.get_by_role("link", name="Chaque élément, un par un").click()
    page.wait_for_url("**/migrationoutcome/**")
    assert page.locator("#result_list tbody").count() == 2
    signed_in.check()


def test_the_reasons_of_a_run_lead_to_its_items(signed_in: Watched) -> None:
    signed_in.visit(paths()["run"], "run")
    page = signed_in.page
    page.get_by_role("region", name="Raisons").get_by_role("link", name="Date illisible").first.click()
    page.wait_for_url("**reason=unreadable_timestamp**")
    assert page.locator("#result_list tbody").count() == 2
    signed_in.visit(reverse("admin:audit_migrationrun_changelist"), "runs")
    page.locator("#result_list th a").first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger le JSON").click()
    assert download.value.suggested_filename.startswith("migration-")
    expect(page.locator("#run-head")).to_be_visible()
    signed_in.check()
