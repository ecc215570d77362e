"""Writing down what stands for an item that cannot be read. Validated by the very rules that quarantined it; writes nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import transaction

from audit.local_storage.decode import Unreadable, decode_json
from audit.local_storage.items import REPAIRED, Kind
from audit.local_storage.read import ReadSnapshot, SnapshotReader, SnapshotSource
from audit.local_storage.values import EPOCH
from audit.models import ItemRepair, MigrationOutcome, Outcome, StorageSnapshot
from audit.runs.plan import Refused
from audit.runs.quarantine.selection import check_not_reverted, check_said, lock_run
from audit.runs.quarantine.trail import tell_person, tell_run
from audit.runs.reconcile_settings import json_value

_OWNERS = {
    "other_owner": "it belongs to another person of that browser",
    "ambiguous_owner": "nobody knows whose it is: several people used that browser",
}
_HUNDREDTHS = frozenset({"protein", "carbs", "fat", "fiber"})
_INSTANTS = frozenset({"instant", "last_used", "created"})


class BadRepair(Refused):
    """The value would be quarantined itself: `code` says why, `path` and `field` where. Nothing was stored."""

    def __init__(self, sentence: str, *, code: str, path: str, field: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.path = path
        self.field = field


class Preview(NamedTuple):
    """What an item would become: its fields as the tables have them (g, kcal, ISO instants in UTC), and what cleaning would change."""

    kind: str
    content: dict[str, Any]
    notes: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """For people and for the admin."""
        return self._asdict()


def preview(*, outcome: MigrationOutcome, value_text: str) -> Preview:
    """What the item of `outcome` would become with this value (a JSON text) in its place. Writes nothing; raises as `repair` does."""
    return _read(outcome, value_text)[0]


def repair(
    *, outcome: MigrationOutcome, value_text: str, actor: str, reason: str, seen: int | None = None
) -> ItemRepair:
    """From now on `value_text` stands for the item wherever its snapshot is read. The tables change with the next replay or run.

    `seen` is the item's latest repair as the caller knows it (0: none): nothing is stored over one that they have not seen. None: over any.
    Raises `Refused` when this item cannot be repaired at all, `BadRepair` when the value does not pass the rules.
    """
    check_said(actor, reason)
    with transaction.atomic():
        run = lock_run(outcome.run)
        check_not_reverted(run, outcome.user_id)
        current = MigrationOutcome.objects.select_for_update().get(pk=outcome.pk)
        if seen is not None and seen != latest_repair(current):
            raise Refused("somebody else has repaired {path} since you looked at it", path=current.path)
        _, text = _read(current, value_text)
        stored = ItemRepair.objects.create(
            snapshot_id=current.snapshot_id, path=current.path, value=text, actor=actor, reason=reason
        )
        tell_run(
            run=run,
            action="repair",
            actor=actor,
            reason=reason,
            data={"repair": stored.pk, "outcome": current.pk, "kind": current.kind, "reason": current.reasons[0]},
        )
        tell_person(
            user_id=current.user_id,
            action="MIGRATION_ITEM_REPAIRED",
            table="item_repairs",
            new_values={"repair": stored.pk, "run": run.pk, "path": current.path, "actor": actor, "reason": reason},
        )
    return stored


def latest_repair(outcome: MigrationOutcome) -> int:
    """The id of the repair that stands for the item; 0 when there is none."""
    repairs = ItemRepair.objects.filter(snapshot_id=outcome.snapshot_id, path=outcome.path)
    return repairs.order_by("-id").values_list("id", flat=True).first() or 0


def _read(outcome: MigrationOutcome, value_text: str) -> tuple[Preview, str]:
    """The item as it would be, and the text to store."""
    check_repairable(outcome)
    text = ascii_json(value_text, outcome.path)
    reader = SnapshotReader(source_of(StorageSnapshot.objects.get(pk=outcome.snapshot_id)), 0, {outcome.path: text})
    found = read_from_repairs(reader.read()).get((outcome.kind, outcome.path))
    if found is None:
        raise why_not(reader, outcome, text)
    return found, text


def source_of(snapshot: StorageSnapshot) -> SnapshotSource:
    """A staged snapshot as the reader takes it."""
    return SnapshotSource(
        snapshot.pk,
        bytes(snapshot.payload),
        bytes(snapshot.sha256),
        snapshot.captured_at,
        snapshot.loaded_at,
        ZoneInfo(snapshot.timezone),
    )


def why_not(reader: SnapshotReader, outcome: MigrationOutcome, text: str) -> Refused:
    """Why this value cannot stand for the item."""
    kind: Kind = outcome.kind  # type: ignore[assignment]  # the column has a CHECK
    problem = reader.problem_of(kind, outcome.path, decode_json(text))
    if problem is None:
        return Refused(
            "{path} cannot be repaired: it is not the person's own, and whose an item is, no repair decides",
            path=outcome.path,
        )
    where = f"{outcome.path}.{problem.field}" if problem.field else outcome.path
    return BadRepair(
        f"the value would be quarantined too: {problem.code} at {where}",
        code=problem.code,
        path=outcome.path,
        field=problem.field,
    )


class _RawReader(SnapshotReader):
    """Remembers what the bytes hold at each path that is quarantined: whole, where outcome rows keep long values by their beginning only."""

    def __init__(self, source: SnapshotSource) -> None:
        super().__init__(source, 0)
        self.raw: dict[str, Any] = {}

    def _quarantine(self, kind: Kind, path: str, code: str, raw: Any, field: str = "") -> None:
        self.raw[path] = raw
        super()._quarantine(kind, path, code, raw, field)


def raw_values(source: SnapshotSource) -> dict[str, Any]:
    """Path → what the bytes hold, of every item that today's rules quarantine in this snapshot."""
    reader = _RawReader(source)
    reader.read()
    return reader.raw


def check_repairable(outcome: MigrationOutcome) -> None:
    """Raises `Refused` for what no value can stand for."""
    if outcome.outcome != Outcome.QUARANTINED:
        raise Refused(
            "{item} is {outcome}: only what is in quarantine can be repaired",
            item=outcome.path or "the snapshot",
            outcome=outcome.outcome,
        )
    code = outcome.reasons[0] if outcome.reasons else ""
    if code in _OWNERS:
        raise Refused(
            "{path} cannot be repaired: {whose}, and whose an item is, no repair decides",
            path=outcome.path,
            whose=_OWNERS[code],
        )
    if not outcome.path:
        raise Refused("a whole snapshot cannot be repaired: have its bytes captured again, or waive it")
    if outcome.kind in ("meal", "favorite") and not outcome.path.endswith("]"):
        raise Refused(
            "{path} is a whole list that counts as one item: its elements are not known, so no value can stand for them. Stage the recovered data as a snapshot of its own (load_snapshots), and waive this item",
            path=outcome.path,
        )


def ascii_json(value_text: str, path: str) -> str:
    """The value as JSON in ASCII, as raw values are kept everywhere."""
    try:
        value = decode_json(value_text)
        return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (Unreadable, RecursionError) as problem:
        code = problem.code if isinstance(problem, Unreadable) else "too_deep"
        raise BadRepair(f"the value is not JSON ({code})", code=code, path=path, field="") from None
    except ValueError:
        raise BadRepair(
            "the value has a number that is too large (not_finite)", code="not_finite", path=path, field=""
        ) from None


def read_from_repairs(read: ReadSnapshot) -> dict[tuple[str, str], Preview]:
    """(kind, path) → the item as it would be, of all that were read from a repair."""
    found: dict[tuple[str, str], Preview] = {}
    for entries in (read.meals, read.favorites):
        for entry in entries:
            if any(note.code == REPAIRED for note in entry.notes):
                kind = entry.container.kind
                found[kind, entry.path] = Preview(kind, _shown(entry.content._asdict()), _notes(entry.notes))
    for item in read.settings:
        if any(note.code == REPAIRED for note in item.notes):
            columns = {name: _plain(value) for name, value in {**item.defaults, **item.answers}.items()}
            found[item.kind, item.path] = Preview(item.kind, columns, _notes(item.notes))
    for fate in read.settled:
        if REPAIRED in fate.reasons:
            note = {"field": "", "reason": fate.reasons[0], "value": None}
            found[fate.kind, fate.path] = Preview(fate.kind, {}, [note])
    return found


def _notes(notes: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [{"field": note.field, "reason": note.code, "value": note.value} for note in notes if note.code != REPAIRED]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else json_value(value)


def _shown(content: dict[str, Any]) -> dict[str, Any]:
    """Grams instead of hundredths, ISO instants instead of microseconds."""
    shown = {}
    for name, value in content.items():
        if name in _HUNDREDTHS and value is not None:
            shown[name] = value / 100
        elif name in _INSTANTS and value is not None:
            shown[name] = (EPOCH + timedelta(microseconds=value)).isoformat()
        else:
            shown[name] = _plain(value)
    return shown
