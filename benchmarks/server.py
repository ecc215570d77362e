"""Scratch databases on the project's own server: made, copied and dropped, so that every measurement begins in the same state."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = "dynprot.settings.development"


class Server:
    """The PostgreSQL server of the settings (DATABASE_URL or the private one); `url` is that of the database named in them."""

    def __init__(self) -> None:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
        from django.conf import settings

        var_dir = Path(settings.VAR_DIR)  # loading the settings also reads the .env file
        self.url = os.environ.get("DATABASE_URL", "")
        if not self.url:
            from dynprot.embedded import ensure_running

            self.url = ensure_running(var_dir).url
        self._prefix = f"dynprot_bench_{os.getpid()}"
        self._made: list[str] = []

    def database(self, name: str) -> str:
        """The address of a scratch database."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"/{self._prefix}_{name}"))

    def create(self, name: str, template: str = "") -> str:
        """A new scratch database, empty or a copy of another one; returns its address.

        The copy is on disk before this returns, so that what is measured next does not pay for it.
        """
        self.drop(name)
        source = f"{self._prefix}_{template}" if template else "template0"
        with self._admin() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(f"{self._prefix}_{name}"), sql.Identifier(source)
                )
            )
            self._made.append(name)
            connection.execute("CHECKPOINT")
        return self.database(name)

    def drop(self, name: str) -> None:
        """Away with a scratch database, whoever is still connected."""
        if name in self._made:
            with self._admin() as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(f"{self._prefix}_{name}"))
                )
            self._made.remove(name)

    def drop_all(self) -> None:
        """Leaves the server as it was found."""
        for name in list(self._made):
            self.drop(name)

    def version(self) -> str:
        """As PostgreSQL says it."""
        with self._admin() as connection:
            row = connection.execute("SHOW server_version").fetchone()
        assert row is not None
        return str(row[0]).split(" ", maxsplit=1)[0]

    def _admin(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True)


@contextmanager
def scratch_server() -> Iterator[Server]:
    """A server whose scratch databases are gone afterwards, also after Ctrl-C."""
    server = Server()
    try:
        yield server
    finally:
        server.drop_all()


def run_python(url: str, *arguments: str) -> str:
    """Runs a module of ours in a fresh process on the database at `url`; returns what it printed."""
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": SETTINGS, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with code {done.returncode}; see above")
    return done.stdout


def migrated_database(server: Server, name: str) -> str:
    """A new scratch database with the project's schema."""
    url = server.create(name)
    run_python(url, "manage.py", "migrate", "--verbosity", "0")
    return url
