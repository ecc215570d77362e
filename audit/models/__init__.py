"""Tables of what happened: activity log, browser snapshots, migration runs and everything they leave behind."""

from audit.models.activity import ActivityLog
from audit.models.outcomes import ItemKind, MigrationOutcome, MigrationTally, Outcome
from audit.models.previews import MigrationPreview, MigrationPreviewSample, PreviewStatus
from audit.models.runs import (
    BatchStatus,
    MigrationBatch,
    MigrationEvent,
    MigrationRun,
    MigrationRunSnapshot,
    RunStatus,
)
from audit.models.snapshots import SnapshotStatus, StorageSnapshot
from audit.models.undo import ItemRepair, MigrationPreimage, PreimageTable

__all__ = [
    "ActivityLog",
    "BatchStatus",
    "ItemKind",
    "ItemRepair",
    "MigrationBatch",
    "MigrationEvent",
    "MigrationOutcome",
    "MigrationPreimage",
    "MigrationPreview",
    "MigrationPreviewSample",
    "MigrationRun",
    "MigrationRunSnapshot",
    "MigrationTally",
    "Outcome",
    "PreimageTable",
    "PreviewStatus",
    "RunStatus",
    "SnapshotStatus",
    "StorageSnapshot",
]
