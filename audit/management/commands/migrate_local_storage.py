"""`python manage.py migrate_local_storage`: moves waiting browser snapshots into the tables and lets the verifier decide."""

from __future__ import annotations

import getpass
import json
import signal
import sys
import threading
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter

from audit.management.tuning_arguments import add_tuning_arguments, positive, tuning_of
from audit.models import MigrationRun, RunStatus
from audit.runs import control
from audit.runs.dispatch import call_workers
from audit.runs.engine import BatchFailed, Driver, Interrupted, dry_run, open_run
from audit.runs.local_workers import Crew
from audit.runs.manners import give_way
from audit.runs.plan import Refused, Scope
from audit.runs.report import Numbers
from audit.runs.summary_table import summary_table
from audit.runs.transitions import IllegalTransition
from audit.runs.worker import Stop
from audit.snapshots.lines import unreadable
from audit.snapshots.staging import stage_files
from dynprot.progress import Reporter, add_progress_argument, progress

DONE, FAILED, DONE_WITH_QUARANTINE, PAUSED, REFUSED, INTERRUPTED = 0, 1, 3, 4, 5, 130
CODES = {"completed": DONE, "completed_with_quarantine": DONE_WITH_QUARANTINE, "paused": PAUSED, "cancelled": PAUSED}

EXIT_CODES = """
exit codes:
  0  done: everything was migrated and verified
  1  failed: a batch could not be written, or the verification found differences
  2  the command line is wrong
  3  done with quarantine: verified, but some items wait for a decision
  4  paused (by Ctrl-C, by somebody, by the error budget, or a cohort is done) or cancelled: --resume RUN goes on
  5  refused: nothing was changed (another migration is active, nobody has that e-mail address, ...)
  130  stopped at once by a second Ctrl-C: start it again to go on
"""


class _HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Leaves the list of exit codes in its lines."""


def operator() -> str:
    """Who sits at the keyboard, for events."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):  # a container's user without a name
        return "command line"


@contextmanager
def stop_on_signals(write: Any) -> Iterator[Stop]:
    """SIGINT and SIGTERM ask to stop after the batch under way; the second one stops at once."""
    stop = Stop()

    def asked(number: int, _frame: Any) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        if stop.requested:
            raise KeyboardInterrupt
        write(f"{name}: the batch under way is finished, then the run pauses. Once more stops at once.")
        stop.request(name)

    # Only a process's main thread gets signals; called from another one, somebody else looks after them.
    signals = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, asked) for number in signals}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
            self._begin("Verifying", "people", total)
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

    def run_from_argv(self, argv: list[str]) -> None:
        give_way()  # a process of its own, not one that called the command
        super().run_from_argv(argv)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.epilog = EXIT_CODES
        parser.formatter_class = _HelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--batch-size",
            type=positive,
            metavar="PEOPLE",
            help="people in one transaction, at most (default: 100, and more or fewer as time allows)",
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
        parser.add_argument(
            "--expect-plan",
            metavar="DIGEST",
            help="predict first, and refuse to run when the effects are not those whose plan digest a dry run has printed",
        )
        parser.add_argument("--resume", type=positive, metavar="RUN", help="go on with this run, paused or interrupted")
        parser.add_argument(
            "--celery", action="store_true", help="let Celery's workers do it, --workers of them at a time; watch"
        )
        add_tuning_arguments(parser)
        parser.add_argument(
            "--governor",
            action="store_true",
            help="hold back while the application or the database suffers (always on with several workers)",
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
        try:
            with stop_on_signals(self.stderr.write) as stop:
                if options["dry_run"]:
                    report = self._predict(scope, options, observer, rejected)
                else:
                    report = self._migrate(scope, options, observer, rejected, stop)
        except (Refused, IllegalTransition) as refusal:
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
                f"Failed: {failure}. What was committed before stays and is counted; retry_migration goes on with the rest.",
                returncode=FAILED,
            ) from failure
        finally:
            observer.close()
        if report_file is not None:
            report_file.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        self.stdout.write(summary_table(report, colour=self.stdout.isatty()))
        if code := CODES.get(report["status"], FAILED):
            sys.exit(code)

    def _predict(self, scope: Scope, options: dict[str, Any], observer: Any, rejected: int) -> dict[str, Any]:
        return dry_run(scope=scope, batch_size=options["batch_size"] or 100, observer=observer, rejected_lines=rejected)

    def _migrate(
        self, scope: Scope, options: dict[str, Any], observer: ConsoleObserver, rejected: int, stop: Stop
    ) -> dict[str, Any]:
        actor = operator()
        if options["celery"] and not settings.BROKER_AVAILABLE:
            raise Refused("--celery needs a broker: set REDIS_URL, or use --workers")
        if options["expect_plan"]:
            predicted = self._predict(scope, options, observer, rejected)["plan_digest"]
            if predicted != options["expect_plan"]:
                raise Refused(
                    "the effects are not those expected: the plan digest is now {predicted}", predicted=predicted
                )
        run = self._run(scope, options, actor)
        driver = Driver(run, observer, stop, actor=actor, rejected_lines=rejected, alone=options["resume"] is None)
        if options["celery"] or options["workers"] > 1:
            driver.let_others_join()
            if options["celery"]:
                call_workers(run)
            Crew(run, 0 if options["celery"] else options["workers"], observer, stop, actor=actor).see_through()
            if run.status == RunStatus.FAILED and not run.verdict:
                raise BatchFailed(run.error)
        else:
            driver.drive()
            if (
                stop.requested and run.status == RunStatus.VERIFYING
            ):  # there is nothing to pause: it is verified from the start next time
                raise KeyboardInterrupt
        return driver.report()

    def _run(self, scope: Scope, options: dict[str, Any], actor: str) -> MigrationRun:
        tuning = tuning_of(options)
        if options["resume"] is None:
            return open_run(
                scope=scope,
                batch_size=options["batch_size"] or 100,
                largest_batch=options["batch_size"],
                actor=actor,
                tuning=tuning,
                plan_digest=options["expect_plan"] or "",
                governor=options["governor"] or options["celery"] or options["workers"] > 1,
            )
        run = MigrationRun.objects.filter(pk=options["resume"]).first()
        if run is None:
            raise Refused("there is no run {run}", run=options["resume"])
        control.retune_quietly(run=run, workers=options["workers"], actor=actor)
        return control.resume(run=run, actor=actor, reason="--resume")

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
