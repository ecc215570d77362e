"""The error budget: how much may go wrong before the run pauses itself and lets people look."""

from __future__ import annotations

from audit.runs import sentences

RATIO_FROM_ITEMS = 1000
"""Items found from which on the share in quarantine counts: three bad ones of the first five say nothing about the rest."""


def over_budget(
    *, failures: int, max_failures: int, quarantined: int, found: int, max_quarantine_percent: float
) -> str | None:
    """The sentence why the run pauses itself, or None. Both limits are still tolerated themselves: 10 of 10 goes on, 11 pauses.

    `failures` are poison snapshots and exhausted batches; `quarantined` and `found` are items of the whole run. Compared without division, so
    that 50 % of 2000 is exactly 1000.
    """
    reasons = []
    if failures > max_failures:
        template = sentences.ONE_FAILURE if failures == 1 else sentences.FAILURES
        reasons.append(template.format(failures=f"{failures:,}", tolerated=f"{max_failures:,}"))
    if found >= RATIO_FROM_ITEMS and quarantined * 100 > max_quarantine_percent * found:
        reasons.append(
            sentences.IN_QUARANTINE.format(
                quarantined=f"{quarantined:,}",
                found=f"{found:,}",
                percent=_percent(quarantined, found, max_quarantine_percent),
                tolerated=f"{max_quarantine_percent:g}",
            )
        )
    return sentences.OVER_BUDGET.format(reasons=sentences.BETWEEN.join(reasons)) if reasons else None


def _percent(part: int, whole: int, limit: float) -> str:
    """With as many decimals as it takes not to look like the limit."""
    share = part * 100 / whole
    short = f"{share:.1f}"
    return short if float(short) > limit else f"{share:.4f}"
