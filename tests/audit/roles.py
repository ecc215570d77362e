"""What the matrix of roles asks: the admin's pages, actions and deeds, and how each answers somebody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User
from audit.admin.workbench_group import GROUP_DEEDS
from audit.models import MigrationPreview, MigrationPreviewSample
from tests.audit.admin_rows import migrate_people
from tests.factories import make_user

DOCUMENT: Final = Path(settings.BASE_DIR) / "docs" / "roles.md"
GROUPS: Final = ("operators", "support", "auditors")
ROLES: Final = ("nobody", "staff", *GROUPS, "superuser")
YES, NO, SIGN_IN, NOT_THERE = "yes", "no", "sign in", "–"
WORDS: Final = {200: YES, 204: YES, 400: YES, 409: YES, 422: YES, 302: SIGN_IN, 401: SIGN_IN, 403: NO, 404: NOT_THERE}
"""400, 409 and 422: they may, but not this, now, or without saying why."""
POSTED: Final = ("_process_import", "logout")
"""Endings of the names of pages that only take a POST."""
UNNAMED: Final = re.compile(r"<path:object_id>/$|\(\?P<url>")
"""Django's redirect from an object to its page, and its answer to what is not there."""
ANYWHERE: Final = {"login", "logout", "jsi18n", "view_on_site", "autocomplete"}
"""Pages of Django's own that are the same for all of the team: left out, with `two_factor` (tests/accounts/test_two_factor.py)."""


class World:
    """One migrated person with everything, and what no import leaves."""

    def __init__(self) -> None:
        self.run, people = migrate_people(1)
        self.person = people[0].user
        self.snapshot = people[0].snapshot
        preview = MigrationPreview.objects.create(status="done", plan_digest="d" * 64)
        MigrationPreviewSample.objects.create(
            preview=preview, user=self.person, snapshot=self.snapshot, kind="meal", path="p", outcome="created"
        )
        self.preview = preview
        self.outcome = people[0].outcome

    def row(self, model: type[Model]) -> Model:
        """A row for a page."""
        known: dict[type[Model], Model] = {User: self.person, type(self.outcome): self.outcome}
        row = known.get(model) or model._default_manager.first()
        assert row is not None, f"no {model._meta.label} in the world of the matrix"
        return row

    def values(self, names: Sequence[str], model: type[Model] | None, key: str) -> dict[str, Any]:
        """What stands for the parts of an address."""
        own = {"run_id": self.run.pk, "snapshot_id": self.snapshot.pk, "preview_id": self.preview.pk, "key": key}
        own["app_label"] = "audit"
        if model is not None:
            own["object_id"] = own["id"] = self.row(model).pk
        return {name: own[name] for name in names}

    def browser(self, role: str) -> Client:
        """Somebody's browser."""
        client = Client()
        if role == "superuser":
            client.force_login(User.objects.create_superuser("chef@exemple.fr", None))
        elif role != "nobody":
            colleague = make_user(is_staff=True)
            if role in GROUPS:
                colleague.groups.add(Group.objects.get(name=role))
            client.force_login(colleague)
        return client


def word(response: Any) -> str:
    """What an answer says of who may; a redirect within the admin is a page, too."""
    if response.status_code == 302 and not response.headers["Location"].startswith("/admin/login/"):
        return NOT_THERE if response.headers["Location"] == "/admin/" else YES
    return WORDS[response.status_code]


@dataclass(frozen=True, slots=True)
class Page:
    """An address."""

    name: str
    parts: tuple[str, ...]
    model: type[Model] | None
    key: str = ""

    def answer(self, world: World, browser: Client) -> str:
        """The word for what it answers."""
        address = self.address(world)
        return word(browser.get(address) if address is not None else browser.post(self._reverse(world), {}))

    def address(self, world: World) -> str | None:
        """Where to look at it; None where it is not to be looked at."""
        return None if self.name.endswith(POSTED) else self._reverse(world)

    def _reverse(self, world: World) -> str:
        address = reverse(f"admin:{self.name}", kwargs=world.values(self.parts, self.model, self.key))
        return address + QUERIES.get(self.name, "")


@dataclass(frozen=True, slots=True)
class Deed:
    """A button with its page: the page and the deed itself must agree on who may."""

    model: type[Model]
    key: str

    def answer(self, world: World, browser: Client) -> str:
        asked, done = browser.get(self.address(world)), browser.post(self.address(world), {})
        words = {word(asked), word(done)}
        return words.pop() if len(words) == 1 else f"page {asked.status_code}, deed {done.status_code}"

    def address(self, world: World) -> str:
        """Its confirmation page."""
        opts = self.model._meta
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_deed", args=[world.row(self.model).pk, self.key])


@dataclass(frozen=True, slots=True)
class Action:
    """An action of a list."""

    model: type[Model]
    name: str

    def answer(self, world: World, browser: Client) -> str:
        if "_auth_user_id" not in browser.session:
            return SIGN_IN
        request = RequestFactory().get("/")
        request.user = User.objects.get(pk=browser.session["_auth_user_id"])
        return YES if self.name in admin.site._registry[self.model].get_actions(request) else NO


def _patterns(patterns: Sequence[Any]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns)
        else:
            yield pattern


def _admin_patterns() -> Iterator[URLPattern]:
    for resolver in get_resolver().url_patterns:
        if isinstance(resolver, URLResolver) and resolver.app_name == "admin":
            yield from _patterns(resolver.url_patterns)


def _model_of(name: str) -> type[Model] | None:
    models = {f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry}
    models["auth_user"] = User  # Django's name of the page for passwords
    owners = [own for own in models if name.startswith(f"{own}_")]
    return models[max(owners, key=len)] if owners else None


@cache
def everything() -> dict[str, Page | Deed | Action]:
    """Every page, action and deed by the name that its line in the tables has."""
    found: dict[str, Page | Deed | Action] = {}
    for pattern in _admin_patterns():
        if pattern.name is None:
            assert UNNAMED.search(str(pattern.pattern)), f"{pattern.pattern}: a page of the admin without a name"
            continue
        if pattern.name in ANYWHERE or pattern.name.endswith("_deed"):
            continue
        parts = tuple(pattern.pattern.regex.groupindex)
        for key in KEYS.get(pattern.name, ("",)):
            page = Page(pattern.name, parts, _model_of(pattern.name), key)
            found[f"page {pattern.name}{f' {key}' if key else ''}"] = page
    for model, model_admin in admin.site._registry.items():
        label = model._meta.label_lower
        for deed in getattr(model_admin, "deeds", tuple)():
            found[f"deed {label} {deed.key}"] = Deed(model, deed.key)
        for action in model_admin.actions or ():
            name = action if isinstance(action, str) else action.__name__
            found[f"action {label} {name}"] = Action(model, name)
    return found


KEYS: Final[dict[str, tuple[str, ...]]] = {"audit_migrationoutcome_quarantine_do": (*GROUP_DEEDS, "repair")}
"""What may stand for `key` in the address of a page that is not a deed's."""
QUERIES: Final = {"audit_migrationoutcome_quarantine_do": "?reason=unreadable_timestamp&kind=meal"}
"""What a page wants to be told besides."""


def written() -> dict[str, dict[str, str]]:
    """The tables of the document."""
    lines: dict[str, dict[str, str]] = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == len(ROLES) + 2:
            key = cells[0].strip("`")
            assert key not in lines, f"{key} has two lines"
            lines[key] = dict(zip(ROLES, cells[2:], strict=True))
    return lines


def groups() -> set[str]:
    """The groups that the migrations made."""
    return set(Group.objects.values_list("name", flat=True))


def lines_of(keys: Sequence[str]) -> list[str]:
    """Lines for the tables, as the code behaves now."""
    words = {}
    for role in ROLES:
        with transaction.atomic():
            world = World()
            browser = world.browser(role)
            words[role] = [everything()[key].answer(world, browser) for key in keys]
            transaction.set_rollback(True)
    return [f"| `{key}` | … | {' | '.join(words[role][number] for role in ROLES)} |" for number, key in enumerate(keys)]
