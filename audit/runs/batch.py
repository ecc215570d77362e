"""One batch is one transaction: the people's rows, the day summaries, the tallies, the outcomes and the batch's own status (law 2)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

import msgspec
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction

from audit.local_storage.items import ItemOutcome
from audit.runs.claim import ClaimedBatch
from audit.runs.existing import Existing, lock_people, read_existing
from audit.runs.failpoints import reach
from audit.runs.ledger import Ledger, write_ledger
from audit.runs.load import create_meals, favorite_json, load_favorites, load_settings, update_meals
from audit.runs.meal_lines import meal_lines, photo_file
from audit.runs.plan import PlannedPerson
from audit.runs.plan_digest import ledger_effects, settings_effects, sum_of
from audit.runs.reconcile import EntryReconciler, name_favorites_apart
from audit.runs.reconcile_settings import SettingsPlan, SettingsReconciler
from audit.runs.wanted import EntryPlan, PreparedPerson
from nutrition import summaries


class LeaseLost(Exception):
    """Another worker has taken the batch: whatever this one did is rolled back."""


class BatchResult(msgspec.Struct):
    """What a batch did (or, in a dry run, would do)."""

    people: int
    ledger: Ledger
    days: int
    """Day summaries written, changed or removed."""
    effects: int = 0
    """Of a dry run: the sum of all its effects (plan_digest.py)."""
    poisoned: dict[int, str] = {}
    """Snapshots that were set aside → the traceback's digest."""


class _Work(msgspec.Struct):
    """What is to be written of a batch, as far as its people have come by."""

    people: int = 0
    meals: list[EntryPlan] = []
    """Person by person."""
    favorites: EntryPlan = msgspec.field(default_factory=EntryPlan)
    settings: dict[UUID, SettingsPlan] = {}
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    touched: set[UUID] = msgspec.field(default_factory=set)
    """Whose day summaries have to be made right."""
    poisoned: dict[int, str] = {}


def commit_batch(
    prepared: Iterable[PreparedPerson],
    *,
    run_id: int | None,
    claim: ClaimedBatch | None,
    planned: Sequence[PlannedPerson] | None = None,
) -> BatchResult:
    """Writes one batch, whose people may still be on their way. Without `claim` it is a dry run (of `planned`): the same statements, then
    everything is rolled back.

    Raises `LeaseLost` when the lease's epoch is no longer ours, `Unbalanced` when an item would get lost; both leave nothing behind.
    """
    with transaction.atomic():
        if claim is None:
            result = write_people(prepared, None, dry=True, planned=planned)
            transaction.set_rollback(True)
            return result
        assert run_id is not None
        _hold_lease(claim)
        reach("batch.begun")
        result = write_people(prepared, run_id, dry=False, planned=claim.people)
        write_ledger(run_id, result.ledger)
        reach("batch.tallies")
        _mark_snapshots(run_id, result.ledger, result.poisoned)
        _mark_committed(claim, result)
        reach("batch.marked")
    reach("batch.committed")
    return result


def write_people(
    prepared: Iterable[PreparedPerson], run_id: int | None, *, dry: bool, planned: Sequence[PlannedPerson] | None = None
) -> BatchResult:
    """Settles people against the tables and writes their rows and day summaries, in the transaction of the caller; no book-keeping.

    `planned` are the same people, where they are known before they are prepared. Each is settled when PostgreSQL asks for their meals.
    """
    if planned is None:
        prepared = list(prepared)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL dynprot.bulk = 'on'")
    people = lock_people([person.user_id for person in planned or prepared])
    read_existing(people)
    work = _Work()
    create_meals(run_id=run_id, lines=_settled(prepared, people, work))
    work.ledger.check()
    if any(plan.update for plan in work.meals):
        update_meals(run_id=run_id, lines=(meal_lines(plan.update) for plan in work.meals))
    reach("batch.meals")
    load_settings(run_id=run_id, plans=work.settings)
    reach("batch.settings")
    load_favorites(run_id=run_id, create=work.favorites.create, update=work.favorites.update)
    reach("batch.favorites")
    if not dry:
        _store_pictures(work.meals)
    days = summaries.recompute(user_ids=sorted(work.touched)) if work.touched else 0
    reach("batch.summaries")
    return BatchResult(work.people, work.ledger, days, _effects(work) if dry else 0, work.poisoned)


def _effects(work: _Work) -> int:
    lines = (line for plan in work.meals for line in _meal_effects(plan))
    favorites = (
        "favorite " + json.dumps(favorite_json(row)) for row in (*work.favorites.create, *work.favorites.update)
    )
    return sum_of((*lines, *favorites, *settings_effects(work.settings), *ledger_effects(work.ledger)))


def _meal_effects(plan: EntryPlan) -> Iterator[str]:
    yield from (f"create {line}" for line in (plan.lines or meal_lines(plan.create)).split("\n"))
    yield from (f"update {line}" for line in meal_lines(plan.update).split("\n"))


def _settled(prepared: Iterable[PreparedPerson], people: dict[UUID, Existing], work: _Work) -> Iterator[str]:
    """Everybody's new meals as lines of COPY; what else is to be written is gathered in `work`. Who was erased meanwhile is left out."""
    for person in prepared:
        existing = people.get(person.user_id)
        if existing is not None:
            meals = _reconcile(person, existing, work)
            yield meals.lines or meal_lines(meals.create)


def _reconcile(person: PreparedPerson, existing: Existing, work: _Work) -> EntryPlan:
    wanted = person.wanted
    for position in person.in_run:
        work.ledger.open(
            person.sources[position].id, Counter[str](wanted.found[position]), json.dumps(wanted.reports[position])
        )
    meals, favorites = _settle_meals(person, existing), EntryPlan()
    favorite_reconciler = EntryReconciler(person, existing, "favorite")
    name_favorites_apart(wanted.favorites, existing, favorite_reconciler.matches)
    for merged in wanted.favorites:
        favorite_reconciler.settle(merged, favorites)
    favorites.finish()
    settings = SettingsReconciler(person, existing).settle()
    _account(work.ledger, person, meals, favorites, settings)
    work.people += 1
    work.meals.append(meals)
    work.favorites.create.extend(favorites.create)
    work.favorites.update.extend(favorites.update)
    work.poisoned.update(person.poisoned)
    if settings.writes:
        work.settings[person.user_id] = settings
    if meals.lines or meals.create or meals.update or settings.goals is not None:
        work.touched.add(person.user_id)
    return meals


def _settle_meals(person: PreparedPerson, existing: Existing) -> EntryPlan:
    if person.meals_if_new is not None and not existing.meals and not existing.deleted:
        return person.meals_if_new
    plan = EntryPlan()
    reconciler = EntryReconciler(person, existing, "meal")
    for merged in person.wanted.meals:
        reconciler.settle(merged, plan)
    plan.finish()
    return plan


def _account(
    ledger: Ledger, person: PreparedPerson, meals: EntryPlan, favorites: EntryPlan, settings: SettingsPlan
) -> None:
    ids = [source.id for source in person.sources]
    for kind, plan in (("meal", meals), ("favorite", favorites)):
        for (position, outcome), number in plan.counts.items():
            ledger.plain(ids[position], kind, outcome, number)
    for position, kind, outcome in settings.plain:
        ledger.plain(ids[position], kind, outcome)
    fates: Iterable[ItemOutcome] = (*person.wanted.outcomes, *meals.outcomes, *favorites.outcomes, *settings.outcomes)
    for fate in fates:
        ledger.add(person.user_id, ids[fate.snapshot], fate)


def _store_pictures(plans: Iterable[EntryPlan]) -> None:
    """Files before the commit: a crash in between leaves at most a file without a row, which the next try finds and uses."""
    for plan in plans:
        for user_id, picture in plan.pictures:
            name = photo_file(user_id, picture.name)
            if not default_storage.exists(name):
                default_storage.save(name, ContentFile(picture.content))


def _mark_snapshots(run_id: int, ledger: Ledger, poisoned: Mapping[int, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE storage_snapshots SET status = 'migrated', last_run_id = %s WHERE id = ANY (%s)",
            [run_id, [snapshot for snapshot in ledger.found if snapshot not in poisoned]],
        )
        if poisoned:
            cursor.execute(
                "UPDATE storage_snapshots SET status = 'poisoned', last_run_id = %s WHERE id = ANY (%s)",
                [run_id, list(poisoned)],
            )
            cursor.execute(
                "UPDATE migration_run_snapshots AS plan SET poison_digest = poison.digest "
                "FROM unnest(%s::bigint[], %s::text[]) AS poison(snapshot_id, digest) "
                "WHERE plan.run_id = %s AND plan.snapshot_id = poison.snapshot_id",
                [list(poisoned), list(poisoned.values()), run_id],
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
            "UPDATE migration_batches SET status = 'committed', finished_at = clock_timestamp(), items = %s, quarantined = %s, days = %s, error = '', "
            "lease_owner = '', lease_expires_at = NULL WHERE id = %s AND epoch = %s AND status = 'leased'",
            [result.ledger.items, result.ledger.quarantined, result.days, claim.id, claim.epoch],
        )
        if cursor.rowcount != 1:
            raise LeaseLost(f"batch {claim.number} was taken over by another worker")
