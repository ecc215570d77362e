"""The table of RESULTS.md, between two markers, so that running the command again replaces it and nothing else."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

_EMPTY = """# What the migration costs

Figures of one machine at one moment; the ratios are what is promised. Everything below is written by the command that it names.
"""


class Round(msgspec.Struct):
    """One round on one data set: the engine and the limit, one after the other on the same server."""

    engine: dict[str, Any]
    meals: int
    """Rows in `meal_entries` afterwards."""
    batched: float
    """Seconds of the limit, a transaction a batch."""
    whole: float
    """Seconds of the limit, one COPY."""

    @property
    def moving(self) -> float:
        """Seconds of the engine: read, decode, clean, merge, load, summaries, tallies, commits."""
        return float(self.engine["phases"]["migrate"])

    @property
    def limit(self) -> float:
        """The faster form."""
        return min(self.batched, self.whole)

    def phase(self, name: str) -> float:
        """Seconds of another phase."""
        return float(self.engine["phases"].get(name, 0.0))


class Scale(NamedTuple):
    """One long run."""

    people: int
    engine: dict[str, Any]


class Measured(msgspec.Struct):
    """All that one call of the harness found out."""

    command: str
    people: int
    meals: int
    batch_size: int
    repeat: int
    server_version: str
    rounds: dict[int, list[Round]]
    """By percentage of dirt."""
    peers: dict[str, float] = {}
    peer_people: int = 0
    scale: list[Scale] = []
    load: tuple[float, float] = (0.0, 0.0)


def write(target: Path, name: str, body: str) -> None:
    """Puts `body` between the markers of `name` in the file, which is made when it is missing."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = target.read_text(encoding="utf-8") if target.exists() else _EMPTY
    block = f"{begin}\n{body}\n{end}"
    if begin in text and end in text:
        text = text[: text.index(begin)] + block + text[text.index(end) + len(end) :]
    else:
        text = f"{text.rstrip()}\n\n{block}\n"
    target.write_text(text, encoding="utf-8")


def _rate(meals: float, seconds: float) -> str:
    return f"{meals / seconds:,.0f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def rounds_table(measured: Measured) -> str:
    """Engine, limit and peers."""
    lines = [
        _about(measured),
        "",
        _row("what", "meals/s", "compared", "meaning"),
        _row("---", "---:", "---:", "---"),
    ]
    for dirty, rounds in measured.rounds.items():
        lines += _engine_rows("clean data" if dirty == 0 else f"{dirty} % dirty", rounds)
    clean = measured.rounds[min(measured.rounds)]
    engine_rate = median(one.meals / one.moving for one in clean)
    lines += [
        _row(name, f"{measured.peers[key]:,.0f}", f"engine × {engine_rate / measured.peers[key]:.0f}", meaning)
        for key, name, meaning in (
            ("save", "`Model.save()`, a commit each", "finished values row by row, summaries by trigger"),
            ("save_in_transaction", "`Model.save()`, a transaction a person", "the same with fewer commits"),
            (
                "bulk_create",
                "`bulk_create`, a person at a time",
                "finished values, summaries by trigger, a statement a person",
            ),
            (
                "executemany",
                "psycopg `executemany`",
                "finished values in one transaction, triggers off, one summary statement",
            ),
        )
        if key in measured.peers
    ]
    return "\n".join(lines)


def _engine_rows(label: str, rounds: list[Round]) -> list[str]:
    def middle(values: list[float]) -> float:
        return median(values)

    ratio = middle([one.limit / one.moving for one in rounds])
    verify = middle([one.phase("verify") / one.moving for one in rounds])
    digest = middle([one.phase("digest") / one.moving for one in rounds])
    peak = middle([float(one.engine["peak_moving_mb"]) for one in rounds])
    status = rounds[-1].engine["status"]
    return [
        _row(
            f"**engine**, {label}",
            _rate(1, middle([one.moving / one.meals for one in rounds])),
            f"**{ratio:.2f} of the limit**",
            f"one process, all laws on: read, decode, clean, merge, load, summaries, tallies, commits; {status}, peak {peak:.0f} MB",
        ),
        _row(
            f"limit, {label}",
            _rate(1, middle([one.limit / one.meals for one in rounds])),
            f"batches {_rate(1, middle([one.batched / one.meals for one in rounds]))}, "
            f"one COPY {_rate(1, middle([one.whole / one.meals for one in rounds]))}",
            "bare COPY of the same finished rows into the same table, one set-wise summary statement; the faster form",
        ),
        _row(
            f"verification, {label}",
            "",
            f"{verify:.2f} of the engine's time",
            "the second path of law 5, apart from the line above",
        ),
        _row(
            f"digests, {label}",
            "",
            f"{digest:.2f} of the engine's time",
            "content SHA-256 before and after, apart as well",
        ),
    ]


def scale_table(measured: Measured) -> str:
    """Time and memory as people grow."""
    lines = [
        _about(measured),
        "",
        _row("people", "meals", "migrate", "meals/s", "peak while moving", "verify", "peak in all"),
        _row("---:", "---:", "---:", "---:", "---:", "---:", "---:"),
    ]
    for one in measured.scale:
        meals, phases = one.engine["items"]["meal"]["created"], one.engine["phases"]
        lines.append(
            _row(
                f"{one.people:,}",
                f"{meals:,}",
                f"{phases['migrate']:.1f} s",
                _rate(meals, phases["migrate"]),
                f"{one.engine['peak_moving_mb']:.0f} MB",
                f"{phases['verify']:.1f} s",
                f"{one.engine['peak_mb']:.0f} MB",
            )
        )
    return "\n".join(lines)


def _about(measured: Measured) -> str:
    return (
        f"`{measured.command}`: {measured.people:,} people of {measured.meals} meals, batches of {measured.batch_size}, "
        f"{'one run each' if measured.scale else f'medians of {measured.repeat} rounds'}. PostgreSQL {measured.server_version}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores ({platform.machine()}), load before and after {measured.load[0]:.1f} / {measured.load[1]:.1f}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. Ratios are medians of the ratios of each round."
    )
