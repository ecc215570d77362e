"""What the project itself does: health, sign-in with the old app's hashes, log lines, start page."""

import logging

import bcrypt
import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.db import connection
from django.test import Client
from pytest_django import Settings

from dynprot.logs import ReticentFormatter

OLD_PASSWORD = "crêpes au sucre"


@pytest.mark.django_db
def test_health_asks_the_database(client: Client) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["database"]["milliseconds"] >= 0
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_health_says_when_the_database_is_away(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["NAME"] = "no such database"
    connection.settings_dict["OPTIONS"]["pool"]["timeout"] = 0.5
    try:
        answer = client.get("/health")
    finally:
        connection.close_pool()  # type: ignore[attr-defined]
        connection.settings_dict["NAME"] = name
        connection.settings_dict["OPTIONS"]["pool"]["timeout"] = 15
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "database": {"status": "unavailable"}}
    assert "the database does not answer" in caplog.text


def test_health_is_only_read(client: Client) -> None:
    assert client.post("/health").status_code == 405


def test_the_start_page_is_the_admin(client: Client) -> None:
    assert client.get("/")["Location"] == "/admin/"


@pytest.mark.parametrize("prefix", [b"2a", b"2b"])
def test_the_old_apps_hash_opens_and_is_upgraded(prefix: bytes) -> None:
    old = "bcrypt$" + bcrypt.hashpw(OLD_PASSWORD.encode(), bcrypt.gensalt(4, prefix=prefix)).decode()
    upgraded: list[str] = []
    assert check_password(OLD_PASSWORD, old, setter=lambda password: upgraded.append(make_password(password)))
    assert identify_hasher(upgraded[0]).algorithm == "argon2"
    assert not check_password("crepes au sucre", old)


def test_beyond_72_bytes_the_old_app_did_not_look() -> None:
    long = "é" * 40  # 80 bytes; the cut goes after the 36th letter
    old = "bcrypt$" + bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    assert check_password(long, old)
    assert check_password("é" * 36 + "another end", old)
    assert not check_password("é" * 35 + "another end", old)


def test_production_makes_argon2_hashes(settings: Settings) -> None:
    from dynprot.settings import base

    settings.PASSWORD_HASHERS = base.PASSWORD_HASHERS
    assert make_password("x").startswith("argon2$argon2id$")
    assert [name.rpartition(".")[2] for name in base.PASSWORD_HASHERS] == [
        "Argon2PasswordHasher",
        "LegacyBCryptPasswordHasher",
    ]


def test_log_lines_name_nobody() -> None:
    formatter = ReticentFormatter("{levelname} {message}", style="{")
    error = ValueError("duplicate key\nDETAIL:  Key (email)=(marie) already exists.")
    record = logging.LogRecord(
        "x", logging.ERROR, "f", 1, "for %s", ("Marie.Curie+a@exemple.fr",), (ValueError, error, None)
    )
    line = formatter.format(record)
    assert "ERROR for [e-mail]" in line
    assert "duplicate key" in line
    assert "DETAIL: [not logged]" in line
    assert "marie" not in line.lower()
