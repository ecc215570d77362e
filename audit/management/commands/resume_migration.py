"""`python manage.py resume_migration RUN`: let a paused or stalled run go on, with workers in the background."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from audit.management.run_command import RunCommand
from audit.management.tuning_arguments import percent
from audit.models import MigrationRun
from audit.runs import control
from audit.runs.dispatch import call_workers


class Command(RunCommand):
    help = "Let a paused or stalled run go on, with workers in the background."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--cohort",
            type=percent,
            metavar="PERCENT",
            help="widen the cohort to this share of the people: 100 continues with the rest",
        )

    def act(self, run: MigrationRun, actor: str, reason: str, options: dict[str, Any]) -> MigrationRun:
        if options["cohort"] is not None:
            run = control.continue_with_rest(run=run, actor=actor, percent=options["cohort"], reason=reason)
        else:
            run = control.resume(run=run, actor=actor, reason=reason)
        call_workers(run)
        return run
