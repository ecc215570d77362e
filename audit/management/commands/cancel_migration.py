"""`python manage.py cancel_migration RUN`: stop a run for good; what was committed stays, and the rest waits for another run."""

from __future__ import annotations

from typing import Any

from audit.management.run_command import RunCommand
from audit.models import MigrationRun
from audit.runs import control


class Command(RunCommand):
    help = "Stop a run for good; what was committed stays, and the rest waits for another run."

    def act(self, run: MigrationRun, actor: str, reason: str, options: dict[str, Any]) -> MigrationRun:
        return control.cancel(run=run, actor=actor, reason=reason)
