"""Migrations, their batches, plans, tallies and events. Starting and steering them is not here yet: these pages only show."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from accounts.admin.display import duration, instant, mono, number, object_link, readable_json
from accounts.admin.person_search import SearchByPerson
from accounts.admin.read_only import ReadOnly
from accounts.models import User
from audit.admin.filters import KindFilter
from audit.admin.run_page import batch_time, elapsed, run_page
from audit.admin.words import (
    batch_badge,
    dry_run_badge,
    event_text,
    is_dry_run,
    run_badge,
    status_change,
    verdict_badge,
)
from audit.models import (
    MigrationBatch,
    MigrationEvent,
    MigrationRun,
    MigrationRunSnapshot,
    MigrationTally,
    Outcome,
    StorageSnapshot,
)


@admin.register(MigrationRun)
class MigrationRunAdmin(ReadOnly):
    """All runs, newest first; a run's page tells what it did."""

    list_display = ("run_number", "state", "started", "took", "people", "snapshots", "by", "verified")
    list_filter = (("status", ChoicesDropdownFilter), ("started_by", AutocompleteSelectFilter))
    list_select_related = ("started_by",)
    search_fields = ("scope",)
    search_help_text = _("Numéro ou portée")
    ordering = ("-id",)
    sortable_by = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A number is a run's; anything else is looked for in scopes."""
        term = search_term.strip()
        if term.isdecimal():
            return queryset.filter(pk=min(int(term), 2**63 - 1)), False
        return (queryset.filter(scope__icontains=term) if term else queryset), False

    def get_urls(self) -> list[URLPattern]:
        report = path(
            "<int:run_id>/report.json", self.admin_site.admin_view(self.report_view), name="audit_migrationrun_report"
        )
        return [report, *super().get_urls()]

    def report_view(self, request: HttpRequest, run_id: int) -> JsonResponse:
        """The run's report as a file."""
        run = self.get_queryset(request).filter(pk=run_id).first()
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        if run is None:
            raise Http404
        answer = JsonResponse(run.report, json_dumps_params={"indent": 2, "ensure_ascii": False})
        answer["Content-Disposition"] = f'attachment; filename="migration-{run.pk}.json"'
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("started_by")

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {"title": str(obj), "subtitle": None, **run_page(obj)}

    @admin.display(description=_("migration"))
    def run_number(self, run: MigrationRun) -> str:
        return gettext("Migration %(id)s") % {"id": run.pk}

    @admin.display(description=_("état"))
    def state(self, run: MigrationRun) -> str:
        return str((is_dry_run(run) and dry_run_badge(run)) or run_badge(run))

    @admin.display(description=_("commencée"))
    def started(self, run: MigrationRun) -> str:
        return instant(run.started_at or run.created_at)

    @admin.display(description=_("durée"))
    def took(self, run: MigrationRun) -> str:
        return duration(elapsed(run))

    @admin.display(description=_("personnes"))
    def people(self, run: MigrationRun) -> str:
        return number(run.users_planned)

    @admin.display(description=_("instantanés"))
    def snapshots(self, run: MigrationRun) -> str:
        return number(run.snapshots_planned)

    @admin.display(description=_("par"))
    def by(self, run: MigrationRun) -> str:
        return (
            object_link(User, run.started_by_id, run.started_by.email)
            if run.started_by
            else gettext("ligne de commande")
        )

    @admin.display(description=_("vérification"))
    def verified(self, run: MigrationRun) -> str:
        return str(verdict_badge(run.verdict))


class OfRun(ReadOnly):
    """Rows that belong to a run."""

    sortable_by = ()

    @admin.display(description=_("migration"))
    def of_run(self, row: Any) -> str:
        return object_link(MigrationRun, row.run_id, gettext("Migration %(id)s") % {"id": row.run_id})


@admin.register(MigrationBatch)
class MigrationBatchAdmin(OfRun):
    """Batches in order; the reason why one failed is on its page."""

    list_display = ("title", "of_run", "state", "people", "snapshots", "found_items", "summed_days", "attempt", "took")
    list_filter = (("run", AutocompleteSelectFilter), ("status", ChoicesDropdownFilter))
    ordering = ("-run_id", "-number")
    readonly_fields = ("of_run", "state", "took", "started", "finished")
    fieldsets = (
        (None, {"fields": ("of_run", "number", "state", "error")}),
        (_("Travail"), {"fields": ("users", "snapshots", "items", "days", "started", "finished", "took")}),
        (_("Reprise"), {"fields": ("attempt", "epoch", "lease_owner", "lease_expires_at")}),
    )

    @admin.display(description=_("lot"))
    def title(self, batch: MigrationBatch) -> str:
        return gettext("Lot %(number)s") % {"number": number(batch.number)}

    @admin.display(description=_("état"))
    def state(self, batch: MigrationBatch) -> str:
        return str(batch_badge(batch))

    @admin.display(description=_("personnes"))
    def people(self, batch: MigrationBatch) -> str:
        return number(batch.users)

    @admin.display(description=_("éléments"))
    def found_items(self, batch: MigrationBatch) -> str:
        return number(batch.items)

    @admin.display(description=_("jours résumés"))
    def summed_days(self, batch: MigrationBatch) -> str:
        return number(batch.days)

    @admin.display(description=_("durée"))
    def took(self, batch: MigrationBatch) -> str:
        return duration(batch_time(batch))

    @admin.display(description=_("commencé le"))
    def started(self, batch: MigrationBatch) -> str:
        return instant(batch.started_at)

    @admin.display(description=_("terminé le"))
    def finished(self, batch: MigrationBatch) -> str:
        return instant(batch.finished_at)


@admin.register(MigrationRunSnapshot)
class MigrationRunSnapshotAdmin(SearchByPerson, OfRun):
    """Which snapshots a run takes, in which batch."""

    list_display = ("plan_row", "of_run", "person", "of_snapshot", "of_batch")
    list_filter = (("run", AutocompleteSelectFilter), ("user", AutocompleteSelectFilter))
    list_select_related = ("user", "batch")
    ordering = ("-run_id", "-user_id", "-snapshot_id")
    readonly_fields = ("of_run", "person", "of_snapshot", "of_batch", "read_keys")
    fields = ("of_run", "person", "of_snapshot", "of_batch", "read_keys")
    deferred_fields = ("read_report",)

    @admin.display(description=_("n°"))
    def plan_row(self, row: MigrationRunSnapshot) -> str:
        return number(row.pk)

    @admin.display(description=_("personne"))
    def person(self, row: MigrationRunSnapshot) -> str:
        return object_link(User, row.user_id, row.user.email)

    @admin.display(description=_("instantané"))
    def of_snapshot(self, row: MigrationRunSnapshot) -> str:
        return object_link(StorageSnapshot, row.snapshot_id, gettext("Instantané %(id)s") % {"id": row.snapshot_id})

    @admin.display(description=_("lot"))
    def of_batch(self, row: MigrationRunSnapshot) -> str:
        if row.batch is None:
            return gettext("pas encore découpé")
        return object_link(
            MigrationBatch, row.batch_id, gettext("Lot %(number)s") % {"number": number(row.batch.number)}
        )

    @admin.display(description=_("clés lues"))
    def read_keys(self, row: MigrationRunSnapshot) -> str:
        return mono(readable_json(row.read_report)) if row.read_report else ""


@admin.register(MigrationTally)
class MigrationTallyAdmin(OfRun):
    """What was found in each snapshot and what became of it, one row a kind."""

    list_display = ("tally", "of_run", "found", *Outcome.values)
    list_filter = (("run", AutocompleteSelectFilter), ("kind", KindFilter))
    ordering = ("-run_id", "-snapshot_id", "-kind")
    list_display_links = ("tally",)
    readonly_fields = ("of_run", "tally")
    fields = ("of_run", "tally", "found", *Outcome.values)

    @admin.display(description=_("instantané"))
    def tally(self, row: MigrationTally) -> str:
        return gettext("Instantané %(id)s, %(kind)s") % {"id": row.snapshot_id, "kind": row.get_kind_display()}


@admin.register(MigrationEvent)
class MigrationEventAdmin(OfRun):
    """What was done to runs, by whom and why; append-only."""

    list_display = ("moment", "of_run", "what", "actor", "change", "reason")
    list_filter = (("run", AutocompleteSelectFilter),)
    ordering = ("-id",)
    readonly_fields = ("of_run", "of_batch", "moment", "details")
    fields = ("moment", "of_run", "of_batch", "action", "actor", "old_status", "new_status", "reason", "details")

    @admin.display(description=_("quand"))
    def moment(self, event: MigrationEvent) -> str:
        return instant(event.at)

    @admin.display(description=_("action"))
    def what(self, event: MigrationEvent) -> str:
        return event_text(event.action)

    @admin.display(description=_("état"))
    def change(self, event: MigrationEvent) -> str:
        return status_change(event.old_status, event.new_status)

    @admin.display(description=_("lot"))
    def of_batch(self, event: MigrationEvent) -> str:
        return object_link(MigrationBatch, event.batch_id, gettext("voir le lot"))

    @admin.display(description=_("détails"))
    def details(self, event: MigrationEvent) -> str:
        return mono(readable_json(event.data)) if event.data else ""
