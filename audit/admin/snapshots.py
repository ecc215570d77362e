"""Snapshots: the backup that the old data stays safe in. Looked at here, never changed; the bytes are for superusers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from accounts.admin.display import browser, instant, object_link, size
from accounts.admin.person_search import PEOPLE_SEARCHED, matching
from accounts.admin.read_only import ReadOnly
from accounts.models import User
from audit.admin.snapshot_page import snapshot_page
from audit.admin.words import snapshot_badge
from audit.models import StorageSnapshot


@admin.register(StorageSnapshot)
class StorageSnapshotAdmin(ReadOnly):
    """All snapshots, newest first; those without an account can be found by what they claim."""

    deferred_fields = ("payload",)
    list_display = (
        "title",
        "person",
        "file_size",
        "captured",
        "timezone",
        "used_browser",
        "state",
        "waiting_reason",
        "loaded",
    )
    list_filter = (("status", ChoicesDropdownFilter), ("user", AutocompleteSelectFilter))
    search_fields = ("claimed_email",)
    search_help_text = _("Personne, ou ce que la capture annonce : e-mail, ancien identifiant")
    ordering = ("-id",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        people = matching(User.objects.all(), term).order_by("rank", "email").values("pk")[:PEOPLE_SEARCHED]
        return queryset.filter(Q(user__in=people) | Q(claimed_email__iexact=term) | Q(claimed_legacy_id=term)), False

    def may_download(self, request: HttpRequest) -> bool:
        """The bytes hold tokens and everything else that the browser had: superusers only, for now."""
        return bool(request.user.is_superuser) and request.user.has_perm("audit.view_storagesnapshot")

    def get_urls(self) -> list[URLPattern]:
        payload = path(
            "<int:snapshot_id>/payload.json",
            self.admin_site.admin_view(self.payload_view),
            name="audit_storagesnapshot_payload",
        )
        return [payload, *super().get_urls()]

    def payload_view(self, request: HttpRequest, snapshot_id: int) -> HttpResponse:
        """The exact bytes, as a file that no browser opens as a page."""
        if not self.may_download(request):
            raise PermissionDenied
        snapshot = StorageSnapshot.objects.filter(pk=snapshot_id).only("payload").first()
        if snapshot is None:
            raise Http404
        return HttpResponse(
            bytes(snapshot.payload),
            content_type="application/json",
            headers={
                "Content-Disposition": f'attachment; filename="snapshot-{snapshot_id}.json"',
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store",
            },
        )

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        context = snapshot_page(request, obj, may_download=self.may_download(request))
        return {"title": gettext("Instantané %(id)s") % {"id": obj.pk}, "subtitle": None, **context}

    @admin.display(description=_("instantané"))
    def title(self, snapshot: StorageSnapshot) -> str:
        return gettext("Instantané %(id)s") % {"id": snapshot.pk}

    @admin.display(description=_("personne"))
    def person(self, snapshot: StorageSnapshot) -> str:
        if snapshot.user is None:
            return gettext("%(claim)s (sans compte)") % {"claim": snapshot.claimed_email or snapshot.claimed_legacy_id}
        return object_link(User, snapshot.user_id, snapshot.user.email)

    @admin.display(description=_("taille"))
    def file_size(self, snapshot: StorageSnapshot) -> str:
        return size(snapshot.size_bytes)

    @admin.display(description=_("capturé"))
    def captured(self, snapshot: StorageSnapshot) -> str:
        return instant(snapshot.captured_at, snapshot.timezone)

    @admin.display(description=_("navigateur"))
    def used_browser(self, snapshot: StorageSnapshot) -> str:
        return browser(snapshot.user_agent)

    @admin.display(description=_("état"))
    def state(self, snapshot: StorageSnapshot) -> str:
        return str(snapshot_badge(snapshot))

    @admin.display(description=_("reçu"))
    def loaded(self, snapshot: StorageSnapshot) -> str:
        return instant(snapshot.loaded_at)
