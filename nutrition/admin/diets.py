"""The diets that the app offers: edited here, brought in from a file with a preview of each difference, and taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.admin import ImportExportModelAdmin
from import_export.fields import Field
from import_export.formats.base_formats import CSV, JSON
from import_export.resources import ModelResource
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.contrib.import_export.forms import ExportForm

from accounts.admin.read_only import Pleasant
from nutrition.models import DietaryPreference

if TYPE_CHECKING:
    ImportForm = forms.Form
else:
    from unfold.contrib.import_export.forms import ImportForm

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
LARGEST_FILE = 1024 * 1024
"""Bytes; the whole file is read into memory, and a list of diets is a few kilobytes."""


def without_formula(value: Any) -> Any:
    """A spreadsheet takes text that begins with one of FORMULA_STARTS for a formula; an apostrophe before it makes it text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def with_formula(value: Any) -> Any:
    """The inverse of `without_formula`, so that what was taken out can be brought in again unchanged."""
    return value[1:] if isinstance(value, str) and value[:1] == "'" and value[1:].startswith(FORMULA_STARTS) else value


class DietResource(ModelResource):  # type: ignore[misc]  # import-export has no types
    """Diets by name. Unchanged rows are skipped and counted; one bad row and nothing is saved."""

    class Meta:
        model = DietaryPreference
        fields = ("name", "description", "common")
        import_id_fields = ("name",)
        skip_unchanged = True
        report_skipped = True
        use_transactions = True
        clean_model_instances = True

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:
        for column, value in row.items():
            row[column] = with_formula(value)
        row["name"] = str(row.get("name") or "").strip()
        if not row["name"]:
            raise ValueError(_("Le nom est vide."))

    def export_field(self, field: Field, instance: DietaryPreference, **kwargs: Any) -> Any:
        return without_formula(super().export_field(field, instance, **kwargs))


class DietImportForm(ImportForm):
    """Refuses files that cannot be a list of diets before they are read."""

    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("Le fichier est trop gros pour une liste de régimes (1 Mo au plus)."))
        return file


@admin.register(DietaryPreference)
class DietaryPreferenceAdmin(Pleasant, ImportExportModelAdmin):  # type: ignore[misc]
    """Reference data: the one table of this room that is edited here."""

    resource_classes = (DietResource,)
    import_form_class = DietImportForm
    export_form_class = ExportForm
    formats = (CSV, JSON)
    list_display = ("name", "description", "common")
    list_filter = (("common", BooleanRadioFilter),)
    search_fields = ("name", "description")
    search_help_text = gettext_lazy("Nom ou description")
    ordering = ("name",)

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Importing adds and changes rows, so it takes both permissions."""
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)
