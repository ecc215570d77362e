from django.apps import AppConfig


class AuditConfig(AppConfig):
    """What happened: activity log, snapshots, migration runs."""

    name = "audit"
    verbose_name = "Migration et journal"
