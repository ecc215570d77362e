"""The project as a Django app: it carries what belongs to no single room."""

from django.apps import AppConfig


class DynprotConfig(AppConfig):
    """Loads the Celery app with Django, so that `shared_task` finds our settings in every process that may queue."""

    name = "dynprot"
    verbose_name = "DynProt"

    def ready(self) -> None:
        from dynprot import celery  # noqa: F401
