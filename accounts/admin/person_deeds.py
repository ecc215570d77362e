"""This room's deeds on the person's page: sign-in, switching the account off and on, erasure. Each asks for a reason and is in the log."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.admin.deeds import Deed, Explanation, Impossible, ReasonForm
from accounts.admin.display import admin_url, number
from accounts.admin.person_page import StatePart, register_deed, register_state
from accounts.admin.tables import Column, Table
from accounts.erasure import CannotErase, belongings, erase, files_of, table_names
from accounts.models import User
from accounts.sign_in import LINK_LIVES, CannotDo, end_sessions, send_reset_link, set_active


def actor_of(request: HttpRequest) -> User:
    """Who presses the button; the admin lets nobody else in."""
    if not isinstance(request.user, User):
        raise Impossible(gettext("Votre session est terminée."))
    return request.user


# --- Sign-in ---------------------------------------------------------------------------------------------------------------
def explain_link(request: HttpRequest, person: User) -> Explanation:
    """A mail to the person, who alone chooses a new password."""
    return Explanation(
        sentences=(
            gettext("%(email)s reçoit un message avec un lien pour choisir un nouveau mot de passe.")
            % {"email": person.email},
            ngettext(
                "Le lien sert une fois, pendant %(minutes)s minute. Les liens envoyés avant ne marchent plus.",
                "Le lien sert une fois, pendant %(minutes)s minutes. Les liens envoyés avant ne marchent plus.",
                int(LINK_LIVES.total_seconds() // 60),
            )
            % {"minutes": int(LINK_LIVES.total_seconds() // 60)},
            gettext("Le mot de passe actuel reste bon jusque-là. Vous ne voyez ni le lien ni le mot de passe."),
        )
    )


def send_link(request: HttpRequest, person: User, data: dict[str, Any]) -> str:
    """Tokens, trace and mail in one transaction."""
    try:
        send_reset_link(person=person, actor=actor_of(request), reason=data["reason"], request=request)
    except CannotDo as refusal:
        raise Impossible(str(refusal)) from refusal
    return gettext("Le lien est parti à %(email)s.") % {"email": person.email}


def explain_sessions(request: HttpRequest, person: User) -> Explanation:
    """All browsers are signed out."""
    return Explanation(
        sentences=(
            gettext(
                "Cette personne est déconnectée partout, tout de suite : téléphone, ordinateur, tous les navigateurs."
            ),
            gettext(
                "Son mot de passe est retiré, et les liens déjà envoyés ne marchent plus. Ses données ne changent pas."
            ),
        ),
        warning=gettext("Pour revenir, il lui faudra un nouveau lien : envoyez-le ensuite avec « Envoyer un lien »."),
    )


def close_sessions(request: HttpRequest, person: User, data: dict[str, Any]) -> str:
    """The password goes, and the sessions with it."""
    if person.pk == actor_of(request).pk:
        raise Impossible(gettext("C'est votre propre compte."))
    end_sessions(person=person, actor=actor_of(request), reason=data["reason"], request=request)
    return gettext("Toutes ses sessions sont terminées ; il lui faut un nouveau lien pour se connecter.")


# --- On and off ------------------------------------------------------------------------------------------------------------
def explain_off(request: HttpRequest, person: User) -> Explanation:
    """Nothing is removed."""
    return Explanation(
        sentences=(
            gettext("Le compte ne peut plus se connecter, et ses sessions s'arrêtent tout de suite."),
            gettext(
                "Rien n'est effacé : repas, favoris et instantanés restent. Le compte peut être réactivé à tout moment."
            ),
        )
    )


def explain_on(request: HttpRequest, person: User) -> Explanation:
    """As it was before."""
    return Explanation(
        sentences=(
            gettext("Le compte peut de nouveau se connecter, avec son mot de passe d'avant s'il en a un."),
            gettext("Ses données n'ont pas changé entre-temps."),
        )
    )


def switch_off(request: HttpRequest, person: User, data: dict[str, Any]) -> str:
    """The account sleeps."""
    _switch(request, person, data, active=False)
    return gettext("Le compte est désactivé.")


def switch_on(request: HttpRequest, person: User, data: dict[str, Any]) -> str:
    """The account wakes."""
    _switch(request, person, data, active=True)
    return gettext("Le compte est réactivé.")


def _switch(request: HttpRequest, person: User, data: dict[str, Any], *, active: bool) -> None:
    try:
        set_active(person=person, active=active, actor=actor_of(request), reason=data["reason"], request=request)
    except CannotDo as refusal:
        raise Impossible(str(refusal)) from refusal


# --- Erasure -----------------------------------------------------------------------------------------------------------------
class EraseForm(ReasonForm):
    """The e-mail address, typed anew: nobody erases the wrong person by a slip of the mouse."""

    email = forms.CharField(
        label=_("Pour confirmer, tapez l'adresse e-mail de la personne"),
        max_length=255,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        self.fields["reason"].help_text = _("Elle reste dans le journal : n'y nommez pas la personne.")
        self.initial.pop("email", None)

    def clean_email(self) -> str:
        typed = str(self.cleaned_data["email"]).strip().lower()
        if typed != self.person.email.lower():
            raise forms.ValidationError(_("Ce n'est pas l'adresse de cette personne."))
        return typed

    def clean_reason(self) -> str:
        reason = str(self.cleaned_data["reason"])
        if self.person.email.lower() in reason.lower():
            raise forms.ValidationError(
                _("La raison reste après l'effacement : elle ne doit pas contenir l'adresse e-mail.")
            )
        return reason


def explain_erasure(request: HttpRequest, person: User) -> Explanation:
    """Every table with its number of rows."""
    names = table_names()
    owned = {table: count for table, count in belongings(person).items() if count}
    table = Table(
        caption=_("Ce qui sera effacé"),
        columns=(Column(_("Quoi"), heads_row=True), Column(_("Combien"), numeric=True)),
        rows=[
            (gettext("compte"), number(1)),
            *((names[table], number(count)) for table, count in owned.items()),
            (gettext("fichiers (photos)"), number(len(files_of(person)))),
        ],
        shows_caption=True,
    )
    return Explanation(
        sentences=(
            gettext("Le compte de %(email)s et tout ce qui lui appartient sont effacés de la base, photos comprises.")
            % {"email": person.email},
            gettext(
                "Le journal d'activité reste, mais ses lignes ne mènent plus à personne. Il garde un reçu, en nombres seulement."
            ),
        ),
        tables=(table,),
        warning=gettext(
            "C'est définitif : ses instantanés partent aussi, il n'y aura plus rien à migrer ni à rétablir."
        ),
    )


def erase_person(request: HttpRequest, person: User, data: dict[str, Any]) -> str:
    """The service does it in a transaction of its own; files go after it."""
    try:
        receipt = erase(person=person, actor=actor_of(request), reason=data["reason"], request=request)
    except CannotErase as refusal:
        raise Impossible(str(refusal)) from refusal
    rows = sum(receipt.rows.values())
    said = gettext("La personne est effacée : %(rows)s lignes et %(files)s fichiers. Numéro du reçu : %(receipt)s.") % {
        "rows": number(rows),
        "files": number(receipt.files - len(receipt.files_left)),
        "receipt": receipt.number,
    }
    if receipt.files_left:
        said += " " + gettext("%(count)s fichiers n'ont pas pu être retirés du stockage : prévenez un opérateur.") % {
            "count": number(len(receipt.files_left))
        }
    return said


def is_erasable(person: User) -> bool:
    """Members of the team lose their rights first."""
    return not (person.is_staff or person.is_superuser)


register_state(
    StatePart(
        key="account",
        read=lambda person: "on" if person.is_active else "off",
        words=lambda code: gettext("compte actif") if code == "on" else gettext("compte désactivé"),
        order=10,
    )
)
register_state(
    StatePart(
        key="password",
        read=lambda person: "set" if person.has_usable_password() else "none",
        words=lambda code: gettext("avec mot de passe") if code == "set" else gettext("sans mot de passe"),
        order=20,
    )
)
register_deed(
    Deed(
        key="send-link",
        label=_("Envoyer un lien"),
        title=_("Envoyer un lien de connexion"),
        icon="forward_to_inbox",
        permission="accounts.reset_sign_in",
        explain=explain_link,
        act=send_link,
        available=lambda person: person.is_active,
        order=40,
    )
)
register_deed(
    Deed(
        key="end-sessions",
        label=_("Fermer ses sessions"),
        title=_("Fermer toutes ses sessions"),
        icon="logout",
        permission="accounts.reset_sign_in",
        explain=explain_sessions,
        act=close_sessions,
        order=50,
    )
)
register_deed(
    Deed(
        key="deactivate",
        label=_("Désactiver"),
        title=_("Désactiver le compte"),
        icon="block",
        permission="accounts.deactivate_user",
        explain=explain_off,
        act=switch_off,
        available=lambda person: person.is_active,
        order=70,
    )
)
register_deed(
    Deed(
        key="reactivate",
        label=_("Réactiver"),
        title=_("Réactiver le compte"),
        icon="check_circle",
        permission="accounts.deactivate_user",
        explain=explain_on,
        act=switch_on,
        available=lambda person: not person.is_active,
        variant="primary",
        order=70,
    )
)
register_deed(
    Deed(
        key="erase",
        label=_("Effacer"),
        title=_("Effacer la personne et toutes ses données"),
        icon="delete_forever",
        permission="accounts.erase_user",
        explain=explain_erasure,
        act=erase_person,
        available=is_erasable,
        variant="danger",
        order=90,
        form=EraseForm,
        form_kwargs=lambda request, person: {"person": person},
        atomic=False,
        lands=lambda person: admin_url(User, "changelist"),
    )
)
