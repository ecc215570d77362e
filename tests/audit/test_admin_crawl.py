"""Every page of the admin, as somebody with all rights: it is there, it asks the database little, and looking changes nothing."""

from __future__ import annotations

import re
from collections import Counter, deque
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from audit.digest import content_digest
from nutrition.models import MealEntry
from tests.audit import roles
from tests.audit.admin_rows import HOSTILE, migrate_people
from tests.database import rows

pytestmark = pytest.mark.django_db

MOST_QUERIES: Final = 30
WRITTEN_BY_LOOKING: Final = {"django_session", "activity_logs"}
"""Sessions note when somebody was there, the log who looked at whose data."""
OF_ONE_KIND: Final = 2
"""How many addresses of one pattern with the same parameters are looked at: the others are the same page of other rows."""
LEFT_OUT: Final = re.compile(r"/admin/(logout|jsi18n|two-factor)/|/static/")
_LINK = re.compile(r"""\shref=["']([^"']*)["']""")


def hashes() -> dict[str, str]:
    """One hash a table, over all columns of all rows."""
    names = [name for (name,) in rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")]
    return {
        name: rows(f"SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM \"{name}\" AS t")[0][0]  # noqa: S608
        for name in names
        if name not in WRITTEN_BY_LOOKING
    }


class Crawl:
    """Follows links within the admin."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.waiting: deque[tuple[str, str]] = deque()
        self.kinds: Counter[tuple[Any, ...]] = Counter()
        self.seen: set[str] = set()
        self.wrong: list[str] = []
        self.most = (0, "")

    def add(self, link: str, found_on: str) -> None:
        """Remembers a link, unless enough of its kind were looked at."""
        parts = urlsplit(urljoin(found_on, unescape(link)))
        address = parts.path + (f"?{parts.query}" if parts.query else "")
        if parts.netloc or not parts.path.startswith("/admin/") or LEFT_OUT.search(parts.path) or address in self.seen:
            return
        self.seen.add(address)
        kind = (resolve(parts.path).route, *sorted(parse_qs(parts.query, keep_blank_values=True)))
        self.kinds[kind] += 1
        if self.kinds[kind] <= OF_ONE_KIND:
            self.waiting.append((address, found_on))

    def go(self) -> None:
        """Looks at all of them."""
        while self.waiting:
            address, found_on = self.waiting.popleft()
            with CaptureQueriesContext(connection) as queries:
                answer = self.client.get(address)
            asked = len(queries)
            self.most = max(self.most, (asked, address))
            if asked > MOST_QUERIES:
                self.wrong.append(f"{asked} queries: {address}")
            if answer.status_code == 302:
                self.add(answer.headers["Location"], address)
            elif answer.status_code != 200 and not self._may_refuse(answer.status_code, found_on):
                self.wrong.append(f"{answer.status_code}: {address}, linked from {found_on}")
            elif "text/html" in answer.headers.get("Content-Type", ""):
                page = answer.content.decode()
                if HOSTILE in page:
                    self.wrong.append(f"unescaped: {address}")
                for link in _LINK.findall(page):
                    self.add(link, address)

    @staticmethod
    def _may_refuse(status: int, found_on: str) -> bool:
        """An address that no page links to (nothing can be added here, not in this state) may be refused; a link may not."""
        return not found_on and status in (400, 403, 404, 409)


def crawled(client: Client) -> Crawl:
    """The whole admin in a small migrated world: from its index, and every address that it knows."""
    world = roles.World()
    migrate_people(2, world.run, first=2)
    browser = world.browser("superuser")
    client.cookies = browser.cookies
    crawl = Crawl(client)
    crawl.add("/admin/", "")
    for thing in roles.everything().values():
        address = None if isinstance(thing, roles.Action) else thing.address(world)
        if address is not None:
            crawl.add(address, "")
    return crawl


@pytest.mark.slow
def test_looking_at_everything_changes_nothing_and_every_link_leads_somewhere(client: Client) -> None:
    crawl = crawled(client)
    digest, before = content_digest(), hashes()
    crawl.go()
    assert crawl.wrong == []
    assert len(crawl.seen) > 150
    assert content_digest() == digest
    assert hashes() == before


def test_a_write_would_be_noticed() -> None:
    world = roles.World()
    browser = world.browser("superuser")
    digest, before = content_digest(), hashes()
    browser.get("/admin/")
    assert hashes() == before
    MealEntry.objects.filter(user=world.person).update(calories=1)
    assert content_digest() != digest
    world.run.error = "x"
    world.run.save()
    changed = {name for name, value in hashes().items() if value != before[name]}
    assert {"meal_entries", "daily_summaries", "migration_runs"} <= changed
