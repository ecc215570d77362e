"""Are the outcome rows true? Each item of the run against the row that says what became of it (importing.md sections 4 to 7)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from audit.runs.verification.copies import STANDS
from audit.runs.verification.items import REPAIRED, Item, Person
from audit.runs.verification.json_text import ascii_json, is_raw_of, same
from audit.runs.verification.matching import Match
from audit.runs.verification.verdict import Findings

Key = tuple[int, str]
"""Snapshot and path: what an outcome row is found by."""

SERVER_REASONS = frozenset({"server_edit_kept", "deleted_on_server", "already_on_server"})
LATER_REASONS = frozenset({"older_copy", "copy"})
_NO_VALUE = object()


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """A row of `migration_outcomes`."""

    snapshot: int
    kind: str
    path: str
    outcome: str
    reasons: list[str]
    raw: str
    changes: list[dict[str, Any]]
    row_id: str | None
    before: Any


@dataclass(slots=True)
class Fate:
    """What must have become of an item: `stands` for a row, or exactly `outcome` for `reason`.

    `notes` are what cleaning changed. `match` is the row of its group. Of a profile, which has no group: `allowed` outcomes, and what the item
    is when it has no outcome row (`plain`; nothing: the row does not tell any more).
    """

    item: Item
    outcome: str
    reason: str = ""
    notes: Iterable[tuple[str, str, Any]] = ()
    match: Match | None = None
    row_ids: frozenset[str] | None = None
    allowed: frozenset[str] = frozenset()
    plain: str = ""


@dataclass(slots=True)
class Count:
    """The items of one snapshot and kind by outcome. `uncertain`: plainly created or unchanged, which the row no longer tells."""

    found: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    uncertain: int = 0


class OutcomeCheck:
    """Compares the fates of one person's items with their outcome rows, and counts both."""

    def __init__(self, findings: Findings, run: int, person: Person, rows: Iterable[OutcomeRow]) -> None:
        self.findings = findings
        self.run = run
        self.person = person
        self.rows: dict[Key, OutcomeRow] = {(row.snapshot, row.path): row for row in rows}
        self.counts: dict[tuple[int, str], Count] = defaultdict(Count)

    def of(self, item: Item) -> OutcomeRow | None:
        return self.rows.get((item.snapshot.id, item.path)) if self.rows else None

    def count_created(self, kind: str, snapshot: int, number: int) -> None:
        """Counts items that were plainly created."""
        count = self.counts[snapshot, kind]
        count.found += number
        count.outcomes["created"] += number

    def check(self, fate: Fate) -> None:
        """One item: its outcome row is there when it must be, and says what it must."""
        item = fate.item
        count = self.counts[item.snapshot.id, item.place.kind]
        count.found += 1
        row = self.rows.pop((item.snapshot.id, item.path), None) if self.rows else None
        if row is None:
            self._plain(fate, count)
            return
        count.outcomes[row.outcome] += 1
        if row.kind != item.place.kind:
            self._differ(item, "kind", item.place.kind, row.kind, "the outcome is filed under another kind")
        if fate.outcome == STANDS:
            self._standing(fate, row)
        else:
            self._set_aside(fate, row)
        self._row_id(fate, row)

    def rest(self) -> None:
        """Outcome rows for which there is no item."""
        for row in self.rows.values():
            self.findings.differ(
                row.kind, "no such item is in the snapshot", user=self.person.id, snapshot=row.snapshot, path=row.path,
                field="outcome", actual=row.outcome,
            )  # fmt: skip

    def _plain(self, fate: Fate, count: Count) -> None:
        """No outcome row: only an item that was plainly created or was there already."""
        item, match = fate.item, fate.match
        notes = sorted({reason for _, reason, _ in fate.notes})
        if fate.outcome != STANDS or notes:
            expected = f"{fate.outcome} {fate.reason}".strip() if fate.outcome != STANDS else ", ".join(notes)
            self._differ(item, "outcome", expected, "", "the item has no outcome row")
        if fate.outcome != STANDS:
            count.outcomes[fate.outcome] += 1
        elif fate.plain:
            count.outcomes[fate.plain] += 1
        elif match is not None and match.state == "there" and match.row is not None:
            count.outcomes["created" if match.row.run == self.run else "unchanged"] += 1
        else:
            count.uncertain += 1
            if match is not None and match.state == "server":
                self._differ(item, "outcome", "duplicate already_on_server", "", "the item has no outcome row")

    def _standing(self, fate: Fate, row: OutcomeRow) -> None:
        item, match = fate.item, fate.match
        allowed = fate.allowed or _allowed(match, self.run, repaired=item.bytes_hold is not None)
        if row.outcome not in allowed:
            self._differ(
                item, "outcome", " or ".join(sorted(allowed)), row.outcome, "the outcome is not what became of the item"
            )
        reasons = set(row.reasons)
        # A repair that was replayed after a later run: the later browser's content stays.
        late = LATER_REASONS if item.bytes_hold is not None and match is not None and match.state == "later" else set()
        server = reasons & (SERVER_REASONS | late)
        reasons -= SERVER_REASONS | late
        told = [(change.get("field"), change.get("reason")) for change in row.changes]
        kept = [pair for pair in told if pair[1] in SERVER_REASONS]
        if row.outcome in ("superseded", "duplicate") and not server:
            self._differ(
                item, "reasons", "one of " + ", ".join(sorted(SERVER_REASONS)), row.reasons, "the outcome has no reason"
            )
        wanted = [(name, reason) for name, reason, _ in fate.notes]
        if reasons != {reason for _, reason in wanted}:
            self._differ(
                item,
                "reasons",
                sorted({reason for _, reason in wanted}),
                row.reasons,
                "the reasons are not those of the item",
            )
        if row.outcome in ("created", "updated", "unchanged"):
            if Counter(wanted) != Counter(pair for pair in told if pair not in kept):
                self._differ(item, "changes", sorted(wanted), told, "the changes are not those that cleaning makes")
            if row.raw:
                self._differ(item, "raw", "", row.raw, "the item is in its table; raw values belong to the changes")
        elif not self._is_raw(item, row.raw):
            self._differ_in_raw(item, row.raw)
        if row.outcome == "updated" and not isinstance(row.before, dict):
            self._differ(item, "before", "the row as it was", row.before, "an updated row has no pre-image")
        self._changes(fate, row)

    def _changes(self, fate: Fate, row: OutcomeRow) -> None:
        values = {(name, reason): value for name, reason, value in fate.notes}
        for change in row.changes:
            name, reason = str(change.get("field")), str(change.get("reason"))
            if (name, reason) not in values:
                continue  # told above, or what the server kept
            if reason == REPAIRED:
                self._repaired(fate.item, change)
                continue
            raw = _field_of(fate.item.raw, name)
            stored = change.get("raw")
            is_absent = raw is _NO_VALUE
            if not isinstance(stored, str) or (stored != "" if is_absent else not is_raw_of(stored, raw)):
                shown = "" if is_absent else ascii_json(raw)
                self._differ(
                    fate.item, f"changes.{name}.raw", shown, stored, "the raw value is not the one in the snapshot"
                )
            value = values[name, reason]
            if value is not None and not _agrees(change.get("value"), value):
                self._differ(
                    fate.item,
                    f"changes.{name}.value",
                    value,
                    change.get("value"),
                    "the value is not the one that was stored",
                )

    def _repaired(self, item: Item, change: dict[str, Any]) -> None:
        """Both are kept: what the bytes hold, and what stands for it."""
        hold = list(item.bytes_hold or ())
        stored, value = change.get("raw"), change.get("value")
        if not isinstance(stored, str) or not any(is_raw_of(stored, raw) for raw in hold):
            self._differ(
                item,
                "changes.repaired.raw",
                ascii_json(hold[0]),
                stored,
                "the raw value is not the one in the snapshot",
            )
        if not isinstance(value, str) or not is_raw_of(value, item.raw):
            self._differ(
                item, "changes.repaired.value", ascii_json(item.raw), value, "the value is not the one of the repair"
            )

    def _set_aside(self, fate: Fate, row: OutcomeRow) -> None:
        item = fate.item
        allowed = {"quarantined", "waived"} if fate.outcome == "quarantined" else {fate.outcome}
        if row.outcome not in allowed:
            self._differ(
                item,
                "outcome",
                f"{fate.outcome} {fate.reason}",
                f"{row.outcome} {row.reasons}",
                "the outcome is not what became of the item",
            )
        elif fate.reason not in row.reasons:
            self._differ(item, "reasons", fate.reason, row.reasons, "the reason is not the item's")
        else:
            others = set(row.reasons) - {fate.reason} - {reason for _, reason, _ in fate.notes}
            if others:
                self._differ(item, "reasons", fate.reason, row.reasons, "there are reasons that are not the item's")
        if not self._is_raw(item, row.raw):
            self._differ_in_raw(item, row.raw)
        if fate.outcome == "quarantined" and row.row_id is not None:
            self._differ(item, "row_id", "", row.row_id, "an item in quarantine has no row")

    def _row_id(self, fate: Fate, row: OutcomeRow) -> None:
        """The row that stands for the item is the one that was found for it."""
        if fate.outcome == "quarantined":
            return
        if row.row_id is None:
            self._differ(fate.item, "row_id", "the row that stands for the item", "", "the outcome names no row")
            return
        known = fate.row_ids
        if known is None and fate.match is not None and fate.match.row is not None:
            known = frozenset({fate.match.row.id})
        if known is not None and row.row_id not in known:
            self._differ(fate.item, "row_id", ", ".join(sorted(known)), row.row_id, "the outcome names another row")

    def _is_raw(self, item: Item, stored: str) -> bool:
        return is_raw_of(stored, item.raw) or (item.also_raw is not None and is_raw_of(stored, item.also_raw))

    def _differ_in_raw(self, item: Item, stored: str) -> None:
        self._differ(item, "raw", ascii_json(item.raw), stored, "the raw value is not the one in the snapshot")

    def _differ(self, item: Item, name: str, expected: object, actual: object, problem: str) -> None:
        self.findings.differ(
            item.place.kind, problem, user=self.person.id, snapshot=item.snapshot.id, path=item.path, field=name,
            expected=expected, actual=actual,
        )  # fmt: skip


def _allowed(match: Match | None, run: int, *, repaired: bool) -> frozenset[str]:
    """Which outcomes a standing item may have, seeing its row."""
    if match is None or match.state == "missing":
        return frozenset({"created", "updated", "unchanged"})
    if match.state == "there":
        ours = match.row is not None and match.row.run == run
        return frozenset({"created", "updated"} if ours else {"unchanged"})
    if match.state == "server":
        return frozenset({"duplicate"})
    anything = {"created", "updated", "unchanged", "superseded"}
    return frozenset(anything | {"duplicate"} if repaired and match.state == "later" else anything)


def _field_of(raw: Any, name: str) -> Any:
    """The value of a field of an item; `darkMode` is its own only field."""
    return raw.get(name, _NO_VALUE) if isinstance(raw, dict) else raw


def _is_instant(stored: str, value: str) -> bool:
    """Whether an ISO text is this instant (as PostgreSQL prints it)."""
    try:
        return datetime.fromisoformat(stored) == datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return False


def _agrees(stored: Any, value: Any) -> bool:
    """Whether a change's `value` is the stored one: amounts as numbers, instants in either notation, the rest as JSON."""
    if same(stored, value):
        return True
    if isinstance(value, str) and isinstance(stored, str | int | float) and not isinstance(stored, bool):
        try:
            return Decimal(str(stored)) == Decimal(value)
        except InvalidOperation:
            return _is_instant(str(stored), value)
    return False
