"""What happened cannot be changed afterwards: snapshots, the activity log, the events and sums of a run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction

from accounts.models import User
from audit.models import (
    ActivityLog,
    MigrationBatch,
    MigrationEvent,
    MigrationOutcome,
    MigrationRun,
    MigrationTally,
    RunStatus,
    StorageSnapshot,
)
from audit.models.runs import ACTIVE
from tests.database import other_connection, rows, run, value
from tests.factories import NOON, make_run, make_snapshot, make_user

pytestmark = pytest.mark.django_db

MAY_CHANGE = {"user_id", "status", "waiting_reason", "last_run_id"}


def refused(statement: str, params: list[Any] | None = None, match: str = "") -> None:
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        run(statement, params)


# --- Snapshots --------------------------------------------------------------------------------------------------------------
OTHER_VALUES: dict[str, object] = {
    "id": 987654321, "sha256": b"x" * 32, "payload": b"{}", "size_bytes": 1, "claimed_email": "x", "claimed_username": "x",
    "claimed_legacy_id": "x", "claimed_name": "x", "captured_at": "2020-01-01Z", "timezone": "UTC", "origin": "x", "user_agent": "x",
    "source": "x", "source_line": 9, "loaded_at": "2020-01-01Z",
}  # fmt: skip


def test_every_column_of_a_snapshot_is_either_fixed_or_known_to_change() -> None:
    assert set(OTHER_VALUES) | MAY_CHANGE == {field.column for field in StorageSnapshot._meta.concrete_fields}


@pytest.mark.parametrize("column", sorted(OTHER_VALUES))
def test_what_a_snapshot_holds_cannot_be_changed(column: str) -> None:
    snapshot = make_snapshot(make_user(), b'{"n": 1}')
    refused(
        f"UPDATE storage_snapshots SET {column} = %s WHERE id = %s",  # noqa: S608
        [OTHER_VALUES[column], snapshot.pk],
        match="is immutable",
    )
    snapshot.refresh_from_db()
    assert bytes(snapshot.payload) == b'{"n": 1}'


def test_a_snapshot_may_find_its_person_and_its_run() -> None:
    snapshot, user, migration = make_snapshot(None), make_user(), make_run()
    statement = "UPDATE storage_snapshots SET user_id = %s, status = 'migrated', last_run_id = %s WHERE id = %s"
    assert run(statement, [user.pk, migration.pk, snapshot.pk]) == 1
    refused("UPDATE storage_snapshots SET status = 'unclaimed' WHERE id = %s", [snapshot.pk], match="claimed_check")
    refused("UPDATE storage_snapshots SET user_id = NULL WHERE id = %s", [snapshot.pk], match="claimed_check")


def test_the_same_bytes_are_one_snapshot() -> None:
    make_snapshot(make_user(), b"{}")
    with pytest.raises(IntegrityError, match="sha256"), transaction.atomic():
        make_snapshot(make_user(), b"{}")


@pytest.mark.parametrize("owned", [True, False])
def test_a_snapshot_is_kept_but_from_retention(*, owned: bool) -> None:
    snapshot = make_snapshot(make_user() if owned else None)
    refused("DELETE FROM storage_snapshots WHERE id = %s", [snapshot.pk], match="is kept")
    with pytest.raises(IntegrityError, match="is kept"), transaction.atomic():
        snapshot.delete()
    with transaction.atomic():
        run("SET LOCAL dynprot.retention = 'on'")
        assert run("DELETE FROM storage_snapshots WHERE id = %s", [snapshot.pk]) == 1


def test_the_erasure_of_a_person_takes_snapshots_and_what_they_led_to() -> None:
    user, other, migration = make_user(), make_user(), make_run()
    for person in (user, other):
        snapshot = make_snapshot(person)
        MigrationTally.objects.create(run=migration, snapshot=snapshot, kind="meal", found=1, quarantined=1)
        MigrationOutcome.objects.create(
            run=migration, snapshot=snapshot, user=person, kind="meal", path="m[0]", outcome="quarantined"
        )
    run("DELETE FROM users WHERE id = %s", [user.pk])
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert list(StorageSnapshot.objects.values_list("user_id", flat=True)) == [other.pk]
    assert list(MigrationOutcome.objects.values_list("user_id", flat=True)) == [other.pk]
    assert MigrationTally.objects.count() == 1
    assert MigrationRun.objects.filter(pk=migration.pk).exists()


# --- The activity log -------------------------------------------------------------------------------------------------------
def log(user: User | None) -> ActivityLog:
    return ActivityLog.objects.create(
        user=user, action_type="meal.create", record_id=uuid4(), new_values={"protein": 1}, ip_address="::1"
    )


@pytest.mark.parametrize("way", ["raw", "orm"])
def test_the_log_survives_the_person_without_the_name(way: str) -> None:
    user = make_user()
    entry = log(user)
    if way == "raw":
        run("DELETE FROM users WHERE id = %s", [user.pk])
    else:
        user.delete()
    run("SET CONSTRAINTS ALL IMMEDIATE")
    entry.refresh_from_db()
    assert (entry.user_id, entry.action_type, entry.new_values) == (None, "meal.create", {"protein": 1})


@pytest.mark.parametrize(
    "column",
    ["action_type", "table_name", "old_values", "new_values", "record_id", "ip_address", "user_agent", "created_at"],
)
def test_the_log_is_append_only(column: str) -> None:
    entry = log(make_user())
    new = {
        "created_at": "2020-01-01Z",
        "old_values": "{}",
        "new_values": "{}",
        "record_id": str(uuid4()),
        "ip_address": "::2",
    }
    refused(f"UPDATE activity_logs SET {column} = %s WHERE id = %s", [new.get(column, "x"), entry.pk], match="update")  # noqa: S608
    refused("DELETE FROM activity_logs WHERE id = %s", [entry.pk], match="delete")
    assert ActivityLog.objects.filter(pk=entry.pk).exists()


def test_what_one_did_is_never_put_on_another() -> None:
    entry, other = log(make_user()), make_user()
    refused("UPDATE activity_logs SET user_id = %s WHERE id = %s", [other.pk, entry.pk], match="update")
    refused("UPDATE activity_logs SET user_id = %s WHERE id = %s", [other.pk, log(None).pk], match="update")


def test_from_where_somebody_came_goes_only_together_with_who_it_was() -> None:
    user = make_user()
    entry, other = log(user), log(user)
    refused("UPDATE activity_logs SET ip_address = NULL WHERE id = %s", [entry.pk], match="update")
    refused("UPDATE activity_logs SET user_agent = 'x', user_id = NULL WHERE id = %s", [entry.pk], match="update")
    refused("UPDATE activity_logs SET ip_address = '::2', user_id = NULL WHERE id = %s", [entry.pk], match="update")
    refused("UPDATE activity_logs SET ip_address = NULL WHERE id = %s", [log(None).pk], match="update")
    set_null = "UPDATE activity_logs SET user_id = NULL, ip_address = NULL, user_agent = NULL WHERE id = %s"
    assert run(set_null, [entry.pk]) == 1
    entry.refresh_from_db()
    other.refresh_from_db()
    assert (entry.user_id, entry.ip_address, other.user_id, other.ip_address) == (None, None, user.pk, "::1")


def test_retention_may_shorten_the_log() -> None:
    entry = log(None)
    with transaction.atomic():
        run("SET LOCAL dynprot.retention = 'on'")
        assert run("DELETE FROM activity_logs WHERE id = %s", [entry.pk]) == 1


# --- Runs -------------------------------------------------------------------------------------------------------------------
def test_events_are_append_only() -> None:
    event = MigrationEvent.objects.create(run=make_run(), action="start", actor="jean")
    with pytest.raises(DatabaseError, match="update"), transaction.atomic():
        MigrationEvent.objects.filter(pk=event.pk).update(actor="paul")
    with pytest.raises(DatabaseError, match="delete"), transaction.atomic():
        event.delete()
    refused("SET LOCAL dynprot.retention = 'on'; DELETE FROM migration_events", match="delete")
    assert MigrationEvent.objects.get(pk=event.pk).actor == "jean"


@pytest.mark.parametrize("status", [status.value for status in RunStatus])
def test_one_active_run_a_scope(status: str) -> None:
    verdict = "passed" if status.startswith("completed") else ""
    MigrationRun.objects.create(scope="all", batch_size=1, status=status, verdict=verdict)
    if status in ACTIVE:
        with pytest.raises(IntegrityError, match="migration_runs_one_active_key"), transaction.atomic():
            MigrationRun.objects.create(scope="all", batch_size=1)
        with pytest.raises(ValidationError, match="déjà en cours"):
            MigrationRun(scope="all", batch_size=1, status="pending").validate_constraints()
    else:
        MigrationRun.objects.create(scope="all", batch_size=1)
    MigrationRun.objects.create(scope="elsewhere", batch_size=1)


@pytest.mark.django_db(transaction=True)
def test_of_runs_started_at_the_same_instant_one_wins() -> None:
    contenders = 4
    start = Barrier(contenders)

    def begin(number: int) -> bool:
        with other_connection() as connection:
            start.wait(timeout=20)
            try:
                connection.execute(
                    "INSERT INTO migration_runs (scope, batch_size, options, report, flow, rollback) VALUES ('all', %s, '{}', '{}', '{}', '{}')",
                    [number],
                )
            except psycopg.errors.UniqueViolation:
                return False
            return True

    with ThreadPoolExecutor(contenders) as threads:
        for _ in range(5):
            won = list(threads.map(begin, range(1, contenders + 1)))
            assert won.count(True) == 1
            assert rows("SELECT batch_size FROM migration_runs WHERE status = 'pending'") == [(won.index(True) + 1,)]
            run("UPDATE migration_runs SET status = 'cancelled'")


@pytest.mark.parametrize("status", ["completed", "completed_with_quarantine"])
def test_only_a_passed_verification_completes_a_run(status: str) -> None:
    migration = make_run(status="verifying")
    for verdict in ("", "failed"):
        refused(
            "UPDATE migration_runs SET status = %s, verdict = %s WHERE id = %s",
            [status, verdict, migration.pk],
            match="verified_check",
        )
    refused("UPDATE migration_runs SET verdict = 'perhaps' WHERE id = %s", [migration.pk], match="verdict_check")
    assert run("UPDATE migration_runs SET status = %s, verdict = 'passed' WHERE id = %s", [status, migration.pk]) == 1
    refused("UPDATE migration_runs SET verdict = '' WHERE id = %s", [migration.pk], match="verified_check")


COUNTS = ("created", "updated", "unchanged", "duplicate", "superseded", "quarantined", "waived")


@pytest.mark.parametrize("missing", COUNTS)
def test_a_tally_adds_up(missing: str) -> None:
    """Law 1: every item found has exactly one outcome."""
    migration, snapshot = make_run(), make_snapshot(make_user())
    counts = dict.fromkeys(COUNTS, 2)
    tally = MigrationTally.objects.create(run=migration, snapshot=snapshot, kind="meal", found=14, **counts)
    for wrong in (1, 3):
        refused(
            f"UPDATE migration_tallies SET {missing} = %s WHERE id = %s",  # noqa: S608
            [wrong, tally.pk],
            match="conservation_check",
        )
    refused(
        f"UPDATE migration_tallies SET {missing} = -1, found = 11 WHERE id = %s",  # noqa: S608
        [tally.pk],
        match=f"{missing}_check",
    )
    refused("UPDATE migration_tallies SET found = 15 WHERE id = %s", [tally.pk], match="conservation_check")
    assert run(f"UPDATE migration_tallies SET {missing} = 5, found = 17 WHERE id = %s", [tally.pk]) == 1  # noqa: S608


def test_an_item_has_one_outcome_and_a_kind_one_tally() -> None:
    migration, user = make_run(), make_user()
    snapshot = make_snapshot(user)
    MigrationTally.objects.create(run=migration, snapshot=snapshot, kind="meal")
    with pytest.raises(IntegrityError, match="migration_tallies_key"), transaction.atomic():
        MigrationTally.objects.create(run=migration, snapshot=snapshot, kind="meal")
    outcome: dict[str, Any] = {
        "run": migration,
        "snapshot": snapshot,
        "user": user,
        "kind": "meal",
        "path": "dynprot-meals[0]",
    }
    MigrationOutcome.objects.create(outcome="quarantined", **outcome)
    with pytest.raises(IntegrityError, match="migration_outcomes_key"), transaction.atomic():
        MigrationOutcome.objects.create(outcome="duplicate", **outcome)


def test_a_leased_batch_has_an_end_of_its_lease_and_a_run_its_size() -> None:
    migration = make_run()
    with pytest.raises(IntegrityError, match="migration_batches_lease_check"), transaction.atomic():
        MigrationBatch.objects.create(run=migration, number=1, status="leased")
    MigrationBatch.objects.create(run=migration, number=1, status="leased", lease_expires_at=NOON)
    with pytest.raises(IntegrityError, match="migration_batches_run_number_key"), transaction.atomic():
        MigrationBatch.objects.create(run=migration, number=1)
    with pytest.raises(IntegrityError, match="migration_runs_batch_size_check"), transaction.atomic():
        make_run(batch_size=0)
    assert value("SELECT count(*) FROM migration_batches WHERE run_id = %s", [migration.pk]) == 1
