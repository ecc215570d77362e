"""What every list and page of the admin has in common: it shows, it does not count big tables, it does not write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
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


def refuse_doubtful(request: HttpRequest) -> None:
    """No filter stands in an address twice: what is shown, what is written down and what is limited must mean the same person. PostgreSQL
    has no text with NUL either: such a filter is refused here, not there."""
    for name, values in request.GET.lists():
        if len(values) > 1:
            raise SuspiciousOperation(f"{name!r} more than once")
        if any("\0" in value for value in values):
            raise SuspiciousOperation("a filter with a NUL character")


def _offered_by(model: type[Model], list_filter: Any) -> set[str]:
    """What a filter of a list reads from the address."""
    if isinstance(list_filter, type):
        return {str(list_filter.parameter_name)} if issubclass(list_filter, admin.SimpleListFilter) else set()
    path, kind = list_filter if isinstance(list_filter, tuple) else (list_filter, admin.AllValuesFieldListFilter)
    if issubclass(kind, admin.RelatedFieldListFilter):
        target: Any = get_fields_from_path(model, path)[-1]
        return {f"{path}__{target.target_field.name}__exact", f"{path}__isnull"}
    if issubclass(kind, admin.ChoicesFieldListFilter | admin.BooleanFieldListFilter):
        return {f"{path}__exact", f"{path}__isnull"}
    raise TypeError(f"{kind.__name__}: what it reads from the address is not known")


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
    link_lookups: ClassVar[tuple[str, ...]] = ()
    """What addresses of ours narrow the list by, besides its filters."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset = super().get_queryset(request)
        return queryset.defer(*self.deferred_fields) if self.deferred_fields else queryset

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        refuse_doubtful(request)
        return super().changelist_view(request, extra_context)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what the list offers. Django would take any lookup of any column: the length of a list would tell what no page shows."""
        return lookup in self.lookups_offered(request)

    def lookups_offered(self, request: HttpRequest) -> set[str]:
        """All names that may stand in the list's address, besides those of search, order and page."""
        key = self.opts.pk.name
        offered = {"pk", key, "pk__exact", f"{key}__exact", *self.link_lookups}
        if self.date_hierarchy:
            offered |= {f"{self.date_hierarchy}__{part}" for part in ("year", "month", "day")}
        for list_filter in self.get_list_filter(request):
            offered |= _offered_by(self.model, list_filter)
        return offered

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
