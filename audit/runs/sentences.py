"""What the engine says by itself: English, kept with runs and their events, and shown by the commands as it is.

Each sentence is a template here and is put together by `str.format`, so that one that was kept can be taken apart again (`understood`) and said in
another language. A place holds a number, a word, or, where it is one of `NESTED`, further sentences of this module with `BETWEEN` between them.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

NOT_AS_PREVIEWED: Final = "the effects are no longer those that were previewed: the plan digest is now {digest}"
GIVEN_UP: Final = "{batches} of its batches could not be written; retry it when their cause is mended"
LOST: Final = "its process was lost"
LOST_UNDER_WAY: Final = "its process was lost; {batches} batches under way are done again"
BROKE_OFF: Final = "the verification broke off: {error}"
DIFFERENCES: Final = "verification found {differences} differences"
TIMED_OUT: Final = "batch {batch} met the statement timeout"
TOOK: Final = "{people} people took {seconds} s; {aimed_at} s are aimed at"

OVER_BUDGET: Final = "The error budget is used up: {reasons}."
ONE_FAILURE: Final = "{failures} poison snapshot or exhausted batch, {tolerated} tolerated"
FAILURES: Final = "{failures} poison snapshots and exhausted batches, {tolerated} tolerated"
IN_QUARANTINE: Final = "{quarantined} of {found} items are in quarantine, that is {percent} %, {tolerated} % tolerated"

NOT_PROBED: Final = "the database has not been probed"
PROBE_FAILED: Final = "the probe of the database failed ({code})"
PROBE_OLD: Final = "the last probe of the database is {seconds} s old"
BLIND: Final = "{why}, so nothing is known of its health"
LATENCY: Final = "listing a person's meals takes {ms} ms ({before} ms before the run)"
LATENCY_ALONE: Final = "listing a person's meals takes {ms} ms (not known before)"
SLOW: Final = "{latency}, {tolerated} ms are tolerated"
WAITER: Final = "1 session has waited for a lock for more than a second"
WAITERS: Final = "{sessions} sessions have waited for a lock for more than a second"
OLD_TRANSACTION: Final = (
    "the oldest transaction of somebody else has been open for {seconds} s, {tolerated} s are tolerated"
)
LAG: Final = "a replica is {seconds} s behind, {tolerated} s are tolerated"
NOT_YET_WELL: Final = "unchanged, better but not yet well: {complaints}"
SOON_WELL: Final = "unchanged, {times} of {needed} good probes in a row: {latency}"
SETTLING: Final = "unchanged, the last step down has to take effect first: {complaints}"
FEWER: Final = "{workers} instead of {before}: {complaints}"
LONGER_PAUSE: Final = "a longer pause: {complaints}"
SHORTER_PAUSE: Final = "a shorter pause, all has been well for a while: {latency}"
MORE: Final = "{workers} after {before}, all has been well for a while: {latency}"
SOME_WITH_PAUSE: Final = "{workers} of {asked} workers, a pause of {seconds} s after each batch"
SOME: Final = "{workers} of {asked} workers"
ALL_OF_THEM: Final = "All {asked} workers"
ONE_WITH_PAUSE: Final = "1 worker, a pause of {seconds} s after each batch"
ONE: Final = "1 worker"
DECISION: Final = "{state}: {said}."

SENTENCES: Final[tuple[str, ...]] = tuple(
    value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str)
)
NESTED: Final = frozenset({"reasons", "why", "latency", "complaints", "state", "said"})
WORDS: Final = frozenset({"digest", "error", "code"})
"""Places of what is no number: a digest, a kind of error."""

BETWEEN: Final = "; "
"""Stands between the sentences in a nested place."""

_PLACE = re.compile(r"\\\{(\w+)\\\}")


class Understood(NamedTuple):
    """A sentence of the engine, taken apart. In `facts` are texts as they were written, and for nested places what these hold."""

    template: str
    facts: dict[str, str | list[Understood]]


def understood(sentence: str) -> Understood | None:
    """The template that the sentence was made from; None for whatever is not the engine's."""
    return _understood(sentence, 0)


def _understood(sentence: str, depth: int) -> Understood | None:
    for template, pattern in _PATTERNS:
        match = pattern.fullmatch(sentence) if depth < 4 else None  # a decision holds no deeper sentences
        if match is None:
            continue
        facts: dict[str, str | list[Understood]] = {}
        for name, text in match.groupdict().items():
            if name in NESTED:
                parts = [part for one in text.split(BETWEEN) if (part := _understood(one, depth + 1)) is not None]
                if len(parts) != text.count(BETWEEN) + 1:
                    break
                facts[name] = parts
            else:
                facts[name] = text
        else:
            return Understood(template, facts)
    return None


def _pattern(template: str) -> re.Pattern[str]:
    def place(match: re.Match[str]) -> str:
        name = match[1]
        return f"(?P<{name}>{'.+?' if name in NESTED | WORDS else '[0-9][0-9.,e+-]*'})"

    return re.compile(_PLACE.sub(place, re.escape(template)), re.DOTALL)


_PATTERNS: Final = [(template, _pattern(template)) for template in SENTENCES]
