"""What the tests in a browser do alike: sign in as somebody of the team, press a button and say why, look whether a page is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from playwright.sync_api import expect

from accounts.models import User

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, ViewportSize

PASSWORD = "un-mot-de-passe-assez-long"
DESK: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
SECONDS = 60.0
"""So long a busy machine may take for anything."""

expect.set_options(timeout=SECONDS * 1000)


class Watched:
    """A page that remembers what went wrong on it."""

    def __init__(self, page: Page, server: str) -> None:
        self.page = page
        self.server = server
        self.faults: list[str] = []
        page.set_default_timeout(SECONDS * 1000)
        page.on("console", lambda message: self._note(message.type in {"error", "warning"}, f"console: {message.text}"))
        page.on("pageerror", lambda error: self._note(True, f"script: {error.stack or error}"))
        page.on("response", lambda answer: self._note(answer.status >= 400, f"{answer.status}: {answer.url}"))
        page.on(
            "request",
            lambda request: self._note(
                not request.url.startswith((server, "data:", "blob:", "about:")), f"left: {request.url}"
            ),
        )

    def _note(self, wrong: bool, what: str) -> None:
        if wrong:
            self.faults.append(what)

    @contextmanager
    def refused(self, status: int) -> Iterator[None]:
        """Inside, this answer is what is wanted; the browser's own complaint about it is, too."""
        known = len(self.faults)
        yield
        expected = (f"{status}: ", f"console: Failed to load resource: the server responded with a status of {status}")
        self.faults[known:] = [fault for fault in self.faults[known:] if not fault.startswith(expected)]

    def visit(self, path: str, name: str = "") -> None:
        """Open a page; nothing may fail on it, and nothing may stick out of it sideways."""
        self.page.goto(self.server + path)
        self.page.wait_for_load_state("networkidle")
        self.check(path)
        if name and (folder := os.environ.get("DYNPROT_SCREENSHOTS")):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))

    def check(self, where: str = "") -> None:
        """Nothing has failed so far, and the page fits."""
        assert self.faults == [], f"{where or self.page.url}: {self.faults}"
        overflow = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{where or self.page.url} is {overflow} px too wide"

    def sign_in(self, user: User) -> None:
        """Through the real form."""
        self.visit("/")
        self.page.get_by_label("Adresse e-mail").fill(user.email.upper())
        self.page.get_by_label("Mot de passe", exact=False).first.fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/admin/")

    def press(self, key: str) -> None:
        """The button of a deed: leads to the page that explains it."""
        self.page.locator(f"[data-deed={key}]").first.click()
        expect(self.page.locator("form.dp-deed")).to_be_visible()

    def confirm(self, reason: str, **fields: str) -> None:
        """Fill in the form that asks why, and send it; it must be accepted."""
        page = self.page
        for name, value in fields.items():
            page.locator(f"form.dp-deed [name={name}]").fill(value)
        page.get_by_role("textbox", name="Raison").fill(reason)
        page.locator("form.dp-deed button[type=submit]").click()
        expect(page.locator("form.dp-deed")).to_have_count(0)

    def do(self, key: str, reason: str, **fields: str) -> None:
        """Press a button, say why, confirm."""
        self.press(key)
        self.confirm(reason, **fields)


def member(group: str) -> User:
    """Somebody of the team with a password, in one of its groups; `superuser` may do everything."""
    names = {"email": f"{group}@example.fr", "username": group}
    if group == "superuser":
        return User.objects.create_superuser(names.pop("email"), PASSWORD, **names)
    user = User.objects.create_user(password=PASSWORD, is_staff=True, **names)
    user.groups.add(Group.objects.get(name=group))
    return user


def sign_in_quietly(context: BrowserContext, server: str, user: User) -> None:
    """Without the form: a session's cookie."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server}])
