"""The tables of `benchmarks.under_load`: what was measured, and how it is shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import NamedTuple

import msgspec

GOAL_PERCENT = 20
NO_REDIS = "not measured: no Redis answers at REDIS_URL, and there is no redis-server on this machine"


class Moved(NamedTuple):
    """One whole run of the command."""

    meals: int
    moving: float
    """Seconds from the first claim of a batch to the last commit."""
    whole: float
    """Seconds of the command from start to end: interpreter, plan, digests, verification."""

    @property
    def rate(self) -> float:
        """Meals a second while moving."""
        return self.meals / self.moving


class Latency(NamedTuple):
    """The times of one stream of operations in one window."""

    number: int
    median: float
    """ms"""
    p95: float
    """ms"""
    failed: int


class Felt(msgspec.Struct):
    """What the application felt of one run."""

    workers: int
    without: dict[str, Latency]
    during: dict[str, Latency]


class Measured(msgspec.Struct):
    """All that one call found out."""

    command: str
    options: dict[str, float]
    server_version: str = ""
    local: dict[int, list[Moved]] = {}
    """Workers → rounds."""
    celery: dict[int, list[Moved]] = {}
    felt: list[Felt] = []
    load: tuple[float, float] = (0.0, 0.0)


def latencies(samples: Sequence[tuple[str, float, float, bool]], begin: float, end: float) -> dict[str, Latency]:
    """By stream, of the operations that were due between two instants."""
    streams: dict[str, list[tuple[float, bool]]] = {}
    for stream, at, ms, failed in samples:
        if begin <= at < end:
            streams.setdefault(stream, []).append((ms, failed))
    return {
        stream: Latency(
            len(times),
            median(ms for ms, _ in times),
            percentile95([ms for ms, _ in times]),
            sum(bad for _, bad in times),
        )
        for stream, times in streams.items()
    }


def percentile95(values: Sequence[float]) -> float:
    """The value that 95 % do not exceed."""
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


OPERATIONS = {
    "list outside": "list up to 100 meals of a person",
    "write outside": "write a meal",
    "write moving": "write a meal for somebody whom the run moves",
}


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def throughput_table(measured: Measured) -> str:
    """Meals a second by kind and number of workers."""
    lines = [
        _row("workers", "meals/s while moving", "against 1", "the whole command"),
        _row("---", "---:", "---:", "---:"),
    ]
    for name, ways in (("local processes", measured.local), ("Celery", measured.celery)):
        if not ways:
            lines.append(_row(name, NO_REDIS, "", ""))
        single = ways.get(1, [])
        for workers, rounds in sorted(ways.items()):
            ratios = [one.rate / alone.rate for one, alone in zip(rounds, single, strict=False)]
            lines.append(
                _row(
                    f"{workers} {name}",
                    f"{median(one.rate for one in rounds):,.0f}",
                    f"× {median(ratios):.2f}" if ratios and workers > 1 else "",
                    f"{median(one.whole for one in rounds):.1f} s",
                )
            )
    return "\n".join(lines)


def latency_table(measured: Measured) -> str:
    """Median and 95th percentile, without a run and with it."""
    lines = [
        _row("operation", "run beside it", "median without → with", "p95 without → with", "p95 compared", "operations"),
        _row("---", "---", "---:", "---:", "---:", "---:"),
    ]
    for one in measured.felt:
        for stream, operation in OPERATIONS.items():
            if stream not in one.without or stream not in one.during:
                continue
            before, during = one.without[stream], one.during[stream]
            failed = f", {before.failed + during.failed} failed" if before.failed + during.failed else ""
            lines.append(
                _row(
                    operation,
                    f"{one.workers} worker{'s' if one.workers > 1 else ''}",
                    f"{before.median:.1f} → {during.median:.1f} ms",
                    f"{before.p95:.1f} → {during.p95:.1f} ms",
                    f"{(during.p95 / before.p95 - 1) * 100:+.0f} %",
                    f"{before.number} / {during.number}{failed}",
                )
            )
    return "\n".join(lines)


def section(measured: Measured) -> str:
    """The whole section of RESULTS.md."""
    told = measured.options
    about = (
        f"`{measured.command}`: {told['people']:,.0f} people of {told['meals']:.0f} meals, batches of {told['batch_size']:.0f}, "
        f"medians of {told['repeat']:.0f} rounds for the throughput. PostgreSQL {measured.server_version}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores ({platform.machine()}) for workers, database and application together, load before and after "
        f"{measured.load[0]:.1f} / {measured.load[1]:.1f}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
    )
    meaning = (
        "The application's two usual operations, while a run goes on (from the start of its command to the end: moving, verifying, digests) and "
        f"for {told['seconds']:.0f} s before. The HTTP API comes with a later issue, so this is what it will stand on: Django's ORM with the real "
        f"models and triggers, in a process of its own, {told['rate']:g} operations a second of each kind on a connection each, timed from when each "
        "was due. Meals are listed and written for people whom the run does not touch; a write for somebody whose batch is being written at that "
        f"moment waits for it, so those are counted apart. The goal: p95 within {GOAL_PERCENT} %."
    )
    return "\n".join([about, "", throughput_table(measured), "", meaning, "", latency_table(measured)])
