"""Reading people again with the repairs in force, and settling them as a batch does: items leave the quarantine, rows appear, tallies move.

The unit is a person, in one transaction: their whole set of snapshots decides (importing.md section 5), so a repaired item may be a copy of
another one, number a name anew, or answer a profile in another's place. What is written is what a batch would write now. What is *said* is what
the run would have said had the browser held the repaired value: both readings, with and without the repairs, are settled against the tables as
they were before the run, and where an item's fate differs, its outcome moves. All other outcomes of the run stay as they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Min

from accounts.models import User
from audit.local_storage.items import ItemOutcome
from audit.models import BatchStatus, MigrationOutcome, MigrationRun, MigrationTally, Outcome, StorageSnapshot
from audit.runs.batch import write_people
from audit.runs.existing import Existing, lock_people, read_existing
from audit.runs.plan import PlannedPerson, Refused
from audit.runs.prepare import prepare
from audit.runs.quarantine.before_run import as_before
from audit.runs.quarantine.fates import Place, fates_of, is_plain, same
from audit.runs.quarantine.in_force import RepairsInForce, repairs_in_force, without
from audit.runs.quarantine.moves import Move, move
from audit.runs.quarantine.selection import (
    ALL,
    Selection,
    check_not_reverted,
    check_said,
    lock_run,
    without_reverted,
)
from audit.runs.quarantine.trail import Counts, nested, tell_person, tell_run
from audit.runs.wanted import PreparedPerson


class Replayed(msgspec.Struct):
    """What a replay did. `items`: (kind, outcome) → items that left the quarantine; `others`: items whose fate these changed."""

    items: Counts = msgspec.field(default_factory=Counter)
    others: int = 0
    people: int = 0
    """Read again."""
    left: int = 0
    """Items of the run that are still in quarantine."""
    refused: dict[UUID, Refused] = {}
    """People who could not be replayed, and why; nothing of theirs was changed."""
    next_item: int = 0
    """Where the time was up: the first chosen item of the first person who was not read again. 0: everybody was."""


def replay(
    *,
    run: MigrationRun,
    chosen: Selection = ALL,
    actor: str,
    reason: str,
    within_seconds: float | None = None,
) -> Replayed:
    """Replays everybody who has one of the chosen items in quarantine; each person is one transaction, and replaying again changes nothing.

    People come in the order of their items. After `within_seconds` nobody new is begun (one person always is): go on with
    `Selection(after=done.next_item - 1)`. Raises `Refused` when the run's status does not allow it, nothing is chosen, or what the run brought was taken back. The run's verdict is for
    the verifier: call `verdict.judge_again` afterwards.
    """
    check_said(actor, reason)
    with transaction.atomic():
        locked = lock_run(run)
        everybody = chosen.of(locked)
        if not everybody.exists():
            raise Refused("run {run} has no such item in quarantine", run=run.pk)
        people = list(
            without_reverted(locked, everybody)
            .order_by()
            .values("user_id")
            .annotate(first=Min("id"))
            .order_by("first")
            .values_list("user_id", "first")
        )
    done = Replayed()
    begun = monotonic()
    try:
        for user_id, first in people:
            if within_seconds is not None and done.people and monotonic() - begun > within_seconds:
                done.next_item = first
                break
            try:
                _replay_person(run, user_id, actor, reason, done)
            except Refused as refusal:
                done.refused[user_id] = refusal
    finally:  # what was done before an error is done, and is told
        done.left = ALL.of(run).count()
        tell_run(
            run=run,
            action="replay",
            actor=actor,
            reason=reason,
            data={
                "people": done.people,
                "items": nested(done.items),
                "others": done.others,
                "left": done.left,
                "refused": len(done.refused),
            },
        )
    return done


class _Recorded(NamedTuple):
    outcome: str
    kind: str


def _replay_person(run: MigrationRun, user_id: UUID, actor: str, reason: str, done: Replayed) -> None:
    with transaction.atomic():
        locked = lock_run(run)
        check_not_reverted(locked, user_id)
        people = lock_people([user_id])
        if not people:
            return
        recorded = _recorded(locked, user_id)
        repairs = _repairs_that_count(user_id, recorded)
        before_repair = without(
            repairs, {place for place, one in recorded.items() if one.outcome == Outcome.QUARANTINED}
        )
        read_existing(people)
        before = as_before(people[user_id], run_id=locked.pk, user_id=user_id)
        planned = PlannedPerson(user_id, _snapshots(locked, user_id))
        then = fates_of(_prepared(planned, before_repair), before, people[user_id])
        person = _prepared(planned, repairs)
        _check_found(locked, person)
        moves = _moves(fates_of(person, before, people[user_id]), then, recorded)
        done.people += 1
        if not moves:
            return
        write_people([_prepared(planned, repairs)], locked.pk, dry=False)
        move(run_id=locked.pk, user_id=user_id, moves=moves)
        items = Counter((one.new.kind, one.new.outcome) for one in moves if one.old == Outcome.QUARANTINED)
        tell_person(
            user_id=user_id,
            action="MIGRATION_ITEMS_REPLAYED",
            table="migration_outcomes",
            new_values={"run": run.pk, "items": nested(Counter(items)), "actor": actor, "reason": reason},
        )
    done.items.update(items)
    done.others += len(moves) - items.total()


def foresee(*, outcome: MigrationOutcome, value_text: str) -> ItemOutcome | None:
    """What a replay would say of this item if this value stood for it: created, a copy, ... Writes nothing and locks nobody.

    Raises `Refused` as a replay of the person would. None when the item is not found at its place.
    """
    run, user = outcome.run, User.objects.get(pk=outcome.user_id)
    check_not_reverted(run, user.pk)
    people = {user.pk: Existing(first_name=user.first_name, last_name=user.last_name)}
    read_existing(people)
    before = as_before(people[user.pk], run_id=run.pk, user_id=user.pk)
    repairs = _repairs_that_count(user.pk, _recorded(run, user.pk))
    ours: Mapping[str, str] = {**repairs.get(outcome.snapshot_id, {}), outcome.path: value_text}
    person = _prepared(PlannedPerson(user.pk, _snapshots(run, user.pk)), {**repairs, outcome.snapshot_id: ours})
    _check_found(run, person)
    return fates_of(person, before, people[user.pk]).get((outcome.snapshot_id, outcome.path))


def _repairs_that_count(user_id: UUID, recorded: dict[Place, _Recorded]) -> RepairsInForce:
    """The person's repairs, but for items that were waived."""
    repairs = repairs_in_force(StorageSnapshot.objects.filter(user_id=user_id).values_list("id", flat=True))
    return without(repairs, {place for place, one in recorded.items() if one.outcome == Outcome.WAIVED})


def _prepared(planned: PlannedPerson, repairs: RepairsInForce) -> PreparedPerson:
    (person,) = prepare([planned], repairs=repairs)
    return person._replace(meals_if_new=None)


def _recorded(run: MigrationRun, user_id: UUID) -> dict[Place, _Recorded]:
    rows = MigrationOutcome.objects.filter(run=run, user_id=user_id).values_list(
        "snapshot_id", "path", "outcome", "kind"
    )
    return {(snapshot, path): _Recorded(outcome, kind) for snapshot, path, outcome, kind in rows}


def _snapshots(run: MigrationRun, user_id: UUID) -> tuple[int, ...]:
    """Those that the run accounts for: committed, and not set aside whole."""
    ours = run.plan.filter(user_id=user_id, batch__status=BatchStatus.COMMITTED, poison_digest="")
    snapshots = tuple(ours.order_by("snapshot_id").values_list("snapshot_id", flat=True))
    if not snapshots:
        raise Refused(
            "run {run} has read no snapshot of this person: it was set aside whole, or is not written yet", run=run.pk
        )
    return snapshots


def _check_found(run: MigrationRun, person: PreparedPerson) -> None:
    """A replay gives items another fate; it does not find more of them, or fewer."""
    ids = [person.sources[position].id for position in person.in_run]
    tallies = MigrationTally.objects.filter(run=run, snapshot_id__in=ids).values_list("snapshot_id", "kind", "found")
    counted = {(snapshot, kind): found for snapshot, kind, found in tallies}
    for position in person.in_run:
        snapshot = person.sources[position].id
        for kind in ("meal", "favorite", "profile", "preferences"):
            now, then = person.wanted.found[position][kind], counted.get((snapshot, kind), 0)
            if now != then:
                raise Refused(
                    "snapshot {snapshot} holds {now} items of kind {kind} by today's rules, the run found {then}: a new run (migrate_local_storage --again) accounts for them",
                    snapshot=snapshot,
                    now=now,
                    kind=kind,
                    then=then,
                )


def _moves(
    now: dict[Place, ItemOutcome], then: dict[Place, ItemOutcome], recorded: dict[Place, _Recorded]
) -> list[Move]:
    """The items whose fate the repairs change, and those that today's rules let out of quarantine."""
    moves = []
    for place, fate in now.items():
        said = recorded.get(place)
        if said is not None and said.outcome == Outcome.WAIVED:
            continue
        if said is not None and said.outcome == Outcome.QUARANTINED:
            if fate.outcome != Outcome.QUARANTINED:
                moves.append(Move(place[0], said.outcome, fate, recorded=True))
        elif not same(then.get(place), fate):
            moves.append(_companion(place, fate, then.get(place), said))
    return moves


def _companion(place: Place, fate: ItemOutcome, then: ItemOutcome | None, said: _Recorded | None) -> Move:
    """Another item whose fate a repaired one changes: it is its copy now, or has its name."""
    if said is not None:
        return Move(place[0], said.outcome, fate, recorded=True)
    if then is None or not is_plain(then):
        raise Refused(
            "snapshot {snapshot}: the run keeps no outcome of {path}, which was not plain",
            snapshot=place[0],
            path=place[1],
        )
    return Move(place[0], then.outcome, fate, recorded=False)
