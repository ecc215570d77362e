"""`python manage.py rollback_migration RUN`: takes a migration back, wholly or in part."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter

from audit.management.commands.migrate_local_storage import REFUSED, operator
from audit.models import MigrationRun
from audit.runs.plan import Refused
from audit.runs.rollback import Receipt, RollbackFailed, RollbackInterrupted, RollbackScope, roll_back
from audit.runs.rollback.receipt_table import receipt_table
from dynprot.progress import Reporter, add_progress_argument, progress

FAILED, DONE_WITH_KEPT_ROWS, INTERRUPTED = 1, 3, 130

EPILOG = """
What it does: rows that the run created are deleted, rows that it changed get their former content back, day summaries are made right, photos
that no meal names any more are removed, and the browser snapshots wait to be migrated again. Rows that people changed since are kept and
listed. Killed or interrupted, it goes on where it was when it is started again.

exit codes:
  0  done: everything of the run is taken back
  1  failed: see the message; started again, it goes on where it was
  2  the command line is wrong
  3  done, but rows that people have changed since were kept
  5  refused: nothing was changed (the run is active, a later run has moved the same people, nobody has that e-mail address, the answer
     was no, ...)
  130  stopped by Ctrl-C: start it again to go on
"""


class _HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Leaves the list of exit codes in its lines."""


class ConsoleObserver:
    """Shows a rollback on a terminal: one bar, in people."""

    def __init__(self, mode: str, stream: Any, title: str) -> None:
        self._mode = mode
        self._stream = stream
        self._title = title
        self._open: Any = None
        self._reporter: Reporter | None = None

    def started(self, *, run: int, people: int, reverted: int) -> None:
        """The people are known."""
        if self._mode != "none" and reverted:
            text = f"Run {run}: {reverted:,} people were taken back before, {people:,} are left"
            self._stream.write(json.dumps({"message": text}) if self._mode == "json" else text)
        self._open = progress(mode=self._mode, title=self._title, unit="people", total=people, stream=self._stream)
        self._reporter = self._open.__enter__()

    def advanced(self, *, people: int, kept: int) -> None:
        """Some more are done."""
        assert self._reporter is not None
        self._reporter.advance(people - self._reporter.done, f"{kept:,} rows kept" if kept else "")

    def close(self) -> None:
        """The terminal is as it was found."""
        if self._open is not None:
            self._open.__exit__(None, None, None)
            self._open = self._reporter = None


class Command(BaseCommand):
    help = (
        "Take a migration back: the whole run (everybody whom it moved), one batch, or one person. Cannot be undone but by migrating again; "
        "--dry-run shows what it would do."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.epilog = EPILOG
        parser.formatter_class = _HelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, metavar="RUN", help="the number of the migration")
        part = parser.add_mutually_exclusive_group()
        part.add_argument("--batch", type=int, metavar="N", help="only the people of this batch")
        part.add_argument("--user", metavar="EMAIL", help="only this person")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept with the run")
        parser.add_argument("--dry-run", action="store_true", help="show what would happen; nothing is changed")
        parser.add_argument(
            "--report", type=Path, metavar="FILE", help="write the receipt as JSON, with every row that was kept"
        )
        parser.add_argument(
            "--yes", action="store_true", help="do not ask (nobody is asked where there is no terminal)"
        )
        add_progress_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        report: Path | None = options["report"]
        if report is not None and not report.parent.is_dir():
            raise CommandError(f"--report: the folder {report.parent} does not exist", returncode=REFUSED)
        run = MigrationRun.objects.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"Refused: there is no run {options['run']}. Nothing was changed.", returncode=REFUSED)
        asked = not options["yes"] and not options["dry_run"] and sys.stdin.isatty() and self.stdout.isatty()
        if asked:
            self._ask(self._roll_back(run, {**options, "dry_run": True}))
        receipt = self._roll_back(run, options)
        if report is not None:
            report.write_text(json.dumps(receipt.as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        self.stdout.write(receipt_table(receipt, colour=self.stdout.isatty()))
        if receipt.kept:
            sys.exit(DONE_WITH_KEPT_ROWS)

    def _ask(self, predicted: Receipt) -> None:
        self.stdout.write(receipt_table(predicted, colour=True))
        self.stdout.write("Take it back? [y/N] ", ending="")
        self.stdout.flush()
        if input().strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was changed.", returncode=REFUSED)

    def _roll_back(self, run: MigrationRun, options: dict[str, Any]) -> Receipt:
        title = "Looking" if options["dry_run"] else "Taking back"
        observer = ConsoleObserver(options["progress"], self.stderr, title)
        try:
            return roll_back(
                run=run,
                scope=RollbackScope(batch=options["batch"], email=options["user"]),
                actor=operator(),
                reason=options["reason"],
                dry_run=options["dry_run"],
                observer=observer,
            )
        except Refused as refusal:
            raise CommandError(f"Refused: {refusal}. Nothing was changed.", returncode=REFUSED) from None
        except (RollbackFailed, RollbackInterrupted) as failure:
            raise CommandError(
                f"Failed: {failure}. Who was taken back before stays taken back; start the command again to go on with the rest.",
                returncode=FAILED,
            ) from failure
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. Who was taken back stays taken back; start the command again to go on with the rest.",
                returncode=INTERRUPTED,
            ) from None
        finally:
            observer.close()
