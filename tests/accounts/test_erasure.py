"""Erasing a person: all of theirs is gone, everybody else's is there, the log stays without them, and there is a receipt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.admin.deeds import CONFLICT, UNPROCESSABLE
from accounts.erasure import CannotErase, belongings, erase
from accounts.models import User
from accounts.staff import staff_acted
from audit.models import ActivityLog, MigrationRun, StorageSnapshot
from audit.runs.meal_lines import photo_file
from tests.audit.admin_client import get, page_of, staff
from tests.audit.admin_rows import Migrated, migrate_people
from tests.conftest import database_url
from tests.factories import make_run, make_snapshot, make_user

pytestmark = pytest.mark.django_db

REASON = "demande d'effacement du 3 mars"


@pytest.fixture
def two() -> tuple[Migrated, Migrated]:
    """Two people of one finished run, with pictures."""
    _run, (first, second) = migrate_people(2)
    for person in (first, second):
        default_storage.save(photo_file(person.user.pk, "a.jpg"), ContentFile(b"jpeg"))
    return first, second


def traces_of(person: User) -> list[str]:
    """Tables in which the person's id or e-mail address still stands somewhere."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
            "AND relname <> 'django_session' ORDER BY 1"
        )
        found = []
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"SELECT count(*) FROM {table} AS t WHERE t::text ILIKE ANY (%s)",  # noqa: S608 - names from the catalogue
                [[f"%{person.pk}%", f"%{person.email}%"]],
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_nothing_of_the_person_stays_and_everything_of_others(two: tuple[Migrated, Migrated]) -> None:
    anna, zoe = two[0].user, two[1].user
    actor = User.objects.create_superuser("operateur@exemple.net", None, username="operateur")
    MigrationRun.objects.update(options={"emails": [anna.email.upper(), zoe.email], "again": True})
    LogEntry.objects.create(
        user=actor,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(anna.pk),
        object_repr=str(anna),
        action_flag=CHANGE,
    )
    of_zoe, log = belongings(zoe), ActivityLog.objects.count()
    receipt = erase(person=anna, actor=actor, reason=REASON)

    assert traces_of(anna) == ["django_admin_log"]  # the id alone, so that it is still known what was changed by whom
    assert anna.email not in str(LogEntry.objects.values())
    assert not default_storage.exists(photo_file(anna.pk, "a.jpg"))
    assert not Path(default_storage.path(photo_file(anna.pk, "a.jpg"))).parent.exists()
    assert belongings(zoe) == of_zoe
    assert default_storage.exists(photo_file(zoe.pk, "a.jpg"))
    assert MigrationRun.objects.get().options == {"emails": ["", zoe.email], "again": True}

    assert ActivityLog.objects.count() == log + 1
    entry = ActivityLog.objects.get(action_type="staff_erased")
    assert entry.new_values is not None
    assert entry.user is None
    assert entry.new_values["receipt"] == str(receipt.number)
    assert entry.new_values["rows"] == receipt.rows
    assert (receipt.rows["users"], receipt.rows["meal_entries"], receipt.rows["storage_snapshots"]) == (1, 3, 1)
    assert receipt.rows["migration_run_snapshots"] == 1
    assert (receipt.files, receipt.files_left) == (1, ())


def test_the_receipt_names_every_table_that_is_emptied(two: tuple[Migrated, Migrated]) -> None:
    """What the database's own rules delete directly with an account is what the page and the receipt say."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid = 'users'::regclass "
            "AND confdeltype = 'c'"
        )
        emptied = {table for (table,) in cursor.fetchall()}
    rights_and_logs = {table for table in emptied if table.startswith(("users_", "django_", "otp_"))}
    assert set(belongings(two[0].user)) == emptied - rights_and_logs


def test_the_team_is_not_erased_here(two: tuple[Migrated, Migrated]) -> None:
    actor = make_user()
    for right in ("is_staff", "is_superuser"):
        colleague = make_user(None, **{right: True})
        with pytest.raises(CannotErase, match="équipe"):
            erase(person=colleague, actor=actor, reason=REASON)
        assert User.objects.filter(pk=colleague.pk).exists()


@pytest.mark.parametrize("status", ["pending", "running", "paused", "verifying", "rolling_back"])
def test_not_while_a_run_has_the_person(two: tuple[Migrated, Migrated], status: str) -> None:
    anna, zoe = two[0].user, two[1].user
    run = make_run(status=status)
    run.plan.create(user=anna, snapshot=two[0].snapshot)
    with pytest.raises(CannotErase, match=f"migration {run.pk}"):
        erase(person=anna, actor=zoe, reason=REASON)
    assert User.objects.filter(pk=anna.pk).exists()
    assert default_storage.exists(photo_file(anna.pk, "a.jpg"))
    erase(person=zoe, actor=anna, reason=REASON)  # nothing of hers is in that run


def test_without_a_log_nothing_is_erased(two: tuple[Migrated, Migrated]) -> None:
    def refuse(**_: Any) -> None:
        raise OSError("the log is full")

    staff_acted.connect(refuse)
    try:
        with pytest.raises(OSError, match="full"):
            erase(person=two[0].user, actor=two[1].user, reason=REASON)
    finally:
        staff_acted.disconnect(refuse)
    assert User.objects.filter(pk=two[0].user.pk).exists()
    assert default_storage.exists(photo_file(two[0].user.pk, "a.jpg"))


def test_files_that_stay_are_told(two: tuple[Migrated, Migrated], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise PermissionError(name)

    monkeypatch.setattr(FileSystemStorage, "delete", lambda _storage, name: fail(name))
    receipt = erase(person=two[0].user, actor=two[1].user, reason=REASON)
    assert photo_file(two[0].user.pk, "a.jpg") in receipt.files_left


# --- In the admin ----------------------------------------------------------------------------------------------------------
def test_the_email_address_is_typed_to_confirm(client: Client, two: tuple[Migrated, Migrated]) -> None:
    anna = two[0].user
    path = reverse("admin:accounts_user_deed", args=[anna.pk, "erase"])
    colleague = staff(client, "accounts.view_user", "accounts.erase_user")
    page = get(colleague, path)
    for expected in ("Ce qui sera effacé", "instantanés", "définitif", "fichiers (photos)"):
        assert expected in page, expected
    seen = colleague.get(path).context["seen"]
    for wrong in (
        {"email": two[1].user.email},
        {"email": ""},
        {"email": anna.email, "reason": f"au revoir {anna.email}"},
    ):
        answer = colleague.post(path, {"reason": REASON, "seen": seen, **wrong})
        assert answer.status_code == UNPROCESSABLE, wrong
    assert User.objects.filter(pk=anna.pk).exists()
    answer = colleague.post(path, {"reason": REASON, "seen": seen, "email": f" {anna.email.upper()} "}, follow=True)
    assert "La personne est effacée" in answer.content.decode()
    assert not User.objects.filter(pk=anna.pk).exists()
    entry = ActivityLog.objects.get(action_type="staff_erased")
    assert entry.new_values is not None
    assert entry.new_values["reason"] == REASON
    assert anna.email not in json.dumps(entry.new_values)


def test_a_run_at_work_refuses_on_the_page(client: Client, two: tuple[Migrated, Migrated]) -> None:
    anna = two[0].user
    make_run(status="running").plan.create(user=anna, snapshot=two[0].snapshot)
    path = reverse("admin:accounts_user_deed", args=[anna.pk, "erase"])
    colleague = staff(client, "accounts.view_user", "accounts.erase_user")
    seen = colleague.get(path).context["seen"]
    answer = colleague.post(path, {"reason": REASON, "seen": seen, "email": anna.email})
    assert answer.status_code == CONFLICT
    assert "s&#x27;occupe de cette personne" in answer.content.decode()


def test_the_stock_deletion_is_out_of_reach(client: Client, two: tuple[Migrated, Migrated]) -> None:
    anna = two[0].user
    client.force_login(User.objects.create_superuser("operateur@exemple.net", None, username="operateur"))
    path = reverse("admin:accounts_user_delete", args=[anna.pk])
    assert (client.get(path).status_code, client.post(path, {"post": "yes"}).status_code) == (403, 403)
    assert path not in get(client, page_of(anna))
    assert User.objects.filter(pk=anna.pk).exists()


# --- What no foreign key leads to --------------------------------------------------------------------------------------------
def test_what_a_verification_and_a_rollback_told_of_the_person_goes(two: tuple[Migrated, Migrated]) -> None:
    anna, zoe = two
    run = MigrationRun.objects.get()
    told = [
        {"user": str(anna.user.pk), "snapshot": anna.snapshot.pk, "actual": "Soupe d'Anna"},
        {"user": None, "snapshot": anna.snapshot.pk, "actual": "Soupe d'Anna"},
        {"user": str(zoe.user.pk), "snapshot": zoe.snapshot.pk, "actual": "Soupe de Zoé"},
    ]
    kept = [
        {"table": "meal_entries", "row_id": str(one.meal.pk), "user_id": str(one.user.pk), "reason": "changed_since"}
        for one in two
    ]
    run.report = {**run.report, "verification": {"verdict": "failed", "differences": told, "differences_found": 3}}
    run.rollback = {"run": run.pk, "scope": {"whole": True}, "kept": kept}
    run.save()
    other = make_run(status="cancelled", report={"seconds": 1})
    erase(person=anna.user, actor=zoe.user, reason=REASON)
    run.refresh_from_db()
    assert run.report["verification"] == {"verdict": "failed", "differences": told[2:], "differences_found": 3}
    assert run.report["reasons"]
    assert run.rollback == {"run": run.pk, "scope": {"whole": True}, "kept": kept[1:]}
    other.refresh_from_db()
    assert other.report == {"seconds": 1}
    assert traces_of(anna.user) == []


def unclaimed(**claims: str) -> StorageSnapshot:
    """A browser that found no account."""
    payload = json.dumps({"local_storage": {"k": "[]"}, "user": claims}).encode()
    return make_snapshot(
        None, payload, status="unclaimed", **{f"claimed_{name}": value for name, value in claims.items()}
    )


def test_browsers_that_found_no_account_but_say_they_are_the_persons_go_too(two: tuple[Migrated, Migrated]) -> None:
    anna, zoe = two[0].user, two[1].user
    assert anna.legacy_id is not None
    theirs = [
        unclaimed(email=anna.email.upper()),
        unclaimed(email="", legacy_id=anna.legacy_id),
        unclaimed(email="ancienne.adresse@example.fr", legacy_id=anna.legacy_id),
    ]
    others = [
        unclaimed(email=zoe.email, legacy_id=anna.legacy_id),  # it says that it is somebody else's
        unclaimed(email="inconnue@example.fr"),
        unclaimed(email="", legacy_id="clx-inconnu"),
    ]
    assert belongings(anna)["storage_snapshots"] == 1 + len(theirs)
    receipt = erase(person=anna, actor=zoe, reason=REASON)
    assert receipt.rows["storage_snapshots"] == 1 + len(theirs)
    left = set(StorageSnapshot.objects.filter(status="unclaimed").values_list("pk", flat=True))
    assert left == {one.pk for one in others}
    assert not ActivityLog.objects.filter(new_values__icontains=anna.email).exists()
    with pytest.raises(DatabaseError, match="is kept"), transaction.atomic():
        others[1].delete()


def test_without_an_old_id_nobody_elses_browser_goes(two: tuple[Migrated, Migrated]) -> None:
    anna = make_user(legacy_id=None)
    unclaimed(email="", legacy_id="")
    assert belongings(anna)["storage_snapshots"] == 0
    erase(person=anna, actor=two[1].user, reason=REASON)
    assert StorageSnapshot.objects.filter(status="unclaimed").count() == 1


def test_the_log_forgets_from_where_the_person_came_but_not_from_where_the_team_did(
    two: tuple[Migrated, Migrated],
) -> None:
    anna, zoe = two[0].user, two[1].user
    ActivityLog.objects.all().update(user=None)
    for action in ("sign_in", "staff_looked"):
        for person in (anna, zoe):
            ActivityLog.objects.create(
                user=person, action_type=action, ip_address="81.2.3.4", user_agent="un navigateur", new_values={"a": 1}
            )
    erase(person=anna, actor=zoe, reason=REASON)
    rows = ActivityLog.objects.filter(new_values={"a": 1}).order_by("id")
    assert [(row.action_type, row.user_id, row.ip_address, row.user_agent, row.new_values) for row in rows] == [
        ("sign_in", None, None, None, {"a": 1}),
        ("sign_in", zoe.pk, "81.2.3.4", "un navigateur", {"a": 1}),
        ("staff_looked", None, "81.2.3.4", "un navigateur", {"a": 1}),
        ("staff_looked", zoe.pk, "81.2.3.4", "un navigateur", {"a": 1}),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_held_is_a_refusal_not_an_endless_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    anna, zoe = make_user(), make_user()
    monkeypatch.setattr("accounts.erasure.LOCK_SECONDS", 0.2)
    with psycopg.connect(database_url()) as other:
        other.execute("LOCK TABLE migration_runs IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(CannotErase, match="occupées"):
            erase(person=anna, actor=zoe, reason=REASON)
        assert User.objects.filter(pk=anna.pk).exists()
    with psycopg.connect(database_url()) as other:
        other.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [anna.pk])
        with pytest.raises(CannotErase, match="occupées"):
            erase(person=anna, actor=zoe, reason=REASON)
    erase(person=anna, actor=zoe, reason=REASON)
    assert not User.objects.filter(pk=anna.pk).exists()
