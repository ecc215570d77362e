"""Accounts and waiting snapshots of the sample people, put there by COPY: staging is not what is measured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import available_timezones

import psycopg

from audit.samples import generate
from audit.snapshots.capture import Capture, Zones, read_capture
from dynprot.identifiers import uuid7

SEED = 1
_SNAPSHOT_COLUMNS = (
    "sha256, payload, size_bytes, user_id, claimed_email, claimed_username, claimed_legacy_id, claimed_name, captured_at, timezone, "
    "origin, user_agent, loaded_at"
)


def stage(url: str, *, people: int, meals: int, dirty: int, seed: int = SEED) -> int:
    """Stages the sample browsers of so many people; returns the number of snapshots."""
    zones = Zones(available_timezones(), "Europe/Paris")
    now = datetime.now(UTC)
    accounts: dict[str, tuple[str, Capture]] = {}
    snapshots = 0

    def captures() -> Iterator[tuple[str, Capture]]:
        for line in generate(people, meals, seed, dirty):
            capture = read_capture(line, zones=zones, loaded_at=now)
            person = capture.email.lower() or capture.legacy_id
            if person not in accounts:
                accounts[person] = (str(uuid7()), capture)
            yield accounts[person][0], capture

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        # Snapshots refer to people, whose rows follow in the same transaction: the foreign key is checked at its end.
        with cursor.copy(f"COPY storage_snapshots ({_SNAPSHOT_COLUMNS}) FROM STDIN") as copy:
            seen: set[bytes] = set()
            for user_id, one in captures():
                if one.sha256 in seen:
                    continue
                seen.add(one.sha256)
                snapshots += 1
                copy.write_row(
                    (
                        one.sha256,
                        one.payload,
                        len(one.payload),
                        user_id,
                        one.email,
                        one.username,
                        one.legacy_id,
                        one.name,
                        one.captured_at,
                        one.timezone,
                        one.origin,
                        one.user_agent,
                        now,
                    )
                )
        with cursor.copy("COPY users (id, email, username, password_hash, legacy_id) FROM STDIN") as copy:
            for user_id, first in accounts.values():
                copy.write_row(
                    (
                        user_id,
                        first.email.lower() or f"{first.legacy_id}@exemple.invalid",
                        first.username or "?",
                        "!",
                        first.legacy_id or None,
                    )
                )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE users, storage_snapshots")
    return snapshots
