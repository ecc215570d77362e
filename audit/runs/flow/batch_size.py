"""How many people go into the next batch, so that a batch takes about as long as wished."""

from __future__ import annotations

import msgspec

MIN_PEOPLE = 1
MAX_PEOPLE = 1000

WEIGHT = 0.4
"""Of the newest batch in the decaying averages: GitLab's (EMA_ALPHA). Synapse's 0.1 would take 20 batches to believe a change."""
MIN_SAMPLES = 2
"""Batches before the size may grow; the first one also pays for cold caches. Shrinking does not wait."""
MAX_GROWTH = 1.2
"""Largest step up at once: GitLab's (MAX_MULTIPLIER)."""
MAX_SHRINKAGE = 0.5
"""Largest step down at once, so that one batch that stood in a queue does not undo the work of twenty."""
OVERRUN = 2.0
"""A batch that took this many times the target shrinks the next one by itself, before the averages have moved."""
SURPRISE = 4.0
"""How many times the usual time of a person one batch may weigh in the averages: what is beyond is a lock, not a cost."""
NEAR_ENOUGH = 0.9, 1.05
"""Within these shares of the affordable size nothing is changed (GitLab's TARGET_EFFICIENCY is 0.9..0.95): noise of a few percent is not news."""
WARY_BATCHES = 20
"""After a statement timeout the size does not grow for so long."""

_SHORTEST_SECONDS = 0.001


class BatchSizer(msgspec.Struct):
    """Finds the number of people whose batch takes `target_seconds`.

    The estimator is Synapse's (`synapse/storage/background_updates.py`, BackgroundUpdatePerformance): decaying averages of items and of durations,
    both beginning at 0, whose quotient is the rate; so the first batch gives an estimate at once, and long batches count for more than short
    ones. The step is limited as GitLab's is (`lib/gitlab/database/background_migration/batch_optimizer.rb`: at most 1.2 times as many, nothing
    within 90 to 95 % of the target, fixed bounds). Added here, since a batch holds locks on people: half at once after an overrun or a statement
    timeout, and a cap on what one strange batch may weigh.

    With `fixed` the size stays as it is, but for a statement timeout, which no retry would get past. Plain fields only: as JSON it survives
    its process.
    """

    size: int
    """People in the next batch."""
    target_seconds: float
    fixed: bool = False
    average_people: float = 0.0
    average_seconds: float = 0.0
    samples: int = 0
    wary: int = 0
    """Batches for which the size may not grow yet."""

    def after(self, people: int, seconds: float) -> int:
        """Learns from a committed batch (lock waits included, pauses between batches not); returns the size of the next.

        `people` are those that were in it: the last batch of a run and the parts of a split one are smaller than `size`.
        """
        if people < 1 or self.fixed:
            return self.size
        seconds = max(seconds, _SHORTEST_SECONDS)
        self._learn(people, seconds)
        growth_allowed = self.samples >= MIN_SAMPLES and not self.wary
        self.wary = max(self.wary - 1, 0)
        affordable = self.average_people / self.average_seconds * self.target_seconds
        if seconds > OVERRUN * self.target_seconds:
            affordable = min(affordable, people / seconds * self.target_seconds)
        if affordable * NEAR_ENOUGH[1] < self.size:
            self.size = _bounded(max(int(affordable), int(self.size * MAX_SHRINKAGE)))
        elif growth_allowed and self.size < affordable * NEAR_ENOUGH[0]:
            step = max(int(self.size * MAX_GROWTH), self.size + 1)  # 1.2 of 1 to 4 people are as many
            self.size = _bounded(min(int(affordable), step))
        return self.size

    def timed_out(self) -> int:
        """A statement of the batch took longer than PostgreSQL allows: half as many at once, and no growth for a while."""
        self.size = _bounded(self.size // 2)
        self.wary = WARY_BATCHES
        return self.size

    def retune(self, *, size: int, target_seconds: float, fixed: bool) -> None:
        """Takes over what an operator (or another worker) has set; what was learnt about the cost of a person stays."""
        self.size, self.target_seconds, self.fixed = _bounded(size), target_seconds, fixed

    def _learn(self, people: int, seconds: float) -> None:
        if self.samples >= MIN_SAMPLES:
            usual = self.average_seconds / self.average_people * people
            seconds = min(seconds, usual * SURPRISE)
        self.average_people += WEIGHT * (people - self.average_people)
        self.average_seconds += WEIGHT * (seconds - self.average_seconds)
        self.samples += 1


def _bounded(size: int) -> int:
    return min(max(size, MIN_PEOPLE), MAX_PEOPLE)
