"""Every state that a run can get into, with two batches, two workers and people who press buttons: walked through one by one.

The model below is small and knows no database; each of its moves does what the engine does, in as few words as possible, and asks the real
table of transitions whether it may. So what is shown for the model holds for the engine as far as the moves are the engine's; that they are is
what tests/faults is for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from audit.models import MigrationEvent, MigrationRun, RunStatus
from audit.runs.transitions import TRANSITIONS, IllegalTransition, Transition, transition

R = RunStatus
BATCHES, WORKERS, MOST_EPOCHS = 2, 2, 2
HAPPY = {R.COMPLETED, R.COMPLETED_WITH_QUARANTINE, R.CANCELLED, R.ROLLED_BACK}
FINAL = HAPPY | {R.FAILED, R.ROLLBACK_FAILED}
VERDICTS = (
    ("complete", R.COMPLETED),
    ("complete", R.COMPLETED_WITH_QUARANTINE),
    ("fail", R.FAILED),
    ("cohort_done", R.PAUSED),
)
SETTLED = {R.PAUSING: ("paused", R.PAUSED), R.CANCELLING: ("cancelled", R.CANCELLED)}
LEGAL = {(line.source, line.action, line.target): line for line in TRANSITIONS}


class Batch(NamedTuple):
    """`holder` is who claimed it last, `late` says that the lease has expired, `times` how often its rows went in without coming out."""

    status: str = "planned"
    epoch: int = 0
    holder: int | None = None
    late: bool = False
    times: int = 0


class Worker(NamedTuple):
    """`present`: its session lives and shares the run's lock. What it believes to hold: (batch, epoch)."""

    present: bool = False
    claim: tuple[int, int] | None = None


class State(NamedTuple):
    status: RunStatus = R.PENDING
    batches: tuple[Batch, ...] = (Batch(),) * BATCHES
    workers: tuple[Worker, ...] = (Worker(),) * WORKERS

    def batch(self, number: int, **changes: object) -> State:
        batches = list(self.batches)
        batches[number] = batches[number]._replace(**changes)  # type: ignore[arg-type]
        return self._replace(batches=tuple(batches))

    def worker(self, number: int, worker: Worker) -> State:
        workers = list(self.workers)
        workers[number] = worker
        return self._replace(workers=tuple(workers))

    def to(self, action: str, target: RunStatus) -> State | None:
        """What `transition` does: None where the table has no such line."""
        return self._replace(status=target) if (self.status, action, target) in LEGAL else None

    @property
    def alone(self) -> bool:
        """Whether somebody could hold the run's lock for himself."""
        return not any(worker.present for worker in self.workers)

    def has(self, *statuses: str) -> bool:
        return any(batch.status in statuses for batch in self.batches)

    def replanned(self, *statuses: str) -> State:
        """Batches in these statuses are planned again."""
        batches = (
            batch._replace(status="planned", late=False) if batch.status in statuses else batch
            for batch in self.batches
        )
        return self._replace(batches=tuple(batches))

    def taken_back(self) -> State:
        """What was committed is so no more."""
        batches = (
            batch._replace(status="reverted", times=0) if batch.status == "committed" else batch
            for batch in self.batches
        )
        return self._replace(batches=tuple(batches))


class Edge(NamedTuple):
    """A move, the line of the table that it used if any, and where it leads."""

    name: str
    state: State
    line: Transition | None = None


def moves(state: State) -> Iterator[Edge]:
    """All that can happen next."""
    for number, worker in enumerate(state.workers):
        yield from _worker_moves(state, number, worker)
    for number, batch in enumerate(state.batches):
        if batch.status == "leased" and not batch.late:
            yield Edge("lease expires", state.batch(number, late=True))
    yield from _button_moves(state)
    yield from _engine_moves(state)


def _worker_moves(state: State, number: int, worker: Worker) -> Iterator[Edge]:
    if not worker.present:
        if worker.claim is not None:  # a stopped process wakes: its session is gone, it can write nothing
            yield Edge("forgets", state.worker(number, Worker()))
        elif state.status == R.RUNNING:
            yield Edge("joins", state.worker(number, Worker(present=True)))
        return
    yield Edge("dies", state.worker(number, Worker()))
    yield Edge("is cut off", state.worker(number, Worker(present=False, claim=worker.claim)))
    if worker.claim is None:
        yield Edge("leaves", state.worker(number, Worker()))
        if state.status == R.RUNNING:
            yield from _claims(state, number)
        return
    yield from _ends_of_a_batch(state, number, *worker.claim)


def _claims(state: State, number: int) -> Iterator[Edge]:
    others = any(worker.present for other, worker in enumerate(state.workers) if other != number)
    for at, batch in enumerate(state.batches):
        orphan = batch.status == "leased" and batch.holder != number and (batch.late or not others)
        # A lease of one's own is released when one comes back (`Worker._rejoin`).
        own = batch.status == "leased" and batch.holder == number
        if (batch.status == "planned" or orphan or own) and batch.epoch < MOST_EPOCHS:
            leased = state.batch(at, status="leased", epoch=batch.epoch + 1, holder=number, late=False)
            yield Edge("claims", leased.worker(number, Worker(present=True, claim=(at, batch.epoch + 1))))


def _ends_of_a_batch(state: State, number: int, at: int, epoch: int) -> Iterator[Edge]:
    idle = state.worker(number, Worker(present=True))
    batch = state.batches[at]
    if batch.status != "leased" or batch.epoch != epoch:
        yield Edge("finds its lease lost", idle)
        return
    yield Edge("commits", idle.batch(at, status="committed", times=batch.times + 1))
    yield Edge("releases", idle.batch(at, status="planned"))
    yield Edge("gives up", idle.batch(at, status="exhausted"))
    failed = idle.batch(at, status="failed")
    after = failed.to("fail", R.FAILED)  # refused where the run has ended meanwhile: then only the batch failed
    yield Edge("meets an unknown error", after or failed, LEGAL.get((state.status, "fail", R.FAILED)))


def _button_moves(state: State) -> Iterator[Edge]:
    """People; and the error budget, which pauses."""
    for action, target in (
        ("pause", R.PAUSING),
        ("cancel", R.CANCELLING),
        ("resume", R.RUNNING),
        ("cancel", R.CANCELLED),
    ):
        if (after := state.to(action, target)) is not None and not (action == "resume" and state.status == R.RUNNING):
            yield Edge(action, after, LEGAL[state.status, action, target])
    if (after := state.to("retry", R.RUNNING)) is not None:
        yield Edge("retry", after.replanned("failed", "exhausted"), LEGAL[state.status, "retry", R.RUNNING])
    if state.alone and (after := state.to("roll_back", R.ROLLING_BACK)) is not None:
        yield Edge("roll back", after, LEGAL[state.status, "roll_back", R.ROLLING_BACK])
    repairable = state.status in (R.COMPLETED, R.COMPLETED_WITH_QUARANTINE, R.FAILED)
    if repairable and state.alone and not state.has("planned", "leased", "failed", "exhausted"):
        yield Edge("repair", state._replace(status=R.VERIFYING), LEGAL[state.status, "verify", R.VERIFYING])


def _made(state: State, name: str, action: str, target: RunStatus, of: State | None = None) -> Edge:
    after = (of or state).to(action, target)
    assert after is not None, f"{name}: the engine makes a move that the table does not know"
    return Edge(name, after, LEGAL[state.status, action, target])


def _engine_moves(state: State) -> Iterator[Edge]:
    """What a worker does alone, or who ends a pause."""
    if (ended := SETTLED.get(state.status)) is not None:
        free = state.replanned("leased") if state.alone else state
        if not free.has("leased"):
            yield _made(state, "settles", *ended, of=free)
    if not state.alone:
        return
    if state.status == R.PENDING:
        yield _made(state, "begins", "start", R.RUNNING)
    elif state.status == R.RUNNING:
        yield _made(state, "takes up", "resume", R.RUNNING, of=state.replanned("leased"))
        if not state.has("planned", "leased"):
            fails = state.has("failed", "exhausted")
            yield _made(state, "finishes", *(("fail", R.FAILED) if fails else ("verify", R.VERIFYING)))
    elif state.status == R.VERIFYING:
        yield _made(state, "verifies again", "verify", R.VERIFYING)
        for action, target in VERDICTS:
            yield _made(state, "judges", action, target)
    elif state.status == R.ROLLING_BACK:
        yield _made(state, "takes back", "rolled_back", R.ROLLED_BACK, of=state.taken_back())
        yield _made(state, "cannot take back", "rollback_failed", R.ROLLBACK_FAILED)


def check(state: State) -> None:
    """What holds in every state."""
    assert all(batch.times <= 1 for batch in state.batches), "a batch was committed twice"
    assert all(batch.times == (batch.status == "committed") for batch in state.batches)
    if state.status in (R.PAUSED, R.CANCELLED, R.VERIFYING, R.COMPLETED, R.COMPLETED_WITH_QUARANTINE):
        assert not state.has("leased"), f"{state.status.value} with a batch under way"
    if state.status in (R.VERIFYING, R.COMPLETED, R.COMPLETED_WITH_QUARANTINE):
        assert not state.has("planned", "failed", "exhausted"), f"{state.status.value} with work left"


def check_edge(before: State, edge: Edge) -> None:
    """What holds of every step."""
    after = edge.state
    if before.status != after.status:
        assert edge.line is not None
        assert (edge.line.source, edge.line.target) == (before.status, after.status), edge
    if after.status in (R.COMPLETED, R.COMPLETED_WITH_QUARANTINE) and before.status != after.status:
        assert before.status == R.VERIFYING, "completed without the verifier"
    for number, (old, new) in enumerate(zip(before.batches, after.batches, strict=True)):
        if new.times > old.times:
            (by,) = (at for at, worker in enumerate(before.workers) if worker != after.workers[at])
            assert before.workers[by] == Worker(present=True, claim=(number, old.epoch)), "a stale epoch was committed"
            assert old.holder == by


def explore() -> dict[State, list[Edge]]:
    """Everything that can be reached, breadth first."""
    start = State()
    found: dict[State, list[Edge]] = {start: []}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        check(state)
        for edge in moves(state):
            check_edge(state, edge)
            found[state].append(edge)
            if edge.state not in found:
                found[edge.state] = []
                waiting.append(edge.state)
    return found


def can_reach(found: dict[State, list[Edge]], goal: set[RunStatus]) -> set[State]:
    """All states from which one of `goal` can still be reached."""
    back: dict[State, list[State]] = {state: [] for state in found}
    for state, edges in found.items():
        for edge in edges:
            back[edge.state].append(state)
    reached = {state for state in found if state.status in goal}
    waiting = deque(reached)
    while waiting:
        for state in back[waiting.popleft()]:
            if state not in reached:
                reached.add(state)
                waiting.append(state)
    return reached


def test_nothing_illegal_can_happen_and_everything_can_end() -> None:
    found = explore()
    assert len(found) > 1000
    assert {state.status for state in found} == set(RunStatus)
    used = {edge.line for edges in found.values() for edge in edges if edge.line is not None}
    assert used == set(TRANSITIONS), f"never happen: {set(TRANSITIONS) - used}"
    stuck = found.keys() - can_reach(found, HAPPY)
    assert not stuck, f"no way out of {next(iter(stuck))}"


def test_each_line_says_when_it_happens_and_final_is_final() -> None:
    assert len(LEGAL) == len(TRANSITIONS)
    assert all(line.when.endswith(".") for line in TRANSITIONS)
    assert {line.source for line in TRANSITIONS} | FINAL == set(RunStatus)
    assert {line.source for line in TRANSITIONS if line.target in (R.COMPLETED, R.COMPLETED_WITH_QUARANTINE)} == {
        R.VERIFYING
    }


@pytest.mark.django_db
@pytest.mark.parametrize("source", RunStatus)
def test_the_database_knows_the_same_lines(source: RunStatus) -> None:
    run = MigrationRun.objects.create(batch_size=1, status=source, verdict="passed")
    for action, target in sorted({(line.action, line.target) for line in TRANSITIONS}):
        if (source, action, target) in LEGAL:
            transition(run=run, action=action, target=RunStatus(target), actor="test", reason="because")
            assert run.status == target
            event = MigrationEvent.objects.filter(run=run).latest("id")
            assert (event.action, event.old_status, event.new_status) == (action, source, target)
            assert (event.actor, event.reason) == ("test", "because")
        else:
            before = MigrationEvent.objects.count()
            with pytest.raises(
                IllegalTransition, match=f"is {source.value}: it cannot {action} to {RunStatus(target).value}"
            ):
                transition(run=run, action=action, target=RunStatus(target))
            assert MigrationEvent.objects.count() == before
        MigrationRun.objects.filter(pk=run.pk).update(status=source)
