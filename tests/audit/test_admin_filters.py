"""What an address may ask of a list: what the list itself offers. Anything else would be a question about columns that nobody is shown."""

from __future__ import annotations

from typing import Any, Final

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.admin.read_only import Pleasant
from accounts.models import PasswordResetToken, User, UserProfile
from audit.models import (
    ItemRepair,
    MigrationOutcome,
    MigrationPreimage,
    MigrationPreview,
    MigrationPreviewSample,
    MigrationRun,
    MigrationRunSnapshot,
    StorageSnapshot,
)
from nutrition.models import DailySummary, MealEntry
from tests.audit.admin_client import staff
from tests.factories import make_meal, make_snapshot, make_user

pytestmark = pytest.mark.django_db

HIDDEN: Final = [
    (StorageSnapshot, "payload__contains"),
    (StorageSnapshot, "payload"),
    (MigrationOutcome, "raw__icontains"),
    (MigrationOutcome, "before__has_key"),
    (MigrationOutcome, "changes__contains"),
    (ItemRepair, "value__contains"),
    (MigrationPreimage, "before__isnull"),
    (MigrationPreimage, "before__row__description__startswith"),
    (MigrationPreviewSample, "raw__contains"),
    (MigrationPreview, "staging__icontains"),
    (MigrationRun, "report__icontains"),
    (MigrationRun, "started_by__password__startswith"),
    (MigrationRunSnapshot, "read_report__icontains"),
    (PasswordResetToken, "hashed_token__startswith"),
    (User, "password__startswith"),
    (User, "last_login__isnull"),
    (User, "meal_entries__isnull"),
    (UserProfile, "weight_kg__gt"),
    (MealEntry, "description__contains"),
    (MealEntry, "user"),
    (MealEntry, "user__in"),
    (MealEntry, "user__email__startswith"),
    (DailySummary, "user_id"),
]
LOOKUPS: Final = ("", "__exact", "__in", "__contains", "__startswith", "__gt", "__isnull", "__regex", "__pk", "__id")


def listing(model: type[Model]) -> str:
    """The address of a model's list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def admins() -> list[Any]:
    return list(admin.site._registry.values())


@pytest.fixture
def operator(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("chef@exemple.fr", None))
    return client


@pytest.mark.parametrize(("model", "lookup"), HIDDEN, ids=lambda value: getattr(value, "__name__", value))
def test_no_address_asks_about_what_is_hidden(operator: Client, model: type[Model], lookup: str) -> None:
    assert operator.get(listing(model), {lookup: "1"}).status_code == 400


def test_no_address_asks_about_a_column_that_is_not_a_filter(rf: RequestFactory) -> None:
    request = rf.get("/", {"user__id__exact": "1"})  # some filters are there only for one person's rows
    request.user = User.objects.create_superuser("chef@exemple.fr", None)
    for model_admin in admins():
        assert isinstance(model_admin, Pleasant)
        offered = model_admin.lookups_offered(request)
        for field in model_admin.model._meta.get_fields():
            for lookup in LOOKUPS:
                asked = f"{field.name}{lookup}"
                allowed = model_admin.lookup_allowed(asked, "1", request)
                assert allowed is (asked in offered), (model_admin, asked)
        names = {asked.split("__")[0] for asked in offered}
        assert names <= shown(model_admin, request), model_admin


def shown(model_admin: Any, request: Any) -> set[str]:
    """The fields that the list filters by, and what our own links may narrow it by."""
    filters = {one[0] if isinstance(one, tuple) else one.parameter_name for one in model_admin.get_list_filter(request)}
    own = {"pk", "id", "user", "snapshot", model_admin.model._meta.pk.name, model_admin.date_hierarchy}
    return filters | (own - {None})


def test_all_that_a_list_offers_may_be_asked(rf: RequestFactory) -> None:
    person = make_user()
    request = rf.get("/", {"user__id__exact": str(person.pk)})
    request.user = User.objects.create_superuser("chef@exemple.fr", None)
    asked = 0
    for model_admin in admins():
        narrowed = any(isinstance(one, tuple) and one[0] == "user" for one in model_admin.list_filter)
        request.GET = rf.get("/", {"user__id__exact": str(person.pk)} if narrowed else {}).GET
        for spec in model_admin.get_changelist_instance(request).filter_specs:
            for parameter in spec.expected_parameters():
                assert model_admin.lookup_allowed(parameter, "1", request), (model_admin, parameter)
                asked += 1
    assert asked > 40


def test_people_are_still_found_by_the_day_on_which_they_came(operator: Client) -> None:
    person = make_user()
    day = person.created_at
    month = {"created_at__year": str(day.year), "created_at__month": str(day.month)}
    answer = operator.get(listing(User), {**month, "is_active__exact": "1"})
    assert answer.status_code == 200
    assert person.email in answer.content.decode()


def test_the_bytes_of_a_browser_are_not_guessed_letter_by_letter(client: Client) -> None:
    snapshot = make_snapshot(make_user(), b'{"local_storage":{"access_token":"tok-ABC"}}')
    auditor = staff(client, "audit.view_storagesnapshot")
    known = {"id__exact": str(snapshot.pk)}
    assert auditor.get(listing(StorageSnapshot), known).status_code == 200
    for guess in (b'"access_token":"t', b'"access_token":"u'):
        answer = auditor.get(listing(StorageSnapshot), {**known, "payload__contains": guess.hex()})
        assert answer.status_code == 400


def test_a_filter_stands_in_an_address_once(operator: Client) -> None:
    one, other = make_user(), make_user()
    for person in (one, other):
        make_meal(person, description=f"Repas de {person.email}")
    both = f"?user__id__exact={one.pk}&user__id__exact={other.pk}"
    for query in (both, f"?user__id__exact=&user__id__exact={one.pk}", f"?user__id__exact={one.pk}&user__id__exact="):
        answer = operator.get(listing(MealEntry) + query)
        assert answer.status_code == 400
        assert "Repas de" not in answer.content.decode()
    assert operator.get(f"{listing(MealEntry)}?user__id__exact={one.pk}").status_code == 200
