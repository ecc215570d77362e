"""Who signs in, and how: e-mail in any case, passwords of the old app, ids in the order of arrival."""

from __future__ import annotations

import asyncio
from io import StringIO
from uuid import UUID

import pytest
from django.contrib.auth import aauthenticate, authenticate
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from tests.database import rows, run, value
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PASSWORD = "Mot de passe n° 1"
LONG_PASSWORD = "é" * 50 + "!"
"""101 bytes; the old app's bcryptjs read the first 72 without a word."""

# Made with 12 rounds by bcrypt itself; bcryptjs 3 writes $2b$, bcryptjs 2 wrote $2a$.
OLD_HASHES = {
    "2b": (PASSWORD, "$2b$12$K5EJMisnJ4Gx7uUomLXpUOlcBp9oCNzZpHDq8KaWmNfj2YLs82E/S"),
    "2a": (PASSWORD, "$2a$12$YF0iBol3EAUm4QdVL.cL..pOReSzXAMuKdv.WiCo23z4FPZKk0JAG"),
    "long": (LONG_PASSWORD, "$2b$12$aY0i17u08Z6vVdYq7FR2leFQTq6bPHq9AqaC/Bh/9jiGGHMCxhMZ2"),
}


def adopt(email: str, old_hash: str) -> User:
    """A user as the adoption of the old table writes them."""
    statement = "INSERT INTO users (email, username, password_hash) VALUES (%s, %s, %s) RETURNING id"
    return User.objects.get(pk=value(statement, [email, email, f"bcrypt${old_hash}"]))


# --- E-mail -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("first", "second"), [("jean@example.fr", "JEAN@Example.FR"), ("Hélène@example.fr", "HÉLÈNE@EXAMPLE.FR")]
)
def test_email_is_unique_ignoring_case(first: str, second: str) -> None:
    statement = "INSERT INTO users (email, username, password_hash) VALUES (%s, %s, '!')"
    run(statement, [first, "a"])
    with pytest.raises(IntegrityError, match="users_email_lower_key"), transaction.atomic():
        run(statement, [second, "b"])
    with pytest.raises(ValidationError, match="déjà un compte"):
        User(email=second, username="b", password="!").validate_constraints()


def test_user_name_and_old_id_are_unique_and_absent_ids_are_not_compared() -> None:
    make_user(username="jean", legacy_id="cku1")
    make_user()
    make_user()
    for field, twice in (("username", "jean"), ("legacy_id", "cku1")):
        with pytest.raises(IntegrityError, match=f"users_{field}_key"), transaction.atomic():
            make_user(**{field: twice})


def test_create_user_keeps_the_email_in_lower_case_and_asks_for_one() -> None:
    user = User.objects.create_user("  Jean.Dupont@Example.FR ", PASSWORD)
    assert (user.email, user.username) == ("jean.dupont@example.fr", "jean.dupont")
    with pytest.raises(ValueError, match="adresse e-mail"):
        User.objects.create_user("")


@pytest.mark.parametrize("typed", ["jean@example.fr", "JEAN@EXAMPLE.FR", "Jean@Example.Fr", " jean@example.fr "])
@pytest.mark.parametrize("stored", ["jean@example.fr", "Jean@Example.fr"])
def test_sign_in_by_email_in_any_case(stored: str, typed: str) -> None:
    user = make_user(PASSWORD, email=stored)
    User.objects.filter(pk=user.pk).update(email=stored)  # as other writers may have left it
    assert authenticate(username=typed, password=PASSWORD) == user
    assert authenticate(email=typed, password=PASSWORD) == user
    assert authenticate(username=typed, password=PASSWORD + "!") is None


def test_sign_in_finds_the_account_by_its_unique_index() -> None:
    run("SET LOCAL enable_seqscan = off")
    statement, params = User.objects.with_email("Jean@example.fr").query.sql_with_params()
    plan = "\n".join(line for (line,) in rows(f"EXPLAIN {statement}", params))
    assert "users_email_lower_key" in plan


@pytest.mark.django_db(transaction=True)
def test_asynchronous_sign_in_too() -> None:
    user = make_user(PASSWORD, email="jean@example.fr")

    async def sign_in() -> object:
        return await aauthenticate(username="JEAN@example.fr", password=PASSWORD)

    assert asyncio.run(sign_in()) == user


@pytest.mark.parametrize("email", ["", "nobody@example.fr", None, "@", "x" * 400])
def test_unknown_people_do_not_sign_in(email: str | None) -> None:
    make_user(PASSWORD)
    assert authenticate(username=email, password=PASSWORD) is None


def test_inactive_accounts_do_not_sign_in() -> None:
    user = make_user(PASSWORD, is_active=False)
    assert user.check_password(PASSWORD)
    assert authenticate(username=user.email, password=PASSWORD) is None


def test_an_account_without_a_password_cannot_sign_in() -> None:
    user = make_user()
    assert not user.has_usable_password()
    for guess in ("", "!", user.password):
        assert authenticate(username=user.email, password=guess) is None


# --- Passwords of the old app -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", sorted(OLD_HASHES))
def test_an_old_hash_is_accepted_and_becomes_argon2_at_that_sign_in(kind: str) -> None:
    password, old_hash = OLD_HASHES[kind]
    user = adopt("jean@example.fr", old_hash)
    assert authenticate(username="jean@example.fr", password=password) == user
    stored = value("SELECT password_hash FROM users WHERE id = %s", [user.pk])
    assert stored.startswith("argon2$argon2id$")
    assert authenticate(username="jean@example.fr", password=password) == user
    assert value("SELECT password_hash FROM users WHERE id = %s", [user.pk]) == stored
    assert authenticate(username="jean@example.fr", password=password + "x") is None


def test_a_wrong_password_leaves_the_old_hash() -> None:
    user = adopt("jean@example.fr", OLD_HASHES["2b"][1])
    for wrong in (PASSWORD.lower(), "", LONG_PASSWORD):
        assert authenticate(username="jean@example.fr", password=wrong) is None
    user.refresh_from_db()
    assert user.password == "bcrypt$" + OLD_HASHES["2b"][1]


def test_of_a_long_old_password_72_bytes_count_until_the_upgrade() -> None:
    user = adopt("jean@example.fr", OLD_HASHES["long"][1])
    assert authenticate(username="jean@example.fr", password="é" * 35) is None
    assert authenticate(username="jean@example.fr", password="é" * 36) == user
    assert (
        authenticate(username="jean@example.fr", password=LONG_PASSWORD) is None
    )  # Argon2 reads all of what was typed


# --- Operators --------------------------------------------------------------------------------------------------------------
def test_createsuperuser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="Admin@example.fr", username="admin", interactive=False, stdout=StringIO())
    admin = authenticate(username="admin@example.fr", password=PASSWORD)
    assert isinstance(admin, User)
    assert (admin.is_staff, admin.is_superuser, admin.is_active) == (True, True, True)
    assert admin.has_perm("accounts.delete_user")


# --- Rows that others write -------------------------------------------------------------------------------------------------
def test_the_old_back_end_can_insert_a_user() -> None:
    user = adopt("jean@example.fr", OLD_HASHES["2b"][1])
    assert isinstance(user.pk, UUID)
    assert (user.is_active, user.email_verified, user.has_completed_onboarding, user.is_staff) == (
        True,
        False,
        False,
        False,
    )
    assert user.created_at == user.updated_at == value("SELECT now()")
    assert user.last_login is None


def test_updated_at_follows_every_change_but_that_of_a_bulk_writer() -> None:
    user = make_user(updated_at="2020-01-01T00:00:00Z")
    run("UPDATE users SET first_name = 'Jean' WHERE id = %s", [user.pk])
    assert value("SELECT updated_at = now() FROM users WHERE id = %s", [user.pk])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL dynprot.bulk = 'on'")
        cursor.execute("UPDATE users SET first_name = 'Jeanne', updated_at = '2020-01-01Z' WHERE id = %s", [user.pk])
    assert value("SELECT updated_at < now() FROM users WHERE id = %s", [user.pk])
