"""Migrations, their plans, tallies and events: the list, and the page of a run from which it is steered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from accounts.admin.deeds import CONFLICT, Deed, DoesDeeds
from accounts.admin.display import admin_url, duration, instant, mono, number, object_link, readable_json, share
from accounts.admin.person_search import SearchByPerson
from accounts.admin.read_only import ReadOnly
from accounts.models import User
from audit import selectors
from audit.admin.equation import equation
from audit.admin.filters import KindFilter
from audit.admin.of_run import OfRun
from audit.admin.run_actions import ActsOnRuns
from audit.admin.run_deeds import RUN_DEEDS, run_state, run_state_text
from audit.admin.run_head import head_of, live_of
from audit.admin.run_page import elapsed, figures_of, report_for, run_page
from audit.admin.run_rollback import ROLLBACK_DEED, ScopeForm, too_many
from audit.admin.run_words import refusal_text
from audit.admin.start import LeadsToStart
from audit.admin.words import (
    dry_run_badge,
    event_text,
    is_dry_run,
    run_badge,
    status_change,
    verdict_badge,
)
from audit.models import (
    BatchStatus,
    MigrationBatch,
    MigrationEvent,
    MigrationRun,
    MigrationRunSnapshot,
    MigrationTally,
    Outcome,
    RunStatus,
    StorageSnapshot,
)
from audit.runs.plan import Refused
from audit.runs.rollback.scope import select_people

VERIFIED = (RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_QUARANTINE)


@admin.register(MigrationRun)
class MigrationRunAdmin(LeadsToStart, ActsOnRuns, DoesDeeds, ReadOnly):
    """All runs, newest first; a run's page tells what it does, and is where it is steered."""

    list_display = ("run_number", "state", "progress", "started", "took", "people", "by", "verified")
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
        live = path(
            "<int:run_id>/live.json", self.admin_site.admin_view(self.live_view), name="audit_migrationrun_live"
        )
        return [report, live, *super().get_urls()]

    def live_view(self, request: HttpRequest, run_id: int) -> JsonResponse:
        """What an open page asks for every two seconds."""
        run = self.get_queryset(request).filter(pk=run_id).first()
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        if run is None:
            raise Http404
        tally = equation(selectors.equation_of_run(run))
        answer = JsonResponse(live_of(run, head_of(run), tally, figures_of(run, tally), self.buttons(request, run)))
        answer["Cache-Control"] = "no-store"
        return answer

    def deeds(self) -> Sequence[Deed]:
        return (*RUN_DEEDS, ROLLBACK_DEED)

    def state_of(self, obj: Any) -> str:
        return run_state(obj)

    def state_text(self, state: str) -> str:
        return run_state_text(state)

    def deed_url(self, obj: Any, key: str) -> str:
        """Taking back begins with the question whom."""
        if key == ROLLBACK_DEED.key:
            return f"{admin_url(MigrationRun, 'change', obj.pk)}?tab=rollback"
        return super().deed_url(obj, key)

    def _deed_view(self, request: HttpRequest, obj: Any, deed: Deed) -> HttpResponseBase:
        if deed is ROLLBACK_DEED and deed.available(obj):
            return self._choose_scope(request, obj) or super()._deed_view(request, obj, deed)
        return super()._deed_view(request, obj, deed)

    def _choose_scope(self, request: HttpRequest, run: MigrationRun) -> HttpResponse | None:
        """From whom to what: back to the question, or the page with what the rollback would do; None when that page was answered."""
        question = self.deed_url(run, ROLLBACK_DEED.key)
        if request.method != "POST":
            return HttpResponseRedirect(question)
        form = ScopeForm(request.POST)
        if not form.is_valid():
            for errors in form.errors.values():
                messages.error(request, " ".join(map(str, errors)))
            return HttpResponseRedirect(question)
        scope = form.rollback_scope()
        if scope.email is not None and not request.user.has_perm("audit.rollback_person"):
            raise PermissionDenied
        if "seen" in request.POST:
            return None
        try:
            refusal = too_many(run, scope, select_people(run, scope))
        except Refused as refused:
            refusal = refusal_text(refused)
        if refusal:
            return self._page(request, run, ROLLBACK_DEED, form=None, refusal=refusal, status=CONFLICT)
        confirmation = ROLLBACK_DEED.form(initial={name: request.POST.get(name, "") for name in form.fields})
        return self._page(request, run, ROLLBACK_DEED, form=confirmation, refusal="", status=200)

    def report_view(self, request: HttpRequest, run_id: int) -> JsonResponse:
        """The run's report as a file."""
        run = self.get_queryset(request).filter(pk=run_id).first()
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        if run is None:
            raise Http404
        answer = JsonResponse(report_for(request, run), json_dumps_params={"indent": 2, "ensure_ascii": False})
        answer["Content-Disposition"] = f'attachment; filename="migration-{run.pk}.json"'
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        done = (
            MigrationBatch.objects.filter(run=OuterRef("pk"), status=BatchStatus.COMMITTED)
            .order_by()
            .values("run")
            .annotate(people=Sum("users"))
        )
        runs: QuerySet[Any] = super().get_queryset(request).select_related("started_by")
        annotated: QuerySet[Any] = runs.annotate(people_done=Subquery(done.values("people")))
        return annotated

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {"title": str(obj), "subtitle": None, **run_page(request, obj, self.buttons(request, obj))}

    @admin.display(description=_("migration"))
    def run_number(self, run: MigrationRun) -> str:
        return gettext("Migration %(id)s") % {"id": run.pk}

    @admin.display(description=_("état"))
    def state(self, run: MigrationRun) -> str:
        return str((is_dry_run(run) and dry_run_badge(run)) or run_badge(run))

    @admin.display(description=_("avancement"))
    def progress(self, run: MigrationRun) -> str:
        done = min(getattr(run, "people_done", 0) or 0, run.users_planned)
        percent = 100 if run.status in VERIFIED else int(share(done, run.users_planned))
        return format_html(
            '<progress class="dp-run-tiny" max="100" value="{}" aria-label="{}"></progress> <small>{}</small>',
            percent,
            gettext("Avancement"),
            f"{percent}\u00a0%",
        )

    @admin.display(description=_("commencée"))
    def started(self, run: MigrationRun) -> str:
        return instant(run.started_at or run.created_at)

    @admin.display(description=_("durée"))
    def took(self, run: MigrationRun) -> str:
        return duration(elapsed(run))

    @admin.display(description=_("personnes"))
    def people(self, run: MigrationRun) -> str:
        return number(run.users_planned)

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
