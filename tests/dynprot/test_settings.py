"""The settings as each environment has them, each loaded in a process of its own: production refuses, and is clean."""

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dynprot.settings.secret_key import development_key

BASE_DIR = Path(__file__).resolve().parents[2]
SECRETS = {
    "DJANGO_SECRET_KEY": "k7" * 16 + "-_Qz9" * 8,
    "DATABASE_URL": "postgres://user:pass%40word@db.example:6432/dynprot?sslmode=require",
    "ALLOWED_HOSTS": "dynprot.example,www.dynprot.example",
}


def python(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Only what is given here is set; nobody's .env is read."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=BASE_DIR,
        env={**kept, "DYNPROT_ENV_FILE": "", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def production_says(expression: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    code = f"from dynprot.settings import production as settings; print({expression})"
    return python("-c", code, environment=environment)


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_production_refuses_without(missing: str) -> None:
    answer = production_says("1", **{name: value for name, value in SECRETS.items() if name != missing})
    assert answer.returncode == 1
    assert "Production does not start without these environment variables" in answer.stderr
    assert re.findall(r"^  ([A-Z_]+):", answer.stderr, re.MULTILINE) == [missing]


def test_production_refuses_empty_and_short_secrets() -> None:
    assert "DJANGO_SECRET_KEY:" in production_says("1", **{**SECRETS, "DJANGO_SECRET_KEY": " "}).stderr
    assert "at least 50" in production_says("1", **{**SECRETS, "DJANGO_SECRET_KEY": "short"}).stderr


def test_manage_says_what_is_missing_without_a_traceback() -> None:
    answer = python("manage.py", "check", environment={"DJANGO_SETTINGS_MODULE": "dynprot.settings.production"})
    assert answer.returncode == 1
    assert answer.stderr.startswith("Production does not start without")


def test_production_passes_djangos_deployment_check() -> None:
    environment = {**SECRETS, "DJANGO_SETTINGS_MODULE": "dynprot.settings.production"}
    answer = python("manage.py", "check", "--deploy", "--fail-level", "INFO", environment=environment)
    assert answer.returncode == 0, answer.stderr
    assert "no issues" in answer.stdout


def test_production_uses_the_given_server_with_limits() -> None:
    answer = production_says(
        "settings.DATABASES['default'], settings.DEBUG",
        **SECRETS,
        DATABASE_STATEMENT_TIMEOUT="7s",
    )
    assert answer.returncode == 0, answer.stderr
    for expected in (
        "'ENGINE': 'django.db.backends.postgresql'",
        "'HOST': 'db.example', 'PORT': 6432",
        "'PASSWORD': 'pass@word'",
        "'sslmode': 'require'",
        "-c statement_timeout=7s -c lock_timeout=30s -c idle_in_transaction_session_timeout=10min -c jit=off -c timezone=UTC",
        "'pool': {",
        "'CONN_MAX_AGE': 0",
    ):
        assert expected in answer.stdout
    assert answer.stdout.endswith("} False\n")


@pytest.mark.parametrize("url", ["sqlite:///x.db", "mysql://u@h/n"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    answer = production_says("1", **{**SECRETS, "DATABASE_URL": url})
    assert answer.returncode == 1
    assert "DATABASE_URL must begin with postgres://" in answer.stderr


def test_a_socket_folder_in_the_url_is_the_host() -> None:
    url = "postgresql://dynprot@/dynprot?host=/a%20folder/run"
    answer = production_says("settings.DATABASES['default']['HOST']", **{**SECRETS, "DATABASE_URL": url})
    assert answer.stdout == "/a folder/run\n", answer.stderr


def test_without_redis_there_is_no_broker() -> None:
    expression = "settings.BROKER_AVAILABLE, settings.CELERY_BROKER_URL"
    assert production_says(expression, **SECRETS).stdout == "False None\n"
    assert production_says(expression, **SECRETS, REDIS_URL="redis://r/1").stdout == "True redis://r/1\n"


def test_the_development_key_is_made_once_and_is_ones_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(max_workers=8) as callers:
        keys = set(callers.map(development_key, [tmp_path / "var"] * 16))
    assert len(keys) == 1
    assert len(keys.pop()) >= 50
    key_file = tmp_path / "var" / "secret_key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert list((tmp_path / "var").iterdir()) == [key_file]
    assert development_key(tmp_path / "elsewhere") != development_key(tmp_path / "var")


def test_help_starts_no_database(tmp_path: Path) -> None:
    answer = python("manage.py", "help", environment={"DYNPROT_VAR_DIR": str(tmp_path)})
    assert answer.returncode == 0, answer.stderr
    assert "migrate" in answer.stdout
    assert not (tmp_path / "postgres").exists()


def test_a_database_that_cannot_start_is_one_sentence(tmp_path: Path) -> None:
    environment = {
        "DYNPROT_VAR_DIR": str(tmp_path),
        "PG_BIN": "/nowhere",
        "DJANGO_SETTINGS_MODULE": "dynprot.settings.test",
    }
    answer = python("manage.py", "dbshell", environment=environment)
    assert answer.returncode == 1
    assert answer.stderr.startswith("The private PostgreSQL cannot be used.\nPG_BIN=/nowhere holds no initdb")
