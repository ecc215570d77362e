"""What the team may do about somebody's sign-in: a link by e-mail, an end to all sessions, an account switched off and on.

Each leaves its trace in the same transaction; nobody of the team ever learns or chooses a person's password.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import PasswordResetToken, User
from accounts.staff import tell

LINK_LIVES: Final = timedelta(hours=1)


class CannotDo(Exception):
    """The sentence says why, for people. Nothing was changed."""


def send_reset_link(*, person: User, actor: User, reason: str, request: HttpRequest | None = None) -> None:
    """Mails the person a link that sets a new password, usable once within LINK_LIVES; links sent before stop working.

    Only hashes are kept: who reads the table cannot sign in. When the mail cannot be handed over, nothing was done.
    """
    if not settings.PASSWORD_RESET_URL:
        raise CannotDo(_("L'adresse de la page de réinitialisation n'est pas réglée (PASSWORD_RESET_URL)."))
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=person.pk)
        if not locked.is_active:
            raise CannotDo(_("Ce compte est désactivé : le lien ne servirait à rien."))
        end_links(locked)
        token_id = secrets.token_hex(32)
        token = f"{token_id}.{secrets.token_urlsafe(32)}"
        row = PasswordResetToken.objects.create(
            user=locked, token_id=token_id, hashed_token=hash_of(token), expires_at=timezone.now() + LINK_LIVES
        )
        tell(
            actor=actor,
            action="staff_sent_reset_link",
            person=locked,
            table="password_reset_tokens",
            row=row,
            reason=reason,
            new={"expires_at": row.expires_at.isoformat()},
            request=request,
        )
        _mail(locked, link_with(token))


def hash_of(token: str) -> str:
    """What is kept of a token: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def link_with(token: str) -> str:
    """The page that sets a new password, with the token in its query."""
    parts = urlsplit(settings.PASSWORD_RESET_URL)
    return str(urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), ("token", token)]))))


def end_links(person: User) -> int:
    """Links that were sent and not used no longer work; the number of them."""
    now = timezone.now()
    return PasswordResetToken.objects.filter(user=person, used_at=None, expires_at__gt=now).update(expires_at=now)


def _mail(person: User, link: str) -> None:
    """In the app's language; the person's own is not known."""
    with translation.override(settings.LANGUAGE_CODE):
        context = {"name": person.get_short_name(), "link": link, "minutes": int(LINK_LIVES.total_seconds() // 60)}
        subject = render_to_string("accounts/email/reset_link_subject.txt", context).strip()
        text = render_to_string("accounts/email/reset_link.txt", context)
    try:
        send_mail(subject, text, None, [person.email])
    except OSError as error:  # SMTP's errors are among them
        raise CannotDo(_("Le message n'a pas pu être remis au serveur de courrier : rien n'a été fait.")) from error


def end_sessions(*, person: User, actor: User, reason: str, request: HttpRequest | None = None) -> None:
    """Signs the person out everywhere by taking the password away: sessions are bound to it. Links sent before stop working too."""
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=person.pk)
        had_password = locked.has_usable_password()
        locked.set_unusable_password()
        locked.save(update_fields=["password"])
        ended = end_links(locked)
        tell(
            actor=actor,
            action="staff_ended_sessions",
            person=locked,
            row=locked,
            reason=reason,
            old={"usable_password": had_password},
            new={"usable_password": False, "links_ended": ended},
            request=request,
        )


def set_active(*, person: User, active: bool, actor: User, reason: str, request: HttpRequest | None = None) -> None:
    """Switches an account off (its sessions end at once) or on again; no data is touched."""
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=person.pk)
        if locked.pk == actor.pk:
            raise CannotDo(_("C'est votre propre compte."))
        if locked.is_active == active:
            raise CannotDo(_("C'est déjà fait."))
        locked.is_active = active
        locked.save(update_fields=["is_active"])
        if not active:
            end_links(locked)
        tell(
            actor=actor,
            action="staff_reactivated" if active else "staff_deactivated",
            person=locked,
            row=locked,
            reason=reason,
            old={"is_active": not active},
            new={"is_active": active},
            request=request,
        )
