from django.apps import AppConfig


class AuditConfig(AppConfig):
    """What happened: activity log, snapshots, migration runs."""

    name = "audit"
    verbose_name = "Migration et journal"

    def ready(self) -> None:
        from audit import erasure, looks, staff_log  # noqa: F401 - begin to listen
