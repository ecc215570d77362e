"""The team's second factor: a code of an authenticator app (TOTP, django-otp), and backup codes for when it is not at hand.

Off or required for all of the team, by `STAFF_TWO_FACTOR`. Devices and codes are django-otp's rows and its throttling: each wrong code doubles
the time until the next is looked at. A backup code is kept as a keyed hash, so that reading the table gives nobody one; a new SECRET_KEY makes
the old backup codes useless, not the app.
"""

from __future__ import annotations

import re
import time
from binascii import unhexlify
from typing import Any, Final

import django_otp
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from accounts.models import User
from accounts.staff import tell

BACKUP_CODES: Final = 10
DRAFT = "two_factor_draft"
_DIGITS = re.compile(r"[0-9]{6}")
_APART = re.compile(r"[\s-]+")


def required() -> bool:
    """Whether the team needs a second factor."""
    if settings.STAFF_TWO_FACTOR not in ("off", "required"):
        raise ImproperlyConfigured(f"STAFF_TWO_FACTOR is {settings.STAFF_TWO_FACTOR!r}; it is off or required.")
    return bool(settings.STAFF_TWO_FACTOR == "required")


def is_missing(request: HttpRequest) -> bool:
    """Whether somebody of the team is signed in by password alone."""
    user: Any = request.user
    return bool(user.is_authenticated and user.is_staff and not user.is_verified())


def app_of(user: User | AnonymousUser) -> TOTPDevice | None:
    """The authenticator app of somebody, if they confirmed one."""
    return TOTPDevice.objects.filter(user=user.pk, confirmed=True).order_by("pk").first()


def codes_left(user: User) -> int:
    """How many backup codes were not used."""
    return int(StaticToken.objects.filter(device__user=user).count())


# --- Signing in -------------------------------------------------------------------------------------------------------------
class Wait(Exception):
    """Too many wrong codes; the next is looked at in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def check(request: HttpRequest, user: User, code: str) -> bool:
    """Takes a code of the app or a backup code; the session is verified by it. Raises `Wait`."""
    plain = _APART.sub("", code).lower()
    backup = _DIGITS.fullmatch(plain) is None
    device = StaticDevice.objects.filter(user=user, confirmed=True).first() if backup else app_of(user)
    if device is None:
        return False
    allowed, details = device.verify_is_allowed()
    if not allowed:
        left = (details or {}).get("locked_until")
        raise Wait(max(1, round(left.timestamp() - time.time()) + 1) if left is not None else 1)
    with transaction.atomic():
        verified = django_otp.verify_token(user, device.persistent_id, _kept(plain) if backup else plain)
        if verified is not None and backup:
            tell(
                actor=user,
                action="staff_backup_code_used",
                person=user,
                new={"left": codes_left(user)},
                request=request,
            )
    if verified is None:
        return False
    _verified(request, verified)
    return True


def _verified(request: HttpRequest, device: Any) -> None:
    """The session has more rights now, so it gets another key."""
    request.session.cycle_key()
    django_otp.login(request, device)


# --- Setting up -------------------------------------------------------------------------------------------------------------
def draft(request: HttpRequest) -> TOTPDevice:
    """The app that is being set up: its secret waits in the session, in no table, until a code proves that the app has it."""
    key = request.session.get(DRAFT)
    if key is None:
        key = request.session[DRAFT] = random_hex(20)
    return TOTPDevice(user=request.user, key=key)


def confirm(request: HttpRequest, user: User, code: str) -> list[str] | None:
    """Makes the drafted app the person's own, instead of any other; answers the backup codes, which are never shown again."""
    key, plain = request.session.get(DRAFT), _APART.sub("", code)
    if key is None or _DIGITS.fullmatch(plain) is None:
        return None
    clock = TOTP(unhexlify(key))
    clock.time = time.time()
    if not clock.verify(int(plain), tolerance=1):
        return None
    with transaction.atomic():
        replaced = forget(user)
        device = TOTPDevice.objects.create(user=user, name="app", key=key, confirmed=True, last_t=clock.t())
        codes = _make_codes(user)
        tell(actor=user, action="staff_two_factor_set_up", person=user, new={"replaced": replaced}, request=request)
    del request.session[DRAFT]
    _verified(request, device)
    return codes


def renew_codes(request: HttpRequest, user: User) -> list[str]:
    """New backup codes; the old ones are void."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        codes = _make_codes(user)
        tell(actor=user, action="staff_backup_codes_renewed", person=user, request=request)
    return codes


def _make_codes(user: User) -> list[str]:
    device = StaticDevice.objects.create(user=user, name="backup", confirmed=True)
    codes = [StaticToken.random_token() for _ in range(BACKUP_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=_kept(code)) for code in codes)
    return codes


def _kept(code: str) -> str:
    """What the table holds of a backup code; as long as its column."""
    return salted_hmac("accounts.two_factor.backup_code", code, algorithm="sha256").hexdigest()[:16]


# --- Taking away ------------------------------------------------------------------------------------------------------------
@transaction.atomic
def forget(user: User) -> bool:
    """Deletes somebody's app and backup codes; says whether there was an app. Sessions verified by it are so no longer."""
    removed = app_of(user) is not None
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    return removed
