"""What `benchmarks.admin_pages` found out, the limits, and the tables."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

MOST_QUERIES: Final = 30
MOST_MS: Final = 300.0
SHOWN: Final = 10
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Looked(msgspec.Struct):
    """One page: what it asked of the database, in the best of its visits."""

    name: str
    address: str
    status: int
    queries: int
    ms: float
    """Of all statements together."""
    cpu_ms: float
    """Of these, on a processor of the server; 0.0 when nobody could see."""
    whole_ms: float
    """Of the request: statements, views, templates."""
    bytes: int
    slowest_ms: float
    slowest: str
    apart: bool = False
    """Works for a bounded time on purpose, and is not held to the limits."""

    @property
    def broken(self) -> bool:
        """Whether it was not there at all."""
        return self.status >= 500

    @property
    def exceeds(self) -> bool:
        """Whether it asks more than a page may."""
        return not self.apart and (self.queries > MOST_QUERIES or self.ms > MOST_MS)

    @property
    def place(self) -> str:
        """The name, without ids that say nothing."""
        return _UUID.sub("…", self.name)


class Looks(msgspec.Struct):
    """All pages, and the seconds that the world took."""

    built: float
    looks: list[Looked]


def slowest_first(looks: Sequence[Looked]) -> list[Looked]:
    """By time in the database."""
    return sorted(looks, key=lambda one: -one.ms)


def listing(looks: Sequence[Looked]) -> str:
    """Every page in a line, for a terminal; of those above a limit, the slowest statement too."""
    lines = ["  queries  db ms    cpu  whole ms      KB  page"]
    for one in slowest_first(looks):
        mark = "APART" if one.apart else "BROKEN" if one.broken else "OVER" if one.exceeds else ""
        lines.append(
            f"{one.queries:9} {one.ms:6.1f} {one.cpu_ms:6.1f} {one.whole_ms:9.1f} {one.bytes / 1024:7.1f}  {one.place} ({one.status}) {mark}".rstrip()
        )
        if mark in ("BROKEN", "OVER"):
            lines.append(f"          {one.slowest_ms:.1f} ms: {one.slowest}")
    return "\n".join(lines)


def verdict(looks: Sequence[Looked]) -> str:
    """One sentence on all of them."""
    bound = [one for one in looks if not one.apart]
    over, broken = sum(one.exceeds for one in bound), sum(one.broken for one in looks)
    text = f"{len(bound)} pages, at most {max(one.queries for one in bound)} statements and {max(one.ms for one in bound):.0f} ms of database time"
    return f"{text}; {over} above the limits ({MOST_QUERIES} statements, {MOST_MS:.0f} ms), {broken} not there"


def section(
    found: Looks, *, command: str, people: int, meals: int, server_version: str, load: tuple[float, float]
) -> str:
    """The section of RESULTS.md."""
    about = (
        f"`{command}`: {people:,} people of {meals} meals (one of 10,000), three migrations; {verdict(found.looks)}. PostgreSQL {server_version}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores ({platform.machine()}), load before and after {load[0]:.1f} / {load[1]:.1f}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. Best of up to three visits with warm caches; every list with every value of its filters. "
        "Where other work shares the cores, the times are only indicative; the statements, and the time on a processor (of the session itself, without parallel workers and reads from disk), hardly change."
    )
    lines = [
        about,
        "",
        "| page | statements | database | of it on a processor | whole request | size |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    bound = slowest_first([one for one in found.looks if not one.apart])
    lines += [_line(one) for one in bound[:SHOWN]]
    tried = slowest_first([one for one in found.looks if one.apart])
    if tried:
        lines += ["", "Tried out for real and undone, in a bounded time, before anybody confirms it:", ""]
        lines += [
            "| deed | statements | database | of it on a processor | whole request | size |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
        ]
        lines += [_line(one) for one in tried]
    return "\n".join(lines)


def _line(one: Looked) -> str:
    return f"| {one.place} | {one.queries} | {one.ms:.0f} ms | {one.cpu_ms:.0f} ms | {one.whole_ms:.0f} ms | {one.bytes / 1024:.0f} KB |"
