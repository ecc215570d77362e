"""Exports: those that people asked for, to look at; and the deed that hands a person's data to the team as a file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import FileResponse, HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.admin.deeds import Deed, Explanation, Impossible, ReasonForm
from accounts.admin.display import Badge, admin_url, day, instant, number, object_link, size
from accounts.admin.person_deeds import actor_of
from accounts.admin.person_page import Panel, PanelContent, register, register_deed
from accounts.admin.person_search import SearchByPerson
from accounts.admin.tables import Column, Table
from accounts.models import User
from accounts.staff import tell
from exports.models import DataExport, ExportFormat, ExportStatus
from exports.services import CannotExport, export_person

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


# --- A person's data as a file -------------------------------------------------------------------------------------------
class ExportForm(ReasonForm):
    """Everything, or the meals for a spreadsheet."""

    export_format = forms.ChoiceField(
        label=_("Fichier"),
        choices=[
            (ExportFormat.JSON, _("Tout, en JSON")),
            (ExportFormat.CSV, _("Les repas, en CSV pour un tableur")),
        ],
        widget=UnfoldAdminSelectWidget,
    )


def explain_export(request: HttpRequest, person: User) -> Explanation:
    """What is in the files."""
    return Explanation(
        sentences=(
            gettext("Un fichier est préparé et téléchargé tout de suite, sur votre ordinateur."),
            gettext(
                "Le JSON contient le compte, le profil, les objectifs, les repas, les favoris, les analyses, les jours et "
                "les traces de suppressions. Le CSV contient les repas."
            ),
            gettext(
                "L'export apparaît dans la liste des exports de la personne. Le fichier n'est pas gardé sur le serveur."
            ),
        ),
        warning=gettext(
            "Ce sont des données de santé : remettez le fichier à la personne seule, puis supprimez-le de votre ordinateur."
        ),
    )


def hand_out(request: HttpRequest, person: User, data: dict[str, Any]) -> FileResponse:
    """The file, its row and its trace in one transaction: what is not written down is not handed out."""
    actor = actor_of(request)

    def leave_trace(row: DataExport) -> None:
        tell(
            actor=actor,
            action="staff_exported_person",
            person=person,
            table="data_exports",
            row=row,
            reason=data["reason"],
            new={"format": row.export_format, "records": row.total_records},
            request=request,
        )

    try:
        exported = export_person(person, data["export_format"], on_recorded=leave_trace)
    except CannotExport as refusal:
        raise Impossible(str(refusal)) from refusal
    answer = FileResponse(
        exported.content,
        as_attachment=True,
        filename=exported.row.filename or "",
        content_type=exported.content_type,
    )
    answer.headers["Content-Length"] = str(exported.row.file_size_bytes)
    answer.headers["Cache-Control"] = "no-store"
    return answer


register_deed(
    Deed(
        key="export",
        label=_("Exporter"),
        title=_("Exporter les données de cette personne"),
        icon="download",
        permission="exports.export_person",
        explain=explain_export,
        act=hand_out,
        order=60,
        form=ExportForm,
        atomic=False,
    ),
    on_team=True,
)
