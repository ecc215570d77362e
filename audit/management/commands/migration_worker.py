"""`python manage.py migration_worker RUN`: one worker process on a run; what `--workers` and the admin start."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.models import MigrationRun
from audit.runs.engine import Driver, SilentObserver
from audit.runs.manners import give_way
from audit.runs.presence import worker_name
from audit.runs.worker import BatchFailed, Interrupted, Stop

FAILED, REFUSED = 1, 5


class Command(BaseCommand):
    help = "Work on one run until nothing is left of it (usually started by migrate_local_storage --workers or by the admin)."

    def run_from_argv(self, argv: list[str]) -> None:
        give_way()  # a process of its own, not one that called the command
        super().run_from_argv(argv)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, metavar="RUN", help="number of the run")

    def handle(self, *args: Any, **options: Any) -> None:
        run = MigrationRun.objects.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"Refused: there is no run {options['run']}.", returncode=REFUSED)
        stop = Stop()
        signal.signal(signal.SIGTERM, lambda *_: stop.request("SIGTERM"))
        driver = Driver(run, SilentObserver(), stop, actor=worker_name(), pauses=False)
        try:
            driver.drive()
        except BatchFailed:
            return  # the run itself says so, to those who watch it
        except Interrupted as loss:
            self.stderr.write(f"Interrupted: {loss}.")
            sys.exit(FAILED)
