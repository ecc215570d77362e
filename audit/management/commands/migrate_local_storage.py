"""`python manage.py migrate_local_storage`: moves waiting browser snapshots into the tables and lets the verifier decide."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter

from audit.runs.engine import BatchFailed, Interrupted, dry_run, migrate
from audit.runs.plan import Refused, Scope
from audit.runs.report import Numbers
from audit.runs.summary_table import summary_table
from audit.snapshots.lines import unreadable
from audit.snapshots.staging import stage_files
from dynprot.progress import Reporter, add_progress_argument, progress

DONE, FAILED, DONE_WITH_QUARANTINE, REFUSED, INTERRUPTED = 0, 1, 3, 5, 130

EXIT_CODES = """
exit codes:
  0  done: everything was migrated and verified
  1  failed: a batch could not be written, or the verification found differences
  2  the command line is wrong
  3  done with quarantine: verified, but some items wait for a decision
  5  refused: nothing was changed (another migration is active, nobody has that e-mail address, ...)
  130  stopped by Ctrl-C: start it again to go on
"""


class _HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Leaves the list of exit codes in its lines."""


def positive(text: str) -> int:
    """A command line's whole number above zero."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


class ConsoleObserver:
    """Shows a migration on a terminal: one bar for moving, one for verifying."""

    def __init__(self, mode: str, stream: Any) -> None:
        self._mode = mode
        self._stream = stream
        self._open: Any = None
        self._reporter: Reporter | None = None

    def started(self, *, run: int | None, people: int, snapshots: int, resumed: bool) -> None:
        """The plan stands."""
        name = "Dry run" if run is None else f"Run {run}"
        if self._mode != "none":
            state = "goes on where it was interrupted" if resumed else "starts"
            self._write(f"{name} {state}: {people:,} people, {snapshots:,} snapshots")
        self._begin("Moving", "people", people)

    def advanced(self, numbers: Numbers) -> None:
        """A batch is done."""
        if self._reporter is not None:
            meals = numbers.items["meal"]["found"]
            note = f"{meals:,} meals, {meals / max(self._reporter.seconds, 0.001):,.0f} meals/s, {numbers.quarantined:,} in quarantine"
            self._reporter.advance(numbers.users - self._reporter.done, note)

    def verifying(self, done: int, total: int) -> None:
        """The second path goes on."""
        if self._reporter is None or self._reporter.title != "Verifying":
            self._begin("Verifying", "snapshots", total)
        assert self._reporter is not None
        self._reporter.advance(done - self._reporter.done)

    def close(self) -> None:
        """The terminal is as it was found."""
        if self._open is not None:
            self._open.__exit__(None, None, None)
            self._open = self._reporter = None

    def _begin(self, title: str, unit: str, total: int) -> None:
        self.close()
        self._open = progress(mode=self._mode, title=title, unit=unit, total=total, stream=self._stream)
        self._reporter = self._open.__enter__()

    def _write(self, text: str) -> None:
        if self._mode == "json":
            self._stream.write(json.dumps({"message": text}))
        else:
            self._stream.write(text)


class Command(BaseCommand):
    help = "Move waiting browser snapshots into the tables, batch by batch, and verify them."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.epilog = EXIT_CODES
        parser.formatter_class = _HelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--batch-size", type=positive, default=100, metavar="PEOPLE", help="people in one transaction (default 100)"
        )
        parser.add_argument(
            "--source",
            action="append",
            default=[],
            metavar="FILE",
            help="stage this NDJSON file first (- is standard input)",
        )
        parser.add_argument(
            "--create-users", action="store_true", help="with --source: make accounts for people who have none"
        )
        parser.add_argument(
            "--user", action="append", default=[], metavar="EMAIL", help="only this person; may be repeated"
        )
        parser.add_argument("--limit", type=positive, metavar="PEOPLE", help="at most so many people")
        parser.add_argument(
            "--again", action="store_true", help="also snapshots that were migrated before; they come out unchanged"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="predict everything and roll it back (files of --source are staged)"
        )
        parser.add_argument("--report", type=Path, metavar="FILE", help="write the report as JSON")
        add_progress_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        scope = Scope(tuple(options["user"]), options["limit"], options["again"])
        report_file: Path | None = options["report"]
        if report_file is not None and not report_file.parent.is_dir():
            raise CommandError(f"--report: the folder {report_file.parent} does not exist", returncode=REFUSED)
        rejected = self._stage(options)
        observer = ConsoleObserver(options["progress"], self.stderr)
        begin = dry_run if options["dry_run"] else migrate
        try:
            report = begin(scope=scope, batch_size=options["batch_size"], observer=observer, rejected_lines=rejected)
        except Refused as refusal:
            raise CommandError(f"Refused: {refusal}. Nothing was changed.", returncode=REFUSED) from None
        except Interrupted as loss:
            raise CommandError(
                f"Interrupted: {loss}. Start the command again: it goes on after the last batch that was committed.",
                returncode=FAILED,
            ) from loss
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. What was committed stays; start the command again to go on.", returncode=INTERRUPTED
            ) from None
        except BatchFailed as failure:
            raise CommandError(
                f"Failed: {failure}. What was committed before stays and is counted; start the command again to go on with the rest.",
                returncode=FAILED,
            ) from failure
        finally:
            observer.close()
        if report_file is not None:
            report_file.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        self.stdout.write(summary_table(report, colour=self.stdout.isatty()))
        code = {"completed": DONE, "completed_with_quarantine": DONE_WITH_QUARANTINE}.get(report["status"], FAILED)
        if code:
            sys.exit(code)

    def _stage(self, options: dict[str, Any]) -> int:
        """Stages the files of --source; returns how many lines were broken (each is named on standard error)."""
        sources: list[str] = options["source"]
        if problems := [problem for source in sources if (problem := unreadable(source))]:
            raise CommandError("Refused: " + "; ".join(problems) + ". Nothing was changed.", returncode=REFUSED)
        if not sources:
            return 0
        with progress(
            mode=options["progress"], stream=self.stderr, title="Staging", unit="lines", total=None
        ) as reporter:
            report = stage_files(
                sources=sources,
                create_users=options["create_users"],
                on_rejected=lambda rejected: self.stderr.write(str(rejected)),
                on_progress=reporter.advance,
            )
        return len(report.rejected)
