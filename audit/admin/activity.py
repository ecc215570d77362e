"""The log of who did what: append-only, and it outlives the accounts it speaks of."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.admin.display import browser, instant, mono, object_link, readable_json
from accounts.admin.person_search import SearchByPerson
from accounts.models import User
from audit.models import ActivityLog


@admin.register(ActivityLog)
class ActivityLogAdmin(SearchByPerson):
    """Newest first, served by idx_activity_logs_created_at."""

    list_display = ("moment", "action_type", "person", "table_name", "ip_address", "used_browser")
    list_filter = (("user", AutocompleteSelectFilter),)
    deferred_fields = ("old_values", "new_values")
    list_select_related = ("user",)
    ordering = ("-created_at",)
    sortable_by = ()
    readonly_fields = ("moment", "person", "used_browser", "before", "after")
    fields = (
        "moment",
        "action_type",
        "person",
        "table_name",
        "record_id",
        "before",
        "after",
        "ip_address",
        "used_browser",
    )

    @admin.display(description=_("quand"))
    def moment(self, log: ActivityLog) -> str:
        return instant(log.created_at)

    @admin.display(description=_("personne"))
    def person(self, log: ActivityLog) -> str:
        return object_link(User, log.user_id, log.user.email) if log.user else gettext("compte effacé")

    @admin.display(description=_("navigateur"))
    def used_browser(self, log: ActivityLog) -> str:
        return browser(log.user_agent)

    @admin.display(description=_("avant"))
    def before(self, log: ActivityLog) -> str:
        return mono(readable_json(log.old_values)) if log.old_values is not None else ""

    @admin.display(description=_("après"))
    def after(self, log: ActivityLog) -> str:
        return mono(readable_json(log.new_values)) if log.new_values is not None else ""
