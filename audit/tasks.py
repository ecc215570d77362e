"""Celery's way to the same services: ids in, one call. A message is only a hint; what is to be done stands in PostgreSQL."""

from __future__ import annotations

from celery import shared_task

from audit.runs.engine import SilentObserver, migrate
from audit.runs.plan import Refused, Scope


@shared_task(name="audit.migrate_waiting_snapshots")
def migrate_waiting_snapshots(batch_size: int = 100) -> None:
    """Migrates what waits. Delivered twice, or while a run is active, it does nothing: the run that is active takes what it planned."""
    try:
        migrate(scope=Scope(), batch_size=batch_size, observer=SilentObserver(), actor="celery")
    except Refused:
        return
