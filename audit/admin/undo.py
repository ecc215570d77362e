"""Rows as they were before a run, and repairs of items: to be looked at, changed by nobody."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from accounts.admin.display import instant, mono, object_link, printable, readable_json
from accounts.admin.person_search import SearchByPerson
from accounts.admin.read_only import ReadOnly
from accounts.looks import note_look
from accounts.models import User
from audit.models import ItemRepair, MigrationPreimage, MigrationRun, StorageSnapshot

RAW_DATA = "audit.view_raw_data"


@admin.register(MigrationPreimage)
class MigrationPreimageAdmin(SearchByPerson):
    """What a rollback puts back."""

    shows_health_data = True
    deferred_fields = ("before",)
    list_display = ("table", "row", "person", "of_run")
    list_filter = (
        ("run", AutocompleteSelectFilter),
        ("user", AutocompleteSelectFilter),
        ("table_name", ChoicesDropdownFilter),
    )
    list_select_related = ("user",)
    ordering = ("-pk",)
    sortable_by = ()
    readonly_fields = ("table", "row", "person", "of_run", "row_before")
    fields = ("table", "row", "person", "of_run", "row_before")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Values only for those who may see raw ones."""
        return tuple(name for name in self.fields if name != "row_before" or request.user.has_perm(RAW_DATA))

    @admin.display(description=_("table"))
    def table(self, image: MigrationPreimage) -> str:
        return str(image.get_table_name_display())

    @admin.display(description=_("ligne"))
    def row(self, image: MigrationPreimage) -> str:
        return mono(str(image.row_id))

    @admin.display(description=_("personne"))
    def person(self, image: MigrationPreimage) -> str:
        return object_link(User, image.user_id, image.user.email)

    @admin.display(description=_("migration"))
    def of_run(self, image: MigrationPreimage) -> str:
        return object_link(MigrationRun, image.run_id, gettext("Migration %(id)s") % {"id": image.run_id})

    @admin.display(description=_("avant"))
    def row_before(self, image: MigrationPreimage) -> str:
        return mono(readable_json(image.before))


@admin.register(ItemRepair)
class ItemRepairAdmin(ReadOnly):
    """What stands for a raw item wherever its snapshot is read again."""

    list_display = ("short_path", "of_snapshot", "actor", "moment")
    ordering = ("-pk",)
    sortable_by = ()
    readonly_fields = ("short_path", "of_snapshot", "stands", "actor", "reason", "moment")
    fields = ("short_path", "of_snapshot", "stands", "actor", "reason", "moment")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Values only for those who may see raw ones."""
        return tuple(name for name in self.fields if name != "stands" or request.user.has_perm(RAW_DATA))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("snapshot").defer("snapshot__payload")

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Who sees the value has looked at somebody's data."""
        if request.user.has_perm(RAW_DATA):
            note_look(request, obj.snapshot.user_id, ("item_repairs",))
        return super().page_context(request, obj)

    @admin.display(description=_("chemin"))
    def short_path(self, repair: ItemRepair) -> str:
        return mono(printable(repair.path))

    @admin.display(description=_("instantané"))
    def of_snapshot(self, repair: ItemRepair) -> str:
        return object_link(
            StorageSnapshot, repair.snapshot_id, gettext("Instantané %(id)s") % {"id": repair.snapshot_id}
        )

    @admin.display(description=_("valeur"))
    def stands(self, repair: ItemRepair) -> str:
        return mono(printable(repair.value))

    @admin.display(description=_("quand"))
    def moment(self, repair: ItemRepair) -> str:
        return instant(repair.created_at)
