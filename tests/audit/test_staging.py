"""Lines become snapshots: the exact bytes once, whatever happens in between."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import Error, connection, transaction

from accounts.models import User
from audit.models import SnapshotStatus, StorageSnapshot
from audit.snapshots import staging
from audit.snapshots.lines import SourceLine
from audit.snapshots.staging import RejectedLine, stage_lines
from tests.audit.captures import capture, owners, stage
from tests.database import run
from tests.factories import make_user


@pytest.mark.django_db
def test_a_row_holds_the_exact_bytes_and_the_head() -> None:
    user = make_user(email="anne@example.fr")
    line = capture(username="anne", legacy_id="cku1", name="Anne\0 Petit", timezone="Asia/Tokyo") + b" "
    before = StorageSnapshot.objects.count()
    report = stage(b"broken", line)
    assert StorageSnapshot.objects.count() == before + 1
    assert (report.lines, report.staged, report.already, report.users_created) == (2, 1, 0, 0)
    assert report.rejected == [RejectedLine("test.ndjson", 1, "it is not JSON: Expecting value (character 1)")]

    row = StorageSnapshot.objects.get(sha256=hashlib.sha256(line).digest())
    assert (bytes(row.payload), row.size_bytes) == (line, len(line))
    assert (row.user, row.status, row.waiting_reason) == (user, SnapshotStatus.WAITING, "")
    assert (row.claimed_email, row.claimed_username) == ("anne@example.fr", "anne")
    assert (row.claimed_legacy_id, row.claimed_name) == ("cku1", "Anne\ufffd Petit")
    assert (row.captured_at, row.timezone) == (datetime(2026, 3, 10, 11, tzinfo=UTC), "Asia/Tokyo")
    assert (row.origin, row.user_agent) == ("https://app.example.fr", "Mozilla/5.0")
    assert (row.source, row.source_line) == ("test.ndjson", 2)
    assert timedelta(0) <= datetime.now(UTC) - row.loaded_at < timedelta(minutes=1)


@pytest.mark.django_db
def test_without_a_time_the_moment_of_staging_is_the_capture() -> None:
    stage(capture(captured_at=None))
    row = StorageSnapshot.objects.get()
    assert row.captured_at == row.loaded_at


@pytest.mark.django_db
@pytest.mark.parametrize("chunk", [1, 2, 500])
def test_the_same_bytes_twice_are_one_snapshot(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "LINES_A_CHUNK", chunk)
    one, other = capture(), capture() + b" "
    report = stage(one, one, other)
    assert (report.staged, report.already) == (2, 1)
    assert list(StorageSnapshot.objects.order_by("id").values_list("source_line", flat=True)) == [1, 3]
    report = stage(other, one, source="again.ndjson")
    assert (report.staged, report.already) == (0, 2)
    assert set(StorageSnapshot.objects.values_list("source", flat=True)) == {"test.ndjson"}


@pytest.mark.django_db
def test_a_chunk_ends_at_its_size_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "BYTES_A_CHUNK", 3 * len(capture()))
    sizes: list[int] = []
    lines = [SourceLine("f", number, capture() + b" " * number) for number in range(7)]
    stage_lines(lines=lines, on_progress=sizes.append)
    assert sizes == [3, 3, 1]


@pytest.mark.django_db(transaction=True)
def test_a_load_that_dies_keeps_its_chunks_and_is_simply_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "LINES_A_CHUNK", 2)
    lines = [SourceLine("f", number, capture(f"p{number}@example.fr")) for number in range(7)]

    def dying() -> Iterable[SourceLine]:
        yield from lines[:5]
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError, match="the power is gone"):
        stage_lines(lines=dying(), create_users=True)
    assert StorageSnapshot.objects.count() == User.objects.count() == 4
    report = stage_lines(lines=lines, create_users=True)
    assert (report.staged, report.already, report.users_created) == (3, 4, 3)
    assert StorageSnapshot.objects.count() == User.objects.count() == 7


@pytest.mark.django_db(transaction=True)
def test_another_loader_with_the_same_line_at_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It commits between our looking and our writing: the chunk is done again, and finds it."""
    copy, times = staging._copy, []

    def late_copy(using: str, rows: Sequence[Any]) -> None:
        times.append(len(rows))
        if len(times) == 1:
            thread = Thread(target=stage_elsewhere)
            thread.start()
            thread.join()
        copy(using, rows)

    def stage_elsewhere() -> None:
        try:
            stage(capture("b@example.fr"))
        finally:
            connection.close()

    monkeypatch.setattr(staging, "_copy", late_copy)
    report = stage(capture("a@example.fr"), capture("b@example.fr"))
    assert (report.staged, report.already, times) == (1, 1, [2, 1, 1])
    assert list(owners()) == ["b@example.fr", "a@example.fr"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "payload = 'x'",
        "payload = payload || 'x'",
        "sha256 = 'x'",
        "size_bytes = 1",
        "claimed_email = 'x@example.fr'",
        "claimed_legacy_id = 'x'",
        "captured_at = now()",
        "timezone = 'UTC'",
        "source = 'x'",
        "source_line = 99",
        "loaded_at = now()",
    ],
)
def test_what_was_staged_stays(change: str) -> None:
    stage(capture(), create_users=True)
    with pytest.raises(Error, match="is immutable"), transaction.atomic():
        run(f"UPDATE storage_snapshots SET {change}")  # noqa: S608
    with pytest.raises(Error, match="is kept"), transaction.atomic():
        run("DELETE FROM storage_snapshots")
    assert run("UPDATE storage_snapshots SET status = 'migrated'") == 1


@pytest.mark.django_db
@pytest.mark.slow
def test_a_line_of_50_megabytes() -> None:
    line = capture(local_storage={"dynprot-meals": "x" * 50_000_000})
    assert stage(line).staged == 1
    assert bytes(StorageSnapshot.objects.get().payload) == line


@pytest.mark.django_db
def test_known_zones_are_those_of_python_and_of_the_server() -> None:
    zones = staging._known_zones("default")
    assert {"Europe/Paris", "Pacific/Noumea", "America/Los_Angeles"} <= zones
    assert not zones & {"posixrules", "localtime"}
