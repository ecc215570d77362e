"""Removing somebody's second factor: for a lost phone, by those with all rights."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import two_factor
from accounts.admin.deeds import Deed, Explanation, Impossible
from accounts.models import User
from accounts.staff import tell


def explain(request: HttpRequest, person: User) -> Explanation:
    """What it means for them."""
    return Explanation(
        sentences=(
            _("L'application de codes et les codes de secours de %(email)s sont supprimés.") % {"email": person.email},
            _("Ses sessions ouvertes demandent aussitôt un nouveau second facteur, qu'il faudra installer."),
        ),
        warning=_(
            "Assurez-vous que c'est bien cette personne qui le demande : son mot de passe suffira pour en installer un autre."
        ),
    )


def act(request: HttpRequest, person: User, data: dict[str, Any]) -> str:
    """Removes it, with its trace."""
    if not two_factor.forget(person):
        raise Impossible(_("Cette personne n'a pas de second facteur."))
    assert isinstance(request.user, User)
    tell(
        actor=request.user,
        action="staff_two_factor_removed",
        person=person,
        reason=data["reason"],
        request=request,
    )
    return _("Le second facteur de %(email)s est supprimé.") % {"email": person.email}


def removable(person: User) -> bool:
    """Whether there is anything to remove."""
    return person.is_staff and two_factor.app_of(person) is not None


REMOVE_SECOND_FACTOR = Deed(
    key="remove-second-factor",
    label=gettext_lazy("Supprimer le second facteur"),
    icon="phonelink_erase",
    permission="otp_totp.delete_totpdevice",  # in no group: superusers have it
    explain=explain,
    act=act,
    available=removable,
    variant="danger",
    order=80,
)
