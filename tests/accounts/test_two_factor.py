"""The team's second factor: asked for where it is required, set up with a code as proof, replaced by backup codes, removed by a deed."""

from __future__ import annotations

import re
import time
from binascii import unhexlify
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from accounts import two_factor
from accounts.models import User
from audit.models import ActivityLog
from tests.audit.admin_client import staff
from tests.factories import make_user

pytestmark = pytest.mark.django_db

HOME, CHECK, SETUP, MINE, CODES = (
    "/admin/",
    "/admin/two-factor/check/",
    "/admin/two-factor/setup/",
    "/admin/two-factor/",
    "/admin/two-factor/codes/",
)


@pytest.fixture
def required(settings: Settings) -> None:
    settings.STAFF_TWO_FACTOR = "required"


def code_of(key: str, steps: int = 0) -> str:
    """What the app shows, `steps` half minutes from now."""
    clock = TOTP(unhexlify(key))
    clock.time = time.time() + 30 * steps
    return f"{clock.token():06d}"


def set_up(client: Client) -> tuple[TOTPDevice, list[str]]:
    """An app for the client's user, and the backup codes."""
    client.get(SETUP)
    answer = client.post(SETUP, {"code": code_of(client.session[two_factor.DRAFT], -1)})
    assert answer.status_code == 200
    return TOTPDevice.objects.latest("pk"), answer.context["codes"]


def signed_in_again(client: Client) -> Client:
    """Another browser of the same person, by password alone."""
    other = Client()
    other.force_login(User.objects.get(pk=client.session["_auth_user_id"]))
    return other


def deed(person: User) -> str:
    """The page that removes somebody's second factor."""
    return reverse("admin:accounts_user_deed", args=[person.pk, "remove-second-factor"])


def test_off_nothing_is_asked_and_there_are_no_pages(client: Client) -> None:
    staff(client)
    assert client.get(HOME).status_code == 200
    for page in (CHECK, SETUP, MINE):
        assert client.get(page).status_code == 404
    assert client.post(CODES).status_code == 404


def test_a_word_that_is_no_choice_is_refused(client: Client, settings: Settings) -> None:
    settings.STAFF_TWO_FACTOR = "yes"
    with pytest.raises(Exception, match="off or required"):
        staff(client).get(HOME)


@pytest.mark.usefixtures("required")
def test_without_an_app_one_is_led_to_set_one_up(client: Client) -> None:
    staff(client, "accounts.view_user")
    answer = client.get("/admin/accounts/user/?q=anna", follow=True)
    assert [url for url, _status in answer.redirect_chain] == [
        f"{CHECK}?next=%2Fadmin%2Faccounts%2Fuser%2F%3Fq%3Danna",
        f"{SETUP}?next=%2Fadmin%2Faccounts%2Fuser%2F%3Fq%3Danna",
    ]
    page = answer.content.decode()
    key = client.session[two_factor.DRAFT]
    assert re.search(r"<svg[^>]* viewBox=", page)  # scaled, not cut
    assert "otpauth://totp/DynProt" in page
    assert "no-store" in answer.headers["Cache-Control"]
    assert not TOTPDevice.objects.exists()  # looking makes nothing

    wrong = client.post(SETUP, {"code": "000000" if code_of(key) != "000000" else "111111"})
    assert wrong.status_code == 422
    assert not TOTPDevice.objects.exists()
    assert client.get(HOME).status_code == 302

    done = client.post(SETUP, {"code": code_of(key)})
    codes = done.context["codes"]
    assert len(set(codes)) == two_factor.BACKUP_CODES
    assert all(code in done.content.decode() for code in codes)
    assert client.get(HOME).status_code == 200
    log = ActivityLog.objects.get(action_type="staff_two_factor_set_up")
    assert str(log.user_id) == client.session["_auth_user_id"]
    assert key not in str(log.new_values)


@pytest.mark.usefixtures("required")
def test_the_codes_are_not_readable_in_the_table_nor_shown_again(client: Client) -> None:
    staff(client)
    _device, codes = set_up(client)
    assert not set(codes) & set(StaticToken.objects.values_list("token", flat=True))
    page = client.get(MINE).content.decode()
    assert "Il reste 10 codes de secours" in page
    assert not [code for code in codes if code in page]


@pytest.mark.usefixtures("required")
def test_the_next_sign_in_asks_for_a_code_and_goes_on_where_one_wanted_to(client: Client) -> None:
    staff(client, "accounts.view_user")
    device, _codes = set_up(client)
    again = signed_in_again(client)
    for page in (HOME, MINE, SETUP, "/admin/accounts/user/"):
        assert again.get(page).status_code == 302, page
    assert again.post("/admin/accounts/user/add/", {}).status_code == 302
    before = again.session.session_key
    answer = again.post(CHECK, {"code": code_of(device.key, 1), "next": "/admin/accounts/user/"})
    assert answer.url == "/admin/accounts/user/"  # type: ignore[attr-defined]
    assert again.session.session_key != before
    assert again.get("/admin/accounts/user/").status_code == 200
    assert again.get(CHECK).status_code == 302


@pytest.mark.usefixtures("required")
def test_a_code_serves_once(client: Client) -> None:
    staff(client)
    device, codes = set_up(client)
    code = code_of(device.key, 1)
    assert signed_in_again(client).post(CHECK, {"code": code}).status_code == 302
    assert signed_in_again(client).post(CHECK, {"code": code}).status_code == 422

    first = signed_in_again(client)
    assert first.post(CHECK, {"code": f" {codes[0].upper()[:4]}-{codes[0][4:]} "}).status_code == 302
    assert first.get(HOME).status_code == 200
    assert ActivityLog.objects.get(action_type="staff_backup_code_used").new_values["left"] == 9  # type: ignore[index]
    assert signed_in_again(client).post(CHECK, {"code": codes[0]}).status_code == 422


@pytest.mark.usefixtures("required")
def test_wrong_codes_make_the_next_one_wait(client: Client) -> None:
    staff(client)
    device, codes = set_up(client)
    again = signed_in_again(client)
    for _ in range(2):
        again.post(CHECK, {"code": "000000"})
    TOTPDevice.objects.update(throttling_failure_count=8)
    late = again.post(CHECK, {"code": code_of(device.key, 1)})
    assert late.status_code == 429
    assert re.search(r"Réessayez dans \d+ secondes", late.content.decode())
    assert again.get(HOME).status_code == 302
    assert again.post(CHECK, {"code": codes[0]}).status_code == 302  # the app's mistakes do not lock the backup codes
    assert again.get(HOME).status_code == 200


@pytest.mark.usefixtures("required")
def test_a_stranger_s_device_verifies_nobody(client: Client) -> None:
    staff(client)
    device, codes = set_up(client)
    other = staff(Client())
    set_up(other)
    again = signed_in_again(other)
    assert again.post(CHECK, {"code": code_of(device.key, 1)}).status_code == 422
    assert again.post(CHECK, {"code": codes[0]}).status_code == 422


@pytest.mark.usefixtures("required")
def test_one_is_not_led_away_to_another_site(client: Client) -> None:
    staff(client)
    device, _codes = set_up(client)
    answer = signed_in_again(client).post(CHECK, {"code": code_of(device.key, 1), "next": "https://evil.example/"})
    assert answer.url == HOME  # type: ignore[attr-defined]


@pytest.mark.usefixtures("required")
def test_new_codes_void_the_old_and_a_new_app_the_old_one(client: Client) -> None:
    staff(client)
    device, codes = set_up(client)
    new = client.post(CODES).context["codes"]
    assert signed_in_again(client).post(CHECK, {"code": codes[0]}).status_code == 422
    StaticDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert signed_in_again(client).post(CHECK, {"code": new[0]}).status_code == 302
    newer, _codes = set_up(client)
    assert newer.key != device.key
    assert TOTPDevice.objects.count() == 1
    assert client.get(HOME).status_code == 200


@pytest.mark.usefixtures("required")
def test_people_who_are_not_of_the_team_are_left_alone(client: Client) -> None:
    client.force_login(make_user())
    assert client.get("/health").status_code == 200
    assert client.get(SETUP).status_code == 302
    assert Client().get("/admin/login/").status_code == 200
    assert Client().get(CHECK).url.startswith("/admin/login/")  # type: ignore[attr-defined]


@pytest.mark.usefixtures("required")
def test_a_page_that_refreshes_itself_is_told_401(client: Client) -> None:
    answer = staff(client).get(HOME, headers={"sec-fetch-dest": "empty"})
    assert answer.status_code == 401
    assert answer.json()["page"] == CHECK


@pytest.mark.usefixtures("required")
def test_a_superuser_removes_a_lost_second_factor(client: Client) -> None:
    staff(client, "accounts.view_user", "accounts.change_user")
    set_up(client)
    member = User.objects.get(pk=client.session["_auth_user_id"])
    boss = Client()
    boss.force_login(User.objects.create_superuser("chef@exemple.fr", None))
    set_up(boss)
    assert client.get(deed(member)).status_code == 403
    page = boss.get(deed(member))
    assert page.status_code == 200
    assert TOTPDevice.objects.filter(user=member).exists()
    answer = boss.post(deed(member), {"reason": "téléphone perdu", "seen": page.context["seen"]})
    assert answer.status_code == 302
    assert not TOTPDevice.objects.filter(user=member).exists()
    assert not StaticToken.objects.filter(device__user=member).exists()
    log = ActivityLog.objects.get(action_type="staff_two_factor_removed")
    assert log.user == member
    assert log.new_values is not None
    assert log.new_values["reason"] == "téléphone perdu"
    assert client.get(HOME, follow=True).redirect_chain[-1][0].startswith(SETUP)  # open sessions too
    assert boss.get(deed(member)).status_code == 409


def test_the_library_s_own_pages_are_not_there(client: Client) -> None:
    client.force_login(User.objects.create_superuser("chef@exemple.fr", None))
    for page in ("/admin/otp_totp/totpdevice/", "/admin/otp_static/staticdevice/"):
        assert client.get(page).status_code in (302, 404)
        assert client.get(page, follow=True).status_code == 404


def test_erasing_a_person_takes_the_second_factor_with_it() -> None:
    member: Any = make_user(is_staff=True)
    TOTPDevice.objects.create(user=member, confirmed=True)
    StaticToken.objects.create(device=StaticDevice.objects.create(user=member), token="x")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM users WHERE id = %s", [member.pk])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()
