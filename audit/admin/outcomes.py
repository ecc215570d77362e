"""What became of items: the list that support searches, and the page of one item."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from accounts.admin.deeds import Deed, DoesDeeds
from accounts.admin.display import object_link
from accounts.admin.person_search import SearchByPerson
from accounts.looks import note_look
from audit.admin import outcome_cells
from audit.admin.filters import KindFilter, ReasonFilter
from audit.admin.outcome_page import outcome_page
from audit.admin.reason_texts import reason_text
from audit.admin.words import outcome_badge
from audit.admin.workbench import quarantine_page
from audit.admin.workbench_deeds import ITEM_DEEDS, REPAIR, VIEW_RAW, state_of_item, workable
from audit.admin.workbench_group import group_deed, group_view
from audit.admin.workbench_item import repair_view
from audit.admin.workbench_rules import repair_group_view
from audit.admin.workbench_words import state_words, why_not_repairable
from audit.models import MigrationOutcome, MigrationRun, Outcome


@admin.register(MigrationOutcome)
class MigrationOutcomeAdmin(DoesDeeds, SearchByPerson):
    """Items that were not plainly created or unchanged, or that cleaning altered; read backwards along their unique key. And the workbench."""

    shows_health_data = True
    deferred_fields = ("raw", "changes", "before")
    list_display = ("short_path", "sort", "why", "kind_of_item", "person", "of_run")
    list_filter = (
        ("run", AutocompleteSelectFilter),
        ("user", AutocompleteSelectFilter),
        ("kind", KindFilter),
        ("outcome", ChoicesDropdownFilter),
        ReasonFilter,
    )
    link_lookups = ("snapshot__id__exact",)
    ordering = ("-run_id", "-snapshot_id", "-path")
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """One person's outcomes are few: the newest run first."""
        return ("-run_id", "-pk") if request.GET.get("user__id__exact") else self.ordering

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With its run, on whose state depends what can be decided."""
        outcome = super().get_object(request, object_id, from_field)
        if outcome is not None:
            outcome.run = MigrationRun.objects.defer("report").get(pk=outcome.run_id)
        return outcome

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        sees_raw = request.user.has_perm(VIEW_RAW)
        if sees_raw:
            note_look(request, obj.user_id, ("migration_outcomes",))
        return {
            "title": gettext("Sort d'un élément"),
            "subtitle": None,
            "buttons": self.buttons(request, obj),
            **outcome_page(obj, sees_raw=sees_raw),
        }

    # --- Deeds ----------------------------------------------------------------------------------------------------------
    def deeds(self) -> Sequence[Deed]:
        return ITEM_DEEDS

    def state_of(self, obj: Any) -> str:
        return state_of_item(obj)

    def state_text(self, state: str) -> str:
        return state_words(state)

    def buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """Mending has a page of its own, since it is looked at before it is stored."""
        buttons = super().buttons(request, obj)
        mendable = workable(obj, standing=Outcome.QUARANTINED) and not why_not_repairable(obj)
        if mendable and request.user.has_perm(REPAIR) and request.user.has_perm(VIEW_RAW):
            looks = SimpleNamespace(key="repair", label=_("Réparer"), icon="healing", variant="primary")
            buttons.insert(0, {"deed": looks, "url": reverse("admin:audit_migrationoutcome_repair", args=[obj.pk])})
        return buttons

    # --- Workbench --------------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        pages: list[tuple[str, Any, str]] = [
            ("quarantine/", self.quarantine_view, "quarantine"),
            ("quarantine/<int:run_id>/<slug:key>/", self.group_view, "quarantine_do"),
            ("<int:object_id>/repair/", self.repair_view, "repair"),
        ]
        ours = [
            path(route, self.admin_site.admin_view(view), name=f"audit_migrationoutcome_{name}")
            for route, view, name in pages
        ]
        return [*ours, *super().get_urls()]

    def quarantine_view(self, request: HttpRequest) -> HttpResponse:
        """What waits, by cause."""
        return quarantine_page(request, self.admin_site.each_context(request))

    def group_view(self, request: HttpRequest, run_id: int, key: str) -> HttpResponse:
        """A deed on a whole group."""
        context = self.admin_site.each_context(request)
        if key == "repair":
            return repair_group_view(request, run_id, context)
        return group_view(request, run_id, group_deed(key), context)

    def repair_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """One item in an editor."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        outcome = self.get_object(request, str(object_id))
        if outcome is None:
            raise Http404
        return repair_view(request, outcome, self.admin_site.each_context(request))

    @admin.display(description=_("chemin"))
    def short_path(self, outcome: MigrationOutcome) -> str:
        return outcome_cells.short_path(outcome)

    @admin.display(description=_("sort"))
    def sort(self, outcome: MigrationOutcome) -> str:
        return str(outcome_badge(outcome.outcome))

    @admin.display(description=_("raisons"))
    def why(self, outcome: MigrationOutcome) -> str:
        return format_html_join(", ", "{}", ((reason_text(code).title,) for code in outcome.reasons))

    @admin.display(description=_("type"))
    def kind_of_item(self, outcome: MigrationOutcome) -> str:
        return str(outcome.get_kind_display())

    @admin.display(description=_("personne"))
    def person(self, outcome: MigrationOutcome) -> str:
        return outcome_cells.person_link(outcome)

    @admin.display(description=_("migration"))
    def of_run(self, outcome: MigrationOutcome) -> str:
        return object_link(MigrationRun, outcome.run_id, gettext("Migration %(id)s") % {"id": outcome.run_id})
