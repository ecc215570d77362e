"""What became of items: the list that support searches, and the page of one item."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from accounts.admin.display import mono, object_link, printable
from accounts.admin.person_search import SearchByPerson
from accounts.models import User
from audit.admin.filters import KindFilter, ReasonFilter
from audit.admin.outcome_page import outcome_page
from audit.admin.reason_texts import reason_text
from audit.admin.words import outcome_badge
from audit.models import MigrationOutcome, MigrationRun


@admin.register(MigrationOutcome)
class MigrationOutcomeAdmin(SearchByPerson):
    """Items that were not plainly created or unchanged, or that cleaning altered; read backwards along their unique key."""

    deferred_fields = ("raw", "changes", "before")
    list_display = ("short_path", "sort", "why", "kind_of_item", "person", "of_run")
    list_filter = (
        ("run", AutocompleteSelectFilter),
        ("user", AutocompleteSelectFilter),
        ("kind", KindFilter),
        ("outcome", ChoicesDropdownFilter),
        ReasonFilter,
    )
    ordering = ("-run_id", "-snapshot_id", "-path")
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """One person's outcomes are few: the newest run first."""
        return ("-run_id", "-pk") if request.GET.get("user__id__exact") else self.ordering

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {"title": gettext("Sort d'un élément"), "subtitle": None, **outcome_page(obj)}

    @admin.display(description=_("chemin"))
    def short_path(self, outcome: MigrationOutcome) -> str:
        return mono(Truncator(printable(outcome.path)).chars(70))

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
        return object_link(User, outcome.user_id, outcome.user.email)

    @admin.display(description=_("migration"))
    def of_run(self, outcome: MigrationOutcome) -> str:
        return object_link(MigrationRun, outcome.run_id, gettext("Migration %(id)s") % {"id": outcome.run_id})
