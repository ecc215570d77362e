"""Test databases as copies of one migrated template: 0.1 s a copy instead of seconds of migrations per worker.

The template's name carries a hash of everything that decides its content (migrations, the project's modules that they
import, Django's and the server's version), so it is built once per state of the migrations and found again by later
sessions, on the private server and on DATABASE_URL alike. Names on the server:

    dynprot_template_<hash>         migrated, closed to connections
    dynprot_test_<id>               one per pytest process; dropped at the end

A transactional test is followed by a fresh copy (`TestDatabase.restore`), not by Django's flush: TRUNCATE would also
empty the reference rows that migrations put in, leave sequences where they were, and run into triggers that forbid it.

Locks are PostgreSQL's advisory locks on the maintenance database, so a killed session holds none; what it left behind
is recognised by its free lock and dropped by the next session.
"""

import ast
import hashlib
import importlib.util
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

TEMPLATE_PREFIX = "dynprot_template_"
TEST_PREFIX = "dynprot_test_"
TEMPLATE_NAMES = rf"^{TEMPLATE_PREFIX}[0-9a-f]{{16}}$"
TEST_NAMES = rf"^{TEST_PREFIX}[0-9a-f]{{12}}$"
"""Exactly ours: on a shared server, somebody's `dynprot_test_mine` must not be taken for something we left behind."""
TEMPLATES_KEPT = 3
TEMPLATE_LOCK = "dynprot test templates"


class TestDatabase:
    """This process's own database. Make one per pytest worker, `close` it at the end."""

    __test__ = False

    def __init__(self) -> None:
        self.original_name: str = connection.settings_dict["NAME"]
        self.name = f"{TEST_PREFIX}{uuid.uuid4().hex[:12]}"
        self._keeper = _maintenance_connection()  # open as long as the database is ours: holds its lock
        self._keeper.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [self.name])
        self.template = f"{TEMPLATE_PREFIX}{template_hash(self._keeper.info.server_version)}"

    def open(self) -> None:
        """Copy the template, building it first if nobody has, and point Django at the copy."""
        _drop_abandoned(self._keeper)
        self._copy_template()
        _point_django_at(self.name)

    def restore(self) -> None:
        """Throw away what a transactional test wrote: again a copy of the template. Other connections are cut."""
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        _drop(self._keeper, self.name)
        self._copy_template()
        _point_django_at(self.name)

    def close(self) -> None:
        """Drop the database and give Django its own back."""
        _point_django_at(self.original_name)
        _drop(self._keeper, self.name)
        self._keeper.close()

    def _copy_template(self) -> None:
        """Another session may drop a template between our building and our copying it: then it is built again."""
        while True:
            with _template_lock(self._keeper, shared=True):
                if _exists(self._keeper, self.template):
                    names = sql.Identifier(self.name), sql.Identifier(self.template)
                    self._keeper.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
                    return
            _build(self._keeper, self.template, self.original_name)


def template_hash(server_version: int) -> str:
    """A hash of all that decides what migrating an empty database gives."""
    digest = hashlib.sha256(f"{django.VERSION} {server_version}".encode())
    for path in sorted(_deciding_files()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _deciding_files() -> set[Path]:
    """Each installed app's migrations with what lies beside them, and the project's modules that they import."""
    files: set[Path] = set()
    for app in apps.get_app_configs():
        module_name, _ = MigrationLoader.migrations_module(app.label)
        spec = importlib.util.find_spec(module_name) if module_name else None
        if spec is None or not spec.submodule_search_locations:
            continue
        for folder in spec.submodule_search_locations:
            files |= {path for path in Path(folder).rglob("*") if path.is_file() and path.suffix != ".pyc"}
    waiting = [path for path in files if path.suffix == ".py" and _is_ours(path)]
    while waiting:
        for path in _imported(waiting.pop()) - files:
            files.add(path)
            waiting.append(path)
    return files


def _is_ours(path: Path) -> bool:
    return settings.BASE_DIR in path.parents and ".venv" not in path.parts


def _imported(path: Path) -> set[Path]:
    """The project's own modules that a source file imports by full name, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    found = set()
    for name in names:
        stem = settings.BASE_DIR.joinpath(*name.split("."))
        found |= {candidate for candidate in (stem.with_suffix(".py"), stem / "__init__.py") if candidate.is_file()}
    return found


def _build(keeper: psycopg.Connection[Any], template: str, original_name: str) -> None:
    """Migrate under another name, then rename: an interrupted build is never taken for a template."""
    draft = f"{template}_draft"
    with _template_lock(keeper, shared=False):
        if _exists(keeper, template):
            return
        _drop(keeper, draft)
        keeper.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(draft)))
        _point_django_at(draft)
        try:
            call_command("migrate", verbosity=0, interactive=False)
        finally:
            _point_django_at(original_name)
        name = sql.Identifier(draft)
        # Says for whom it was built, so that who brought a database for the occasion can take the template away with it.
        keeper.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(original_name)))
        keeper.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        keeper.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(name, sql.Identifier(template)))
        _drop_old_templates(keeper)


def _drop_old_templates(keeper: psycopg.Connection[Any]) -> None:
    newest_first = keeper.execute(
        "SELECT datname FROM pg_database WHERE datname ~ %s ORDER BY oid DESC", [TEMPLATE_NAMES]
    ).fetchall()
    for (name,) in newest_first[TEMPLATES_KEPT:]:
        _drop(keeper, name)


def _drop_abandoned(keeper: psycopg.Connection[Any]) -> None:
    """Test databases whose session is gone: its lock is free."""
    names = keeper.execute("SELECT datname FROM pg_database WHERE datname ~ %s", [TEST_NAMES]).fetchall()
    for (name,) in names:
        key = [name]
        free = keeper.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", key).fetchone()
        if free == (True,):
            _drop(keeper, name)
            keeper.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", key)


@contextmanager
def _template_lock(keeper: psycopg.Connection[Any], *, shared: bool) -> Iterator[None]:
    """Copying is shared, building and dropping is for one."""
    suffix = "_shared" if shared else ""
    keeper.execute(f"SELECT pg_advisory_lock{suffix}(hashtextextended(%s, 0))", [TEMPLATE_LOCK])
    try:
        yield
    finally:
        keeper.execute(f"SELECT pg_advisory_unlock{suffix}(hashtextextended(%s, 0))", [TEMPLATE_LOCK])


def _exists(keeper: psycopg.Connection[Any], name: str) -> bool:
    return keeper.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _drop(keeper: psycopg.Connection[Any], name: str) -> None:
    keeper.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _point_django_at(name: str) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["NAME"] = name
    settings.DATABASES["default"]["NAME"] = name


def _maintenance_connection() -> psycopg.Connection[Any]:
    """A plain connection to the server's own database, without the time limits that Django's have."""
    parameters = connection.get_connection_params()
    for of_django in ("context", "cursor_factory", "prepare_threshold", "options"):
        parameters.pop(of_django, None)
    try:
        return psycopg.connect(**{**parameters, "dbname": "postgres"}, autocommit=True)
    except psycopg.OperationalError:  # some hosts keep `postgres` for themselves
        return psycopg.connect(**parameters, autocommit=True)
