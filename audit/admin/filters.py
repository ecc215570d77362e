"""Filters of the lists about outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from audit.admin.reason_texts import known_reasons, reason_text

if TYPE_CHECKING:
    ChoicesDropdownFilter = admin.ChoicesFieldListFilter
    DropdownFilter = admin.SimpleListFilter
else:
    from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter


class KindFilter(ChoicesDropdownFilter):
    """Meals, favourites, profiles or preferences."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("type")


class ReasonFilter(DropdownFilter):
    """Outcomes that were given one reason. A code in the address that the table does not know is offered as well."""

    title = _("raison")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        choices = [(reason.code, reason.title) for reason in known_reasons()]
        asked = request.GET.get(self.parameter_name or "")
        if asked and asked not in dict(choices):
            choices.append((asked, reason_text(asked).title))
        return choices or [("", "")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(reasons__contains=[value]) if value else queryset
