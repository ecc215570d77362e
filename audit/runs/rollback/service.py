"""A rollback from the first look to the receipt. The command, tasks and the admin call `roll_back`; nothing else takes anything back.

People in id order, so many a transaction, which also says that they are done (`migration_run_snapshots.reverted_at`): so a rollback that was
killed goes on where it was, and nobody is taken back twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import psycopg
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection, transaction

from audit.digest import content_digest
from audit.models import ActivityLog, MigrationRun, RunStatus
from audit.runs.existing import lock_people
from audit.runs.failpoints import reach
from audit.runs.failures import describe
from audit.runs.plan import Refused
from audit.runs.presence import hold_driver_lock, release_driver_lock
from audit.runs.rollback.photos import remove_photos, unnamed_photos
from audit.runs.rollback.receipt import Receipt, Taken
from audit.runs.rollback.rows import take_back
from audit.runs.rollback.scope import (
    WHOLE_RUN,
    Overtaken,
    RollbackScope,
    Selection,
    check_not_overtaken,
    select_people,
)
from audit.runs.transitions import record, transition

ATTEMPTS = 5
_PASSING = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.UniqueViolation)
"""Somebody wrote at the same moment; a name that was taken under our hands is seen at the next try."""
KEPT_IN_EVENT = 100


class RollbackObserver(Protocol):
    """Is told how a rollback goes on."""

    def started(self, *, run: int, people: int, reverted: int) -> None:
        """So many people are to be taken back; so many were before."""

    def advanced(self, *, people: int, kept: int) -> None:
        """So many of them are done by now; so many rows stay as they are."""


class SilentObserver:
    """Watches nothing."""

    def started(self, *, run: int, people: int, reverted: int) -> None:
        """Not shown."""

    def advanced(self, *, people: int, kept: int) -> None:
        """Not shown."""


class RollbackFailed(Exception):
    """Some people could not be taken back; those before stay taken back, and the rollback can be started again."""


class RollbackInterrupted(Exception):
    """The database went away; started again, the rollback goes on where it was."""


def roll_back(
    *,
    run: MigrationRun,
    scope: RollbackScope = WHOLE_RUN,
    actor: str = "",
    reason: str = "",
    dry_run: bool = False,
    observer: RollbackObserver | None = None,
    batch_size: int = 100,
    with_digest: bool = True,
) -> Receipt:
    """Takes back what `run` did to the people of `scope`, or (dry run) finds out what that would mean and changes nothing.

    Rows that the run created are deleted, rows that it changed get their former content, rows that the person has changed since are kept
    and listed in the receipt. `with_digest`: of a part, say afterwards what everybody's content comes to, which takes longer than the part
    itself (of a whole run it is always said). Raises `Refused` with nothing changed, `RollbackFailed` or `RollbackInterrupted` with some people done.
    """
    if not hold_driver_lock(run):
        raise Refused("run {run} is in the hands of another process", run=run.pk)
    try:
        run.refresh_from_db()
        observer = observer or SilentObserver()
        return _Rollback(run, scope, actor, reason, dry_run, observer, batch_size, with_digest).execute()
    finally:
        with suppress(DatabaseError, InterfaceError):  # a lost connection has given the lock back already
            release_driver_lock(run)


@dataclass
class _Rollback:
    """One call of `roll_back`."""

    run: MigrationRun
    scope: RollbackScope
    actor: str
    reason: str
    dry_run: bool
    observer: RollbackObserver
    batch_size: int
    with_digest: bool
    selection: Selection = field(init=False)
    receipt: Receipt = field(init=False)
    done: int = 0
    """People of this call; the receipt may have some from before."""

    def __post_init__(self) -> None:
        self.selection = select_people(self.run, self.scope)
        self.receipt = self._open_receipt()

    def _open_receipt(self) -> Receipt:
        """A new one, or that of the rollback which was broken off: it was stored along with each step."""
        unfinished = self.run.status in (RunStatus.ROLLING_BACK, RunStatus.ROLLBACK_FAILED)
        if self.scope.whole and unfinished and self.run.rollback and not self.dry_run:
            return Receipt.from_json(self.run.rollback)
        before = self.run.digest_before
        return Receipt(self.run.pk, self.scope.as_json(), dry_run=self.dry_run, digest_before=before)

    def execute(self) -> Receipt:
        """All of it."""
        self.observer.started(run=self.run.pk, people=len(self.selection.left), reverted=len(self.selection.reverted))
        if self.dry_run:
            for people in self._chunks(self.selection.left):
                self._chunk(people)
            return self.receipt
        if self.scope.whole:
            self._begin()
        with self._told_apart():
            for people in self._chunks(self.selection.reverted):
                self._sweep(people)
            for people in self._chunks(self.selection.left):
                self._chunk(people)
                reach("rollback.committed")
                self._sweep(people)
                reach("rollback.photos")
            if self.scope.whole or self.with_digest:
                self.receipt.digest_after = content_digest()
                self.receipt.equal = self.receipt.digest_after == self.receipt.digest_before
                reach("rollback.digested")
            if self.scope.whole:
                self._finish()
        return self.receipt

    def _begin(self) -> None:
        rolling_back = RunStatus.ROLLING_BACK
        if self.run.status == rolling_back and not self.run.rollback:  # it was asked for, and this is the first to come
            self._store(self.receipt)
        elif self.run.status == rolling_back:
            record(
                run=self.run,
                action="roll_back",
                old_status=rolling_back,
                new_status=rolling_back,
                actor=self.actor,
                reason=self.reason or "its process was lost; the people who are left are taken back",
            )
        else:
            try:
                transition(
                    run=self.run,
                    action="roll_back",
                    target=rolling_back,
                    actor=self.actor,
                    reason=self.reason,
                    rollback=self.receipt.as_json(),
                    error="",
                )
            except IntegrityError as error:
                if "migration_runs_one_active_key" not in str(error):
                    raise
                raise Refused("another migration is active") from error
        reach("rollback.begun")

    def _finish(self) -> None:
        transition(
            run=self.run,
            action="rolled_back",
            target=RunStatus.ROLLED_BACK,
            actor=self.actor,
            rollback=self.receipt.as_json(),
        )

    def _chunks(self, people: Sequence[UUID]) -> Iterator[list[UUID]]:
        for start in range(0, len(people), self.batch_size):
            yield list(people[start : start + self.batch_size])

    def _chunk(self, people: list[UUID]) -> None:
        """One transaction, tried again where somebody wrote at the same moment."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.receipt = self._take_back(people)
            except DatabaseError as error:
                if attempt == ATTEMPTS or not isinstance(error.__cause__, _PASSING):
                    raise
                time.sleep(random.uniform(0.5, 1.0) * 0.05 * 2**attempt)  # noqa: S311 - so that two do not meet again
            else:
                break
        self.done += len(people)
        self.observer.advanced(people=self.done, kept=len(self.receipt.kept))

    def _take_back(self, people: list[UUID]) -> Receipt:
        with transaction.atomic():
            with connection.cursor() as cursor:
                # No run is planned, started or ended while we look whether one has these people: it waits for these milliseconds.
                cursor.execute("LOCK TABLE migration_runs IN SHARE ROW EXCLUSIVE MODE")
                # Nor does a replay write rows of this run: it locks the run before the person, as we do.
                cursor.execute("SELECT FROM migration_runs WHERE id = %s FOR NO KEY UPDATE", [self.run.pk])
            check_not_overtaken(self.run, people)
            present = list(lock_people(people))
            taken = take_back(run_id=self.run.pk, people=present)
            receipt = self.receipt.plus(taken)
            if self.dry_run:
                receipt.photos += len(unnamed_photos(present))
                transaction.set_rollback(True)
            elif self.scope.whole:
                self._store(receipt)
            elif present:
                self._say_what_was_done(present, taken)
        return receipt

    def _store(self, receipt: Receipt) -> None:
        """The receipt as far as it goes, along with what it says."""
        MigrationRun.objects.filter(pk=self.run.pk).update(rollback=receipt.as_json())

    def _say_what_was_done(self, people: list[UUID], taken: Taken) -> None:
        """The event of a partial rollback, and the entry in the person's own log, in the transaction that did it. No e-mail address: events
        outlive the account."""
        done: dict[str, Any] = {
            "people": taken.people,
            "deleted": dict(taken.deleted),
            "restored": dict(taken.restored),
            "kept": len(taken.kept),
        }
        scope = {"batch": self.scope.batch} if self.scope.batch is not None else {"user": str(people[0])}
        kept = [[row.table, row.row_id, row.reason] for row in taken.kept[:KEPT_IN_EVENT]]
        record(
            run=self.run,
            action="roll_back_part",
            actor=self.actor,
            reason=self.reason,
            data={"scope": scope, **done, "kept_rows": kept},
        )
        if self.scope.email is not None:
            ActivityLog.objects.create(
                user_id=people[0],
                action_type="migration_rolled_back",
                table_name="migration_runs",
                new_values={"run": self.run.pk, "actor": self.actor, "reason": self.reason, **done},
            )

    def _sweep(self, people: list[UUID]) -> None:
        """After the commit: a transaction that is rolled back must not have cost a picture. The lock keeps batches of these people out."""
        with transaction.atomic():
            removed = remove_photos(list(lock_people(people)))
            self.receipt.photos += removed
            if removed and self.scope.whole:
                self._store(self.receipt)

    @contextmanager
    def _told_apart(self) -> Iterator[None]:
        """Losses of the connection leave the run as it is, to be gone on with; anything else ends in `rollback_failed` with a reason that
        says nothing personal."""
        try:
            yield
        except Overtaken as overtaken:
            if not self.scope.whole and not self.done:
                raise Refused(overtaken.template, **overtaken.facts) from overtaken
            self._fail(str(overtaken))
            raise RollbackFailed(str(overtaken)) from overtaken
        except Exception as error:
            if isinstance(error, OperationalError | InterfaceError) and not connection.is_usable():
                raise RollbackInterrupted(describe(error)) from error
            self._fail(describe(error))
            raise RollbackFailed(describe(error)) from error

    def _fail(self, reason: str) -> None:
        if self.scope.whole:
            transition(
                run=self.run,
                action="rollback_failed",
                target=RunStatus.ROLLBACK_FAILED,
                reason=reason,
                error=reason,
            )
