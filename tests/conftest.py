"""What every test may use. Django's settings for tests are `dynprot.settings.test`.

Database: mark with `@pytest.mark.django_db` (rolled back afterwards) or use `transactional_db` / `django_db(transaction=
True)` when the test commits, uses several connections, threads or processes; the database is then copied afresh from
the migrated template afterwards, reference rows and sequences included (see `tests/template_database.py`).
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import hypothesis
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker, Settings

from tests.browser import browser, chromium, page
from tests.redis_server import redis_url
from tests.template_database import TestDatabase

__all__ = ["browser", "chromium", "page", "redis_url"]  # fixtures of their own files, known to pytest from here

# The daily run looks at the same examples every time, so that a red build means a change; a longer look is random.
hypothesis.settings.register_profile(
    "daily",
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # says how busy the machine is, not what the code does
)
if not os.environ.get("DYNPROT_LAWS"):
    hypothesis.settings.load_profile("daily")

ManageCommand = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """This process's database, a copy of the migrated template. Replaces pytest-django's fixture of the same name."""
    with django_db_blocker.unblock():
        database = TestDatabase()
        database.open()

    def restore(test_case: TransactionTestCase) -> None:
        database.restore()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", restore)
        yield
    with django_db_blocker.unblock():
        database.close()


@pytest.fixture(autouse=True)
def settings_media_tmp(settings: Settings, tmp_path: Path) -> Path:
    """Each test's own MEDIA_ROOT, empty: photos and exports of one test are never another's."""
    media: Path = tmp_path / "media"
    settings.MEDIA_ROOT = media
    return media


@pytest.fixture
def process_environment(transactional_db: None, settings_media_tmp: Path) -> dict[str, str]:
    """The environment for a process of the project's that is to work on this test's database and media."""
    return {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "dynprot.settings.test",
        "DYNPROT_ENV_FILE": "",
        "DYNPROT_MEDIA_ROOT": str(settings_media_tmp),
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def manage(process_environment: dict[str, str]) -> ManageCommand:
    """`manage("migrate_local_storage", "--batch-size=10")` in a process of its own, on this test's database.

    The answer is the finished process, output captured as text; a non-zero exit code is not an exception, since exit
    codes are what such tests look at. Further keywords are `subprocess.run`'s.
    """

    def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-W", "error", "manage.py", *arguments]
        choices = {"cwd": django_settings.BASE_DIR, "env": process_environment, "timeout": 120, **options}
        return subprocess.run(command, capture_output=True, text=True, check=False, **choices)

    return run


def database_url() -> str:
    """The address of the database that this process's Django uses now."""
    using = connection.settings_dict
    credentials = quote(using["USER"], safe="")
    if using["PASSWORD"]:
        credentials += ":" + quote(using["PASSWORD"], safe="")
    place = {"host": using["HOST"], "port": using["PORT"]}
    query = urlencode({name: value for name, value in place.items() if value})
    return f"postgres://{credentials}@/{quote(using['NAME'], safe='')}?{query}"
