"""One person: every item of the run's snapshots gets its fate, and rows, outcome rows and tallies are held against it."""

from __future__ import annotations

from audit.runs.verification.cleaned import QuarantineError, clean_favorite, clean_meal
from audit.runs.verification.copies import Group, group_items
from audit.runs.verification.items import FAVORITE, KINDS, MEAL, Item, Person
from audit.runs.verification.matching import Match, Matcher
from audit.runs.verification.naming import name_favorites
from audit.runs.verification.outcome_rows import SERVER_REASONS, Count, Fate, OutcomeCheck, OutcomeRow
from audit.runs.verification.plain import PlainLines
from audit.runs.verification.profiles import ProfileCheck
from audit.runs.verification.reading import read_snapshot
from audit.runs.verification.repairs import put_in_place
from audit.runs.verification.rows import PersonRows, plain_ending
from audit.runs.verification.tables import Tables
from audit.runs.verification.verdict import Findings

_CERTAIN = ("updated", "duplicate", "superseded", "quarantined", "waived")


def check_person(findings: Findings, run: int, person: Person, tables: Tables) -> None:
    """Reads the person's snapshots and compares everything that came of them."""
    for snapshot in person.snapshots:
        read_snapshot(person, snapshot)
        if snapshot.repairs:
            put_in_place(person, snapshot)
        snapshot.payload = b""
    person.snapshots.sort(key=lambda snapshot: (snapshot.captured_at, snapshot.sha256))
    outcomes = OutcomeCheck(findings, run, person, tables.outcomes.get(person.id, ()))
    for kind, table in ((MEAL, tables.meals), (FAVORITE, tables.favorites)):
        rows = table.of(person.id)
        items = _meals(person, run, rows, outcomes) if kind == MEAL else _readable(person, kind)
        matcher = Matcher(
            findings,
            run=run,
            user=person.id,
            kind=kind,
            rows=rows,
            deleted=tables.deleted.get((person.id, kind), {}),
            told=lambda group: _told(group, outcomes),
            kept=lambda group: _kept(group, outcomes),
        )
        groups = group_items(items)
        if kind == FAVORITE and not matcher.all_identical(groups):
            row_of, all_rows = matcher.rows_by_group(groups)
            name_favorites(groups, row_of, all_rows, lambda group: _outcome(group, outcomes), run)
        for match in matcher.match(groups):
            _check_parts(outcomes, match)
    ProfileCheck(findings, run, person, tables, outcomes).check()
    for kind in KINDS:
        for item in person.items[kind]:
            if item.problem and item.snapshot.in_run:
                outcomes.check(Fate(item, "quarantined", item.problem))
    outcomes.rest()
    _check_tallies(findings, person, outcomes, tables)


def _meals(person: Person, run: int, rows: PersonRows, outcomes: OutcomeCheck) -> list[Item]:
    """The readable meals that have to be looked at closely: without those that are plain, whose rows are taken out and counted."""
    if len(person.meals) == 1 and person.meals[0].snapshot.in_run:
        array = person.meals[0]
        plain = array.plain_lines()
        lines = plain.lines
        for snapshot, path in outcomes.rows:
            index = array.index_of(path) if snapshot == array.snapshot.id else None
            if index is not None:
                lines[index] = None
        others = [array.item(index) for index, line in enumerate(lines) if line is None]
        unreadable = person.items[MEAL]
        person.items[MEAL] = unreadable + others
        readable = _readable(person, MEAL)
        if plain.are_different() and not _may_be_copies(readable, plain):
            left = rows.take(lines, plain_ending(run, array.snapshot.id))
            outcomes.count_created(MEAL, array.snapshot.id, len(lines) - len(others) - len(left))
            if not left:
                return readable
            person.items[MEAL].extend(array.item(index) for index in left)
            return _readable(person, MEAL)
        person.items[MEAL] = unreadable  # one may be a copy of a plain one
    for array in person.meals:
        person.items[MEAL].extend(array.item(index) for index in range(len(array)))
    return _readable(person, MEAL)


def _may_be_copies(items: list[Item], plain: PlainLines) -> bool:
    """Whether one of these items may be the same meal as a plain one."""
    if not items:
        return False
    ids, instants = set(plain.ids), set(plain.instants)
    return any(item.cleaned.legacy_id in ids or item.cleaned.key[0] in instants for item in items)


def _readable(person: Person, kind: str) -> list[Item]:
    """Cleans the person's items of this kind, in the order of snapshots and of copies; those that can be read."""
    order = {snapshot.id: position for position, snapshot in enumerate(person.snapshots)}
    items = person.items[kind]
    if len({(item.snapshot.id, id(item.place)) for item in items}) > 1:
        items.sort(key=lambda item: (order[item.snapshot.id], item.order))
    readable = []
    for item in items:
        if item.problem:
            continue
        snapshot = item.snapshot
        try:
            if kind == MEAL:
                item.cleaned = clean_meal(item.raw, snapshot.zone, snapshot.latest)
            else:
                item.cleaned = clean_favorite(item.raw, snapshot.zone, snapshot.latest, snapshot.captured_at)
        except QuarantineError as error:
            item.problem = error.reason
            continue
        item.cleaned.notes.extend(item.repair_notes)
        readable.append(item)
    return readable


def _told(group: Group, outcomes: OutcomeCheck) -> str | None:
    """The row that the outcome row of the standing item names, if there is one; else that of any item of the group."""
    if not outcomes.rows:
        return None
    standing = group.standing
    items: list[Item] = [standing] if standing else []
    items += [part.item for part in group.parts]
    return next((row.row_id for item in items if (row := outcomes.of(item)) is not None and row.row_id), None)


def _outcome(group: Group, outcomes: OutcomeCheck) -> OutcomeRow | None:
    """What the run says of the item that stands for the group."""
    return outcomes.of(group.standing) if group.standing else None


def _kept(group: Group, outcomes: OutcomeCheck) -> frozenset[str]:
    """The reasons for which the run left the server's row as it was, by the standing item's outcome row."""
    row = _outcome(group, outcomes)
    return SERVER_REASONS.intersection(row.reasons) if row is not None else frozenset()


def _check_parts(outcomes: OutcomeCheck, match: Match) -> None:
    for part in match.group.parts:
        item = part.item
        outcomes.check(Fate(item, part.outcome, part.reason, item.cleaned.notes, match))


def _check_tallies(findings: Findings, person: Person, outcomes: OutcomeCheck, tables: Tables) -> None:
    """`found` as counted in the bytes, the seven counts as the outcomes say, and their sum."""
    for snapshot in person.snapshots:
        if not snapshot.in_run:
            continue
        for kind in KINDS:
            count = outcomes.counts.get((snapshot.id, kind), Count())
            tally = tables.tallies.get((snapshot.id, kind), {})
            findings.compared += count.found + 1
            wrong = _wrong_counts(count, tally)
            for name, expected in wrong.items():
                findings.differ(
                    kind, "the tally is not what the snapshot's items give", user=person.id, snapshot=snapshot.id, field=f"tally.{name}",
                    expected=str(expected), actual=str(tally.get(name, 0)),
                )  # fmt: skip


def _wrong_counts(count: Count, tally: dict[str, int]) -> dict[str, int | str]:
    """The counts that are not as they should be, with what they should be."""
    told = {name: tally.get(name, 0) for name in ("created", "unchanged", *_CERTAIN)}
    wrong: dict[str, int | str] = {}
    if tally.get("found", 0) != count.found:
        wrong["found"] = count.found
    wrong |= {name: count.outcomes[name] for name in _CERTAIN if told[name] != count.outcomes[name]}
    for name in ("created", "unchanged"):
        least = count.outcomes[name]
        if not least <= told[name] <= least + count.uncertain:
            wrong[name] = f"{least} to {least + count.uncertain}" if count.uncertain else least
    if sum(told.values()) != tally.get("found", 0):
        wrong["sum"] = tally.get("found", 0)
    return wrong
