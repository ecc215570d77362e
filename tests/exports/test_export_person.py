"""A person's data as a file: complete, exact, harmless in a spreadsheet, recorded, and only for those who may."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.apps import apps
from django.db import connections
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.staff import staff_acted
from audit.models import ActivityLog
from exports import services
from exports.models import DataExport
from exports.services import CannotExport, ExportedFile, export_person, harmless
from tests.audit.admin_client import staff
from tests.audit.admin_rows import Migrated, migrate_people
from tests.factories import NOON, make_favorite, make_meal, make_profile, make_user

pytestmark = pytest.mark.django_db

REASON = "demande d'accès du 3 mars"


@pytest.fixture
def migrated() -> Migrated:
    """One of two people."""
    _run, people = migrate_people(2)
    return people[0]


def download(client: Client, person: User, export_format: str) -> Any:
    path = reverse("admin:accounts_user_deed", args=[person.pk, "export"])
    seen = client.get(path).context["seen"]
    return client.post(path, {"reason": REASON, "seen": seen, "export_format": export_format})


def read(exported: ExportedFile) -> bytes:
    with exported.content as content:
        return content.read()


def test_the_json_holds_everything_of_the_person_and_nothing_of_others(migrated: Migrated) -> None:
    person = migrated.user
    make_meal(person, NOON, "33.30", description='Lentilles "vertes" 🥗\n\\ et riz', tags=["midi"])
    exported = export_person(person, "json")
    text = read(exported)
    data = json.loads(text)
    assert data["account"]["email"] == person.email
    assert "password" not in text.decode()
    assert data["profile"]["daily_protein_goal"] == 120
    assert len(data["meals"]) == 4
    lentils = next(meal for meal in data["meals"] if "Lentilles" in meal["description"])
    assert lentils["description"] == 'Lentilles "vertes" 🥗\n\\ et riz'
    assert (lentils["protein_grams"], lentils["meal_timestamp"], lentils["tags"]) == (
        33.3,
        "2026-03-10T11:00:00Z",
        ["midi"],
    )
    assert "Repas 2." not in text.decode()
    for name in ("goals", "favorites", "analyses", "days", "deleted"):
        assert data[name], name
    counted = sum(len(value) for value in data.values() if isinstance(value, list))
    assert exported.row.total_records == counted + 2
    assert exported.row.file_size_bytes == len(text)


def test_every_table_of_the_person_below_this_floor_is_in_the_json(migrated: Migrated) -> None:
    """A table that is added later must be exported, or named here with the reason."""
    left_out = {
        "password_reset_tokens",  # hashes, of no use to anybody
    }
    tables = {
        model._meta.db_table
        for label in ("accounts", "nutrition")
        for model in apps.get_app_config(label).get_models()
        if not model._meta.proxy and any(field.name == "user" for field in model._meta.fields)
    }
    exported = {"goal_history", "user_profiles", "meal_entries", "favorite_meals", "meal_analyses", "daily_summaries"}
    assert tables - left_out == {*exported, "deleted_entries"}


def test_somebody_without_anything_has_a_file_too() -> None:
    data = json.loads(read(export_person(make_user(), "json")))
    assert (data["profile"], data["meals"]) == (None, [])
    assert len(read(export_person(make_user(), "csv")).decode("utf-8-sig").splitlines()) == 1


def test_no_cell_is_a_formula(migrated: Migrated) -> None:
    attacks = ["=1+1", "+33", "-2", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", '=HYPERLINK("http://x")']
    for attack in attacks:
        make_meal(migrated.user, NOON, description=attack)
    content = read(export_person(migrated.user, "csv"))
    assert content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))
    descriptions = [line[2] for line in lines[1:]]
    assert sorted(descriptions) == sorted(
        [*(f"'{attack}" for attack in attacks), "Repas 1.0", "Repas 1.1", "Repas 1.2"]
    )
    assert not [cell for line in lines for cell in line if cell.lstrip(" ")[:1] in set("=+-@\t\r")]
    assert harmless(-5) == -5


def test_the_download_is_recorded_with_its_reason(client: Client, migrated: Migrated) -> None:
    colleague = staff(client, "accounts.view_user", "exports.export_person")
    DataExport.objects.all().delete()
    answer = download(colleague, migrated.user, "csv")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith('attachment; filename="dynprot-')
    assert "no-store" in answer["Cache-Control"]
    content = b"".join(answer.streaming_content)
    export = DataExport.objects.get(user=migrated.user)
    assert (export.export_status, export.export_format, export.total_records) == ("completed", "csv", 3)
    assert int(answer["Content-Length"]) == len(content) == export.file_size_bytes
    entry = ActivityLog.objects.get(user=migrated.user, action_type="staff_exported_person")
    assert (entry.record_id, (entry.new_values or {})["reason"]) == (export.pk, REASON)


def test_what_is_not_written_down_is_not_handed_out(client: Client, migrated: Migrated) -> None:
    colleague = staff(client, "accounts.view_user", "exports.export_person")
    colleague.raise_request_exception = False
    before = DataExport.objects.count()

    def refuse(**_: Any) -> None:
        raise OSError("the log is full")

    staff_acted.connect(refuse)
    try:
        assert download(colleague, migrated.user, "json").status_code == 500
    finally:
        staff_acted.disconnect(refuse)
    assert DataExport.objects.count() == before


def test_only_with_the_permission(client: Client, migrated: Migrated) -> None:
    path = reverse("admin:accounts_user_deed", args=[migrated.user.pk, "export"])
    colleague = staff(client, "accounts.view_user", "exports.view_dataexport")
    assert (colleague.get(path).status_code, colleague.post(path, {"reason": REASON}).status_code) == (403, 403)


def elsewhere(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """Somebody else does it while the export is at its lists."""
    lists = services._lists

    def meanwhile(person: User) -> Any:
        def other() -> None:
            deed()
            connections.close_all()

        thread = Thread(target=other)
        thread.start()
        thread.join()
        return lists(person)

    monkeypatch.setattr(services, "_lists", meanwhile)


@pytest.mark.django_db(transaction=True)
def test_everything_is_as_it_was_at_one_moment(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    person = make_user()
    make_profile(person)
    make_favorite(person, name="Là avant")
    elsewhere(monkeypatch, lambda: make_favorite(person, name="Arrivé au milieu"))
    colleague = staff(client, "accounts.view_user", "exports.export_person")
    answer = download(colleague, person, "json")
    data = json.loads(b"".join(answer.streaming_content))
    assert [favorite["name"] for favorite in data["favorites"]] == ["Là avant"]
    assert ActivityLog.objects.filter(user=person, action_type="staff_exported_person").count() == 1
    assert DataExport.objects.filter(user=person).count() == 1


@pytest.mark.django_db(transaction=True)
def test_somebody_who_is_erased_meanwhile_is_a_refusal(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    person = make_user()
    make_meal(person)
    elsewhere(monkeypatch, lambda: User.objects.filter(pk=person.pk).delete())
    with pytest.raises(CannotExport, match="entre-temps"):
        export_person(person, "json")
    assert not DataExport.objects.exists()
    other = make_user()
    elsewhere(monkeypatch, lambda: User.objects.filter(pk=other.pk).delete())
    colleague = staff(client, "accounts.view_user", "exports.export_person")
    answer = download(colleague, other, "json")
    assert (answer.status_code, answer["Location"]) == (302, reverse("admin:accounts_user_changelist"))
    assert "entre-temps" in colleague.get(answer["Location"]).content.decode()
    assert not DataExport.objects.exists()


def test_photos_are_read_a_few_at_once(migrated: Migrated) -> None:
    for number in range(30):
        make_meal(migrated.user, NOON + timedelta(minutes=number), photo_data="A" * 3_000_000)
    tracemalloc.start()
    try:
        exported = export_person(migrated.user, "json")
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    with exported.content as content:
        assert content.seek(0, 2) > 90_000_000
    assert peak < 80_000_000
