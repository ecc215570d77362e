"""Fetching a run's people in chunks, the next chunk while the last one is compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.runs.verification.instants import microseconds_of, text_of
from audit.runs.verification.items import Person, Snapshot
from audit.runs.verification.summaries import SELECT_SUMMARIES, SummaryCheck, SummaryFaults
from audit.runs.verification.tables import Session, Tables, copy_out, fetch_tables
from audit.runs.verification.zones import default_zone

PEOPLE = 100
BYTES = 16 * 1024 * 1024
"""A chunk has at most so many people, and no more of them once their snapshots hold so many bytes."""

AHEAD = 1
"""So many chunks are fetched ahead; each is held in memory."""

# The snapshots of a person as this run saw them: its own, and those of earlier runs; rolled back batches do not count.
_SNAPSHOTS = """
    FROM migration_run_snapshots AS plan
    JOIN migration_batches AS batches ON batches.id = plan.batch_id AND batches.status = 'committed'
    JOIN storage_snapshots AS snapshots ON snapshots.id = plan.snapshot_id
    JOIN users ON users.id = plan.user_id
    WHERE plan.run_id <= %(run)s
"""
_SIZES = f"""
    SELECT plan.user_id, sum(snapshots.size_bytes)::bigint {_SNAPSHOTS}
    AND plan.user_id IN (
        SELECT ours.user_id FROM migration_run_snapshots AS ours
        JOIN migration_batches ON migration_batches.id = ours.batch_id AND migration_batches.status = 'committed'
        WHERE ours.run_id = %(run)s
    )
    GROUP BY plan.user_id ORDER BY plan.user_id
"""
_PAYLOADS = f"""
    SELECT snapshots.id, plan.user_id, snapshots.sha256, snapshots.payload, snapshots.loaded_at, bool_or(plan.run_id = %(run)s), users.email
    {_SNAPSHOTS} AND plan.user_id = ANY (%(users)s)
    GROUP BY snapshots.id, plan.user_id, users.email ORDER BY plan.user_id, snapshots.id
"""


@dataclass(slots=True)
class Chunk:
    """Some people with the bytes of their snapshots, what stands in the tables about them, and the faults of their day summaries."""

    people: list[Person]
    tables: Tables
    summaries: SummaryFaults


class Chunks:
    """The people of a run in id order. A thread of its own fetches and lets DuckDB work, which both leave the interpreter to others."""

    def __init__(self, session: Session, run: int, summaries: SummaryCheck, *, own_moment: bool) -> None:
        """`own_moment`: each chunk is read in a read-only transaction of its own; else in the one that the caller is in."""
        self.session = session
        self.run = run
        self.summaries = summaries
        self.own_moment = own_moment
        rows = session.cursor().execute(_SIZES, {"run": run}).fetchall()
        self.people: list[tuple[UUID, int]] = [(user, size) for user, size in rows]

    def __iter__(self) -> Iterator[Chunk]:
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="verification") as executor:
            fetching: deque[Future[Chunk]] = deque()
            for users in self._cut():
                fetching.append(executor.submit(self._fetch, users))
                if len(fetching) > AHEAD:
                    yield fetching.popleft().result()
            while fetching:
                yield fetching.popleft().result()

    def _cut(self) -> Iterator[list[UUID]]:
        chunk: list[UUID] = []
        held = 0
        for user, size in self.people:
            if chunk and (len(chunk) == PEOPLE or held + size > BYTES):
                yield chunk
                chunk, held = [], 0
            chunk.append(user)
            held += size
        if chunk:
            yield chunk

    def _fetch(self, users: list[UUID]) -> Chunk:
        with self._one_moment():
            people = self._people(users)
            ours = [snapshot.id for person in people for snapshot in person.snapshots if snapshot.in_run]
            tables = fetch_tables(self.session, self.run, users, ours)
            stored = copy_out(self.session, SELECT_SUMMARIES, [users])
        faults = self.summaries.check(tables.meal_text, tables.goal_text, stored)
        tables.meal_text = tables.goal_text = b""
        return Chunk(people, tables, faults)

    @contextmanager
    def _one_moment(self) -> Iterator[None]:
        """All statements of a chunk see the same moment, and can write nothing."""
        if not self.own_moment:
            yield
            return
        self.session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        try:
            yield
        finally:
            self.session.execute("ROLLBACK")

    def _people(self, users: list[UUID]) -> list[Person]:
        """The people with the bytes of their snapshots. Binary results: hexadecimal would double the bytes."""
        people: dict[str, Person] = {}
        cursor: Any = self.session.cursor()
        cursor.execute(_PAYLOADS, {"run": self.run, "users": users}, binary=True)
        for snapshot_id, user, sha256, payload, loaded_at, in_run, email in cursor.fetchall():
            loaded = microseconds_of(loaded_at)
            person = people.setdefault(str(user), Person(str(user), email))
            person.snapshots.append(
                Snapshot(
                    id=snapshot_id,
                    user=person.id,
                    sha256=sha256,
                    payload=payload,
                    loaded_at=loaded,
                    in_run=in_run,
                    zone=default_zone(),
                    captured_at=text_of(loaded),
                )
            )
        return list(people.values())
