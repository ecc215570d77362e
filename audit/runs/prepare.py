"""From leased people to what the tables should say about them. Reads only, and only what never changes: snapshots' bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from django.db import connection

from audit.local_storage.items import PlainMeals
from audit.local_storage.people import read_person
from audit.local_storage.read import SnapshotSource
from audit.runs.existing import Existing
from audit.runs.meal_lines import meal_lines, plain_meal_lines
from audit.runs.plan import PlannedPerson
from audit.runs.quarantine.in_force import RepairsInForce, repairs_in_force
from audit.runs.reconcile import EntryReconciler
from audit.runs.wanted import EntryPlan, PreparedPerson
from dynprot.identifiers import RowIds

# The person's whole set decides (importing.md section 5): the run's snapshots, and those that earlier runs have migrated.
_SNAPSHOTS = """
    SELECT user_id, id, payload, sha256, captured_at, loaded_at, timezone, status FROM storage_snapshots
    WHERE user_id = ANY (%s) AND (id = ANY (%s) OR status = 'migrated')
    ORDER BY user_id, captured_at, sha256
"""


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def prepare(people: Sequence[PlannedPerson], *, repairs: RepairsInForce | None = None) -> Iterator[PreparedPerson]:
    """Reads, cleans and merges the snapshots of each person; people whose account vanished since the plan are left out.

    `repairs` are those that count; all that are in force unless told (one query for everybody).
    """
    chosen = {snapshot for person in people for snapshot in person.snapshot_ids}
    sources: dict[UUID, list[SnapshotSource]] = {}
    known: set[UUID] = set()
    poison = {person.user_id: person.poisoned for person in people}
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:  # not Django's: bytes travel as bytes, not as hex text
        cursor.execute(_SNAPSHOTS, [[person.user_id for person in people], list(chosen)], binary=True)
        for user_id, snapshot, payload, sha256, captured_at, loaded_at, zone, status in cursor:
            source = SnapshotSource(snapshot, payload, sha256, captured_at, loaded_at, _zone(zone))
            sources.setdefault(user_id, []).append(source)
            if status == "migrated":
                known.add(user_id)
    if repairs is None:
        repairs = repairs_in_force(source.id for mine in sources.values() for source in mine)
    for user_id, mine in sources.items():
        in_run = tuple(position for position, source in enumerate(mine) if source.id in chosen)
        poisoned = poison[user_id]
        aside = [position for position in in_run if mine[position].id in poisoned]
        wanted = read_person(mine, in_run, aside, repairs)
        person = PreparedPerson(user_id, mine, in_run, wanted, poisoned)
        yield person if user_id in known else person._replace(meals_if_new=_meals_if_new(person))


def _meals_if_new(person: PreparedPerson) -> EntryPlan:
    """The rows of somebody's first migration are very likely all new. Settled and written down here, in the time when PostgreSQL is busy with
    the batch before, they cost nothing; while the batch is being written they would be a fifth of its time (5 µs a meal)."""
    if person.wanted.plain is not None:
        return _plain_meals_if_new(person, person.wanted.plain)
    plan = EntryPlan()
    reconciler = EntryReconciler(person, Existing(), "meal")
    for merged in person.wanted.meals:
        reconciler.settle(merged, plan)
    plan.finish(meal_lines(plan.create))
    return plan


def _plain_meals_if_new(person: PreparedPerson, plain: PlainMeals) -> EntryPlan:
    source = person.sources[plain.snapshot]
    lines = plain_meal_lines(plain, RowIds(person.user_id), str(person.user_id), source.id, source.zone)
    return EntryPlan(lines=lines, counts=Counter({(plain.snapshot, "created"): len(plain.ids)}))
