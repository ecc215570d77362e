"""How far a long command has come: a bar for a person, lines for a log, JSON for a program. All of it on standard error."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

MODES = ("auto", "plain", "json", "none")
"""`auto`: a bar on a terminal, else as `plain`: a line now and then. `json`: one object a line."""

LINE_EVERY_SECONDS = 5.0


def add_progress_argument(parser: ArgumentParser) -> None:
    """The `--progress` that every long command has."""
    parser.add_argument(
        "--progress",
        choices=MODES,
        default="auto",
        help="how to show progress on standard error: a bar on a terminal and lines elsewhere (auto), lines, JSON lines, or nothing",
    )


class Reporter:
    """Counts what is done and shows nothing; the other forms build on it. `total` is None while it is not known."""

    def __init__(self, *, title: str, unit: str, total: int | None, stream: TextIO) -> None:
        self.title = title
        self.unit = unit
        self.total = total
        self.stream = stream
        self.done = 0
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    @property
    def rate(self) -> float:
        """Units a second since the start."""
        return self.done / self.seconds if self.seconds else 0.0

    def advance(self, amount: int = 1, note: str = "") -> None:
        """`amount` more units are done; `note` is what a reader wants to know besides (shown where there is room)."""
        self.done += amount
        self.show(note)

    def show(self, note: str) -> None:
        """Display the state."""

    def say(self, line: str) -> None:
        """A line that stays, whatever is shown besides."""
        self.stream.write(line + "\n")
        self.stream.flush()

    def close(self) -> None:
        """Leave the terminal as it was found."""


class LineReporter(Reporter):
    """One line of text every few seconds, and one at the end."""

    _shown_at = 0.0
    _shown = -1

    def show(self, note: str) -> None:
        complete = self.done == self.total
        if self._shown == self.done or (not complete and self.seconds - self._shown_at < LINE_EVERY_SECONDS):
            return
        self._shown_at, self._shown = self.seconds, self.done
        self.say(self.line(note))

    def line(self, note: str) -> str:
        """The state as one line."""
        of_total = "" if self.total is None else f" of {self.total:,}"
        return f"{self.title}: {self.done:,}{of_total} {self.unit}, {self.rate:,.0f}/s" + (f", {note}" if note else "")


class JsonReporter(LineReporter):
    """The same moments as objects: title, unit, done, total, seconds, rate, note."""

    def line(self, note: str) -> str:
        state = {"title": self.title, "unit": self.unit, "done": self.done, "total": self.total}
        return json.dumps({**state, "seconds": round(self.seconds, 3), "rate": round(self.rate, 1), "note": note})


class BarReporter(Reporter):
    """A bar with rate and remaining time, drawn by rich."""

    def __init__(self, *, title: str, unit: str, total: int | None, stream: TextIO) -> None:
        super().__init__(title=title, unit=unit, total=total, stream=stream)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(f"{unit} {{task.fields[rate]}}/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(file=stream),
            transient=True,
        )
        self._task: TaskID = self._bar.add_task(title, total=total, rate="0", note="")
        self._bar.start()

    def show(self, note: str) -> None:
        self._bar.update(self._task, completed=self.done, total=self.total, rate=f"{self.rate:,.0f}", note=note)

    def say(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._bar.stop()


@contextmanager
def progress(
    *, mode: str, title: str, unit: str, total: int | None, stream: TextIO | OutputWrapper
) -> Iterator[Reporter]:
    """The reporter that `mode` (one of MODES) asks for, closed at the end of the block."""
    # A command's own stream adds a line end to every write, which a bar cannot live with.
    stream = cast("TextIO", getattr(stream, "_out", stream))
    forms: dict[str, type[Reporter]] = {"plain": LineReporter, "json": JsonReporter, "none": Reporter}
    form = forms.get(mode) or (BarReporter if stream.isatty() else LineReporter)
    reporter = form(title=title, unit=unit, total=total, stream=stream)
    try:
        yield reporter
    finally:
        reporter.close()
