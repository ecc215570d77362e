"""The named places of a run, by how often it comes by; a test holds this list to `failpoints.POINTS`."""

from __future__ import annotations

ONCE = (
    "plan.written",
    "plan.committed",
    "start.digested",
    "start.committed",
    "finish.begun",
    "verify.begun",
    "verify.done",
    "finish.completed",
)
EACH_BATCH = (
    "claim.leased",
    "claim.committed",
    "prepare.read",
    "batch.begun",
    "batch.settings",
    "batch.meals",
    "batch.favorites",
    "batch.summaries",
    "batch.tallies",
    "batch.marked",
    "batch.committed",
)
ROLLBACK = ("rollback.begun", "rollback.people", "rollback.committed", "rollback.photos", "rollback.digested")
