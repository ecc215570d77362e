"""How many workers may be at work, and how long each rests between batches, by the health of the application and the database.

As gh-ost's throttler does (github/gh-ost, go/logic/throttler.go): what cannot be measured counts as bad, and the reason is always said. Between
"stop" and "go" there are steps: half as many workers when something suffers, one more when all has been well for a while (additive increase,
multiplicative decrease), and a band between the two limits in which nothing changes, so that it does not swing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from audit.runs import sentences
from audit.runs.flow.health import Health


class Limits(msgspec.Struct, frozen=True):
    """From where on something suffers, and up to where all is well. Between the two nothing is changed."""

    latency_factor_bad: float = 2.0
    latency_factor_well: float = 1.3
    latency_margin_bad_ms: float = 10.0
    """Added to the baseline when that is more than the factor: a query that took 0.3 ms and takes 0.7 harms nobody."""
    latency_margin_well_ms: float = 5.0
    waiters_bad: int = 1
    """Sessions that have waited for a lock for more than a second. One is one person who looks at a spinning wheel."""
    transaction_seconds_bad: float = 900.0
    """Age of the oldest transaction of anybody else: while it is open, nothing that the run leaves behind can be vacuumed."""
    transaction_seconds_well: float = 300.0
    lag_seconds_bad: float = 10.0
    """Replication lag of the slowest replica."""
    lag_seconds_well: float = 2.0
    stale_seconds: float = 30.0
    """Older knowledge is no knowledge."""
    settle_seconds: float = 5.0
    """After a step down its effect is awaited before the next one: batches under way have to end first."""
    well_in_a_row: int = 3
    """Good probes before a step up."""
    longest_pause: float = 30.0
    first_pause: float = 0.5


class Decision(NamedTuple):
    """What workers have to keep to until the next one."""

    workers: int
    pause_seconds: float
    """After each batch, of each worker; the run's own pause counts when it is longer."""
    reason: str
    """A sentence with the numbers, for people."""
    probe_ms: float | None
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """For `MigrationRun.flow`."""
        return {
            "concurrency": self.workers,
            "pause": self.pause_seconds,
            "reason": self.reason,
            "probe_ms": None if self.probe_ms is None else round(self.probe_ms, 2),
            "at": self.at.isoformat(),
        }


class Governor(msgspec.Struct):
    """Decides, and remembers what it decided before. Plain fields only: as JSON it survives its process."""

    limits: Limits = Limits()
    allowed: int | None = None
    """Workers while it holds back; None while it does not, so that a larger number asked for counts at once."""
    pause: float = 0.0
    well: int = 0
    """Good probes in a row."""
    blind: int = 0
    """Decisions in a row without knowledge."""
    stepped_down_at: datetime | None = None
    seen_at: datetime | None = None
    """Of the newest probe that was judged: none counts twice."""
    said: str = ""

    def decide(self, health: Health | None, *, baseline: Health | None, asked_workers: int, now: datetime) -> Decision:
        """At least 1 and at most `asked_workers` workers. `baseline` is the probe from before the run (failed or None: the margins alone count).

        To be called once a probe, or oftener: between probes it gives the same answer until the knowledge is too old.
        """
        asked = max(asked_workers, 1)
        blindness = self._blindness(health, now)
        if blindness is not None:
            self._go_blind(blindness, asked, now)
            return self._decision(asked, None, now)
        assert health is not None
        if health.at != self.seen_at:
            self.seen_at = health.at
            self._judge(health, baseline, asked, now)
        return self._decision(asked, health.probe_ms, now)

    def _blindness(self, health: Health | None, now: datetime) -> str | None:
        if health is None:
            return sentences.NOT_PROBED
        if health.error:
            return sentences.PROBE_FAILED.format(code=health.error)
        age = (now - health.at).total_seconds()
        if age > self.limits.stale_seconds:
            return sentences.PROBE_OLD.format(seconds=f"{age:.0f}")
        return None

    def _go_blind(self, why: str, asked: int, now: datetime) -> None:
        """Fails closed: one worker, and a pause that doubles for as long as nothing is known."""
        settled = self.stepped_down_at is None or self._seconds_since_step(now) >= self.pause
        if not self.blind or settled:
            self.pause = self._longer(self.pause)
            self.stepped_down_at = now
        self.blind += 1
        self.well, self.allowed = 0, 1
        self.said = sentences.BLIND.format(why=why)

    def _judge(self, health: Health, baseline: Health | None, asked: int, now: datetime) -> None:
        bad = self._complaints(health, baseline, well=False)
        if bad:
            self.well = self.blind = 0
            self._step_down(bad, asked, now)
            return
        self.blind = 0
        if self.allowed is None:
            self.said = self._latency(health, baseline)
            return
        unwell = self._complaints(health, baseline, well=True)
        if unwell:
            self.well = 0
            self.said = sentences.NOT_YET_WELL.format(complaints=sentences.BETWEEN.join(unwell))
            return
        self.well += 1
        if self.well < self.limits.well_in_a_row:
            latency = self._latency(health, baseline)
            self.said = sentences.SOON_WELL.format(times=self.well, needed=self.limits.well_in_a_row, latency=latency)
            return
        self.well = 0
        self._step_up(asked, self._latency(health, baseline))

    def _step_down(self, bad: list[str], asked: int, now: datetime) -> None:
        why = sentences.BETWEEN.join(bad)
        if self.stepped_down_at is not None and self._seconds_since_step(now) < self.limits.settle_seconds:
            self.said = sentences.SETTLING.format(complaints=why)
            return
        before = self._workers(asked)
        self.stepped_down_at = now
        self.allowed = max(before // 2, 1)
        if before > 1:
            self.said = sentences.FEWER.format(workers=self.allowed, before=before, complaints=why)
        else:
            self.pause = self._longer(self.pause)
            self.said = sentences.LONGER_PAUSE.format(complaints=why)

    def _step_up(self, asked: int, latency: str) -> None:
        if self.pause:
            shorter = self.pause / 2
            self.pause = shorter if shorter >= self.limits.first_pause else 0.0
            self.said = sentences.SHORTER_PAUSE.format(latency=latency)
        else:
            before = self._workers(asked)
            self.allowed = min(before + 1, asked)
            self.said = sentences.MORE.format(workers=self.allowed, before=before, latency=latency)
        if not self.pause and self._workers(asked) == asked:
            self.allowed = None

    def _complaints(self, health: Health, baseline: Health | None, *, well: bool) -> list[str]:
        """What is beyond the limits, each with its numbers; with `well`, beyond the stricter ones for a step up."""
        limits, found = self.limits, []
        tolerated = self._tolerated_ms(baseline, well=well)
        if health.probe_ms > tolerated:
            found.append(sentences.SLOW.format(latency=self._latency(health, baseline), tolerated=f"{tolerated:.1f}"))
        if health.lock_waiters >= limits.waiters_bad:
            template = sentences.WAITER if health.lock_waiters == 1 else sentences.WAITERS
            found.append(template.format(sessions=health.lock_waiters))
        longest = limits.transaction_seconds_well if well else limits.transaction_seconds_bad
        if health.oldest_transaction_seconds > longest:
            age = f"{health.oldest_transaction_seconds:,.0f}"
            found.append(sentences.OLD_TRANSACTION.format(seconds=age, tolerated=f"{longest:,.0f}"))
        lag, farthest = health.replication_lag_seconds, limits.lag_seconds_well if well else limits.lag_seconds_bad
        if lag is not None and lag > farthest:
            found.append(sentences.LAG.format(seconds=f"{lag:.1f}", tolerated=f"{farthest:g}"))
        return found

    def _tolerated_ms(self, baseline: Health | None, *, well: bool) -> float:
        before = 0.0 if baseline is None or baseline.error else baseline.probe_ms
        limits = self.limits
        factor = limits.latency_factor_well if well else limits.latency_factor_bad
        margin = limits.latency_margin_well_ms if well else limits.latency_margin_bad_ms
        return max(before * factor, before + margin)

    def _latency(self, health: Health, baseline: Health | None) -> str:
        ms = f"{health.probe_ms:.1f}"
        if baseline is None or baseline.error:
            return sentences.LATENCY_ALONE.format(ms=ms)
        return sentences.LATENCY.format(ms=ms, before=f"{baseline.probe_ms:.1f}")

    def _workers(self, asked: int) -> int:
        return asked if self.allowed is None else min(self.allowed, asked)

    def _longer(self, pause: float) -> float:
        return min(max(pause * 2, self.limits.first_pause), self.limits.longest_pause)

    def _seconds_since_step(self, now: datetime) -> float:
        assert self.stepped_down_at is not None
        return (now - self.stepped_down_at).total_seconds()

    def _decision(self, asked: int, probe_ms: float | None, now: datetime) -> Decision:
        workers = self._workers(asked)
        if asked == 1:
            template = sentences.ONE_WITH_PAUSE if self.pause else sentences.ONE
        elif self.pause:
            template = sentences.SOME_WITH_PAUSE
        else:
            template = sentences.ALL_OF_THEM if workers == asked else sentences.SOME
        state = template.format(workers=workers, asked=asked, seconds=f"{self.pause:g}")
        return Decision(workers, self.pause, sentences.DECISION.format(state=state, said=self.said), probe_ms, now)
