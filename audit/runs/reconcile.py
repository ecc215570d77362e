"""What is wanted against what is there: which rows to create or update, and the fate of each item that stands for a row.

Nothing here touches the database; the batch transaction hands in both sides and carries the result out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from audit.local_storage.items import Entry, ItemOutcome, changes_of, distinct, raw_text
from audit.local_storage.merge import Likeness, Merged, favorite_likeness, meal_likeness
from audit.local_storage.values import Note
from audit.runs.existing import Existing, ExistingEntry
from audit.runs.wanted import EntryPlan, PreparedPerson, WantedRow
from dynprot.identifiers import RowIds


class EntryReconciler:
    """Settles the meals or favourites of one person."""

    def __init__(self, person: PreparedPerson, existing: Existing, kind: str) -> None:
        self._person = person
        self._ids = RowIds(person.user_id)
        self._kind = kind
        self._likeness: Likeness = meal_likeness if kind == "meal" else favorite_likeness
        self._rows = existing.meals if kind == "meal" else existing.favorites
        self._deleted = existing.deleted
        self.matches: dict[str, ExistingEntry] = {}
        """Identity of a wanted row → the row that is there for it, or `_DELETED`."""
        self._alike: dict[tuple[Any, ...], list[ExistingEntry]] = {}
        for row in self._rows.values():
            self._alike.setdefault(self._likeness(row.content), []).append(row)
        if self._rows or self._deleted:
            self._match(person.wanted.meals if kind == "meal" else person.wanted.favorites)

    def settle(self, merged: Merged, plan: EntryPlan) -> None:
        """Decides the fate of one wanted row; the copies that lost get its id."""
        entry = merged.representative
        row_id = self._ids.text(self._kind, merged.identity)
        existing = self.matches.get(merged.identity)
        if existing is not None and existing is not _DELETED:
            row_id = existing.id
        for loser in merged.losers:
            self._note(plan, loser.entry, loser.outcome, loser.reason, row_id, raw=True)
        if entry is None:
            return
        if existing is None:
            plan.create.append(self._row(row_id, merged, entry))
            self._done(plan, entry, "created", row_id)
        elif existing is _DELETED:
            self._note(plan, entry, "superseded", "deleted_on_server", row_id, raw=True)
        elif not existing.imported:
            self._note(plan, entry, "duplicate", "already_on_server", row_id, raw=True)
        elif existing.content == merged.content:
            self._done(plan, entry, "unchanged", row_id)
        elif existing.untouched:
            plan.update.append(self._row(row_id, merged, entry))
            self._note(plan, entry, "updated", "", row_id, before=content_json(existing.content))
        else:
            differences = {
                field: [content_json(existing.content)[field], value]
                for field, value in content_json(merged.content).items()
                if content_json(existing.content)[field] != value
            }
            self._note(plan, entry, "superseded", "server_edit_kept", row_id, raw=True, before={"kept": differences})

    def _match(self, wanted: list[Merged]) -> None:
        """Finds everybody's own row by id first, and only then rows that merely say the same: one may have been edited into the likeness of
        another item."""
        taken: set[str] = set()
        for merged in wanted:
            identities = dict.fromkeys((merged.identity, *(f"id:{legacy_id}" for legacy_id in merged.legacy_ids)))
            ids = [self._ids.text(self._kind, identity) for identity in identities]
            own = next((row_id for row_id in ids if row_id in self._rows and row_id not in taken), None)
            if own is not None:
                self.matches[merged.identity] = self._rows[own]
                taken.add(own)
            elif not self._deleted.isdisjoint(ids):
                self.matches[merged.identity] = _DELETED
        for merged in wanted:
            if merged.identity not in self.matches and (row := self._look_alike(merged, taken)) is not None:
                self.matches[merged.identity] = row
                taken.add(row.id)

    def _look_alike(self, merged: Merged, taken: set[str]) -> ExistingEntry | None:
        for row in self._alike.get(self._likeness(merged.content), ()):
            told_apart = row.legacy_id is not None and merged.legacy_ids and not merged.final.exact_instant
            if row.id not in taken and not told_apart:
                return row
        return None

    def _row(self, row_id: str, merged: Merged, entry: Entry) -> WantedRow:
        return WantedRow(
            row_id,
            self._person.user_id,
            self._person.sources[entry.snapshot].id,
            merged.row_legacy_id,
            merged,
            merged.content,
            self._person.sources[merged.first.snapshot].zone,
        )

    def _done(self, plan: EntryPlan, entry: Entry, outcome: str, row_id: str) -> None:
        if entry.notes:
            self._note(plan, entry, outcome, "", row_id)
        else:
            plan.plain.append((entry.snapshot, outcome))

    def _note(
        self,
        plan: EntryPlan,
        entry: Entry,
        outcome: str,
        reason: str,
        row_id: str,
        *,
        raw: bool = False,
        before: dict[str, Any] | None = None,
    ) -> None:
        codes = [reason] if reason else []
        plan.outcomes.append(
            ItemOutcome(
                entry.snapshot,
                entry.container.kind,
                entry.path,
                outcome,
                distinct([*codes, *(note.code for note in entry.notes)]),
                raw_text(entry.raw) if raw else "",
                changes_of(entry.raw, entry.notes),
                row_id,
                before,
            )
        )


_DELETED = ExistingEntry("", None, imported=False, untouched=False, legacy_id=None)


def content_json(content: Any) -> dict[str, Any]:
    """A content as JSON for pre-images and differences: grams in hundredths, instants in microseconds, as in `MealContent`."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in content._asdict().items()}


def name_favorites_apart(wanted: list[Merged], existing: Existing, matches: Mapping[str, ExistingEntry]) -> None:
    """Favourites of one person get distinct names ignoring case: the later ones "<name> (2)" and so on (`name_made_unique`).

    A favourite whose row is there keeps the name it was given then, so a number never moves from one favourite to another. Rows that the run
    will not write (the person's own, those edited on the server, those that no snapshot brings) keep theirs whatever comes. What came by a
    repair came later than everything else.
    """
    written = [merged for merged in wanted if merged.representative is not None]
    rewritten = {row.id for merged in written if (row := matches.get(merged.identity)) is not None and row.untouched}
    taken = {_case_ignored(row.content.name) for row in existing.favorites.values() if row.id not in rewritten}
    kept: dict[str, str] = {}
    for merged in written:
        row = matches.get(merged.identity)
        if row is not None and row.imported and _is_numbered(row.content.name, merged.content.name):
            kept[merged.identity] = row.content.name
            if row.untouched:
                taken.add(_case_ignored(row.content.name))
    for merged in sorted(written, key=lambda one: (_is_repaired(one), one.first.snapshot, one.first.rank)):
        row = matches.get(merged.identity)
        if row is not _DELETED and (row is None or row.imported):
            _name(merged, row, kept.get(merged.identity), taken)


def _name(merged: Merged, row: ExistingEntry | None, kept: str | None, taken: set[str]) -> None:
    base = merged.content.name
    if row is not None and not row.untouched:
        if kept is not None and kept != base:
            merged.content = merged.content._replace(name=kept)
        return
    name = kept
    if name is None:
        name = _free_name(base, taken)
        taken.add(_case_ignored(name))
    if name != base:
        merged.content = merged.content._replace(name=name)
        if merged.representative is not None:
            entry = merged.representative
            entry.notes = (*entry.notes, Note("name", "name_made_unique", name))


def _is_repaired(merged: Merged) -> bool:
    return any(note.code == "repaired" for note in merged.first.notes)


def _case_ignored(name: str) -> str:
    """Equal wherever `lower()` of PostgreSQL is, be it libc's or ICU's: these differ from Python's and one another in «Σ» at the end of a
    word and in «İ»."""
    return "".join([sign.lower()[0] for sign in name]).replace("ς", "σ").replace("\u0307", "")


_NUMBERED = re.compile(r".+ \(([1-9][0-9]*)\)", re.DOTALL)


def _is_numbered(name: str, base: str) -> bool:
    """Whether this is the name, or the name with a number from 2 on."""
    match = _NUMBERED.fullmatch(name)
    return name == base or (match is not None and int(match[1]) > 1 and name == _with_number(base, int(match[1])))


def _with_number(base: str, number: int) -> str:
    tail = f" ({number})"
    return base[: 200 - len(tail)].rstrip() + tail


def _free_name(base: str, taken: set[str]) -> str:
    name, number = base, 1
    while _case_ignored(name) in taken:
        number += 1
        name = _with_number(base, number)
    return name
