"""The admin of migrations: the first page, runs, snapshots, outcomes, activity, and their panels on the person's page."""

from audit.admin import (
    activity,
    batches,
    dashboard,
    outcomes,
    person_deeds,
    person_panels,
    runs,
    snapshots,
    start,
    undo,
)

__all__ = [
    "activity",
    "batches",
    "dashboard",
    "outcomes",
    "person_deeds",
    "person_panels",
    "runs",
    "snapshots",
    "start",
    "undo",
]
