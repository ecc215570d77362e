"""`content_digest` is equal where the content is, whatever else differs."""
# ruff: noqa: S608 - names of our own tables

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from accounts.models import User
from audit import digest
from audit.digest import content_digest
from nutrition.models import MealEntry
from tests.audit.digest_people import EMAILS, TABLES, build, filled, quiet
from tests.database import other_connection, run
from tests.factories import make_snapshot, make_user

__all__ = ["filled", "quiet"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("order", list(itertools.permutations(EMAILS)))
def test_the_same_after_wiping_and_loading_again_with_other_ids(
    filled: str, order: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(MealEntry.objects.values_list("id", flat=True)) | set(User.objects.values_list("id", flat=True))
    User.objects.all().delete()
    assert not MealEntry.objects.exists()
    assert content_digest() != filled
    build(order)
    after = set(MealEntry.objects.values_list("id", flat=True)) | set(User.objects.values_list("id", flat=True))
    assert before.isdisjoint(after)
    assert content_digest() == filled
    monkeypatch.setattr(digest, "PEOPLE_A_QUERY", 1)
    assert content_digest() == filled


def test_the_same_on_every_server(filled: str) -> None:
    """Whatever its version. The value changes only with the tables or with these people."""
    assert filled == "3e7fcdaebbaa16996c9f509ca3709f53cc839fdb7c0901468de74d7271c46767"


def test_the_case_of_an_email_address_is_no_content(filled: str) -> None:
    User.objects.filter(email=EMAILS[0]).update(email=EMAILS[0].upper())
    assert content_digest() == filled
    User.objects.filter(email=EMAILS[0].upper()).update(email="x@example.fr")
    assert content_digest() != filled


def test_accounts_and_snapshots_alone_are_no_content(filled: str) -> None:
    make_snapshot(make_user(first_name="Sans", last_name="Contenu"))
    assert content_digest() == filled


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_chunks_make_no_difference(filled: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "PEOPLE_A_QUERY", size)
    assert content_digest() == filled


@pytest.mark.parametrize(
    "setting",
    [
        "timezone = 'Asia/Kolkata'",
        "datestyle = 'German'",
        "intervalstyle = 'iso_8601'",
        "bytea_output = 'escape'",
        "extra_float_digits = 0",
        "enable_indexscan = off",
        "enable_seqscan = off",
        "work_mem = '64kB'",
        "jit = off",
    ],
)
def test_the_sessions_settings_make_no_difference(filled: str, setting: str) -> None:
    run(f"SET LOCAL {setting}")
    assert content_digest() == filled


@pytest.mark.parametrize("order", ["id DESC", "md5(id::text)", "md5('x' || id)"])
def test_physical_order_makes_no_difference(quiet: str, order: str) -> None:
    """All rows anew, in another order."""
    tables = [model._meta.db_table for model in TABLES]
    for table in tables:
        run(f"CREATE TEMPORARY TABLE kept_{table} ON COMMIT DROP AS SELECT * FROM {table}")
    for table in reversed(tables):
        run(f"DELETE FROM {table}")
    for model, table in zip(TABLES, tables, strict=True):
        columns = ", ".join(field.attname for field in model._meta.concrete_fields)
        assert run(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM kept_{table} ORDER BY {order}") >= 3
    assert content_digest() == quiet


ELSEWHERE = {
    "import_run_id": "7",
    "import_snapshot_id": "7",
    "imported_at": "now()",
    "legacy_id": "id::text",
    "created_at": "'2020-01-01'",
    "updated_at": "'2020-01-01'",
    "photo_file": "'elsewhere/' || gen_random_uuid() || '/' || substring(photo_file from '[^/]*$')",
}


@pytest.mark.parametrize("model", TABLES)
def test_where_a_row_comes_from_is_no_content(quiet: str, model: type[models.Model]) -> None:
    values = {f.column: ELSEWHERE[f.column] for f in model._meta.concrete_fields if f.column in ELSEWHERE}
    assert "created_at" in values
    assert run(f"UPDATE {model._meta.db_table} SET {', '.join(f'{c} = {v}' for c, v in values.items())}") >= 3
    assert content_digest() == quiet


# --- Whose, when ----------------------------------------------------------------------------------------------------------


def test_some_peoples_digest_is_theirs_alone(filled: str) -> None:
    ids = dict(User.objects.values_list("email", "id"))
    anne = content_digest(user_ids=[ids[EMAILS[0]]])
    both = content_digest(user_ids=[ids[EMAILS[1]], ids[EMAILS[0]]])
    assert len({anne, both, filled, content_digest(user_ids=[])}) == 4
    assert content_digest(user_ids=[ids[EMAILS[0]], ids[EMAILS[1]]]) == both
    assert content_digest(user_ids=list(ids.values())) == filled
    User.objects.exclude(email=EMAILS[0]).delete()
    assert content_digest() == anne


@pytest.mark.django_db(transaction=True)
def test_it_reads_one_state_although_people_write_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    build()
    before = content_digest()
    chunks = digest._chunks
    monkeypatch.setattr(digest, "PEOPLE_A_QUERY", 1)

    def chunks_with_a_writer(*arguments: Any) -> Iterator[Any]:
        for number, chunk in enumerate(chunks(*arguments)):
            yield chunk
            if number == 0:
                with other_connection() as writer:
                    writer.execute("UPDATE meal_entries SET description = 'autre chose'")

    monkeypatch.setattr(digest, "_chunks", chunks_with_a_writer)
    assert content_digest() == before
    monkeypatch.setattr(digest, "_chunks", chunks)
    assert content_digest() != before


# --- The command ----------------------------------------------------------------------------------------------------------


def printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("content_digest", *arguments, stdout=out)
    return out.getvalue()


def test_command_prints_one_line(filled: str) -> None:
    assert printed() == filled + "\n"
    assert len(filled) == 64
    anne = User.objects.get(email=EMAILS[0])
    assert printed("--user", f" {EMAILS[0].upper()}") == content_digest(user_ids=[anne.pk]) + "\n" != filled + "\n"


def test_command_refuses_strangers() -> None:
    with pytest.raises(CommandError, match=r"No account has the e-mail address personne@ailleurs\.fr"):
        printed("--user", "personne@ailleurs.fr")


def test_an_empty_database_has_a_digest() -> None:
    assert content_digest() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
