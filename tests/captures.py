"""Captures for tests: one browser at one moment, as small functions. Everything can be overridden; `...` leaves a field out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from audit.local_storage.items import ItemOutcome
from audit.local_storage.people import Person, read_person
from audit.local_storage.read import ReadSnapshot, SnapshotReader, SnapshotSource

CAPTURED = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
LOADED = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


class Unstored(NamedTuple):
    """A value that localStorage could not hold, since it is no string."""

    value: Any


def without_gaps(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` without those that are `...`."""
    return {name: value for name, value in fields.items() if value is not ...}


def meal(**fields: Any) -> dict[str, Any]:
    """A meal that cleaning leaves alone."""
    return without_gaps(
        {
            "id": "1710068400000",
            "timestamp": "2024-03-10T11:00:00.000Z",
            "description": "Poulet rôti",
            "protein": 25,
            "calories": 300,
            "source": "manual",
            "aiEstimated": False,
            **fields,
        }
    )


def meals(number: int, **fields: Any) -> list[dict[str, Any]]:
    """So many different meals, one an hour."""
    return [
        meal(id=str(1710068400000 + index), timestamp=1_710_068_400_000 + index * 3_600_000, **fields)
        for index in range(number)
    ]


def favorite(**fields: Any) -> dict[str, Any]:
    """A favourite that cleaning leaves alone."""
    return without_gaps(
        {
            "id": "1710000000001",
            "name": "Yaourt grec",
            "description": "Yaourt grec nature",
            "protein": 10,
            "calories": 120,
            "createdAt": "2024-01-02T08:00:00.000Z",
            "lastUsed": "2024-02-03T08:00:00.000Z",
            "useCount": 4,
            **fields,
        }
    )


def app_state(**parts: Any) -> dict[str, Any]:
    """The old app's state with the given parts and nothing of its own."""
    return without_gaps({"meals": [], "favoriteMeals": [], "isLoading": False, **parts})


def capture(storage: Mapping[str, Any] | None = None, *, email: str = "a@example.fr", **fields: Any) -> bytes:
    """The bytes of a capture. Values of `storage` that are no text are stored as their JSON text (`Unstored`: as they are)."""
    whole = {
        "user": {"email": email, "username": email.partition("@")[0], "legacy_id": fields.pop("legacy_id", "U")},
        "captured_at": CAPTURED.isoformat(),
        "timezone": "Europe/Paris",
        "origin": "https://dynprot.example",
        "user_agent": "tests",
        "local_storage": {key: _stored(value) for key, value in (storage or {}).items()},
        **fields,
    }
    return json.dumps(without_gaps(whole)).encode()


def _stored(value: Any) -> Any:
    if isinstance(value, Unstored):
        return value.value
    return value if isinstance(value, str) else json.dumps(value)


def source(payload: bytes, number: int = 1, **fields: Any) -> SnapshotSource:
    """A staged snapshot, without any database."""
    values = {"captured_at": CAPTURED, "loaded_at": LOADED, "zone": PARIS, **fields}
    return SnapshotSource(number, payload, hashlib.sha256(payload).digest(), **values)


def read(storage: Mapping[str, Any] | None = None, **fields: Any) -> ReadSnapshot:
    """One capture, read and cleaned."""
    return SnapshotReader(source(capture(storage, **fields)), 0).read()


def person(*sources: SnapshotSource, in_run: Collection[int] | None = None) -> Person:
    """What these snapshots, in order of capture, come to; all are the run's unless told."""
    return read_person(list(sources), range(len(sources)) if in_run is None else in_run)


def outcomes_of(one: Person) -> dict[tuple[int, str], tuple[str, tuple[str, ...]]]:
    """(snapshot, path) → (outcome, reasons) of every item, as far as no table has a say: `stands` for those that become rows."""
    fates: dict[tuple[int, str], tuple[str, tuple[str, ...]]] = {}

    def add(snapshot: int, path: str, outcome: str, reasons: tuple[str, ...]) -> None:
        assert (snapshot, path) not in fates, f"{path} has two outcomes"
        fates[snapshot, path] = (outcome, reasons)

    settled: list[ItemOutcome] = one.outcomes
    for fate in settled:
        add(fate.snapshot, fate.path, fate.outcome, fate.reasons)
    for group in (*one.meals, *one.favorites):
        if (entry := group.representative) is not None:
            add(entry.snapshot, entry.path, "stands", tuple(note.code for note in entry.notes))
        for loser in group.losers:
            codes = dict.fromkeys([loser.reason, *(note.code for note in loser.entry.notes)])
            add(loser.entry.snapshot, loser.entry.path, loser.outcome, tuple(codes))
    for settings in (one.profile, one.preferences):
        if (item := settings.representative) is not None:
            add(item.snapshot, item.path, "stands", tuple(note.code for note in item.notes))
    return fates
