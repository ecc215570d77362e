"""What every list and page of the admin has in common: it shows, it does not count big tables, it does not write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import SuspiciousOperation
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponse
from django.utils.functional import cached_property
from django.utils.text import capfirst

from accounts.admin.display import number

if TYPE_CHECKING:
    # unfold has no types; its ModelAdmin is Django's with another face.
    UnfoldModelAdmin = admin.ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as UnfoldModelAdmin


class WindowedPaginator(Paginator[Any]):
    """Counts no further than `window` rows: a page costs the same for a thousand rows and for a hundred million.

    Behind the window one narrows the search; no deep OFFSET is ever asked for.
    """

    window = 10_000
    template_name = "admin/accounts/windowed_pagination.html"

    @cached_property
    def _counted(self) -> int:
        rows = self.object_list
        return rows.order_by()[: self.window + 1].count() if isinstance(rows, QuerySet) else len(rows)

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.window)

    @property
    def beyond_window(self) -> bool:
        """Whether there are more rows than the window shows."""
        return self._counted > self.window

    @property
    def shown_count(self) -> str:
        """The number of rows, `plus de 10 000` shown as `10 000+`."""
        return f"{number(self.count)}+" if self.beyond_window else number(self.count)


class WindowedChangeList(ChangeList):
    """The number of rows stands below the list; unfold would repeat it in the page's title whenever all rows are not counted."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count


class Pleasant(UnfoldModelAdmin):
    """The face of all our lists: windowed, never counting all rows, facets off, no actions by default."""

    paginator = WindowedPaginator
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_filter_submit = True
    list_fullwidth = True
    actions = None  # none but those that an admin declares: the stock deletion is not among them
    empty_value_display = "–"

    deferred_fields: ClassVar[tuple[str, ...]] = ()
    """Big columns that neither lists nor the page's first query read."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset = super().get_queryset(request)
        return queryset.defer(*self.deferred_fields) if self.deferred_fields else queryset

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """PostgreSQL has no text with NUL: such a filter is refused here, not there."""
        if any("\0" in value for _name, values in request.GET.lists() for value in values):
            raise SuspiciousOperation("a filter with a NUL character")
        return super().changelist_view(request, extra_context)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WindowedChangeList

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page is named after what it shows."""
        obj: Model | None = kwargs.get("obj")
        if obj is not None:
            context["title"] = capfirst(str(self.opts.verbose_name))
            context["subtitle"] = str(obj)
            context.update(self.page_context(request, obj))
        return super().render_change_form(request, context, *args, **kwargs)

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What this model's page shows besides its fields."""
        return {}


class ReadOnly(Pleasant):
    """Imported and audited rows: to look at, with the view permission, and nothing else."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Nothing is changed here, so there is no history of changes."""
        context["show_history"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
