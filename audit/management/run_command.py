"""What the commands that act on one run have in common."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.management.commands.migrate_local_storage import REFUSED, operator
from audit.models import MigrationRun
from audit.runs.plan import Refused
from audit.runs.transitions import IllegalTransition


class RunCommand(BaseCommand):
    """Takes a run and a reason, calls one service, says what the run is now. Exit code 5: refused, nothing was changed."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, metavar="RUN", help="number of the run (see migration_status)")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept with the run's story")

    def act(self, run: MigrationRun, actor: str, reason: str, options: dict[str, Any]) -> MigrationRun:
        """Calls the service; returns the run as it is afterwards."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        run = MigrationRun.objects.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"Refused: there is no run {options['run']}. Nothing was changed.", returncode=REFUSED)
        try:
            run = self.act(run, operator(), options["reason"], options)
        except (Refused, IllegalTransition) as refusal:
            raise CommandError(f"Refused: {refusal}. Nothing was changed.", returncode=REFUSED) from None
        run.refresh_from_db()
        self.stdout.write(f"Run {run.pk} is {run.status}. `manage.py migration_status {run.pk} --watch` follows it.")
