"""`python manage.py migration_status [RUN] [--watch] [--json]`: where the runs stand."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.management.commands.migrate_local_storage import REFUSED
from audit.models import MigrationRun
from audit.models.runs import ACTIVE
from audit.runs.status import list_status, status_of

EVERY_SECONDS = 2.0


class Command(BaseCommand):
    help = "Say where the runs stand: the latest ones, or one. --watch repeats it until nothing is active."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "run", nargs="?", type=int, metavar="RUN", help="number of the run (default: the latest 20)"
        )
        parser.add_argument(
            "--watch", action="store_true", help=f"again every {EVERY_SECONDS:g} seconds, until nothing is active"
        )
        parser.add_argument(
            "--json", action="store_true", help="a list of runs as JSON, newest first (with --watch one a line)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            runs = self._runs(options["run"])
            if options["json"]:
                self.stdout.write(json.dumps(runs, indent=None if options["watch"] else 2, ensure_ascii=False))
            else:
                self.stdout.write(_table(runs))
            if not options["watch"] or not any(run["status"] in ACTIVE and run["status"] != "paused" for run in runs):
                return
            self.stdout.flush()
            try:
                time.sleep(EVERY_SECONDS)
            except KeyboardInterrupt:
                return

    def _runs(self, number: int | None) -> list[dict[str, Any]]:
        if number is None:
            return list_status()
        run = MigrationRun.objects.filter(pk=number).first()
        if run is None:
            raise CommandError(f"There is no run {number}.", returncode=REFUSED)
        return [status_of(run)]


def _table(runs: list[dict[str, Any]]) -> str:
    if not runs:
        return "No migration was started yet."
    head = ("run", "status", "people", "batches", "items", "in quarantine", "time", "items/s", "left")
    lines = [head, *(_cells(run) for run in runs)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = []
    for line, run in zip(lines, [None, *runs], strict=True):
        cells = [
            cell.ljust(width) if column in (0, 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
        if run is not None and (story := _story(run)):
            text.append(f"     {story}")
    return "\n".join(text)


def _cells(run: dict[str, Any]) -> tuple[str, ...]:
    people, batches = run["people"], run["batches"]
    failed = f", {batches['failed']} failed" if batches["failed"] else ""
    return (
        str(run["run"]),
        f"{run['status']} (stalled)" if run["stalled"] else run["status"],
        f"{people['done']:,}/{people['planned']:,}",
        f"{batches['committed']}/{batches['planned']}{failed}",
        f"{run['items']['found']:,}",
        f"{run['items']['quarantined']:,}",
        _time(run["seconds"]),
        f"{run['items_per_second']:,.0f}",
        _time(run["eta_seconds"]) if run["eta_seconds"] is not None else "",
    )


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _story(run: dict[str, Any]) -> str:
    """Why the run is as it is, in a sentence."""
    event = run["last_event"]
    parts = []
    if run["stalled"]:
        parts.append("nobody is at work on it: resume_migration takes it up")
    if run["verified"]:
        done, total = run["verified"]
        parts.append(f"{done:,} of {total:,} people verified")
    if run["flow"].get("reason"):
        parts.append(run["flow"]["reason"])
    if event and event["reason"]:
        who = f" by {event['actor']}" if event["actor"] else ""
        parts.append(f"{event['action']}{who}: {event['reason']}")
    elif run["error"]:
        parts.append(run["error"])
    return "; ".join(parts)
