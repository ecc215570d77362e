"""Exports that people asked for: to look at. Their files are fetched by their person, through the app."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from accounts.admin.display import Badge, admin_url, day, instant, number, object_link, size
from accounts.admin.person_page import Panel, PanelContent, register
from accounts.admin.person_search import SearchByPerson
from accounts.admin.tables import Column, Table
from accounts.models import User
from exports.models import DataExport, ExportStatus

EXPORTS_SHOWN = 5
STATUS_BADGES = {
    ExportStatus.PENDING: ("neutral", "schedule"),
    ExportStatus.PROCESSING: ("info", "sync"),
    ExportStatus.COMPLETED: ("success", "check_circle"),
    ExportStatus.FAILED: ("danger", "error"),
}


def status_badge(export: DataExport) -> Badge:
    """The state in a word and a colour."""
    return Badge(export.get_export_status_display(), *STATUS_BADGES[ExportStatus(export.export_status)])


@admin.register(DataExport)
class DataExportAdmin(SearchByPerson):
    """Who asked for which days, and what became of it. The address of the file is not shown: it opens the file."""

    list_display = ("asked", "person", "export_format", "period", "state", "records", "file_size")
    list_filter = (
        ("user", AutocompleteSelectFilter),
        ("export_status", ChoicesDropdownFilter),
        ("export_format", ChoicesDropdownFilter),
    )
    list_select_related = ("user",)
    ordering = ("-pk",)
    sortable_by = ()
    readonly_fields = ("person", "asked", "period", "state", "records", "file_size")
    fields = (
        "person",
        "asked",
        "export_format",
        "period",
        "include_meals",
        "include_favorites",
        "include_summary",
        "include_personal_info",
        "state",
        "records",
        "file_size",
        "filename",
        "expires_at",
        "completed_at",
    )

    @admin.display(description=_("personne"))
    def person(self, export: DataExport) -> str:
        return object_link(User, export.user_id, export.user.email)

    @admin.display(description=_("demandé le"))
    def asked(self, export: DataExport) -> str:
        return instant(export.created_at)

    @admin.display(description=_("période"))
    def period(self, export: DataExport) -> str:
        return format_html("{} → {}", day(export.date_range_start), day(export.date_range_end))

    @admin.display(description=_("état"))
    def state(self, export: DataExport) -> str:
        return str(status_badge(export))

    @admin.display(description=_("lignes"))
    def records(self, export: DataExport) -> str:
        return number(export.total_records)

    @admin.display(description=_("taille"))
    def file_size(self, export: DataExport) -> str:
        return size(export.file_size_bytes)


def read_exports(request: HttpRequest, person: User) -> PanelContent:
    """The newest exports of a person."""
    exports = list(DataExport.objects.filter(user=person).order_by("-created_at")[:EXPORTS_SHOWN])
    table = Table(
        caption=_("Derniers exports demandés"),
        columns=(
            Column(_("Demandé le"), heads_row=True),
            Column(_("Format")),
            Column(_("État")),
            Column(_("Taille"), numeric=True, wide_only=True),
        ),
        rows=[
            (
                object_link(DataExport, export.pk, instant(export.created_at)),
                export.get_export_format_display(),
                status_badge(export),
                size(export.file_size_bytes),
            )
            for export in exports
        ],
        empty=_("Aucun export demandé."),
        more_url=f"{admin_url(DataExport, 'changelist')}?user__id__exact={person.pk}"
        if len(exports) == EXPORTS_SHOWN
        else "",
        more_label=_("Tous les exports"),
    )
    return PanelContent({"table": table})


register(
    Panel(
        key="exports",
        title=_("Exports"),
        template="admin/accounts/panel_table.html",
        permission="exports.view_dataexport",
        read=read_exports,
        order=40,
        place="side",
        icon="download",
    )
)
