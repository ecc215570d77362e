"""What holds for the team's sessions: they are short, and where the settings say so, they take a second factor."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts import two_factor

Answer = Callable[[HttpRequest], HttpResponse]
SINCE, SEEN = "staff_since", "staff_seen"
NOTED_EVERY: Final = 60
"""Seconds between two notes of when somebody was last there: not every page writes the session."""
LIVE: Final = re.compile(r"/live(\.json|/)$")
"""How the address of live figures ends."""
OPEN_PAGES: Final = ("admin:login", "admin:logout", "admin:jsi18n", "set_language", "health")


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())


@receiver(user_logged_in, dispatch_uid="accounts.staff_sessions")
def begin(sender: Any, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """A session of the team counts from its sign-in."""
    if request is not None and user.is_staff:
        request.session[SINCE] = request.session[SEEN] = now()


def is_background(request: HttpRequest) -> bool:
    """Whether a page asks by itself, for its live figures: nobody did anything.

    Our scripts say so. Browsers say it of every request of a script, and addresses of live figures are asked by nothing else.
    """
    if request.method not in ("GET", "HEAD"):
        return False
    said = "X-Background" in request.headers or request.headers.get("Sec-Fetch-Dest") == "empty"
    return said or bool(LIVE.search(request.path))


def led_to(request: HttpRequest, page: str) -> HttpResponse:
    """People go to `page` and come back to where they were; programs are told 401."""
    if is_background(request):
        return JsonResponse({"detail": _("Connectez-vous de nouveau."), "page": page}, status=401)
    where = {"next": request.get_full_path()} if request.method == "GET" else {}
    return HttpResponseRedirect(f"{page}?{urlencode(where)}" if where else page)


class StaffSessions:
    """Ends the team's sessions `STAFF_SESSION_SECONDS` after the sign-in, and `STAFF_IDLE_SECONDS` after the last thing somebody did.

    A page that refreshes itself keeps nobody signed in.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and request.user.is_staff and (sentence := self._over(request)):
            logout(request)
            if not is_background(request):
                messages.info(request, sentence)
            return led_to(request, reverse("admin:login"))
        return self.get_response(request)

    def _over(self, request: HttpRequest) -> str:
        """Why this session is over; empty while it is not."""
        session, moment = request.session, now()
        if SINCE not in session or SEEN not in session:
            session[SINCE] = session[SEEN] = moment
        if moment - session[SINCE] >= settings.STAFF_SESSION_SECONDS:
            return _("Votre session est terminée. Connectez-vous de nouveau.")
        away = moment - session[SEEN]
        if away >= settings.STAFF_IDLE_SECONDS:
            return _("Vous avez été déconnecté : rien n'a été fait pendant un moment.")
        if away >= min(NOTED_EVERY, settings.STAFF_IDLE_SECONDS / 10) and not is_background(request):
            session[SEEN] = moment
        return ""


class SecondFactor:
    """Where the second factor is required, the team sees nothing without it but the pages that ask for it or set it up."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if two_factor.required() and two_factor.is_missing(request) and not self._open(request):
            return led_to(request, reverse("two_factor:check"))
        return self.get_response(request)

    def _open(self, request: HttpRequest) -> bool:
        return request.path.startswith(reverse("two_factor:mine")) or request.path in {reverse(p) for p in OPEN_PAGES}
