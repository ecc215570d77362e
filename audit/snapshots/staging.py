"""Lines become immutable rows: the same bytes once, each chunk in a transaction of its own, so that an interrupted load is simply repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.db import IntegrityError, connections, transaction

from audit.models import SnapshotStatus
from audit.snapshots.accounts import Claim, Match, match_accounts
from audit.snapshots.capture import Capture, CaptureError, Zones, column_text, read_capture
from audit.snapshots.lines import SourceLine, read_lines
from audit.snapshots.waiting import claim_waiting

LINES_A_CHUNK = 500
BYTES_A_CHUNK = 16 * 1024 * 1024
"""A chunk ends with the line that reaches either, so memory holds this much and one line."""

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that is no capture, and why."""

    source: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.reason}"


@dataclass(slots=True)
class StagingReport:
    """`lines` = `staged` + `already` + `rejected`. `unclaimed`: of the staged ones, those without account, by reason."""

    lines: int = 0
    staged: int = 0
    already: int = 0
    rejected: list[RejectedLine] = field(default_factory=list)
    unclaimed: dict[str, int] = field(default_factory=dict)
    users_created: int = 0
    claimed_later: int = 0
    """Snapshots of earlier loads (or of earlier lines) that found their account now."""


Rejection = Callable[[RejectedLine], None]
Progress = Callable[[int], None]


def _ignore(_: object) -> None:
    """Nobody is told."""


def stage_files(
    *,
    sources: Sequence[str],
    create_users: bool = False,
    on_rejected: Rejection = _ignore,
    on_progress: Progress = _ignore,
    using: str = "default",
) -> StagingReport:
    """Stages all lines of these files (`-`: standard input), then gives snapshots without account their second chance."""
    lines = chain.from_iterable(read_lines(source) for source in sources)
    report = stage_lines(
        lines=lines, create_users=create_users, on_rejected=on_rejected, on_progress=on_progress, using=using
    )
    claimed = claim_waiting(create_users=create_users, using=using)
    report.claimed_later = claimed.snapshots
    report.users_created += claimed.users_created
    return report


def stage_lines(
    *,
    lines: Iterable[SourceLine],
    create_users: bool = False,
    on_rejected: Rejection = _ignore,
    on_progress: Progress = _ignore,
    using: str = "default",
) -> StagingReport:
    """Stages captures, each with the account it belongs to; a line that is none is reported, and the rest goes on.

    Idempotent: bytes that are there already count as `already`. Chunks are committed as they come; `on_rejected` hears of each broken
    line at once, `on_progress` how many lines a chunk had.
    """
    report = StagingReport()
    zones = Zones(_known_zones(using), settings.DYNPROT_DEFAULT_TIME_ZONE)
    for chunk in _chunks(lines):
        report.lines += len(chunk)
        captures = _read_chunk(chunk, zones, using, report, on_rejected)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _stage_chunk(captures, create_users=create_users, using=using, report=report)
                break
            except IntegrityError:
                # Another loader staged the same bytes at the same moment: they are there already now.
                if attempt == _ATTEMPTS:
                    raise
        on_progress(len(chunk))
    return report


@cache
def _known_zones(using: str) -> frozenset[str]:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = frozenset(row[0] for row in cursor.fetchall()) & available_timezones()
    return known - {"localtime", "posixrules"}  # what the machine is set to


def _chunks(lines: Iterable[SourceLine]) -> Iterator[list[SourceLine]]:
    chunk: list[SourceLine] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.payload)
        if len(chunk) >= LINES_A_CHUNK or size >= BYTES_A_CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


@dataclass(frozen=True, slots=True)
class _Staged:
    capture: Capture
    line: SourceLine
    loaded_at: datetime


def _read_chunk(
    chunk: Sequence[SourceLine], zones: Zones, using: str, report: StagingReport, on_rejected: Rejection
) -> list[_Staged]:
    """Heads of the lines, at the server's time. `loaded_at` decides what is in the future, so it is settled before the row is written."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        loaded_at = cursor.fetchone()[0]
    captures = []
    for line in chunk:
        try:
            captures.append(_Staged(_capture(line, zones, loaded_at), line, loaded_at))
        except CaptureError as error:
            rejected = RejectedLine(line.source, line.number, str(error))
            report.rejected.append(rejected)
            on_rejected(rejected)
    return captures


def _capture(line: SourceLine, zones: Zones, loaded_at: datetime) -> Capture:
    if line.problem:
        raise CaptureError(line.problem)
    return read_capture(line.payload, zones=zones, loaded_at=loaded_at)


def _stage_chunk(captures: Sequence[_Staged], *, create_users: bool, using: str, report: StagingReport) -> None:
    """One transaction; the report is changed only when it is through."""
    distinct = {staged.capture.sha256: staged for staged in reversed(captures)}
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT sha256 FROM storage_snapshots WHERE sha256 = ANY (%s::bytea[])", [list(distinct)])
        present = {bytes(row[0]) for row in cursor.fetchall()}
        new = [
            distinct[sha256] for sha256 in dict.fromkeys(s.capture.sha256 for s in captures) if sha256 not in present
        ]
        claims = [Claim(s.capture.email, s.capture.username, s.capture.legacy_id) for s in new]
        matches, created = match_accounts(claims=claims, create_users=create_users, using=using)
        _copy(using, [_row(staged, match) for staged, match in zip(new, matches, strict=True)])
    report.staged += len(new)
    report.already += len(captures) - len(new)
    report.users_created += created
    for match in matches:
        if match.user_id is None:
            report.unclaimed[str(match.reason)] = report.unclaimed.get(str(match.reason), 0) + 1


_COLUMNS = {
    "sha256": "bytea",
    "payload": "bytea",
    "size_bytes": "int8",
    "user_id": "uuid",
    "status": "text",
    "waiting_reason": "text",
    "claimed_email": "text",
    "claimed_username": "text",
    "claimed_legacy_id": "text",
    "claimed_name": "text",
    "captured_at": "timestamptz",
    "timezone": "text",
    "origin": "text",
    "user_agent": "text",
    "source": "text",
    "source_line": "int4",
    "loaded_at": "timestamptz",
}


def _row(staged: _Staged, match: Match) -> tuple[Any, ...]:
    capture = staged.capture
    status = SnapshotStatus.UNCLAIMED if match.user_id is None else SnapshotStatus.WAITING
    return (
        capture.sha256,
        capture.payload,
        len(capture.payload),
        match.user_id,
        status.value,
        str(match.reason),
        capture.email,
        capture.username,
        capture.legacy_id,
        capture.name,
        capture.captured_at,
        capture.timezone,
        capture.origin,
        capture.user_agent,
        column_text(staged.line.source, 1000),
        staged.line.number,
        staged.loaded_at,
    )


def _copy(using: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Binary, since bytes as text would be twice as long."""
    statement = f"COPY storage_snapshots ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
    connection = connections[using]
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.set_types(list(_COLUMNS.values()))
        for row in rows:
            copy.write_row(row)
