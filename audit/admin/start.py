"""Starting a migration: choose, preview in the background, look, launch what was shown."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_protect

from accounts import staff
from accounts.admin.deeds import CONFLICT, UNPROCESSABLE, Deed, DoesDeeds, Explanation, Impossible
from accounts.admin.display import NOTHING, admin_url, instant, mono, number, object_link, quantity
from accounts.admin.read_only import Pleasant, ReadOnly
from accounts.models import User
from audit import selectors
from audit.admin.dashboard import dashboard_live
from audit.admin.run_words import refusal_text as words_of_refusal
from audit.admin.start_form import UPLOAD, StartForm
from audit.admin.start_page import (
    prediction,
    preview_badge,
    preview_live,
    preview_page,
    scope_text,
    settings_facts,
    warnings,
)
from audit.admin.words import run_badge
from audit.models import MigrationPreview, MigrationPreviewSample, MigrationRun, PreviewStatus
from audit.runs.plan import Refused
from audit.runs.previewing import (
    AT_WORK,
    StartOptions,
    call_again,
    can_be_made_again,
    cancel_preview,
    request_preview,
    start_from_preview,
)
from audit.runs.status import active_run

START = "audit.start_migrationrun"
MAKE_ACCOUNTS = "accounts.add_user"


def start_url() -> str:
    """Where a migration is prepared."""
    return admin_url(MigrationPreview, "add")


def _signed_in(request: HttpRequest) -> User:
    return cast("User", request.user)


def refusal_text(refusal: Refused) -> str:
    """Why a run may not start, in words; the active run is named, since it is what usually stands in the way."""
    run = active_run()
    if run is not None:
        return gettext("Une autre migration est active : la migration %(id)s (%(state)s). Terminez-la d'abord.") % {
            "id": run.pk,
            "state": run.get_status_display(),
        }
    return words_of_refusal(refusal)


class LeadsToStart(Pleasant):
    """For the list of runs: a button that leads to the preparation of the next one. The first page's live numbers have their address here."""

    change_list_template = "admin/audit/start/list.html"

    def get_urls(self) -> list[URLPattern]:
        live = path("dashboard/live/", self.admin_site.admin_view(dashboard_live), name="audit_dashboard_live")
        return [live, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may_start = {"start_url": start_url()} if request.user.has_perm(START) else {}
        return super().changelist_view(request, {**(extra_context or {}), **may_start})


@admin.register(MigrationPreview)
class MigrationPreviewAdmin(DoesDeeds, ReadOnly):
    """Previews, newest first. Adding one is preparing a migration."""

    list_display = ("title", "state", "asked", "scope_shown", "people", "quarantined", "of_run", "by")
    list_select_related = ("made_by",)
    ordering = ("-id",)
    sortable_by = ()
    deferred_fields = ("staging",)
    change_form_template = "admin/audit/start/preview.html"
    change_list_template = "admin/audit/start/list.html"
    show_add_link = False

    # --- Who --------------------------------------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who look at runs may look at what was shown before them."""
        return request.user.has_perm(START) or request.user.has_perm("audit.view_migrationrun")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(START)

    # --- Pages ------------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        live = path(
            "<int:preview_id>/live/", self.admin_site.admin_view(self.live_view), name="audit_migrationpreview_live"
        )
        return [live, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("made_by")

    def live_view(self, request: HttpRequest, preview_id: int) -> JsonResponse:
        """How far it is."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        preview = MigrationPreview.objects.filter(pk=preview_id).first()
        if preview is None:
            raise Http404
        return JsonResponse(preview_live(preview))

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {
            "title": str(obj),
            "subtitle": None,
            **preview_page(request, obj),
            "buttons": self.buttons(request, obj),
        }

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may_start = {"start_url": start_url()} if request.user.has_perm(START) else {}
        return super().changelist_view(request, {**(extra_context or {}), **may_start})

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """GET asks; POST notes it and calls a process. Nothing is migrated here."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        protected = csrf_protect(self._add_view)
        answer: HttpResponse = protected(request)
        return answer

    def _add_view(self, request: HttpRequest) -> HttpResponse:
        makes_accounts = request.user.has_perm(MAKE_ACCOUNTS)
        if request.method != "POST":
            return self._form_page(request, StartForm(makes_accounts=makes_accounts), status=200)
        form = StartForm(request.POST, request.FILES, makes_accounts=makes_accounts)
        if not form.is_valid():
            return self._form_page(request, form, status=UNPROCESSABLE)
        actor = _signed_in(request)
        upload = form.cleaned_data["file"] if form.cleaned_data["source"] == UPLOAD else None

        def leave_trace(preview: MigrationPreview) -> None:
            if upload is not None:
                _tell_of_upload(request, preview, upload.size, form.cleaned_data["reason"])

        preview = request_preview(
            scope=form.scope(),
            options=form.options(),
            made_by=actor,
            upload=upload,
            create_users=bool(form.cleaned_data.get("create_users")),
            request_key=form.cleaned_data["request_key"],
            on_made=leave_trace,
        )
        if preview.made_by_id != actor.pk:
            return self._form_page(request, form, status=CONFLICT)
        messages.success(request, gettext("L'aperçu se calcule. Aucun repas n'est écrit avant que vous ne lanciez."))
        return HttpResponseRedirect(admin_url(MigrationPreview, "change", preview.pk))

    def _form_page(self, request: HttpRequest, form: StartForm, *, status: int) -> HttpResponse:
        waiting = selectors.waiting_snapshots()
        run = active_run()
        context = {
            **self.admin_site.each_context(request),
            "title": _("Lancer une migration"),
            "opts": self.model._meta,
            "form": form,
            "waiting": number(waiting.waiting) + ("+" if waiting.waiting == selectors.COUNTED_AT_MOST else ""),
            "nobody_waits": not waiting.waiting,
            "unclaimed": number(waiting.unclaimed) if waiting.unclaimed else "",
            "active": run,
            "active_badge": run_badge(run) if run else None,
            "active_url": admin_url(MigrationRun, "change", run.pk) if run else "",
            "back": admin_url(MigrationRun, "changelist"),
        }
        return TemplateResponse(request, "admin/audit/start/form.html", context, status=status)

    # --- Deeds ------------------------------------------------------------------------------------------------------------

    def state_of(self, obj: Any) -> str:
        return f"{obj.status}.{obj.attempt}.{obj.run_id or ''}"

    def state_text(self, state: str) -> str:
        status, _attempt, run = (*state.split("."), "", "")[:3]
        if run:
            return gettext("lancé : migration %(id)s") % {"id": run}
        return str(PreviewStatus(status).label) if status in PreviewStatus.values else state

    def deeds(self) -> list[Deed]:
        return [LAUNCH, AGAIN, CANCEL]

    # --- Columns ----------------------------------------------------------------------------------------------------------

    @admin.display(description=_("aperçu"))
    def title(self, preview: MigrationPreview) -> str:
        return gettext("Aperçu %(id)s") % {"id": preview.pk}

    @admin.display(description=_("état"))
    def state(self, preview: MigrationPreview) -> str:
        return str(preview_badge(preview))

    @admin.display(description=_("demandé le"))
    def asked(self, preview: MigrationPreview) -> str:
        return instant(preview.created_at)

    @admin.display(description=_("portée"))
    def scope_shown(self, preview: MigrationPreview) -> str:
        return scope_text(preview)

    @admin.display(description=_("personnes"))
    def people(self, preview: MigrationPreview) -> str:
        return number(preview.people_total) if preview.started_at else NOTHING

    @admin.display(description=_("en quarantaine"))
    def quarantined(self, preview: MigrationPreview) -> str:
        return number(prediction(preview).quarantined) if preview.status == PreviewStatus.DONE else NOTHING

    @admin.display(description=_("migration"))
    def of_run(self, preview: MigrationPreview) -> str:
        return object_link(MigrationRun, preview.run_id, gettext("Migration %(id)s") % {"id": preview.run_id})

    @admin.display(description=_("par"))
    def by(self, preview: MigrationPreview) -> str:
        return preview.made_by.email if preview.made_by else NOTHING


@admin.register(MigrationPreviewSample)
class MigrationPreviewSampleAdmin(ReadOnly):
    """Examples as rows; previews show them. The values themselves are only on the preview's page, for those who may see them."""

    list_display = ("sample", "of_preview", "kind", "outcome", "person")
    list_select_related = ("user",)
    ordering = ("-id",)
    sortable_by = ()
    readonly_fields = ("of_preview", "person", "where")
    fields = ("of_preview", "person", "kind", "outcome", "where", "reasons")
    deferred_fields = ("raw", "changes", "before")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("audit.view_migrationoutcome")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """One comes here from a preview, not from the first page."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user")

    @admin.display(description=_("n°"))
    def sample(self, row: MigrationPreviewSample) -> str:
        return number(row.pk)

    @admin.display(description=_("aperçu"))
    def of_preview(self, row: MigrationPreviewSample) -> str:
        return object_link(MigrationPreview, row.preview_id, gettext("Aperçu %(id)s") % {"id": row.preview_id})

    @admin.display(description=_("personne"))
    def person(self, row: MigrationPreviewSample) -> str:
        return object_link(User, row.user_id, row.user.email)

    @admin.display(description=_("chemin"))
    def where(self, row: MigrationPreviewSample) -> str:
        return mono(row.path)


# --- What the buttons do ------------------------------------------------------------------------------------------------


def _explain_launch(request: HttpRequest, preview: MigrationPreview) -> Explanation:
    tally = prediction(preview)
    options = StartOptions.of(preview)
    people = preview.report.get("users", 0)
    sentences = [
        gettext("La migration commence tout de suite, en arrière-plan, et passe les personnes lot par lot."),
        gettext(
            "Elle est liée à l'empreinte de cet aperçu : si les effets ne sont plus ceux qui vous ont été montrés, elle refuse de commencer."
        ),
        gettext("Vous pourrez la mettre en pause, l'annuler, ou la défaire."),
    ]
    if options.cohort_percent < 100:
        sentences.insert(
            1,
            gettext("Elle déplace d'abord %(percent)s des personnes, vérifie, puis attend votre accord pour le reste.")
            % {"percent": quantity(options.cohort_percent, "%", 2)},
        )
    if not people:
        sentences.insert(0, gettext("Personne n'attend : elle se terminera sans rien écrire."))
    run = active_run()
    blocked = [refusal_text(Refused(""))] if run is not None else []
    return Explanation(
        sentences=sentences,
        facts=[
            (_("Personnes"), number(people)),
            (_("Éléments"), number(tally.found)),
            (_("En quarantaine"), number(tally.quarantined)),
            *settings_facts(preview),
            (_("Empreinte du plan"), mono(preview.plan_digest)),
        ],
        warning=" ".join([*blocked, *warnings(preview)]),
    )


def _launch(request: HttpRequest, preview: MigrationPreview, data: dict[str, Any]) -> HttpResponse:
    try:
        run = start_from_preview(preview=preview, actor=_signed_in(request), reason=data["reason"])
    except Refused as refusal:
        raise Impossible(refusal_text(refusal)) from refusal
    messages.success(request, gettext("La migration %(id)s est lancée.") % {"id": run.pk})
    return HttpResponseRedirect(admin_url(MigrationRun, "change", run.pk))


def _explain_again(request: HttpRequest, preview: MigrationPreview) -> Explanation:
    sentences = [
        _("Le calcul recommence avec les mêmes réglages, sur ce qui attend maintenant."),
        _("Le résultat d'avant est remplacé. Aucun repas n'est écrit."),
    ]
    if preview.upload:
        sentences.append(_("Le fichier est relu d'abord ; ce qui en a déjà été lu n'est pas pris deux fois."))
    elif preview.upload_name:
        sentences.append(
            _(
                "Le fichier n'est pas relu : il n'est plus là, et ce qui en a été lu attend déjà. Pour le relire, préparez un nouvel aperçu."
            )
        )
    return Explanation(sentences=sentences, facts=settings_facts(preview))


def _again(request: HttpRequest, preview: MigrationPreview, data: dict[str, Any]) -> str:
    try:
        call_again(preview)
    except Refused as refusal:
        raise Impossible(gettext("Quelqu'un y travaille déjà, ou une migration en est sortie.")) from refusal
    return gettext("L'aperçu se calcule de nouveau.")


def _explain_cancel(request: HttpRequest, preview: MigrationPreview) -> Explanation:
    sentences = [_("Le calcul s'arrête après le lot en cours. Rien n'a été migré.")]
    if preview.upload_name:
        sentences.append(_("Les instantanés déjà lus du fichier restent, et attendent."))
    return Explanation(sentences=sentences)


def _cancel(request: HttpRequest, preview: MigrationPreview, data: dict[str, Any]) -> str:
    try:
        cancel_preview(preview)
    except Refused as refusal:
        raise Impossible(gettext("L'aperçu est déjà terminé.")) from refusal
    return gettext("L'aperçu est annulé.")


def _tell_of_upload(request: HttpRequest, preview: MigrationPreview, size: int, reason: str) -> None:
    """Reading the file writes snapshots, and perhaps accounts. How many, the process says that reads it."""
    staff.tell(
        actor=_signed_in(request),
        action="staff_preview_uploaded",
        person=None,
        table="migration_previews",
        reason=reason,
        new={
            "preview": preview.pk,
            "file": preview.upload_name,
            "bytes": size,
            "create_users": preview.create_users,
        },
        request=request,
    )


def _trace(action: str) -> Any:
    def leave(request: HttpRequest, preview: MigrationPreview, data: dict[str, Any]) -> None:
        staff.tell(
            actor=_signed_in(request),
            action=action,
            person=None,
            table="migration_previews",
            reason=data["reason"],
            new={"preview": preview.pk},
            request=request,
        )

    return leave


LAUNCH = Deed(
    key="launch",
    label=_("Lancer"),
    title=_("Lancer cette migration"),
    icon="rocket_launch",
    permission=START,
    explain=_explain_launch,
    act=_launch,
    available=lambda preview: preview.status == PreviewStatus.DONE and preview.run_id is None,
    variant="primary",
    order=10,
)
AGAIN = Deed(
    key="again",
    label=_("Refaire l'aperçu"),
    icon="refresh",
    permission=START,
    explain=_explain_again,
    act=_again,
    available=can_be_made_again,
    order=20,
    leaves=_trace("staff_preview_again"),
)
CANCEL = Deed(
    key="cancel",
    label=_("Arrêter le calcul"),
    icon="cancel",
    permission=START,
    explain=_explain_cancel,
    act=_cancel,
    available=lambda preview: preview.status in AT_WORK,
    variant="danger",
    order=30,
    leaves=_trace("staff_preview_cancelled"),
)
