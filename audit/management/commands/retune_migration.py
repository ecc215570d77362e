"""`python manage.py retune_migration RUN --workers 4`: change the pace or the tolerance of a run while it goes on."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from audit.management.run_command import RunCommand
from audit.management.tuning_arguments import add_tuning_arguments, positive, tuning_of
from audit.models import MigrationRun
from audit.runs import control


class Command(RunCommand):
    help = "Change a run's batch size, workers, pauses, cohort or error budget while it goes on; workers see it at their next batch."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--batch-size", type=positive, metavar="PEOPLE", help="people in one transaction")
        add_tuning_arguments(parser, starting=False)

    def act(self, run: MigrationRun, actor: str, reason: str, options: dict[str, Any]) -> MigrationRun:
        tuning = tuning_of(options)._replace(batch_size=options["batch_size"])
        if not tuning.given():
            raise CommandError("Say what is to be changed, --workers 2 for example (see --help).", returncode=2)
        return control.retune(run=run, tuning=tuning, actor=actor, reason=reason)
