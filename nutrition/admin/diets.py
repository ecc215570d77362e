"""The diets that the app offers: edited here, brought in from a file with a preview of each difference, and taken out."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter

from accounts.admin.read_only import Pleasant
from accounts.admin.resources import ImportsExports
from nutrition.admin.resources import DietRows
from nutrition.models import DietaryPreference


@admin.register(DietaryPreference)
class DietaryPreferenceAdmin(ImportsExports, Pleasant):
    """Reference data: the one table of this room that is edited here."""

    resource_classes = (DietRows,)
    list_display = ("name", "description", "common")
    list_filter = (("common", BooleanRadioFilter),)
    search_fields = ("name", "description")
    search_help_text = _("Nom ou description")
    ordering = ("name",)
