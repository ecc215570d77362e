"""Fetching a run's people in chunks, the next chunk while the last one is compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from audit.runs.verification.instants import text_of
from audit.runs.verification.items import Person, Snapshot
from audit.runs.verification.repairs import fetch_repairs
from audit.runs.verification.strays import Stray, find_strays
from audit.runs.verification.summaries import SELECT_SUMMARIES, SummaryCheck, SummaryFaults
from audit.runs.verification.tables import Session, Tables, copy_out, fetch_tables, rows_of
from audit.runs.verification.zones import default_zone

PEOPLE = 100
BYTES = 16 * 1024 * 1024
"""A chunk has at most so many people, and no more of them once their snapshots hold so many bytes."""

FIRST = 20
"""Of the first chunk: until it is there, nothing can be compared."""

AHEAD = 1
"""So many chunks are fetched ahead; each is held in memory."""

# The snapshots of a person as this run saw them: its own, and those of earlier runs; rolled back batches do not count. Whether a batch was
# committed is asked row by row: right after a migration PostgreSQL has no statistics, takes the batches for a few and would begin with them.
_COMMITTED = "(SELECT status FROM migration_batches WHERE id = plan.batch_id) = 'committed'"
# What was taken back counts no more, nor, in later runs, what an earlier one had set aside.
_COUNTS = "plan.reverted_at IS NULL AND (plan.poison_digest = '' OR plan.run_id = {run})"
_SIZES = f"""
    SELECT plan.user_id, sum(snapshots.size_bytes)::bigint
    FROM migration_run_snapshots AS plan
    JOIN storage_snapshots AS snapshots ON snapshots.id = plan.snapshot_id
    WHERE plan.run_id <= %(run)s AND {_COMMITTED} AND {_COUNTS.format(run="%(run)s")}
    GROUP BY plan.user_id HAVING bool_or(plan.run_id = %(run)s) ORDER BY plan.user_id
"""
_PAYLOADS = f"""
    SELECT snapshots.id::text, plan.user_id::text, snapshots.sha256, snapshots.payload,
           (extract(epoch FROM snapshots.loaded_at) * 1000000)::bigint::text, bool_or(plan.run_id = $2::bigint)::text, users.email::text,
           bool_or(plan.run_id = $2::bigint AND plan.poison_digest <> '')::text
    FROM migration_run_snapshots AS plan
    JOIN storage_snapshots AS snapshots ON snapshots.id = plan.snapshot_id
    JOIN users ON users.id = plan.user_id
    WHERE plan.run_id <= $2::bigint AND {_COMMITTED} AND {_COUNTS.format(run="$2::bigint")} AND plan.user_id = ANY ($1)
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
        self.strays: list[Stray] = []
        """Known when all chunks were gone through."""
        self.people: list[tuple[UUID, int]] = [(user, size) for user, size in rows]

    def __iter__(self) -> Iterator[Chunk]:
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="verification") as executor:
            fetching: deque[Future[Chunk]] = deque()
            for users in self._cut():
                fetching.append(executor.submit(self._fetch, users))
                if len(fetching) > AHEAD:
                    yield fetching.popleft().result()
            strays = executor.submit(find_strays, self.session, self.run)
            while fetching:
                yield fetching.popleft().result()
            self.strays = strays.result()

    def _cut(self) -> Iterator[list[UUID]]:
        chunk: list[UUID] = []
        held, most = 0, FIRST
        for user, size in self.people:
            if chunk and (len(chunk) == most or held + size > BYTES):
                yield chunk
                chunk, held, most = [], 0, PEOPLE
            chunk.append(user)
            held += size
        if chunk:
            yield chunk

    def _fetch(self, users: list[UUID]) -> Chunk:
        with self._one_moment():
            people = self._people(users)
            ours = [snapshot.id for person in people for snapshot in person.snapshots if snapshot.in_run]
            tables = fetch_tables(self.session, self.run, users, ours)
            self._repairs(people)
            stored = copy_out(self.session, SELECT_SUMMARIES, [users])
        faults = self.summaries.check(tables.meal_texts, tables.goal_text, stored)
        tables.meal_texts, tables.goal_text = [], b""
        return Chunk(people, tables, faults)

    def _repairs(self, people: list[Person]) -> None:
        """One statement a chunk."""
        snapshots = {snapshot.id: snapshot for person in people for snapshot in person.snapshots}
        for number, repairs in fetch_repairs(self.session, self.run, list(snapshots)).items():
            snapshots[number].repairs = repairs

    @contextmanager
    def _one_moment(self) -> Iterator[None]:
        """All statements of a chunk see the same moment, and can write nothing.

        They look up some people by index. Right after a migration PostgreSQL has no statistics yet, takes a hundred people for a tenth of the
        table and would read all of it for every chunk: the larger the migration, the slower each meal.
        """
        if not self.own_moment:
            yield
            return
        self.session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        self.session.execute("SET LOCAL enable_seqscan = off")
        try:
            yield
        finally:
            self.session.execute("ROLLBACK")

    def _people(self, users: list[UUID]) -> list[Person]:
        """The people with the bytes of their snapshots."""
        people: dict[str, Person] = {}
        for snapshot_id, user, sha256, payload, loaded_at, in_run, email, poisoned in rows_of(
            self.session, _PAYLOADS, users, str(self.run).encode()
        ):
            loaded = int(loaded_at)
            person = people.setdefault(user.decode(), Person(user.decode(), email.decode()))
            person.snapshots.append(
                Snapshot(
                    id=int(snapshot_id),
                    user=person.id,
                    sha256=sha256,
                    payload=payload,
                    loaded_at=loaded,
                    in_run=in_run == b"true",
                    poisoned=poisoned == b"true",
                    zone=default_zone(),
                    captured_at=text_of(loaded),
                )
            )
        return list(people.values())
