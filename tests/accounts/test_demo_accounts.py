"""`make_demo_accounts`: two accounts that work, passwords that only their owner can read."""

import json
import stat
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import User


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    return tmp_path / "demo" / "credentials.json"


def passwords(path: Path) -> dict[str, str]:
    return {entry["role"]: entry["password"] for entry in json.loads(path.read_text())}


@pytest.mark.django_db
def test_both_can_sign_in_with_the_rights_of_their_roles(credentials: Path, client: Client) -> None:
    call_command("make_demo_accounts", credentials=credentials, verbosity=0)
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    for role, may_change in (("operator", True), ("support", False)):
        email = f"{role}@dynprot.test"
        assert client.login(username=email, password=passwords(credentials)[role])
        user = User.objects.get(email=email)
        assert user.is_staff
        assert user.has_perm("nutrition.view_mealentry")
        assert user.has_perm("nutrition.change_mealentry") is may_change
        assert [group.name for group in user.groups.all()] == ["operators" if role == "operator" else "support"]
    user = User.objects.get(email="support@dynprot.test")
    assert user.get_group_permissions() == user.get_all_permissions()
    assert user.has_perm("audit.migrate_person")
    assert not user.has_perm("audit.start_migrationrun")
    assert not Group.objects.filter(name="Support").exists()


@pytest.mark.django_db
def test_an_older_demonstration_s_group_is_left(credentials: Path) -> None:
    call_command("make_demo_accounts", credentials=credentials, verbosity=0)
    user = User.objects.get(email="support@dynprot.test")
    user.groups.set([Group.objects.create(name="Support")])
    call_command("make_demo_accounts", credentials=credentials, verbosity=0)
    assert [group.name for group in user.groups.all()] == ["support"]


@pytest.mark.django_db
def test_again_nothing_changes_and_a_lost_password_is_given_back(
    credentials: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("make_demo_accounts", credentials=credentials)
    before = passwords(credentials), list(User.objects.values_list("pk", "password").order_by("pk"))
    call_command("make_demo_accounts", credentials=credentials)
    assert "(unchanged)" in capsys.readouterr().out
    assert before == (passwords(credentials), list(User.objects.values_list("pk", "password").order_by("pk")))

    user = User.objects.get(email="support@dynprot.test")
    user.set_password("another")
    user.save()
    call_command("make_demo_accounts", credentials=credentials)
    user.refresh_from_db()
    assert user.check_password(passwords(credentials)["support"])
    assert User.objects.count() == 2


@pytest.mark.django_db
def test_production_refuses(credentials: Path, settings: Settings) -> None:
    settings.DYNPROT_ENVIRONMENT = "production"
    with pytest.raises(CommandError, match="createsuperuser"):
        call_command("make_demo_accounts", credentials=credentials)
    assert not User.objects.exists()
    assert not credentials.exists()
