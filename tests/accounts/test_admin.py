"""The admin of people: finding them, their page, and who may change what of an account."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from accounts.admin import display
from accounts.admin.person_page import Panel, PanelContent, register
from accounts.models import User
from tests.audit.admin_rows import migrate_people
from tests.factories import make_profile, make_user

pytestmark = pytest.mark.django_db

PEOPLE = "/admin/accounts/user/"
PASSWORD = "un-mot-de-passe-assez-long"


@pytest.fixture
def operator(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("operateur@exemple.net", None, username="operateur"))
    return client


def support(*codenames: str) -> Client:
    """The browser of a colleague with these permissions."""
    colleague = make_user(is_staff=True)
    colleague.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    assert colleague.user_permissions.count() == len(codenames)
    client = Client()
    client.force_login(colleague)
    return client


def change_page(person: User) -> str:
    """The address of a person's page."""
    return reverse("admin:accounts_user_change", args=[person.pk])


def password_page(person: User) -> str:
    """The address of the form that sets their password."""
    return reverse("admin:auth_user_password_change", args=[person.pk])


# --- Finding -----------------------------------------------------------------------------------------------------------


def found(client: Client, term: str) -> list[str]:
    """E-mails that a search lists, in order, when the list is asked for."""
    return [person.email for person in client.get(PEOPLE, {"q": term, "all": ""}).context["cl"].result_list]


def test_people_are_found_exact_first(operator: Client) -> None:
    make_user(email="anna@exemple.fr.test", username="anna-longue")
    make_user(email="anna@exemple.fr", username="anna", first_name="Anna", last_name="Le Goff", legacy_id="clx-anna")
    make_user(email="zoe@exemple.fr", username="zoe", last_name="anna")
    assert found(operator, "ANNA@exemple.fr ") == ["anna@exemple.fr", "anna@exemple.fr.test"]
    assert found(operator, "anna")[0] == "anna@exemple.fr"  # her user name; the others only begin with it
    assert found(operator, "clx-anna") == ["anna@exemple.fr"]
    assert found(operator, "anna le g") == ["anna@exemple.fr"]
    assert found(operator, str(User.objects.get(username="zoe").pk)) == ["zoe@exemple.fr"]
    assert found(operator, "personne de ce nom") == []


def test_the_choice_of_a_person_is_a_search(operator: Client) -> None:
    make_user(email="anna@exemple.fr")
    query = {"app_label": "nutrition", "model_name": "mealentry", "field_name": "user", "term": "anna@"}
    answer = operator.get(reverse("admin:autocomplete"), query).json()
    assert [row["text"] for row in answer["results"]] == ["anna@exemple.fr"]


# --- The page ----------------------------------------------------------------------------------------------------------


def test_the_page_tells_all_that_is_known(operator: Client) -> None:
    _run, people = migrate_people(1)
    page = operator.get(change_page(people[0].user)).content.decode()
    for expected in (
        people[0].user.email,
        "réglage d'usine",
        "Repas 1.0",
        "Yaourt grec",
        "depuis toujours",
        "Ce que ses données sont devenues",
        "sur 5 éléments trouvés",
        "sign_in",
        "CSV (Excel)",
        '<svg class="dp-chart dp-chart--month"',
        "days-chart-desc",
    ):
        assert expected in page, expected
    assert page.count("<caption") >= 7
    assert page.count("<table") == page.count("<caption")


def test_a_person_of_whom_nothing_is_known(operator: Client) -> None:
    page = operator.get(change_page(make_user())).content.decode()
    for expected in ("Pas encore de profil.", "Aucun repas.", "Rien n'a encore été migré", "Aucun navigateur"):
        assert expected in page, expected


def test_health_data_need_their_own_permission() -> None:
    _run, people = migrate_people(1)
    page = support("view_user").get(change_page(people[0].user)).content.decode()
    assert people[0].user.email in page
    assert "Vous n'avez pas le droit de voir cette partie." in page
    for hidden in ("Repas 1.0", "Yaourt grec", "réglage d'usine", "sign_in", "Migration 1"):
        assert hidden not in page, hidden


def test_two_panels_cannot_have_one_key() -> None:
    panel = Panel("profile", "", "", "", lambda _request, _person: PanelContent(), 0)
    with pytest.raises(ValueError, match="profile"):
        register(panel)


# --- Changing ------------------------------------------------------------------------------------------------------------


def test_support_corrects_an_account_and_nothing_more() -> None:
    person = make_user(first_name="Ann", password=PASSWORD)
    make_profile(person)
    group = Group.objects.create(name="essai")
    sent = {
        "first_name": "Anna",
        "last_name": "Le Goff",
        "email_verified": "on",
        "is_staff": "on",
        "is_superuser": "on",
    }
    sent |= {"groups": str(group.pk), "email": "autre@exemple.fr"}
    answer = support("view_user", "change_user").post(change_page(person), sent)
    assert answer.status_code == 302
    before = person.email
    person.refresh_from_db()
    assert (person.first_name, person.last_name, person.email_verified, person.is_active) == (
        "Anna",
        "Le Goff",
        True,
        True,
    )
    assert (person.email, person.is_staff, person.is_superuser, person.groups.count()) == (before, False, False, 0)
    assert person.check_password(PASSWORD)


def test_superusers_give_rights(operator: Client) -> None:
    person = make_user()
    group = Group.objects.create(name="essai")
    operator.post(change_page(person), {"is_active": "on", "is_staff": "on", "groups": str(group.pk)})
    person.refresh_from_db()
    assert person.is_staff
    assert list(person.groups.all()) == [group]


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}])
def test_the_team_is_changed_by_superusers_only(rights: dict[str, bool]) -> None:
    colleague = make_user(password=PASSWORD, **rights)
    client = support("view_user", "change_user")
    assert client.get(change_page(colleague)).status_code == 200
    assert client.post(change_page(colleague), {"first_name": "X"}).status_code == 403
    sent = {"password1": "tout-autre-chose-9", "password2": "tout-autre-chose-9", "usable_password": "true"}
    assert client.post(password_page(colleague), sent).status_code == 403
    colleague.refresh_from_db()
    assert colleague.check_password(PASSWORD)


def test_the_password_form_works_and_no_hash_is_shown(operator: Client) -> None:
    person = make_user(password="ancien-mot-de-passe")
    old_hash = person.password
    assert old_hash not in operator.get(change_page(person)).content.decode()
    sent = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true", "set-password": "1"}
    page = operator.get(password_page(person)).content.decode()
    assert old_hash not in page
    assert operator.post(password_page(person), sent).status_code == 302
    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    pages = operator.get(change_page(person)).content.decode() + operator.get(PEOPLE).content.decode()
    assert person.password not in pages
    assert not re.search(r"argon2|bcrypt|\$2[ab]\$", pages)


def test_a_hash_of_the_old_app_is_named_and_not_shown(operator: Client) -> None:
    person = make_user()
    old = "$2b$12$abcdefghijklmnopqrstuv1234567890123456789012345678901"
    User.objects.filter(pk=person.pk).update(password=f"bcrypt${old}")
    page = operator.get(change_page(person)).content.decode()
    assert "ancienne application" in page
    assert "$2b$12$" not in page


def test_nobody_is_deleted_here(operator: Client) -> None:
    person = make_user()
    assert operator.post(reverse("admin:accounts_user_delete", args=[person.pk]), {"post": "yes"}).status_code == 403
    operator.post(PEOPLE, {"action": "delete_selected", "_selected_action": str(person.pk), "post": "yes"})
    assert User.objects.filter(pk=person.pk).exists()


def test_a_colleague_gets_an_account(operator: Client) -> None:
    sent = {"email": "Nouvelle@Exemple.fr", "username": "nouvelle", "password1": PASSWORD, "password2": PASSWORD}
    answer = operator.post(reverse("admin:accounts_user_add"), {**sent, "usable_password": "true"})
    assert answer.status_code == 302, answer.context["errors"]
    assert User.objects.get(email="nouvelle@exemple.fr", username="nouvelle").check_password(PASSWORD)
    again = operator.post(reverse("admin:accounts_user_add"), {**sent, "username": "autre", "usable_password": "true"})
    assert "a déjà un compte" in again.content.decode()


def test_support_never_knows_a_password() -> None:
    client = support("view_user", "add_user", "change_user", "reset_sign_in")
    where = reverse("admin:accounts_user_add")
    page = client.get(where).content.decode()
    assert "password" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "sans mot de passe" in page
    sent = {"email": "Nouvelle@Exemple.fr", "username": "nouvelle", "password1": PASSWORD, "password2": PASSWORD}
    rights = {"usable_password": "true", "is_staff": "on", "is_superuser": "on", "password": PASSWORD}
    answer = client.post(where, {**sent, **rights}, follow=True)
    person = User.objects.get(email="nouvelle@exemple.fr")
    assert not person.has_usable_password()
    assert not person.is_staff
    assert not person.is_superuser
    assert reverse("admin:accounts_user_deed", args=[person.pk, "send-link"]) in answer.content.decode()
    assert "pas encore de mot de passe" in answer.content.decode()
    twice = client.post(where, {**sent, "email": "autre@exemple.fr", "username": "NOUVELLE"})
    assert twice.status_code == 200
    assert User.objects.filter(username__iexact="nouvelle").count() == 1


def test_groups_are_made_by_superusers_only() -> None:
    client = support("view_group", "add_group", "change_group", "delete_group")
    group = Group.objects.create(name="essai")
    assert client.get(reverse("admin:auth_group_changelist")).status_code == 200
    assert client.post(reverse("admin:auth_group_add"), {"name": "x"}).status_code == 403
    assert client.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "x"}).status_code == 403


# --- How values look -------------------------------------------------------------------------------------------------------


def test_numbers_read_as_the_language_writes_them() -> None:
    assert display.quantity(12345.6, "g", 1) == "12\xa0345,6\xa0g"
    assert display.quantity(24.0, "g", 2) == "24\xa0g"
    assert display.quantity(0.125, "g", 2) == "0,13\xa0g"
    assert display.number(None) == "–"
    assert [display.duration(seconds) for seconds in (0.85, 12.34, 192, 7500)] == [
        "850\xa0ms",
        "12,3\xa0s",
        "3\xa0min\xa012\xa0s",
        "2\xa0h\xa005\xa0min",
    ]


def test_what_browsers_stored_stays_text() -> None:
    hostile = "<b>&'\"\0\ud83d"
    assert display.printable(hostile) == "<b>&'\"\\u0000\\ud83d"
    assert "<b>" not in display.mono(display.printable(hostile))
    assert "<b>" not in str(display.Badge(hostile, title=hostile))
    assert display.readable_raw("{broken") == "{broken"
    assert "3\xa0000 caractères" in display.readable_json({"photo": "x" * 3000})


def test_browsers_are_named() -> None:
    chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36"
    assert display.browser(chrome) == "Chrome, Windows"
    assert display.browser("curl/8") == "curl/8"
    assert display.browser("") == "–"


def test_an_unknown_zone_does_not_break_a_page() -> None:
    assert display.zone_of("Mars/Olympus").key == "Europe/Paris"
