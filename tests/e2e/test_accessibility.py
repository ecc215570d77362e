"""axe-core on the admin's pages, light and dark, on a desk and on a phone: no violation of WCAG 2.1 A and AA."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final, Literal

import pytest
from django.urls import reverse
from pytest_django import Settings

from audit.models import MigrationBatch, MigrationOutcome, MigrationPreview
from tests.audit.admin_client import page_of
from tests.audit.admin_rows import migrate_people
from tests.e2e.staff import DESK, PHONE, Watched, member, sign_in_quietly
from tests.e2e.test_support_story import anna

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

AXE: Final = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RULES: Final = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
EVERY_LOOK: Final[tuple[tuple[Literal["light", "dark"], Any], ...]] = (
    ("light", DESK),
    ("dark", PHONE),
    ("light", PHONE),
    ("dark", DESK),
)
ALL_LOOKS: Final = bool(os.environ.get("DYNPROT_ALL_LOOKS"))
"""Colours follow the scheme and structure follows the width, and pages are built from the same pieces: so in a daily run one page is looked at in
daylight on a desk, the next in the dark on a phone. DYNPROT_ALL_LOOKS looks at each page in all four."""


class Examiner:
    """Collects what axe finds, so that one run of the tests shows all of it."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.found: dict[str, set[str]] = {}
        self.looked = 0

    def look(self, name: str) -> None:
        """At the page that is open."""
        page = self.watched.page
        self.looked += 1
        for scheme, size in EVERY_LOOK if ALL_LOOKS else [EVERY_LOOK[self.looked % 2]]:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size(size)
            page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", scheme == "dark")
            if not page.evaluate("'axe' in window"):
                page.evaluate(AXE)
            for violation in page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]:
                for node in violation["nodes"]:
                    self._note(name, scheme, size["width"], violation["id"], node)

    def _note(self, name: str, scheme: str, width: int, rule: str, node: dict[str, Any]) -> None:
        why = " ".join(check["message"] for check in [*node["any"], *node["all"], *node["none"]])
        self.found.setdefault(f"{rule} {node['html'][:240]} | {why[:240]}", set()).add(f"{name} {scheme} {width}")

    def visit(self, name: str, path: str) -> None:
        """Opens a page and looks at it."""
        self.watched.page.goto(self.watched.server + path)
        self.watched.page.wait_for_load_state("networkidle")
        self.look(name)


@pytest.fixture
def examiner(watched: Watched) -> Iterator[Examiner]:
    """Whatever was found is shown at the end."""
    examiner = Examiner(watched)
    yield examiner
    told = "\n".join(f"{what}\n    {', '.join(sorted(where))}" for what, where in examiner.found.items())
    assert not told, f"{len(examiner.found)} violations\n{told}"


def sign_in(examiner: Examiner) -> None:
    sign_in_quietly(examiner.watched.page.context, examiner.watched.server, member("superuser"))


def test_the_run_and_its_pages(examiner: Examiner) -> None:
    run, people = migrate_people(2)
    sign_in(examiner)
    examiner.visit("dashboard", reverse("admin:index"))
    for tab in ("overview", "batches", "quarantine", "verification", "rollback", "events", "settings"):
        examiner.visit(f"run {tab}", f"{page_of(run)}?tab={tab}")
    examiner.visit("batch", page_of(MigrationBatch.objects.earliest("pk")))
    examiner.visit("deed", reverse("admin:audit_migrationrun_deed", args=[run.pk, "verify"]))
    examiner.visit("start", reverse("admin:audit_migrationpreview_add"))
    examiner.visit("preview", page_of(MigrationPreview.objects.earliest("pk")))
    for model in ("migrationrun", "migrationoutcome", "migrationpreview", "migrationbatch", "storagesnapshot"):
        examiner.visit(f"list {model}", reverse(f"admin:audit_{model}_changelist"))
    examiner.visit("item", page_of(people[0].outcome))
    examiner.visit("snapshot", page_of(people[0].snapshot))


def test_the_quarantine_workbench(examiner: Examiner) -> None:
    anna()
    sign_in(examiner)
    examiner.visit("workbench", reverse("admin:audit_migrationoutcome_quarantine"))
    page = examiner.watched.page
    page.locator(".dp-cause [data-deed=waive]").first.click()
    examiner.look("group deed")
    outcome = MigrationOutcome.objects.get(outcome="quarantined")
    examiner.visit("repair item", reverse("admin:audit_migrationoutcome_repair", args=[outcome.pk]))
    editor = page.get_by_label("L'élément entier, en JSON")
    editor.fill(json.dumps({**json.loads(editor.input_value()), "protein": 18}))
    page.get_by_role("button", name="Prévisualiser").click()
    page.locator("#preview").wait_for()
    examiner.look("repair item, preview")
    examiner.visit("workbench", reverse("admin:audit_migrationoutcome_quarantine"))
    mend = page.locator(".dp-cause [data-deed=repair]")
    if mend.count():
        mend.first.click()
        examiner.look("repair group")


def test_people_and_their_data(examiner: Examiner) -> None:
    _run, people = migrate_people(1)
    sign_in(examiner)
    person = people[0].user
    examiner.visit("person", page_of(person))
    for key in ("export", "erase", "migrate"):
        examiner.visit(f"deed {key}", reverse("admin:accounts_user_deed", args=[person.pk, key]))
    for name in ("accounts_user", "nutrition_mealentry", "nutrition_favoritemeal", "audit_activitylog"):
        examiner.visit(f"list {name}", reverse(f"admin:{name}_changelist"))
    examiner.visit("meal", page_of(people[0].meal))
    examiner.visit("import", reverse("admin:nutrition_mealentry_import"))
    examiner.visit("export", reverse("admin:nutrition_mealentry_export"))
    examiner.visit("new person", reverse("admin:accounts_user_add"))


def test_signing_in(examiner: Examiner, settings: Settings) -> None:
    examiner.visit("login", reverse("admin:login"))
    settings.STAFF_TWO_FACTOR = "required"
    sign_in(examiner)
    examiner.visit("two-factor setup", "/admin/two-factor/setup/")
