"""The diets that the app offers."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class DietaryPreference(models.Model):
    """A diet one can choose; the eleven rows come with the first migration."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("nom"), max_length=50)
    description = models.TextField(_("description"), null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    common = models.BooleanField(_("courant"), default=False, db_default=False)

    class Meta:
        db_table = "dietary_preferences_reference"
        verbose_name = _("régime de référence")
        verbose_name_plural = _("régimes de référence")
        permissions = [
            ("import_dietarypreference", "Importer des régimes"),
            ("export_dietarypreference", "Exporter des régimes"),
        ]
        constraints = [models.UniqueConstraint(fields=["name"], name="dietary_preferences_reference_name_key")]

    def __str__(self) -> str:
        return self.name
