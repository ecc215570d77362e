"""`python manage.py retry_migration RUN`: try the batches of a run again that failed or were given up, and let it go on, with workers in the background."""

from __future__ import annotations

from typing import Any

from audit.management.run_command import RunCommand
from audit.models import MigrationRun
from audit.runs import control
from audit.runs.dispatch import call_workers


class Command(RunCommand):
    help = (
        "Try the batches of a run again that failed or were given up, and let it go on, with workers in the background."
    )

    def act(self, run: MigrationRun, actor: str, reason: str, options: dict[str, Any]) -> MigrationRun:
        run = control.retry_failed(run=run, actor=actor, reason=reason)
        call_workers(run)
        return run
