"""Examples out of a dry run: a few items of each fate, as different as possible, with what the browser held and what would be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from uuid import UUID

from accounts.models import User
from audit.local_storage.items import Entry, ItemOutcome, PlainMeals, raw_text
from audit.models import MigrationPreview, MigrationPreviewSample, StorageSnapshot
from audit.runs.batch import BatchResult
from audit.runs.ledger import Ledger
from audit.runs.wanted import PreparedPerson

MOST: Final[dict[str, int]] = {"created": 6, "updated": 6, "quarantined": 8, "duplicate": 1, "superseded": 1}
"""Examples of each fate."""
PLAIN: Final = 2
"""Of the created ones, items of a kind that are taken exactly as they are."""
OF_ONE_PERSON: Final = 3


class Sample(NamedTuple):
    """One item and its fate."""

    user_id: UUID
    snapshot_id: int
    outcome: ItemOutcome


class Sampler:
    """Watches a dry run (`engine.Watching`) and keeps examples."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._seen: set[tuple[str, str, str]] = set()
        self._fates: Counter[str] = Counter()
        self._people: Counter[UUID] = Counter()
        self._plain: Counter[str] = Counter()
        self._candidates: list[Sample] = []

    def pass_on(self, people: Iterable[PreparedPerson]) -> Iterator[PreparedPerson]:
        """Remembers an untouched item of some people; whether it is created is known once the batch is settled."""
        for person in people:
            if len(self._candidates) < 20 and any(self._plain[kind] < PLAIN for kind in ("meal", "favorite")):
                self._candidates += _untouched(person)
            yield person

    def settled(self, result: BatchResult) -> None:
        """Keeps what is still missing."""
        for candidate in self._candidates:
            kind = candidate.outcome.kind
            if self._plain[kind] < PLAIN and _all_created(result.ledger, candidate.snapshot_id, kind):
                self._plain[kind] += 1
                self._keep(candidate)
        self._candidates.clear()
        for user_id, snapshot, outcome in result.ledger.outcomes:
            if self._fates[outcome.outcome] < MOST.get(outcome.outcome, 0) and self._people[user_id] < OF_ONE_PERSON:
                first = outcome.reasons[0] if outcome.reasons else ""
                alike = (outcome.outcome, outcome.kind, first)
                if alike not in self._seen:
                    self._seen.add(alike)
                    self._keep(Sample(user_id, snapshot, outcome))

    def _keep(self, sample: Sample) -> None:
        self._fates[sample.outcome.outcome] += 1
        self._people[sample.user_id] += 1
        self.samples.append(sample)

    def rows(self, preview: MigrationPreview) -> list[MigrationPreviewSample]:
        """As rows; people and snapshots that were erased meanwhile are left out."""
        users = set(User.objects.filter(pk__in={one.user_id for one in self.samples}).values_list("pk", flat=True))
        wanted = {one.snapshot_id for one in self.samples}
        snapshots = set(StorageSnapshot.objects.filter(pk__in=wanted).values_list("pk", flat=True))
        order = list(MOST)
        return [
            MigrationPreviewSample(
                preview=preview,
                user_id=one.user_id,
                snapshot_id=one.snapshot_id,
                kind=one.outcome.kind,
                path=one.outcome.path,
                outcome=one.outcome.outcome,
                reasons=list(one.outcome.reasons),
                raw=one.outcome.raw,
                changes=one.outcome.changes,
                before=one.outcome.before,
            )
            for one in sorted(self.samples, key=lambda one: (order.index(one.outcome.outcome), not one.outcome.changes))
            if one.user_id in users and one.snapshot_id in snapshots
        ]


def _untouched(person: PreparedPerson) -> Iterator[Sample]:
    """At most one meal and one favourite that reading took as they are. Takes nothing apart that the batch still needs."""
    plain = person.wanted.plain
    if plain is not None and plain.contents:
        yield _sample(person, plain.snapshot, "meal", plain)
    entries = [next((merged.first for merged in person.wanted.favorites if not merged.first.notes), None)]
    if plain is None:
        entries.append(next((merged.first for merged in person.wanted.merged_meals if not merged.first.notes), None))
    for entry in entries:
        if entry is not None and entry.snapshot in person.in_run:
            yield _sample(person, entry.snapshot, entry.container.kind, entry)


def _sample(person: PreparedPerson, position: int, kind: str, item: PlainMeals | Entry) -> Sample:
    path, raw = (
        (item.path, item.raw) if isinstance(item, Entry) else (f"{item.container.path}[0]", item.container.elements[0])
    )
    outcome = ItemOutcome(position, kind, path, "created", raw=raw_text(raw))  # type: ignore[arg-type]
    return Sample(person.user_id, person.sources[position].id, outcome)


def _all_created(ledger: Ledger, snapshot: int, kind: str) -> bool:
    """Whether every item of this kind in this snapshot is created, so that any of them is an example of it."""
    found = ledger.found.get(snapshot)
    return bool(found and found[kind] and ledger.counts[snapshot][kind, "created"] == found[kind])
