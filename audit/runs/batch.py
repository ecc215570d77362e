"""One batch is one transaction: the people's rows, the day summaries, the tallies, the outcomes and the batch's own status (law 2)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction

from audit.local_storage.items import ItemOutcome
from audit.runs.claim import ClaimedBatch
from audit.runs.existing import Existing, lock_people, read_existing
from audit.runs.ledger import Ledger, write_ledger
from audit.runs.load import load_favorites, load_meals, load_settings
from audit.runs.meal_lines import photo_file
from audit.runs.prepare import PreparedPerson
from audit.runs.reconcile import EntryPlan, EntryReconciler, WantedRow, name_favorites_apart
from audit.runs.reconcile_settings import SettingsPlan, SettingsReconciler
from nutrition import summaries


class LeaseLost(Exception):
    """Another worker has taken the batch: whatever this one did is rolled back."""


class BatchResult(msgspec.Struct):
    """What a batch did (or, in a dry run, would do)."""

    people: int
    ledger: Ledger
    days: int
    """Day summaries written, changed or removed."""


class _Work(msgspec.Struct):
    meals: EntryPlan
    favorites: EntryPlan
    settings: dict[UUID, SettingsPlan]
    ledger: Ledger
    touched: set[UUID]
    """Whose day summaries have to be made right."""


def commit_batch(prepared: Sequence[PreparedPerson], *, run_id: int | None, claim: ClaimedBatch | None) -> BatchResult:
    """Writes one prepared batch. Without `claim` it is a dry run: the same statements, then everything is rolled back.

    Raises `LeaseLost` when the lease's epoch is no longer ours, `Unbalanced` when an item would get lost; both leave nothing behind.
    """
    with transaction.atomic():
        if claim is None:
            result = _write(prepared, None, dry=True)
            transaction.set_rollback(True)
            return result
        assert run_id is not None
        _hold_lease(claim)
        result = _write(prepared, run_id, dry=False)
        write_ledger(run_id, result.ledger)
        _mark_snapshots(run_id, result.ledger)
        _mark_committed(claim, result)
    return result


def _write(prepared: Sequence[PreparedPerson], run_id: int | None, *, dry: bool) -> BatchResult:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL dynprot.bulk = 'on'")
    people = lock_people([person.user_id for person in prepared])
    read_existing(people)
    present = [person for person in prepared if person.user_id in people]
    work = _reconcile(present, people)
    work.ledger.check()
    if not dry:
        _store_pictures(work.meals)
    load_settings(run_id=run_id, plans=work.settings)
    load_meals(run_id=run_id, create=work.meals.create, update=work.meals.update)
    load_favorites(run_id=run_id, create=work.favorites.create, update=work.favorites.update)
    days = summaries.recompute(user_ids=sorted(work.touched)) if work.touched else 0
    return BatchResult(len(present), work.ledger, days)


def _reconcile(prepared: Iterable[PreparedPerson], people: dict[UUID, Existing]) -> _Work:
    work = _Work(EntryPlan(), EntryPlan(), {}, Ledger(), set())
    for person in prepared:
        existing = people[person.user_id]
        wanted = person.wanted
        for position in person.in_run:
            work.ledger.open(
                person.sources[position].id, Counter[str](wanted.found[position]), json.dumps(wanted.reports[position])
            )
        meals, favorites = EntryPlan(), EntryPlan()
        meal_reconciler = EntryReconciler(person, existing, "meal")
        for merged in wanted.meals:
            meal_reconciler.settle(merged, meals)
        favorite_reconciler = EntryReconciler(person, existing, "favorite")
        name_favorites_apart(wanted.favorites, existing, favorite_reconciler.matches)
        for merged in wanted.favorites:
            favorite_reconciler.settle(merged, favorites)
        settings = SettingsReconciler(person, existing).settle()
        _account(work.ledger, person, meals, favorites, settings)
        work.meals.create.extend(meals.create)
        work.meals.update.extend(meals.update)
        work.favorites.create.extend(favorites.create)
        work.favorites.update.extend(favorites.update)
        if settings.writes:
            work.settings[person.user_id] = settings
        if meals.create or meals.update or settings.goals is not None:
            work.touched.add(person.user_id)
    return work


def _account(
    ledger: Ledger, person: PreparedPerson, meals: EntryPlan, favorites: EntryPlan, settings: SettingsPlan
) -> None:
    ids = [source.id for source in person.sources]
    for kind, plan in (("meal", meals), ("favorite", favorites)):
        for (position, outcome), number in Counter(plan.plain).items():
            ledger.plain(ids[position], kind, outcome, number)
    for position, kind, outcome in settings.plain:
        ledger.plain(ids[position], kind, outcome)
    fates: Iterable[ItemOutcome] = (*person.wanted.outcomes, *meals.outcomes, *favorites.outcomes, *settings.outcomes)
    for fate in fates:
        ledger.add(person.user_id, ids[fate.snapshot], fate)


def _store_pictures(plan: EntryPlan) -> None:
    """Files before rows: a crash in between leaves at most a file without a row, which the next try finds and uses."""
    row: WantedRow
    for row in (*plan.create, *plan.update):
        picture = row.merged.final.picture
        if picture is not None:
            name = photo_file(row.user_id, picture.name)
            if not default_storage.exists(name):
                default_storage.save(name, ContentFile(picture.content))


def _mark_snapshots(run_id: int, ledger: Ledger) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE storage_snapshots SET status = 'migrated', last_run_id = %s WHERE id = ANY (%s)",
            [run_id, list(ledger.found)],
        )


def _hold_lease(claim: ClaimedBatch) -> None:
    """Nobody else takes the batch while this transaction lasts; who comes too late learns it before having written anything."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM migration_batches WHERE id = %s AND epoch = %s AND status = 'leased' FOR UPDATE",
            [claim.id, claim.epoch],
        )
        if cursor.rowcount != 1:
            raise LeaseLost(f"batch {claim.number} was taken over by another worker")


def _mark_committed(claim: ClaimedBatch, result: BatchResult) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE migration_batches SET status = 'committed', finished_at = clock_timestamp(), items = %s, days = %s, error = '', "
            "lease_owner = '', lease_expires_at = NULL WHERE id = %s AND epoch = %s AND status = 'leased'",
            [result.ledger.items, result.days, claim.id, claim.epoch],
        )
        if cursor.rowcount != 1:
            raise LeaseLost(f"batch {claim.number} was taken over by another worker")
