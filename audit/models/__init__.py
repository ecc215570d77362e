"""Tables of what happened: activity log, browser snapshots, migration runs and everything they leave behind."""

from audit.models.activity import ActivityLog
from audit.models.outcomes import ItemKind, MigrationOutcome, MigrationTally, Outcome
from audit.models.runs import (
    BatchStatus,
    MigrationBatch,
    MigrationEvent,
    MigrationRun,
    MigrationRunSnapshot,
    RunStatus,
)
from audit.models.snapshots import SnapshotStatus, StorageSnapshot

__all__ = [
    "ActivityLog",
    "BatchStatus",
    "ItemKind",
    "MigrationBatch",
    "MigrationEvent",
    "MigrationOutcome",
    "MigrationRun",
    "MigrationRunSnapshot",
    "MigrationTally",
    "Outcome",
    "RunStatus",
    "SnapshotStatus",
    "StorageSnapshot",
]
