"""`python manage.py load_snapshots FILE...`: captures of browsers become snapshots."""

from __future__ import annotations

import dataclasses
import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.snapshots.accounts import WaitingReason
from audit.snapshots.lines import unreadable
from audit.snapshots.staging import StagingReport, stage_files
from audit.snapshots.waiting import Waiting, waiting_snapshots
from dynprot.progress import add_progress_argument, progress

SOME_LINES_REJECTED = 3
NOTHING_READ = 1
INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Stage browser captures (NDJSON, plain or gzip, one browser a line; - is standard input) as immutable snapshots. The same bytes "
        "twice are one snapshot. Exit code 0: all lines are staged; 3: some lines were rejected; 1: nothing could be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", metavar="FILE", nargs="+", help="capture file, or - for standard input")
        parser.add_argument(
            "--create-users",
            action="store_true",
            help="make accounts for people who have none: active, without a password until they set one",
        )
        parser.add_argument("--report", metavar="FILE", help="write what happened to this file, as JSON")
        add_progress_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if problems := [problem for source in options["files"] if (problem := unreadable(source))]:
            raise CommandError("Nothing was loaded.\n" + "\n".join(problems), returncode=NOTHING_READ)
        started = time.monotonic()
        report = self._load(options)
        waiting = waiting_snapshots()
        self._print(report, waiting, time.monotonic() - started)
        if options["report"]:
            _write_report(options["report"], report, waiting)
        if report.rejected:
            raise SystemExit(SOME_LINES_REJECTED if report.staged or report.already else NOTHING_READ)

    def _load(self, options: dict[str, Any]) -> StagingReport:
        shown = {"mode": options["progress"], "stream": self.stderr}
        with progress(**shown, title="Snapshots", unit="lines", total=None) as reporter:
            try:
                return stage_files(
                    sources=options["files"],
                    create_users=options["create_users"],
                    on_rejected=lambda rejected: reporter.say(str(rejected)),
                    on_progress=reporter.advance,
                )
            except KeyboardInterrupt:
                message = f"Stopped after {reporter.done:,} lines; they are staged. Load the same files again to go on."
                raise CommandError(message, returncode=INTERRUPTED) from None

    def _print(self, report: StagingReport, waiting: list[Waiting], seconds: float) -> None:
        rejected = f", {len(report.rejected):,} rejected" if report.rejected else ""
        self.stdout.write(
            f"{report.lines:,} lines: {report.staged:,} staged, {report.already:,} there already{rejected} ({seconds:.1f} s)."
        )
        if report.users_created:
            self.stdout.write(f"{report.users_created:,} accounts made.")
        if report.claimed_later:
            self.stdout.write(f"{report.claimed_later:,} snapshots that waited for an account have one now.")
        for group in waiting:
            label = dict(WaitingReason.choices).get(group.reason, group.reason)
            more = ", ..." if group.snapshots > len(group.examples) else ""
            self.stdout.write(f"{group.snapshots:,} without account - {label}: {', '.join(group.examples)}{more}")


def _write_report(path: str, report: StagingReport, waiting: list[Waiting]) -> None:
    content = {**dataclasses.asdict(report), "waiting": [dataclasses.asdict(group) for group in waiting]}
    Path(path).write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
