"""Taking a migration back: a run, one of its batches, or one person (law 4)."""

from audit.runs.rollback.receipt import Kept, KeptReason, Receipt
from audit.runs.rollback.scope import WHOLE_RUN, RollbackScope
from audit.runs.rollback.service import RollbackFailed, RollbackInterrupted, RollbackObserver, roll_back

__all__ = [
    "WHOLE_RUN",
    "Kept",
    "KeptReason",
    "Receipt",
    "RollbackFailed",
    "RollbackInterrupted",
    "RollbackObserver",
    "RollbackScope",
    "roll_back",
]
