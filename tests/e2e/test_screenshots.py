"""Pictures the pages that the documentation shows, filled with sample people, in the folder that DYNPROT_SCREENSHOTS names.

DYNPROT_SCREENSHOTS=docs/images python -m pytest tests/e2e/test_screenshots.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from django.core.management import call_command
from django.db.models import Count, Q
from django.urls import reverse

from accounts.models import User
from audit.models import MigrationRun
from audit.runs.plan import Scope
from audit.runs.previewing import StartOptions, request_preview
from audit.samples import generate
from tests.audit.admin_client import page_of
from tests.e2e.conftest import Processes
from tests.e2e.staff import PHONE, Watched, member, sign_in_quietly
from tests.laws.world import go

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not os.environ.get("DYNPROT_SCREENSHOTS"), reason="makes pictures: DYNPROT_SCREENSHOTS names no folder"
    ),
]

PEOPLE: Final = 60
WAITING: Final = 20
WIDTH, HEIGHT = 1280, 1000


def stage(folder: Path, name: str, lines: list[bytes]) -> None:
    file = folder / name
    file.write_bytes(b"\n".join(lines) + b"\n")
    call_command("load_snapshots", str(file), create_users=True, verbosity=0)


def keep(watched: Watched, name: str, *, height: int = HEIGHT) -> None:
    """The upper part of the page, if somebody wants it."""
    watched.page.wait_for_load_state("networkidle")
    watched.check(name)
    if folder := os.environ.get("DYNPROT_SCREENSHOTS"):
        size = watched.page.viewport_size
        assert size is not None
        clip: FloatRect = {"x": 0, "y": 0, "width": size["width"], "height": height}
        watched.page.screenshot(path=str(Path(folder) / f"admin-{name}.png"), clip=clip, animations="disabled")


def test_the_pages_that_the_documentation_shows(watched: Watched, processes: Processes, tmp_path: Path) -> None:
    lines = list(generate(PEOPLE + WAITING, 90, 2026, 12))
    stage(tmp_path, "first.ndjson", lines[:PEOPLE])
    go(batch_size=10)
    stage(tmp_path, "second.ndjson", lines[PEOPLE:])
    operator = member("superuser")
    processes.held = True
    preview = request_preview(scope=Scope(), options=StartOptions(batch_size=10), made_by=operator)
    call_command("preview_migration", str(preview.pk))

    run, page = MigrationRun.objects.get(), watched.page
    sign_in_quietly(page.context, watched.server, operator)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    watched.visit(reverse("admin:index"))
    keep(watched, "dashboard")
    watched.visit(page_of(run))
    keep(watched, "run")
    watched.visit(page_of(preview))
    keep(watched, "preview")
    watched.visit(reverse("admin:audit_migrationoutcome_quarantine"))
    keep(watched, "quarantine")
    watched.visit(page_of(run) + "?tab=rollback")
    page.get_by_role("button", name="Voir ce que cela ferait").click()
    page.locator("form.dp-deed").wait_for()
    keep(watched, "rollback")

    waiting = Count("outcomes", filter=Q(outcomes__outcome="quarantined"))
    person = User.objects.annotate(waiting=waiting).filter(waiting__gte=1, waiting__lte=4).latest("waiting")
    watched.visit(page_of(person))
    keep(watched, "person")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    watched.visit(page_of(person))
    keep(watched, "person-phone-dark", height=PHONE["height"])
