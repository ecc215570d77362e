"""People and groups. Accounts are edited only where support needs it; what else is done to a person is a deed with a reason (person_deeds)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.hashers import identify_hasher
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.forms import AdminPasswordChangeForm

from accounts.admin.deeds import Deed, DoesDeeds
from accounts.admin.display import Badge, admin_url, instant, link, mono
from accounts.admin.person_page import (
    badges_of,
    figures_of,
    may_be_done_to,
    panels_for,
    person_deeds,
    state_in_words,
    state_of_person,
)
from accounts.admin.person_search import SearchPeople, only_exact_match
from accounts.admin.read_only import Pleasant
from accounts.admin.resources import ExportsPeople
from accounts.models import User
from accounts.staff import tell

if TYPE_CHECKING:
    UserCreationForm = forms.ModelForm[User]
else:
    from unfold.forms import UserCreationForm


class NamesForm(forms.ModelForm[User]):
    """A new account as support makes it: without a password. The person chooses one, by a link."""

    class Meta:
        model = User
        fields = ("email", "username")

    def clean_email(self) -> str:
        """Kept in lower case, as sign-in expects."""
        return str(self.cleaned_data["email"]).strip().lower()

    def clean_username(self) -> str:
        """Names that differ only in case are the same name to people."""
        username = str(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(self.instance.unique_error_message(User, ("username",)))
        return username

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        self.instance.set_unusable_password()
        return super().save(commit)


class PersonCreationForm(UserCreationForm):
    """A new account as superusers make it: e-mail, user name, password."""

    class Meta:
        model = User
        fields = ("email", "username")

    def clean_email(self) -> str:
        """Kept in lower case, as sign-in expects."""
        return str(self.cleaned_data["email"]).strip().lower()


class PersonForm(forms.ModelForm[User]):
    """What may be changed of an account; switching it off and its sign-in are deeds with a reason."""

    class Meta:
        model = User
        fields = ("first_name", "last_name", "email_verified", "is_staff", "groups")


@admin.register(User)
class UserAdmin(ExportsPeople, SearchPeople, DoesDeeds, DjangoUserAdmin):  # type: ignore[type-arg]
    """Find a person; look at all that is known of them; correct what support may correct."""

    form = PersonForm
    add_form = PersonCreationForm
    change_password_form = AdminPasswordChangeForm
    actions = None

    list_display = ("email", "names", "account_state", "email_verified", "legacy", "created", "seen")
    list_filter = (
        ("is_active", BooleanRadioFilter),
        ("email_verified", BooleanRadioFilter),
        ("is_staff", BooleanRadioFilter),
    )
    ordering = ("-created_at",)
    date_hierarchy = "created_at"  # idx_users_created_at
    autocomplete_fields = ("groups",)
    filter_horizontal = ()

    readonly_fields = (
        "email",
        "username",
        "legacy_id",
        "account_state",
        "password_state",
        "has_completed_onboarding",
        "is_superuser",
    )
    fieldsets = (
        (None, {"fields": ("email", "username", "first_name", "last_name", "legacy_id")}),
        (
            gettext_lazy("Connexion"),
            {"fields": ("account_state", "email_verified", "password_state", "has_completed_onboarding")},
        ),
        (gettext_lazy("Droits"), {"fields": ("is_staff", "is_superuser", "groups")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "username", "password1", "password2")}),)

    names_fieldsets = (
        (
            None,
            {
                "fields": ("email", "username"),
                "description": gettext_lazy(
                    "Le compte est créé sans mot de passe. Ensuite, « Envoyer un lien » permet à la personne d'en choisir un : "
                    "vous ne le connaissez jamais."
                ),
            },
        ),
    )

    # --- Who may do what ---------------------------------------------------------------------------------------------
    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never here: an account is erased by a service, with its snapshots and its trace in the log."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Members of the team are changed by superusers only: otherwise changing a password would be a way to their rights."""
        if isinstance(obj, User) and (obj.is_superuser or obj.is_staff) and not _is_superuser(request):
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """A new account is still to be named; afterwards rights are given by superusers only."""
        if obj is None:
            return ()
        own = tuple(super().get_readonly_fields(request, obj))
        return own if _is_superuser(request) else (*own, "is_staff", "groups")

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        """Only superusers choose somebody's first password, as only they change one."""
        if obj is None and not _is_superuser(request):
            kwargs["form"] = NamesForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None and not _is_superuser(request):
            return self.names_fieldsets
        return super().get_fieldsets(request, obj)

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        """Who has no password yet needs a link next."""
        answer = super().response_add(request, obj, post_url_continue)
        if not obj.has_usable_password():
            sentence = _("Cette personne n'a pas encore de mot de passe.")
            may_send = request.user.has_perm("accounts.reset_sign_in")
            onward = link(self.deed_url(obj, "send-link"), _("Envoyer un lien")) if may_send else ""
            messages.info(request, format_html("{} {}", sentence, onward))
        return answer

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 - Django's name
        """Choosing somebody's password is for superusers; support sends a link instead. Written down, without the password."""
        person = self.get_object(request, id)
        if not _is_superuser(request) or person is None:
            raise PermissionDenied
        with transaction.atomic():
            answer = super().user_change_password(request, id, form_url)
            if request.method == "POST" and isinstance(answer, HttpResponseRedirect) and isinstance(request.user, User):
                tell(actor=request.user, action="staff_set_password", person=person, row=person, request=request)
        return answer

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        """Which fields were changed is in the person's log."""
        super().save_model(request, obj, form, change)
        if isinstance(request.user, User):
            action = "staff_changed_account" if change else "staff_made_account"
            changed = {"fields": sorted(form.changed_data)} if change else None
            tell(actor=request.user, action=action, person=obj, row=obj, new=changed, request=request)

    # --- Deeds -------------------------------------------------------------------------------------------------------
    def deeds(self) -> tuple[Deed, ...]:
        return person_deeds()

    def state_of(self, obj: User) -> str:
        return state_of_person(obj)

    def state_text(self, state: str) -> str:
        return state_in_words(state)

    def buttons(self, request: HttpRequest, obj: User) -> list[dict[str, Any]]:
        return [button for button in super().buttons(request, obj) if may_be_done_to(request, obj, button["deed"].key)]

    def deed_view(self, request: HttpRequest, object_id: str, key: str) -> HttpResponseBase:
        person = self.get_object(request, object_id)
        if person is not None and not may_be_done_to(request, person, key):
            raise PermissionDenied
        return super().deed_view(request, object_id, key)

    # --- List --------------------------------------------------------------------------------------------------------
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A search that names one account exactly leads straight to it."""
        if set(request.GET) == {"q"} and self.has_view_or_change_permission(request):
            term = request.GET["q"].replace("\0", "")
            person = only_exact_match(self.get_queryset(request), term)
            if person is not None:
                everything = f"{admin_url(User, 'changelist')}?{urlencode({'q': term, 'all': ''})}"
                messages.info(
                    request,
                    format_html(
                        "{} {}",
                        _("Un seul compte correspond exactement à « %(term)s » : le voici.") % {"term": term.strip()},
                        link(everything, _("Voir toute la liste")),
                    ),
                )
                return HttpResponseRedirect(admin_url(User, "change", person.pk))
        return super().changelist_view(request, extra_context)

    @admin.display(description=gettext_lazy("nom"), ordering="last_name")
    def names(self, person: User) -> str:
        return person.display_name

    @admin.display(description=gettext_lazy("état"))
    def account_state(self, person: User) -> str:
        return str(account_badge(person))

    @admin.display(description=gettext_lazy("ancien identifiant"))
    def legacy(self, person: User) -> str:
        return mono(Truncator(person.legacy_id).chars(16)) if person.legacy_id else ""

    @admin.display(description=gettext_lazy("créé le"), ordering="created_at")
    def created(self, person: User) -> str:
        return instant(person.created_at)

    @admin.display(description=gettext_lazy("dernière connexion"))
    def seen(self, person: User) -> str:
        return instant(person.last_login)

    @admin.display(description=gettext_lazy("mot de passe"))
    def password_state(self, person: User) -> str:
        return str(password_badge(person))

    # --- Page --------------------------------------------------------------------------------------------------------
    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> User | None:
        """With the profile, which most panels need for the person's zone."""
        queryset: QuerySet[User] = self.get_queryset(request).select_related("profile")
        field = self.model._meta.get_field(from_field) if from_field else self.model._meta.pk
        try:
            return queryset.get(**{field.name: field.to_python(object_id)})
        except (User.DoesNotExist, forms.ValidationError, ValueError):
            return None

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        panels = panels_for(request, obj)
        return {
            "title": obj.display_name,
            "subtitle": None,
            "person": obj,
            "person_badges": [
                account_badge(obj),
                verified_badge(obj),
                password_badge(obj),
                *role_badges(obj),
                *badges_of(panels),
            ],
            "person_since": instant(obj.created_at),
            "person_seen": instant(obj.last_login),
            "columns": [[shown for shown in panels if shown.panel.place == place] for place in ("main", "side")],
            "figures": figures_of(panels),
            "buttons": self.buttons(request, obj),
            "may_set_password": _is_superuser(request),
            "may_change": self.has_change_permission(request, obj),
        }


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def account_badge(person: User) -> Badge:
    """Whether the account works."""
    return (
        Badge(_("Actif"), "success", "check_circle") if person.is_active else Badge(_("Désactivé"), "danger", "block")
    )


def verified_badge(person: User) -> Badge:
    """Whether the e-mail was confirmed."""
    if person.email_verified:
        return Badge(_("E-mail vérifié"), "success", "mark_email_read")
    return Badge(_("E-mail non vérifié"), "warning", "mail")


def password_badge(person: User) -> Badge:
    """Whether there is a password, and if it is still the old app's; never anything of its hash."""
    if not person.has_usable_password():
        return Badge(_("Sans mot de passe"), "neutral", "key_off")
    try:
        hasher = identify_hasher(person.password)
    except ValueError:
        return Badge(_("Mot de passe illisible"), "danger", "key_off")
    if (hasher.algorithm or "").startswith("bcrypt"):
        return Badge(_("Mot de passe de l'ancienne application"), "neutral", "key")
    return Badge(_("Mot de passe défini"), "neutral", "key")


def role_badges(person: User) -> list[Badge]:
    """Whether they belong to the team."""
    if person.is_superuser:
        return [Badge(_("Tous les droits"), "info", "shield_person")]
    return [Badge(_("Équipe"), "info", "support_agent")] if person.is_staff else []


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(Pleasant, DjangoGroupAdmin):
    """Roles of the team; made and changed by superusers only."""

    search_fields = ("name",)
    list_display = ("name",)
    actions = None
    autocomplete_fields = ()
    filter_horizontal = ("permissions",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request)
