"""`verify_migration`: says whether the tables hold what the browsers held (audit.runs.verification)."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any, Self

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audit.models import MigrationRun
from audit.runs.verification import Difference, Verdict, verify_run

FAILED = 1
SHOWN = 10
REDRAW_SECONDS = 0.5


class Command(BaseCommand):
    """Arguments, the verification, a readable answer; exit code 0 when it passed, 1 when it failed."""

    help = "Derives again, from the raw snapshots, what a migration should have written, and compares. Reads only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--run", type=int, metavar="ID", help="the migration to verify (default: the newest)")
        parser.add_argument(
            "--report", type=Path, metavar="FILE", help="write the verdict as JSON; holds personal data"
        )
        parser.add_argument("--progress", choices=("auto", "plain", "json", "none"), default="auto")

    def handle(self, *args: Any, **options: Any) -> None:
        run = self._run(options["run"])
        with _Shown(options["progress"]) as progress:
            verdict = verify_run(run, on_progress=progress)
        if options["report"]:
            report = {"run": run.pk, **verdict.as_json()}
            options["report"].write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        self._say(run, verdict)
        if verdict.verdict == "failed":
            sys.exit(FAILED)

    def _run(self, run_id: int | None) -> MigrationRun:
        runs = MigrationRun.objects.order_by("-pk")
        run = runs.filter(pk=run_id).first() if run_id is not None else runs.first()
        if run is None:
            raise CommandError(
                f"There is no migration {run_id}." if run_id is not None else "There is no migration to verify yet."
            )
        return run

    def _say(self, run: MigrationRun, verdict: Verdict) -> None:
        style = self.style.SUCCESS if verdict.verdict == "passed" else self.style.ERROR
        self.stdout.write(style(f"Migration {run.pk}: verification {verdict.verdict}"))
        self.stdout.write(f"  {verdict.compared:,} items, tallies and days compared in {verdict.seconds:.1f} s")
        apart = {
            "edited by the person since": verdict.edited,
            "deleted by the person since": verdict.deleted,
            "written again by a later migration": verdict.later,
        }
        for reason, number in apart.items():
            if number:
                self.stdout.write(f"  {number:,} rows not compared: {reason}")
        if not verdict.found:
            return
        self.stdout.write(f"  {verdict.found:,} differences")
        for (kind, field, problem), number in Counter(
            (difference.kind, difference.field, difference.problem) for difference in verdict.differences
        ).most_common():
            self.stdout.write(f"  {number:6,}  {kind} {field}: {problem}")
        for difference in verdict.differences[:SHOWN]:
            self.stdout.write(f"  {_place(difference)}: {difference.problem}")
        if verdict.found > SHOWN:
            self.stdout.write("  The values, and the first differences in full, are in the file of --report.")


def _place(difference: Difference) -> str:
    """Where a difference is; without values, which are personal."""
    place = [f"snapshot {difference.snapshot}"] if difference.snapshot else []
    return " ".join([*place, difference.kind, difference.path, difference.field]).replace("  ", " ")


class _Shown:
    """Progress in people: a bar on a terminal, else a line now and then, JSON lines, or nothing. All of it on standard error."""

    def __init__(self, way: str) -> None:
        self.way = way if way != "auto" else ("bar" if sys.stderr.isatty() else "none")
        self.bar: Progress | None = None
        self.last = time.monotonic()

    def __enter__(self) -> Self:
        if self.way == "bar":
            columns = (
                TextColumn("Verifying"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("people"),
                TimeRemainingColumn(),
            )
            self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.bar.add_task("people", total=None)
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, done: int, total: int) -> None:
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], completed=done, total=total)
        elif self.way != "none" and (done == total or time.monotonic() - self.last > REDRAW_SECONDS):
            self.last = time.monotonic()
            line = f"verified {done:,} of {total:,} people"
            print(
                json.dumps({"verified": done, "people": total}) if self.way == "json" else line,
                file=sys.stderr,
                flush=True,
            )
