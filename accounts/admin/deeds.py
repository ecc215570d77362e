"""What people do in the admin besides looking: buttons, each with a page that says exactly what will happen and asks for a reason.

A deed needs its permission and that of seeing what it is done to, is offered only where it is legal, changes nothing on GET, and on POST only
when the page that was looked at is still true: otherwise the answer is 409 and says what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_protect
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin.display import admin_url
from accounts.admin.read_only import Pleasant
from accounts.admin.tables import Table

Text = str | Promise
CONFLICT = 409
UNPROCESSABLE = 422


class Impossible(Exception):
    """The deed cannot be done (any more); the sentence is for people. Nothing was changed."""


class ReasonForm(forms.Form):
    """Why; every deed asks."""

    reason = forms.CharField(
        label=_("Raison"),
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Elle reste dans le journal, avec votre nom."),
    )


@dataclass(frozen=True, slots=True)
class Explanation:
    """What will happen: sentences, then facts as pairs, tables, and a warning where something cannot be undone.

    `template` with `context` adds what none of these can show."""

    sentences: Sequence[Text] = ()
    facts: Sequence[tuple[Text, object]] = ()
    tables: Sequence[Table] = ()
    warning: Text = ""
    template: str = ""
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deed:
    """A button and what is behind it.

    `explain(request, obj)` tells what will happen. `act(request, obj, data)` does it, with the form's cleaned data, and returns a sentence that
    says what was done (or an HttpResponse, for a file); it raises `Impossible`. `available(obj)` says whether it is legal in this state.
    """

    key: str
    label: Text
    icon: str
    permission: str
    explain: Callable[[HttpRequest, Any], Explanation]
    act: Callable[[HttpRequest, Any, dict[str, Any]], Text | HttpResponseBase]
    available: Callable[[Any], bool] = lambda obj: True
    title: Text = ""
    variant: str = "neutral"
    """One of neutral, primary, danger."""
    order: int = 50
    form: type[ReasonForm] = ReasonForm
    form_kwargs: Callable[[HttpRequest, Any], dict[str, Any]] | None = None
    """Further arguments of the form (choices of this object, initial values)."""
    atomic: bool = True
    """The deed and its trace are one transaction; False where the deed has transactions of its own."""
    leaves: Callable[[HttpRequest, Any, dict[str, Any]], None] | None = None
    """Writes the audit row, in the deed's transaction; None where the service called already does."""
    measure: Text = ""
    """Where finding out what it would do costs something (locks, seconds): the button that asks for it. The first page then only offers this;
    `explain` may try it out when `is_measured(request)`, and never on GET."""
    lands: Callable[[Any], str] | None = None
    """Where to go afterwards; the object's page by default."""


def is_measured(request: HttpRequest) -> bool:
    """Whether the reader has pressed the deed's `measure` button."""
    return request.method == "POST" and ("measure" in request.POST or "measured" in request.POST)


def changes(admin_class: DoesDeeds, obj: Any) -> str:
    """The address of the object's page."""
    return admin_url(admin_class.model, "change", obj.pk)


class DoesDeeds(Pleasant):
    """A model's admin whose pages have buttons. Say which with `deeds()`, and with `state_of` what a page depends on."""

    deed_template = "admin/accounts/deed.html"

    def deeds(self) -> Sequence[Deed]:
        """All deeds of this model, whatever the object's state."""
        return ()

    def state_of(self, obj: Any) -> str:
        """What a confirmation page depends on, as a short text; a page with another one is stale."""
        return ""

    def state_text(self, state: str) -> str:
        """A state in words, for `it was …, it is …`."""
        return state

    def buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """Those that are legal now and that this reader may press, in order."""
        return [
            {"deed": deed, "url": self.deed_url(obj, deed.key)}
            for deed in sorted(self.deeds(), key=lambda deed: deed.order)
            if request.user.has_perm(deed.permission) and deed.available(obj)
        ]

    def deed_url(self, obj: Any, key: str) -> str:
        """The address of a deed's confirmation page."""
        return admin_url(self.model, "deed", obj.pk, key)

    def get_urls(self) -> list[URLPattern]:
        opts = self.model._meta
        view = path(
            "<path:object_id>/do/<slug:key>/",
            self.admin_site.admin_view(self.deed_view),
            name=f"{opts.app_label}_{opts.model_name}_deed",
        )
        return [view, *super().get_urls()]

    def deed_view(self, request: HttpRequest, object_id: str, key: str) -> HttpResponseBase:
        """GET explains and asks; POST does it."""
        deed = next((deed for deed in self.deeds() if deed.key == key), None)
        if deed is None:
            raise Http404
        if not request.user.has_perm(deed.permission):
            raise PermissionDenied
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        protected: Callable[..., HttpResponseBase] = csrf_protect(self._deed_view)
        return protected(request, obj, deed)

    def _deed_view(self, request: HttpRequest, obj: Any, deed: Deed) -> HttpResponseBase:
        state = self.state_of(obj)
        if not deed.available(obj):
            refusal = gettext("Ce n'est pas possible dans l'état actuel : %(state)s.") % {
                "state": self.state_text(state)
            }
            return self._page(request, obj, deed, form=None, refusal=refusal, status=CONFLICT)
        options = deed.form_kwargs(request, obj) if deed.form_kwargs is not None else {}
        if request.method != "POST":
            return self._page(request, obj, deed, form=deed.form(**options), refusal="", status=200)
        if deed.measure and "measure" in request.POST:
            return self._page(request, obj, deed, form=deed.form(**options), refusal="", status=200)
        seen = request.POST.get("seen", "")
        if seen != state:
            refusal = gettext("Rien n'a été fait : entre-temps, l'état est passé de « %(old)s » à « %(new)s ».") % {
                "old": self.state_text(seen),
                "new": self.state_text(state),
            }
            said = {**options.get("initial", {}), **request.POST.dict()}
            form = deed.form(**{**options, "initial": said})
            return self._page(request, obj, deed, form=form, refusal=refusal, status=CONFLICT)
        form = deed.form(request.POST, request.FILES, **options)
        if not form.is_valid():
            return self._page(request, obj, deed, form=form, refusal="", status=UNPROCESSABLE)
        lands = deed.lands(obj) if deed.lands is not None else changes(self, obj)
        try:
            with transaction.atomic() if deed.atomic else nullcontext():
                done = deed.act(request, obj, form.cleaned_data)
                if deed.leaves is not None:
                    deed.leaves(request, obj, form.cleaned_data)
        except Impossible as impossible:
            return self._refused(request, obj, deed, form, str(impossible))
        if isinstance(done, HttpResponseBase):
            return done
        messages.success(request, str(done))
        return HttpResponseRedirect(lands)

    def _refused(self, request: HttpRequest, obj: Any, deed: Deed, form: ReasonForm, refusal: str) -> HttpResponse:
        try:
            obj.refresh_from_db()
        except ObjectDoesNotExist:  # there is no page any more to say it on
            messages.error(request, refusal)
            return HttpResponseRedirect(admin_url(self.model, "changelist"))
        return self._page(request, obj, deed, form=form, refusal=refusal, status=CONFLICT)

    def _page(
        self, request: HttpRequest, obj: Any, deed: Deed, *, form: ReasonForm | None, refusal: str, status: int
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": deed.title or deed.label,
            "opts": self.model._meta,
            "original": obj,
            "deed": deed,
            "explanation": deed.explain(request, obj) if form is not None else None,
            "form": form,
            "measured": is_measured(request),
            "refusal": refusal,
            "seen": self.state_of(obj),
            "back": changes(self, obj),
        }
        return TemplateResponse(request, self.deed_template, context, status=status)
