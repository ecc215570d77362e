"""What lists of rows that belong to a run have in common."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import object_link
from accounts.admin.read_only import ReadOnly
from audit.models import MigrationRun


class OfRun(ReadOnly):
    """Rows that belong to a run."""

    sortable_by = ()

    @admin.display(description=_("migration"))
    def of_run(self, row: Any) -> str:
        return object_link(MigrationRun, row.run_id, gettext("Migration %(id)s") % {"id": row.run_id})
