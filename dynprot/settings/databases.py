"""How the database is reached: the server of DATABASE_URL, or else the private PostgreSQL of `dynprot.embedded`.

Time limits are set as start-up options of each connection, so the server itself ends what hangs: a client that only
stops waiting leaves its query running and its locks held.
"""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

EMBEDDED_ENGINE = "dynprot.embedded_backend"
EMBEDDED_DATABASE = "dynprot"
"""The name of both the database and its role in the private server."""

SERVER_ENGINES = {"django.db.backends.postgresql", "django.db.backends.postgresql_psycopg2"}


def database_settings(env: environ.Env) -> dict[str, Any]:
    """The `default` entry of DATABASES. Raises ImproperlyConfigured for a DATABASE_URL that is not PostgreSQL's."""
    settings = _server(env) if env.str("DATABASE_URL", default="") else _embedded()
    options: dict[str, Any] = settings.setdefault("OPTIONS", {})
    settings["HOST"] = options.pop("host", settings["HOST"])  # postgres://user@/name?host=/folder: dbshell reads HOST
    options.setdefault("connect_timeout", env.int("DATABASE_CONNECT_TIMEOUT", default=10))
    options.setdefault("application_name", env.str("DATABASE_APPLICATION_NAME", default="dynprot"))
    options["options"] = f"{_startup_options(env)} {options.get('options', '')}".strip()
    if env.bool("DATABASE_POOL", default=True):
        options["pool"] = {
            "min_size": env.int("DATABASE_POOL_MIN_SIZE", default=1),
            "max_size": env.int("DATABASE_POOL_MAX_SIZE", default=10),
            "timeout": env.int("DATABASE_POOL_TIMEOUT", default=15),
        }
    # The pool keeps connections open and checks each before it is lent out; Django's own keeping cannot be added to it.
    settings["CONN_MAX_AGE"] = 0
    settings["CONN_HEALTH_CHECKS"] = True
    # For a transaction-mode pgbouncer in front: server-side cursors do not survive there.
    settings["DISABLE_SERVER_SIDE_CURSORS"] = env.bool("DATABASE_DISABLE_SERVER_SIDE_CURSORS", default=False)
    return settings


def _server(env: environ.Env) -> dict[str, Any]:
    settings: dict[str, Any] = env.db_url("DATABASE_URL")
    if settings.get("ENGINE") not in SERVER_ENGINES:
        raise ImproperlyConfigured(
            "DATABASE_URL must begin with postgres:// - DynProt keeps its promises with PostgreSQL's triggers, COPY and "
            "partial indexes. Leave it unset to use the private PostgreSQL that comes with the project."
        )
    if not settings["NAME"]:
        raise ImproperlyConfigured("DATABASE_URL must name a database: postgres://user:password@host:5432/name")
    return settings


def _embedded() -> dict[str, Any]:
    return {
        "ENGINE": EMBEDDED_ENGINE,
        "NAME": EMBEDDED_DATABASE,
        "USER": EMBEDDED_DATABASE,
        "PASSWORD": "",
        "HOST": "",  # the backend fills it in once the server runs
        "PORT": "",
    }


def _startup_options(env: environ.Env) -> str:
    """Limits that suit bulk work and still end what hangs; 0 turns one off. Values are PostgreSQL's: `90s`, `5min`."""
    limits = {
        "statement_timeout": env.str("DATABASE_STATEMENT_TIMEOUT", default="5min"),
        "lock_timeout": env.str("DATABASE_LOCK_TIMEOUT", default="30s"),
        "idle_in_transaction_session_timeout": env.str("DATABASE_IDLE_IN_TRANSACTION_TIMEOUT", default="10min"),
        "jit": "off",  # compiling a statement takes longer than running most of ours
        "timezone": "UTC",  # what Django would otherwise set with a statement of its own on each connection
    }
    return " ".join(f"-c {name}={value}" for name, value in limits.items())
