"""The admin of migrations: the first page, runs, snapshots, outcomes, activity, and their panels on the person's page."""

from audit.admin import activity, dashboard, outcomes, person_panels, runs, snapshots

__all__ = ["activity", "dashboard", "outcomes", "person_panels", "runs", "snapshots"]
