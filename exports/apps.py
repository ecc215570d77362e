from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """What leaves: files made of a person's data."""

    name = "exports"
    verbose_name = "Exports"
