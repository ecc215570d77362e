"""Dry runs for people who start migrations: asked for in a request, made in the background, started from when they are good.

PostgreSQL says how far one has come; an advisory lock, which goes the moment its process dies, says whether somebody is at it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from tempfile import NamedTemporaryFile
from typing import Any, Final, NamedTuple, Self
from uuid import UUID, uuid4

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from accounts.staff import tell
from audit.models import MigrationPreview, MigrationPreviewSample, MigrationRun, PreviewStatus, StorageSnapshot
from audit.runs import control
from audit.runs.control import Tuning
from audit.runs.dispatch import call_previewer, call_workers
from audit.runs.engine import dry_run
from audit.runs.failures import describe
from audit.runs.lookahead import PreparingFailed
from audit.runs.plan import Refused, Scope
from audit.runs.preview_samples import Sampler
from audit.runs.report import Numbers
from audit.runs.transitions import record
from audit.snapshots.staging import StagingReport, stage_files

_PREVIEWS: Final = 0x44594E51
"""The class of the advisory locks on previews; the second key is the preview's number."""
AT_WORK: Final = (PreviewStatus.WAITING, PreviewStatus.STAGING, PreviewStatus.RUNNING)
"""In which somebody ought to be at it, or come to it."""
PATIENCE: Final = timedelta(seconds=30)
"""So long a preview may wait for a process that was called."""
REJECTED_KEPT: Final = 200
UPLOADS: Final = "uploads"
UPLOADS_KEPT: Final = timedelta(days=1)
"""A file that nobody has read by then is removed when the next preview is asked for."""
HELD_BACK: Final = timedelta(days=1)
"""So long what was uploaded waits for whoever looks at its preview."""


class StartOptions(NamedTuple):
    """How a run is to be started, besides its scope."""

    batch_size: int = 100
    fixed_size: bool = False
    workers: int = 1
    cohort_percent: float = 100.0
    max_failures: int = 10
    max_quarantine_percent: float = 50.0
    governor: bool = True

    @classmethod
    def of(cls, preview: MigrationPreview) -> Self:
        """As they were asked for."""
        return cls(**preview.options)

    def tuning(self) -> Tuning:
        """For `control.start`."""
        return Tuning(
            fixed_size=self.fixed_size,
            workers=self.workers,
            cohort_percent=self.cohort_percent,
            max_failures=self.max_failures,
            max_quarantine_percent=self.max_quarantine_percent,
        )


class _Superseded(Exception):
    """The preview was cancelled, or another process has taken it up: this one ends and writes nothing more."""


def scope_of(preview: MigrationPreview) -> Scope:
    """Whom the preview is about."""
    scope = preview.scope
    return Scope(tuple(scope.get("emails", ())), scope.get("limit"), bool(scope.get("again")))


# --- Asking -----------------------------------------------------------------------------------------------------------


def request_preview(
    *,
    scope: Scope,
    options: StartOptions,
    made_by: User,
    upload: File[bytes] | None = None,
    create_users: bool = False,
    request_key: UUID | None = None,
    on_made: Callable[[MigrationPreview], None] = lambda preview: None,
) -> MigrationPreview:
    """Notes what is wanted and calls a process to it. With the same `request_key` as before, it is the preview from before; `on_made` hears of
    a new one in the transaction that makes it."""
    key = request_key or uuid4()
    existing = MigrationPreview.objects.filter(request_key=key).first()
    if existing is not None:
        return existing
    _remove_old_uploads()
    stored = default_storage.save(f"{UPLOADS}/{key}", upload) if upload is not None else ""
    try:
        with transaction.atomic():
            preview, made = MigrationPreview.objects.get_or_create(
                request_key=key,
                defaults={
                    "scope": scope.as_json(),
                    "options": options._asdict(),
                    "made_by": made_by,
                    "upload": stored,
                    "upload_name": (upload.name or "")[:200] if upload is not None else "",
                    "create_users": create_users and upload is not None,
                },
            )
            if made:
                on_made(preview)
                call_previewer(preview.pk)
    except BaseException:
        _remove(stored)
        raise
    if not made:
        _remove(stored)
    preview.refresh_from_db()
    return preview


def cancel_preview(preview: MigrationPreview) -> None:
    """Nobody goes on with it, and its file goes. Raises `Refused` when it has ended."""
    changed = MigrationPreview.objects.filter(pk=preview.pk, status__in=AT_WORK).update(
        status=PreviewStatus.CANCELLED, finished_at=Now(), upload=""
    )
    if not changed:
        raise Refused("preview {preview} has ended already", preview=preview.pk)
    transaction.on_commit(lambda: _remove(preview.upload))


def call_again(preview: MigrationPreview) -> None:
    """Makes it anew: one that has ended, or whose process was lost. Raises `Refused` while somebody is at it or when a run came of it."""
    with transaction.atomic():
        locked = MigrationPreview.objects.select_for_update(no_key=True).get(pk=preview.pk)
        if not can_be_made_again(locked):
            raise Refused("preview {preview} is {status}", preview=preview.pk, status=locked.status)
        locked.samples.all().delete()
        MigrationPreview.objects.filter(pk=preview.pk).update(
            status=PreviewStatus.WAITING,
            asked_at=Now(),
            started_at=None,
            finished_at=None,
            people_done=0,
            people_total=0,
            report={},
            plan_digest="",
            error="",
            attempt=F("attempt") + 1,
        )
        call_previewer(preview.pk)


def can_be_made_again(preview: MigrationPreview) -> bool:
    """Whether `call_again` may be asked."""
    return preview.run_id is None and (preview.status not in AT_WORK or is_stalled(preview))


# --- Making -----------------------------------------------------------------------------------------------------------


def run_preview(preview_id: int) -> str:
    """Stages the file, if there is one, and predicts. Returns a sentence; what went wrong is in the preview as well. Called twice, the
    second call finds nothing to do."""
    with _alone_with(preview_id) as alone:
        if not alone:
            return "another process is at it"
        taken = MigrationPreview.objects.filter(pk=preview_id, status__in=AT_WORK).update(
            attempt=F("attempt") + 1, started_at=Now(), people_done=0, error=""
        )
        if not taken:
            return "there is nothing to do"
        making = _Making(MigrationPreview.objects.get(pk=preview_id))
        try:
            making.make()
        except _Superseded:
            return "it was cancelled or taken over"
        except Refused as refusal:
            return making.fail(str(refusal))
        except PreparingFailed as failure:
            return making.fail(describe(failure.error))
        except (DatabaseError, InterfaceError) as error:
            with suppress(
                DatabaseError, InterfaceError, _Superseded
            ):  # without a connection nobody holds the lock: it is seen
                making.fail(describe(error))
            return describe(error)
        except Exception as error:
            making.fail(describe(error))
            raise
        return f"preview {preview_id} is done"


class _Making:
    """One process's work on a preview; the dry run's observer."""

    def __init__(self, preview: MigrationPreview) -> None:
        self._preview = preview
        self._lines = 0

    def make(self) -> None:
        """From the file to the prediction."""
        if self._preview.upload:
            self._stage()
        newest = StorageSnapshot.objects.order_by("-pk").values_list("pk", flat=True).first()
        self._write(status=PreviewStatus.RUNNING, newest_snapshot=newest or 0)
        sampler = Sampler()
        report = dry_run(
            scope=scope_of(self._preview),
            batch_size=StartOptions.of(self._preview).batch_size,
            observer=self,
            rejected_lines=self._preview.staging.get("rejected", 0),
            watching=sampler,
        )
        with transaction.atomic():
            self._write(
                status=PreviewStatus.DONE,
                finished_at=Now(),
                report=report,
                plan_digest=report["plan_digest"],
                people_done=report["users"],
            )
            MigrationPreviewSample.objects.bulk_create(sampler.rows(self._preview))

    def fail(self, why: str) -> str:
        """It has come to nothing; the sentence says why. Its file goes: it is full of what people ate."""
        self._write(status=PreviewStatus.FAILED, finished_at=Now(), error=why, upload="")
        _remove(self._preview.upload)
        return why

    def started(self, *, run: int | None, people: int, snapshots: int, resumed: bool) -> None:
        """The plan stands."""
        self._write(people_total=people)

    def advanced(self, numbers: Numbers) -> None:
        """A batch was predicted."""
        self._write(people_done=numbers.users)

    def verifying(self, done: int, total: int) -> None:
        """A dry run verifies nothing."""

    def _stage(self) -> None:
        self._write(status=PreviewStatus.STAGING)
        with _local_copy(self._preview.upload) as path:
            report = stage_files(
                sources=[path], create_users=self._preview.create_users, on_progress=self._staged_lines
            )
        self._preview.staging = _staging_json(report)
        with transaction.atomic():
            self._write(staging=self._preview.staging, upload="")
            self._tell(report)
        _remove(self._preview.upload)

    def _tell(self, report: StagingReport) -> None:
        """What the file brought, in the name of who sent it; an operator who was erased meanwhile has none."""
        if self._preview.made_by is None:
            return
        tell(
            actor=self._preview.made_by,
            action="staff_preview_staged",
            person=None,
            table="migration_previews",
            new={
                "preview": self._preview.pk,
                "lines": report.lines,
                "staged": report.staged,
                "rejected": len(report.rejected),
                "users_created": report.users_created,
            },
        )

    def _staged_lines(self, lines: int) -> None:
        self._lines += lines
        self._write(staging={"lines": self._lines})

    def _write(self, **values: Any) -> None:
        """Changes the row as long as it is ours; raises `_Superseded` when it is no longer."""
        mine = MigrationPreview.objects.filter(pk=self._preview.pk, attempt=self._preview.attempt, status__in=AT_WORK)
        if not mine.update(**values):
            raise _Superseded


def _staging_json(report: StagingReport) -> dict[str, Any]:
    return {
        "lines": report.lines,
        "staged": report.staged,
        "already": report.already,
        "rejected": len(report.rejected),
        "rejected_lines": [{"line": one.line, "reason": one.reason} for one in report.rejected[:REJECTED_KEPT]],
        "unclaimed": report.unclaimed,
        "users_created": report.users_created,
        "claimed_later": report.claimed_later,
    }


@contextmanager
def _local_copy(name: str) -> Iterator[str]:
    """The stored file as one of this machine, wherever the storage keeps it."""
    with default_storage.open(name) as stored, NamedTemporaryFile(prefix="dynprot-") as copy:
        shutil.copyfileobj(stored, copy, 1 << 20)
        copy.flush()
        yield copy.name


def _remove(name: str) -> None:
    if name:
        default_storage.delete(name)


def _remove_old_uploads() -> None:
    """Files of previews whose process was lost, or that a crash left behind."""
    try:
        _folders, names = default_storage.listdir(UPLOADS)
    except FileNotFoundError:
        return
    for name in (f"{UPLOADS}/{name}" for name in names):
        with suppress(FileNotFoundError):  # somebody else has just done the same
            if default_storage.get_modified_time(name) < timezone.now() - UPLOADS_KEPT:
                MigrationPreview.objects.filter(upload=name).update(upload="")
                _remove(name)


def held_back_by() -> MigrationPreview | None:
    """The newest preview of an upload from which somebody may still start a run: what it brought is theirs to start, for a while."""
    looked_at = MigrationPreview.objects.filter(
        run=None, status__in=(*AT_WORK, PreviewStatus.DONE), asked_at__gt=timezone.now() - HELD_BACK
    )
    return looked_at.exclude(upload_name="").order_by("-pk").first()


# --- Who is at it -----------------------------------------------------------------------------------------------------


@contextmanager
def _alone_with(preview_id: int) -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_PREVIEWS, preview_id])
        alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        if alone:
            with suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_PREVIEWS, preview_id])


def somebody_is_at(preview: MigrationPreview) -> bool:
    """Whether a process holds the lock of the preview."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2 AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [_PREVIEWS, preview.pk],
        )
        return bool(cursor.fetchone()[0])


def is_stalled(preview: MigrationPreview) -> bool:
    """Whether somebody ought to be at it and nobody is: its process died, or the call was lost."""
    if preview.status not in AT_WORK or somebody_is_at(preview):
        return False
    if preview.status == PreviewStatus.WAITING:
        return bool(timezone.now() - preview.asked_at > PATIENCE)
    # It may have ended between the page's query and the look at the locks.
    return MigrationPreview.objects.filter(pk=preview.pk, status=preview.status, attempt=preview.attempt).exists()


# --- Starting ---------------------------------------------------------------------------------------------------------


class Outdated(NamedTuple):
    """What has happened since the preview was made; its prediction may no longer hold."""

    newer_snapshots: bool
    newer_runs: bool

    def __bool__(self) -> bool:
        return self.newer_snapshots or self.newer_runs


def outdated(preview: MigrationPreview) -> Outdated:
    """Of one from which no run was started yet. Two statements, by primary key and over the few runs."""
    later = MigrationRun.objects.filter(created_at__gt=preview.started_at) if preview.started_at else None
    return Outdated(
        newer_snapshots=StorageSnapshot.objects.filter(pk__gt=preview.newest_snapshot).exists(),
        newer_runs=later is not None and later.exists(),
    )


def start_from_preview(*, preview: MigrationPreview, actor: User, reason: str) -> MigrationRun:
    """Starts the run that was shown, bound to its plan digest, and calls workers. Raises `Refused`; nothing is changed then."""
    with transaction.atomic():
        locked = MigrationPreview.objects.select_for_update(no_key=True).get(pk=preview.pk)
        if locked.run_id is not None:
            raise Refused("run {run} was started from preview {preview} already", run=locked.run_id, preview=locked.pk)
        if locked.status != PreviewStatus.DONE:
            raise Refused("preview {preview} is {status}", preview=locked.pk, status=locked.status)
        options = StartOptions.of(locked)
        run = control.start(
            scope=scope_of(locked),
            batch_size=options.batch_size,
            tuning=options.tuning(),
            actor=actor.email,
            started_by=actor,
            plan_digest=locked.plan_digest,
            governor=options.governor,
            largest_batch=options.batch_size,
            bound=True,
        )
        record(
            run=run,
            action="launch",
            new_status=run.status,
            actor=actor.email,
            reason=reason,
            data={"preview": locked.pk, "plan_digest": locked.plan_digest},
        )
        MigrationPreview.objects.filter(pk=locked.pk).update(run=run)
        call_workers(run)
    preview.run = run
    return run
