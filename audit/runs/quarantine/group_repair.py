"""Mending many items by one rule: tried on each, shown, and stored exactly as it was shown.

A request looks at no more than `AT_ONCE` items, in the order in which they were found, and for no longer than `SECONDS`; whoever wants more
goes on from there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from time import monotonic
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from django.db import transaction

from audit.local_storage.decode import Unreadable
from audit.local_storage.read import SnapshotReader
from audit.models import ItemRepair, MigrationOutcome, MigrationRun, StorageSnapshot
from audit.runs.plan import Refused
from audit.runs.quarantine.causes import refused_field
from audit.runs.quarantine.in_force import repairs_in_force
from audit.runs.quarantine.repair import (
    BadRepair,
    Preview,
    ascii_json,
    check_repairable,
    raw_values,
    read_from_repairs,
    source_of,
    why_not,
)
from audit.runs.quarantine.rules import UNTOUCHED, Rule, applied, checked
from audit.runs.quarantine.selection import Selection, check_said, lock_run
from audit.runs.quarantine.trail import Counts, nested, tell_people, tell_run

AT_ONCE: Final = 500
SECONDS: Final = 2.0
"""So long may a preview try items; it always tries those of one snapshot."""
LONGEST: Final = 10.0
"""So long may it take to try the same items again when they are stored: the machine may be busier than it was."""
SNAPSHOTS_AT_ONCE: Final = 20
"""Payloads in memory together; one is seldom more than some megabytes."""

Result = Literal["repaired", "refused", "untouched", "waiting", "impossible"]
RESULTS: Final[tuple[Result, ...]] = ("repaired", "refused", "untouched", "waiting", "impossible")


class Changed(Refused):
    """The items, or what the rule makes of them, are not what was shown. Nothing was stored."""


class Tried(NamedTuple):
    """One item under the rule.

    `repaired`: it would pass. `refused`: still not readable, `code` at `field` says why. `untouched`: the rule does not apply. `waiting`: it has
    a repair already, which waits to be replayed. `impossible`: no repair can stand for it, or what the run brought the person was taken back.
    """

    outcome: MigrationOutcome
    result: Result
    before: Any = None
    after: Any = None
    text: str = ""
    code: str = ""
    field: str = ""
    shown: Preview | None = None


class GroupPreview(NamedTuple):
    """What a rule would do. `digest` stands for exactly this; `last` is the id of the last item that was looked at, `beyond` how many come after it."""

    rule: Rule
    tried: Sequence[Tried]
    digest: str
    last: int
    beyond: int

    @property
    def counts(self) -> dict[Result, int]:
        """Result → items, every result once."""
        found = Counter(one.result for one in self.tried)
        return {result: found[result] for result in RESULTS}

    @property
    def problems(self) -> Counter[tuple[str, str]]:
        """(Reason code, field) → items that the rule changes and that would be refused all the same."""
        return Counter((one.code, one.field) for one in self.tried if one.result == "refused")

    def of(self, result: Result) -> list[Tried]:
        """The items that come to this."""
        return [one for one in self.tried if one.result == result]


class GroupRepaired(NamedTuple):
    """What was stored."""

    items: Counts
    people: int
    preview: GroupPreview


def preview_group(
    *,
    run: MigrationRun,
    chosen: Selection,
    rule: Rule,
    last: int = 0,
    at_most: int = AT_ONCE,
    within_seconds: float = SECONDS,
) -> GroupPreview:
    """What the rule makes of the first items of the choice (`chosen.after` goes on; none after `last`, if given).

    Writes nothing; raises `rules.BadRule`.
    """
    checked(rule)
    wanted = chosen.of(run).defer("raw", "before")
    items = list((wanted.filter(pk__lte=last) if last else wanted)[:at_most])
    tried = _tried(run, items, rule, within_seconds)
    end = tried[-1].outcome.pk if tried else chosen.after
    complete = len(tried) == len(items) < at_most and not last
    beyond = 0 if complete else chosen._replace(after=end).of(run).order_by().count()
    return GroupPreview(rule, tried, _digest(run, rule, tried), end, beyond)


def repair_group(
    *,
    run: MigrationRun,
    chosen: Selection,
    rule: Rule,
    expected: str,
    last: int,
    actor: str,
    reason: str,
    at_most: int = AT_ONCE,
    within_seconds: float = LONGEST,
) -> GroupRepaired:
    """Stores the repairs that `preview_group` showed under the digest `expected`, up to the item `last`. The tables change with the next replay or run.

    One event tells of all of them, and one line in the log of each person. Raises `Changed` when something is not as it was shown, `Refused`
    when the run's state does not allow it or nothing would be repaired.
    """
    check_said(actor, reason)
    with transaction.atomic():
        locked = lock_run(run)
        preview = preview_group(
            run=locked, chosen=chosen, rule=rule, last=last, at_most=at_most, within_seconds=within_seconds
        )
        if preview.digest != expected:
            raise Changed("the items of the group, or what the rule makes of them, have changed since they were shown")
        mended = preview.of("repaired")
        if not mended:
            raise Refused("the rule would repair none of these items")
        ItemRepair.objects.bulk_create(
            ItemRepair(
                snapshot_id=one.outcome.snapshot_id,
                path=one.outcome.path,
                value=one.text,
                actor=actor,
                reason=reason,
            )
            for one in mended
        )
        items: Counts = Counter((one.outcome.kind, one.outcome.reasons[0]) for one in mended)
        people = Counter(one.outcome.user_id for one in mended)
        told = {"rule": rule.kind, "field": rule.field, "items": nested(items), "people": len(people)}
        tell_run(run=locked, action="repair", actor=actor, reason=reason, data=told)
        tell_people(
            people,
            action="MIGRATION_ITEMS_REPAIRED",
            table="item_repairs",
            new_values={"run": run.pk, "rule": rule.kind, "actor": actor, "reason": reason},
        )
    return GroupRepaired(items, len(people), preview)


def _digest(run: MigrationRun, rule: Rule, tried: Iterable[Tried]) -> str:
    lines = [json.dumps([run.pk, *rule])]
    lines += [json.dumps([one.outcome.pk, one.result, one.text, one.code, one.field]) for one in tried]
    return sha256("\n".join(lines).encode()).hexdigest()


def _tried(run: MigrationRun, items: Sequence[MigrationOutcome], rule: Rule, within_seconds: float) -> list[Tried]:
    """The first of the items, in their order: as many as there is time for, cut where another snapshot begins.

    Snapshots are fetched a few at a time and each is read twice (as it is, and with the repairs).
    """
    reverted = set(
        run.plan.filter(reverted_at__isnull=False, user_id__in={one.user_id for one in items}).values_list(
            "user_id", flat=True
        )
    )
    stretches = [list(stretch) for _, stretch in groupby(items, key=lambda one: one.snapshot_id)]
    in_force = repairs_in_force({one.snapshot_id for one in items})
    begun = monotonic()
    found: list[Tried] = []
    for start in range(0, len(stretches), SNAPSHOTS_AT_ONCE):
        block = stretches[start : start + SNAPSHOTS_AT_ONCE]
        snapshots = StorageSnapshot.objects.in_bulk({stretch[0].snapshot_id for stretch in block})
        for mine in block:
            if found and monotonic() - begun > within_seconds:
                return found
            snapshot = snapshots[mine[0].snapshot_id]
            judged = _of_snapshot(snapshot, mine, rule, in_force.get(snapshot.pk, {}), reverted)
            of_item = {one.outcome.pk: one for one in judged}
            found += [of_item[outcome.pk] for outcome in mine]
    return found


def _of_snapshot(
    snapshot: StorageSnapshot,
    outcomes: Iterable[MigrationOutcome],
    rule: Rule,
    in_force: Mapping[str, str],
    reverted: set[UUID],
) -> Iterator[Tried]:
    changed: dict[str, Tried] = {}
    source = raw = None
    for outcome in outcomes:
        if outcome.user_id in reverted or not _is_repairable(outcome):
            yield Tried(outcome, "impossible")
        elif outcome.path in in_force:
            yield Tried(outcome, "waiting")
        else:
            if source is None or raw is None:
                source, raw = _raw(snapshot)
            one = _mended(outcome, raw, rule)
            if one.result == "repaired":
                changed[outcome.path] = one
            else:
                yield one
    if changed and source is not None:
        reader = SnapshotReader(source, 0, {**in_force, **{path: one.text for path, one in changed.items()}})
        passed = read_from_repairs(reader.read())
        for path, one in changed.items():
            shown = passed.get((one.outcome.kind, path))
            yield _judged(reader, one) if shown is None else one._replace(shown=shown)


def _raw(snapshot: StorageSnapshot) -> tuple[Any, dict[str, Any]]:
    source = source_of(snapshot)
    try:
        return source, raw_values(source)
    except Unreadable:
        return source, {}


def _is_repairable(outcome: MigrationOutcome) -> bool:
    try:
        check_repairable(outcome)
    except Refused:
        return False
    return True


def _mended(outcome: MigrationOutcome, raw: Mapping[str, Any], rule: Rule) -> Tried:
    """The item under the rule, not yet held against the rules of cleaning."""
    if outcome.path not in raw:  # today's rules read it, or it stands elsewhere: a replay brings it in
        return Tried(outcome, "untouched")
    before = raw[outcome.path]
    after = applied(rule, before, refused_field(outcome))
    if after is UNTOUCHED:
        return Tried(outcome, "untouched", before)
    try:
        text = ascii_json(json.dumps(after), outcome.path)
    except BadRepair as problem:
        return Tried(outcome, "refused", before, after, "", problem.code, problem.field)
    except RecursionError:
        return Tried(outcome, "refused", before, after, "", "too_deep", "")
    return Tried(outcome, "repaired", before, after, text)


def _judged(reader: SnapshotReader, one: Tried) -> Tried:
    problem = why_not(reader, one.outcome, one.text)
    if isinstance(problem, BadRepair):
        return one._replace(result="refused", code=problem.code, field=problem.field)
    return one._replace(result="impossible")
