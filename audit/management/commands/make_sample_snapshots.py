"""`make_sample_snapshots`: writes a file of sample browser snapshots (see audit.samples)."""

from __future__ import annotations

import gzip
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError

from audit.samples import ANCHOR, Census, generate

GZIP_LEVEL = 5
REDRAW_SECONDS = 0.2


class Command(BaseCommand):
    """Arguments, the generator, progress; nothing else. Needs no database."""

    help = "Writes realistic, deterministic sample snapshots as NDJSON, one browser a line."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--users", type=int, default=300, metavar="N")
        parser.add_argument("--meals-per-user", type=int, default=300, metavar="M")
        parser.add_argument("--seed", type=int, default=1, metavar="S")
        parser.add_argument(
            "--dirty",
            type=int,
            default=8,
            metavar="PERCENT",
            help="so many people in a hundred have something odd, and so many of their meals; 0 is the canonical form",
        )
        parser.add_argument(
            "--anchor", type=date.fromisoformat, default=ANCHOR, metavar="DATE", help="first capture day"
        )
        parser.add_argument(
            "-o", "--output", required=True, metavar="FILE", help="gzip when it ends in .gz; - is standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        census = Census()
        try:
            lines = generate(
                options["users"],
                options["meals_per_user"],
                options["seed"],
                options["dirty"],
                census=census,
                anchor=options["anchor"],
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        started = time.monotonic()
        try:
            with _sink(options["output"]) as sink:
                octets = self._write(lines, sink, census, options["users"])
        except BrokenPipeError:  # `| head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        self._summarise(census, octets, options["meals_per_user"], time.monotonic() - started)

    def _write(self, lines: Iterator[bytes], sink: IO[bytes], census: Census, users: int) -> int:
        live = self.stderr.isatty()
        shown, octets = 0.0, 0
        for line in lines:
            octets += sink.write(line + b"\n")
            if live and time.monotonic() - shown > REDRAW_SECONDS:
                shown = time.monotonic()
                self.stderr.write(f"\r{census.people} of {users} people", ending="")
                self.stderr.flush()
        if live:
            self.stderr.write("\r", ending="")
        return octets

    def _summarise(self, census: Census, octets: int, meals: int, seconds: float) -> None:
        rate = census.people * meals / max(seconds, 1e-9)
        self.stderr.write(
            f"{census.people} people ({census.dirty_people} dirty), {census.lines} browsers, "
            f"{octets / 1e6:.1f} MB in {seconds:.1f} s, {rate:,.0f} meals/s"
        )
        for name, count in sorted(census.forms.items()):
            self.stderr.write(f"  {count:6d}  {name}")


@contextmanager
def _sink(target: str) -> Iterator[IO[bytes]]:
    """The open target. A file appears under its name only when it is complete."""
    if target == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = Path(f"{target}.partial")
    try:
        with partial.open("wb") as raw:
            if target.endswith(".gz"):
                # No name and no time in the header: the same data is the same file.
                with gzip.GzipFile("", "wb", GZIP_LEVEL, raw, mtime=0) as packed:
                    yield packed  # type: ignore[misc]
            else:
                yield raw
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(target)
