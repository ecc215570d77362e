"""`python manage.py preview_migration PREVIEW`: makes a preview that was asked for in the admin; what the admin starts."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.models import MigrationPreview
from audit.runs.manners import give_way
from audit.runs.previewing import run_preview

REFUSED = 5


class Command(BaseCommand):
    help = "Predict what a migration that was prepared in the admin would do (usually started by the admin)."

    def run_from_argv(self, argv: list[str]) -> None:
        give_way()  # a process of its own, not one that called the command
        super().run_from_argv(argv)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("preview", type=int, metavar="PREVIEW", help="number of the preview")

    def handle(self, *args: Any, **options: Any) -> None:
        if not MigrationPreview.objects.filter(pk=options["preview"]).exists():
            raise CommandError(f"Refused: there is no preview {options['preview']}.", returncode=REFUSED)
        self.stdout.write(f"Preview {options['preview']}: {run_preview(options['preview'])}.")
