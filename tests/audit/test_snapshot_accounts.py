"""Whose snapshot it is: the account's, a new account's, or nobody's yet, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.models import User, UserProfile
from audit.models import SnapshotStatus, StorageSnapshot
from audit.snapshots import accounts, staging
from audit.snapshots.accounts import Claim, base_username
from audit.snapshots.staging import stage_files
from audit.snapshots.waiting import claim_waiting, waiting_snapshots
from tests.audit.captures import capture, owners, stage
from tests.database import run
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("email", "legacy_id", "expected"),
    [
        ("anne@example.fr", None, "anne@example.fr"),
        ("ANNE@Example.FR", None, "anne@example.fr"),
        ("anne@example.fr", "old-anne", "anne@example.fr"),
        ("anne@example.fr", "unheard", "anne@example.fr"),
        (None, "old-anne", "anne@example.fr"),
        (None, "OLD-ANNE", "no_account"),
        (None, "unheard", "no_account"),
        (None, 1234, "bruno@example.fr"),
        ("autre@example.fr", None, "no_account"),
        ("autre@example.fr", "unheard", "no_account"),
        ("anne@example.fr", "1234", "conflicting_identity"),
        ("autre@example.fr", "old-anne", "legacy_id_taken"),
        ("anne\0@example.fr", None, "no_account"),
        ("anne@example.fr\ud800", None, "no_account"),
        ("anne@example.fr" + "x" * 300, None, "no_account"),
        (None, "old-anne\0", "no_account"),
    ],
)
def test_which_account_it_belongs_to(email: str | None, legacy_id: Any, expected: str) -> None:
    make_user(email="anne@example.fr", legacy_id="old-anne")
    make_user(email="bruno@example.fr", legacy_id="1234")
    report = stage(capture(email, legacy_id=legacy_id))
    assert list(owners().values()) == [expected]
    assert report.unclaimed == ({} if "@" in expected else {expected: 1})
    snapshot = StorageSnapshot.objects.get()
    assert (snapshot.status == SnapshotStatus.UNCLAIMED) == (snapshot.user is None)


def test_an_address_that_an_account_has_in_capitals() -> None:
    User.objects.filter(pk=make_user().pk).update(email="Anne@Example.fr")
    report = stage(capture("aNNe@example.fr"), create_users=True)
    assert list(owners().values()) == ["Anne@Example.fr"]
    assert report.users_created == 0


def test_accounts_for_people_who_have_none() -> None:
    make_user(email="anne@example.fr")
    report = stage(
        capture("Bruno@Example.fr", username="Bruno-2000", legacy_id="cku2", name="Bruno Martin"),
        capture("anne@example.fr", legacy_id="cku1"),
        capture("chloe@example.fr", legacy_id="cku3"),
        capture("bruno@example.fr", legacy_id="cku2", user_agent="another browser"),
        create_users=True,
    )
    assert (report.staged, report.users_created, report.unclaimed) == (4, 2, {})
    bruno = User.objects.get(email="bruno@example.fr")
    assert (bruno.username, bruno.legacy_id) == ("bruno2000", "cku2")
    assert (bruno.is_active, bruno.email_verified, bruno.has_completed_onboarding) == (True, True, True)
    assert (bruno.is_staff, bruno.is_superuser, bruno.has_usable_password()) == (False, False, False)
    assert (bruno.first_name, bruno.last_name) == (None, None)
    assert not UserProfile.objects.exists()
    assert bruno.snapshots.count() == 2
    chloe = User.objects.get(email="chloe@example.fr")
    assert (bruno.id.version, chloe.id.version) == (7, 7)
    assert bruno.id < chloe.id
    assert User.objects.get(email="anne@example.fr").legacy_id is None


def test_ids_of_new_accounts_follow_the_file() -> None:
    emails = [f"p{number * 7919 % 300}@example.fr" for number in range(300)]
    stage(*(capture(email) for email in emails), create_users=True)
    assert list(User.objects.order_by("id").values_list("email", flat=True)) == emails


@pytest.mark.parametrize("chunk", [1, 2, 500])
def test_the_same_user_name_twice(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "LINES_A_CHUNK", chunk)
    make_user(email="x@example.fr", username="jean_3")
    make_user(email="y@example.fr", username="jean_dupont")
    people = ["jean@a.fr", "jean@b.fr", "Jean@c.fr", "je-an@d.fr"]
    stage(*(capture(email) for email in people), create_users=True)
    names = {email.lower(): User.objects.get(email=email.lower()).username for email in people}
    assert names == {"jean@a.fr": "jean", "jean@b.fr": "jean_2", "jean@c.fr": "jean_4", "je-an@d.fr": "jean_5"}


def test_many_people_with_one_user_name() -> None:
    stage(*(capture(f"jean@{number}.fr") for number in range(30)), create_users=True)
    names = User.objects.order_by("id").values_list("username", flat=True)
    assert list(names) == ["jean", *(f"jean_{number}" for number in range(2, 31))]


@pytest.mark.parametrize("legacy_id", ["cku\0", "cku\ud800", "x" * 101])
def test_an_old_id_that_no_column_can_hold_is_not_kept_in_part(legacy_id: str) -> None:
    report = stage(capture("anne@example.fr", legacy_id=legacy_id), create_users=True)
    assert report.users_created == 1
    assert User.objects.get().legacy_id is None
    assert stage(capture(None, legacy_id=legacy_id)).unclaimed == {"no_account": 1}


@pytest.mark.parametrize(
    ("username", "email", "expected"),
    [
        ("Anne_42", "a@example.fr", "anne_42"),
        ("", "Anne.Marie+test@example.fr", "anne" + "marietest"),
        ("é!", "anne@example.fr", "anne"),
        ("ab", "jeanne@example.fr", "jeanne"),
        ("x" * 80, "a@example.fr", "x" * 50),
        ("", "ab@example.fr", "user_"),
        ("", "été@example.fr", "user_"),
    ],
)
def test_user_names_by_the_sign_up_pages_rule(username: str, email: str, expected: str) -> None:
    name = base_username(Claim(email, username, ""))
    assert name == expected or (name.startswith(expected) and name[5:].isdecimal() and len(name) == 11)
    assert name == base_username(Claim(email, username, ""))


@pytest.mark.parametrize("chunk", [1, 500])
def test_who_cannot_have_an_account_waits_and_the_others_go_on(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of a chunk; and two people never become one because of one id."""
    monkeypatch.setattr(staging, "LINES_A_CHUNK", chunk)
    make_user(email="anne@example.fr", legacy_id="old-anne")
    report = stage(
        capture("bruno@example.fr", legacy_id="shared"),
        capture("chloe@example.fr", legacy_id="shared"),
        capture("denis@example.fr", legacy_id="old-anne"),
        capture(None, legacy_id="unheard"),
        capture("no address"),
        capture("nul\0@example.fr"),
        capture("emma@example.fr"),
        create_users=True,
    )
    assert owners() == {
        "bruno@example.fr": "bruno@example.fr",
        "chloe@example.fr": "legacy_id_taken",
        "denis@example.fr": "legacy_id_taken",
        "unheard": "no_email",
        "no address": "invalid_email",
        "nul\ufffd@example.fr": "invalid_email",
        "emma@example.fr": "emma@example.fr",
    }
    assert report.users_created == 2
    assert report.unclaimed == {"legacy_id_taken": 2, "no_email": 1, "invalid_email": 2}
    claim_waiting(create_users=True)
    claim_waiting()
    assert set(owners().values()) == {
        "bruno@example.fr",
        "emma@example.fr",
        "legacy_id_taken",
        "no_account",
    }


@pytest.mark.django_db(transaction=True)
def test_somebody_registers_with_that_name_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """User names are looked up, then taken: who was quicker keeps it, the other gets the next."""
    free = accounts._free_username
    calls: list[str] = []

    def slow(base: str, taken: set[str]) -> str:
        name = free(base, taken)
        if not calls:
            calls.append(name)
            make_user(email="rapide@example.fr", username="jean")
        return name

    monkeypatch.setattr(accounts, "_free_username", slow)
    report = stage(capture("jean@a.fr"), capture("jean@b.fr"), create_users=True)
    assert report.users_created == 2
    assert {u.email: u.username for u in User.objects.all()} == {
        "rapide@example.fr": "jean",
        "jean@a.fr": "jean_3",
        "jean@b.fr": "jean_2",
    }


# --- Waiting --------------------------------------------------------------------------------------------------------------


def test_waiting_snapshots_are_matched_again() -> None:
    stage(capture("anne@example.fr"), capture("bruno@example.fr"), capture(None, legacy_id="cku3"))
    assert set(owners().values()) == {"no_account"}
    make_user(email="Anne@example.fr")
    make_user(email="chloe@example.fr", legacy_id="cku3")
    claimed = claim_waiting()
    assert (claimed.snapshots, claimed.users_created) == (2, 0)
    assert owners() == {
        "anne@example.fr": "anne@example.fr",
        "bruno@example.fr": "no_account",
        "cku3": "chloe@example.fr",
    }
    assert claim_waiting().snapshots == 0
    claimed = claim_waiting(create_users=True)
    assert (claimed.snapshots, claimed.users_created) == (1, 1)
    assert set(StorageSnapshot.objects.values_list("status", flat=True)) == {SnapshotStatus.WAITING}


def test_migrated_snapshots_keep_their_person() -> None:
    stage(capture("anne@example.fr"), create_users=True)
    run("UPDATE storage_snapshots SET status = 'migrated'")
    make_user(email="autre@example.fr")
    assert claim_waiting().snapshots == 0
    assert StorageSnapshot.objects.get().status == SnapshotStatus.MIGRATED


def test_every_load_looks_at_those_who_wait(tmp_path: Path) -> None:
    stage(capture("anne@example.fr"))
    make_user(email="anne@example.fr")
    path = tmp_path / "other.ndjson"
    path.write_bytes(capture("bruno@example.fr"))
    report = stage_files(sources=[str(path)])
    assert (report.staged, report.claimed_later) == (1, 1)
    assert owners() == {"anne@example.fr": "anne@example.fr", "bruno@example.fr": "no_account"}


def test_an_old_id_may_come_before_the_address_it_belongs_to(tmp_path: Path) -> None:
    path = tmp_path / "captures.ndjson"
    path.write_bytes(capture(None, legacy_id="cku1") + b"\n" + capture("anne@example.fr", legacy_id="cku1") + b"\n")
    report = stage_files(sources=[str(path)], create_users=True)
    assert (report.users_created, waiting_snapshots()) == (1, [])
    assert owners() == {"cku1": "anne@example.fr", "anne@example.fr": "anne@example.fr"}


def test_who_waits_is_listed_by_reason() -> None:
    stage(*(capture(f"p{number:02}@example.fr") for number in range(12)), capture(None, legacy_id="cku9"))
    (group,) = waiting_snapshots()
    assert (group.reason, group.snapshots) == ("no_account", 13)
    assert group.examples == tuple(f"p{number:02}@example.fr" for number in range(10))
