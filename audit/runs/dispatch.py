"""Calls workers to a run, and processes to a preview: over Celery where there is a broker, as processes of this machine where there is none. Returns at once.

A call is only a hint. Called twice, nothing happens twice; called in vain, the next call (the sweep's, an operator's) finds everything as it is.
"""

from __future__ import annotations

import os
import subprocess
import sys

from django.conf import settings
from django.db import transaction

from audit.models import MigrationRun


def call_workers(run: MigrationRun, *, number: int | None = None) -> None:
    """Lets workers come to `run` as soon as the caller's transaction is committed; by default as many as the run asks for."""
    wanted = number or run.workers
    call = _send if settings.BROKER_AVAILABLE else _spawn
    transaction.on_commit(lambda: call(run.pk, wanted))


def call_previewer(preview_id: int) -> None:
    """Lets a process come to a preview as soon as the caller's transaction is committed."""
    call = _send_preview if settings.BROKER_AVAILABLE else _spawn_preview
    transaction.on_commit(lambda: call(preview_id))


def _send_preview(preview_id: int) -> None:
    from audit.tasks import preview

    preview.delay(preview_id)


def _spawn_preview(preview_id: int) -> None:
    _spawn_command(["preview_migration", str(preview_id)], log_name=f"preview-{preview_id}.log")


def _send(run_id: int, number: int) -> None:
    from audit.tasks import attend_run

    for _ in range(number):
        attend_run.delay(run_id)


def _spawn(run_id: int, number: int) -> None:
    for _ in range(number):
        spawn_worker(run_id, detached=True)


def spawn_worker(run_id: int, *, detached: bool = False) -> subprocess.Popen[bytes]:
    """A worker process of this machine, in a session of its own: the operator's Ctrl-C reaches only the process that asked.

    A detached one says what it has to say in var/log/, and outlives the caller.
    """
    return _spawn_command(["migration_worker", str(run_id)], log_name=f"migration-{run_id}.log" if detached else None)


def _spawn_command(arguments: list[str], *, log_name: str | None) -> subprocess.Popen[bytes]:
    """A management command as a process of its own session; with a log it is detached."""
    log = subprocess.DEVNULL
    if log_name is not None:
        folder = settings.VAR_DIR / "log"
        folder.mkdir(parents=True, exist_ok=True)
        log = os.open(folder / log_name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log if log_name is not None else None,
            start_new_session=True,
        )
    finally:
        if log_name is not None:
            os.close(log)
