"""One SHA-256 over everything that a run would do: every row, every outcome, every count. Independent of batches and their order.

Each effect is hashed by itself and the hashes are added modulo 2^256, so that parts can be added up in any order (as `content_digest` does).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from audit.runs.ledger import Ledger
from audit.runs.reconcile_settings import SettingsPlan

_MODULUS = 1 << 256


def sum_of(effects: Iterable[str]) -> int:
    """The sum of the hashes of some effects."""
    total = 0
    for effect in effects:
        total += int.from_bytes(sha256(effect.encode("utf-8", "surrogatepass")).digest(), "big")
    return total % _MODULUS


def add(one: int, other: int) -> int:
    """The sum of two parts of a plan."""
    return (one + other) % _MODULUS


def as_text(total: int) -> str:
    """As people compare it."""
    return f"{total:064x}"


def settings_effects(plans: dict[Any, SettingsPlan]) -> Iterator[str]:
    """What would be written about profiles, goals and names."""
    for user_id, plan in plans.items():
        goals = (
            None if plan.goals is None else [[str(one.effective_from), one.protein, one.calories] for one in plan.goals]
        )
        effect = [
            str(user_id),
            plan.create,
            plan.columns,
            plan.mark_untouched,
            plan.names,
            goals,
            plan.keep_server_goals,
        ]
        yield "settings " + json.dumps(effect, sort_keys=True, default=str)


def ledger_effects(ledger: Ledger) -> Iterator[str]:
    """The fate of every item: counts, and the items that have an outcome of their own."""
    for snapshot, found in ledger.found.items():
        counts = sorted((kind, outcome, number) for (kind, outcome), number in ledger.counts[snapshot].items())
        yield "tally " + json.dumps([snapshot, sorted(found.items()), counts])
    for user_id, snapshot, one in ledger.outcomes:
        yield "outcome " + json.dumps(
            [str(user_id), snapshot, one.kind, one.path, one.outcome, one.reasons, one.changes, one.row_id], default=str
        )
