"""A real browser for tests marked `browser`: the system's Chromium, driven by Playwright. Skipped, saying why, without."""

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAMS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "google-chrome", "chromium")


def find_chromium() -> str | None:
    """The CHROMIUM variable, else a usual place; Playwright's own download does not work everywhere."""
    candidates = [os.environ["CHROMIUM"]] if os.environ.get("CHROMIUM") else list(PROGRAMS)
    return next((found for candidate in candidates if (found := shutil.which(candidate))), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium or Chrome, or the test is skipped."""
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium here: set CHROMIUM to one, or install it (Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> "Iterator[Browser]":
    """One browser for the session; take `page` in tests. Playwright's event loop makes Django's guard raise: it is told."""
    from django.db import connection
    from playwright.sync_api import sync_playwright

    connection.close()  # from here on this thread is inside Playwright's loop, where Django has another connection for it
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A page in a browser profile of its own: French, in Paris, nothing stored."""
    context = browser.new_context(locale="fr-FR", timezone_id="Europe/Paris")
    yield context.new_page()
    context.close()
