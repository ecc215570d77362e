"""The pages of the second factor: asking for a code, setting up an app, one's own state and backup codes."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable
from functools import wraps
from typing import Any

import segno
from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import two_factor
from accounts.models import User

UNPROCESSABLE = 422
TOO_MANY = 429
View = Callable[[HttpRequest, User], HttpResponse]


class CodeForm(forms.Form):
    """Six digits of the app, or a backup code."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


def for_the_team(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """Only where the second factor is in use, and for members of the team that are signed in. Never cached: pages show secrets."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not two_factor.required():
            raise Http404
        user: Any = request.user
        if not (user.is_authenticated and user.is_active and user.is_staff):
            return redirect(f"{reverse('admin:login')}?next={request.path}")
        return view(request, user)

    return never_cache(sensitive_post_parameters()(guarded))


def onward(request: HttpRequest) -> str:
    """Where somebody wanted to go, if that is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if wanted and safe else reverse("admin:index")


def page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """A page in the admin's look."""
    whole = {**admin.site.each_context(request), "next": onward(request), **context}
    return TemplateResponse(request, f"admin/accounts/two_factor/{template}.html", whole, status=status)


@require_http_methods(["GET", "POST"])
@for_the_team
def check(request: HttpRequest, user: User) -> HttpResponse:
    """Asks for the code, once a session."""
    if not two_factor.is_missing(request):
        return HttpResponseRedirect(onward(request))
    if two_factor.app_of(user) is None:
        return redirect(f"{reverse('two_factor:setup')}?{urlencode({'next': onward(request)})}")
    form, status = CodeForm(request.POST or None), 200
    if request.method == "POST":
        status = UNPROCESSABLE
        if form.is_valid():
            try:
                if two_factor.check(request, user, form.cleaned_data["code"]):
                    return HttpResponseRedirect(onward(request))
                form.add_error("code", _("Ce code n'est pas le bon, ou il a déjà servi."))
            except two_factor.Wait as wait:
                status = TOO_MANY
                form.add_error(
                    "code",
                    ngettext(
                        "Trop de codes faux. Réessayez dans %(count)s seconde.",
                        "Trop de codes faux. Réessayez dans %(count)s secondes.",
                        wait.seconds,
                    )
                    % {"count": wait.seconds},
                )
    return page(request, "check", {"title": _("Second facteur"), "form": form}, status)


@require_http_methods(["GET", "POST"])
@for_the_team
def setup(request: HttpRequest, user: User) -> HttpResponse:
    """Shows a secret to the app, and takes a code as the proof that it has it. Who has an app needs it to come here."""
    if two_factor.app_of(user) is not None and two_factor.is_missing(request):
        return redirect("two_factor:check")
    form, status = CodeForm(request.POST or None), 200
    if request.method == "POST":
        status = UNPROCESSABLE
        if form.is_valid():
            codes = two_factor.confirm(request, user, form.cleaned_data["code"])
            if codes is not None:
                return page(request, "codes", {"title": _("Codes de secours"), "codes": codes})
            form.add_error("code", _("Ce code n'est pas celui de l'application. Vérifiez l'heure du téléphone."))
    device = two_factor.draft(request)
    drawn = segno.make(device.config_url, error="m").svg_inline(border=4, light="#fff", omitsize=True)
    secret = b32encode(device.bin_key).decode()
    context = {
        "title": _("Ajouter un second facteur"),
        "form": form,
        "picture": mark_safe(drawn),  # noqa: S308 - drawn here from our own text
        "address": device.config_url,
        "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        "replaces": two_factor.app_of(user) is not None,
    }
    return page(request, "setup", context, status)


@require_http_methods(["GET"])
@for_the_team
def mine(request: HttpRequest, user: User) -> HttpResponse:
    """One's own second factor."""
    if two_factor.is_missing(request):
        return redirect("two_factor:check")
    context = {
        "title": _("Mon second facteur"),
        "device": two_factor.app_of(user),
        "left": two_factor.codes_left(user),
    }
    return page(request, "mine", context)


@require_POST
@for_the_team
def codes(request: HttpRequest, user: User) -> HttpResponse:
    """New backup codes instead of the old."""
    if two_factor.is_missing(request):
        return redirect("two_factor:check")
    new = two_factor.renew_codes(request, user)
    return page(request, "codes", {"title": _("Codes de secours"), "codes": new})
