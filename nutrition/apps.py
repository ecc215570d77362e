from django.apps import AppConfig


class NutritionConfig(AppConfig):
    """What they ate: meals, favourites, analyses, day summaries."""

    name = "nutrition"
    verbose_name = "Nutrition"

    def ready(self) -> None:
        """Registers the system checks."""
        from nutrition import checks  # noqa: F401
