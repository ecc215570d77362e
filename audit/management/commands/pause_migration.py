"""`python manage.py pause_migration RUN`: ask a run to pause: batches under way are finished, no new one is begun."""

from __future__ import annotations

from typing import Any

from audit.management.run_command import RunCommand
from audit.models import MigrationRun
from audit.runs import control


class Command(RunCommand):
    help = "Ask a run to pause: batches under way are finished, no new one is begun."

    def act(self, run: MigrationRun, actor: str, reason: str, options: dict[str, Any]) -> MigrationRun:
        return control.pause(run=run, actor=actor, reason=reason)
