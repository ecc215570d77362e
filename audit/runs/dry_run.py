"""What a migration would do: the same code in transactions that are rolled back. Leaves no run, no row, no file behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from audit.digest import content_digest
from audit.runs.batch import commit_batch
from audit.runs.lookahead import Lookahead, tuned_interpreter
from audit.runs.observer import Observer, Phases, Watching, count
from audit.runs.plan import PlannedPerson, Scope, list_people
from audit.runs.plan_digest import add, as_text
from audit.runs.report import Numbers, report_json


class Prediction(NamedTuple):
    """What would come of it; `plan_digest` stands for all effects, however the people are cut into batches."""

    numbers: Numbers
    plan_digest: str


def predict(
    people: Sequence[PlannedPerson],
    *,
    batch_size: int,
    advanced: Callable[[Numbers], None] | None = None,
    watching: Watching | None = None,
) -> Prediction:
    """Goes through all of `people`, batch by batch. `advanced` is told how far it is, `watching` sees the people and what became of them."""
    position = 0

    def next_batch() -> tuple[None, list[PlannedPerson]] | None:
        nonlocal position
        chosen = list(people[position : position + batch_size])
        position += len(chosen)
        return (None, chosen) if chosen else None

    numbers = Numbers(planned=-(-len(people) // batch_size))
    effects = 0
    with tuned_interpreter(), Lookahead(next_batch) as batches:
        for prepared in batches:
            on_their_way = prepared.people if watching is None else watching.pass_on(prepared.people)
            result = commit_batch(on_their_way, run_id=None, claim=None, planned=prepared.planned)
            effects = add(effects, result.effects)
            count(numbers, result)
            if watching is not None:
                watching.settled(result)
            if advanced is not None:
                advanced(numbers)
    numbers.committed = 0
    return Prediction(numbers, as_text(effects))


def dry_run(
    *,
    scope: Scope,
    batch_size: int,
    observer: Observer,
    rejected_lines: int = 0,
    watching: Watching | None = None,
) -> dict[str, Any]:
    """The report that `migrate` would give."""
    phases = Phases()
    people = list_people(scope)
    observer.started(
        run=None, people=len(people), snapshots=sum(len(person.snapshot_ids) for person in people), resumed=False
    )
    with phases.time("migrate"):
        numbers, plan_digest = predict(people, batch_size=batch_size, advanced=observer.advanced, watching=watching)
    with phases.time("digest"):
        digest = content_digest()
    return report_json(
        run=None,
        status="completed_with_quarantine" if numbers.quarantined else "completed",
        dry_run=True,
        batch_size=batch_size,
        numbers=numbers,
        rejected_lines=rejected_lines,
        verdict=None,
        digest=digest,
        phases=phases.seconds,
        plan_digest=plan_digest,
    )
