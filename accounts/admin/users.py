"""People and groups. Accounts are edited only where support needs it; erasure is a service of its own, not a button here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.hashers import identify_hasher
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.forms import AdminPasswordChangeForm

from accounts.admin.display import Badge, instant, mono
from accounts.admin.person_page import badges_of, figures_of, panels_for
from accounts.admin.person_search import SearchPeople
from accounts.admin.read_only import Pleasant
from accounts.models import User

if TYPE_CHECKING:
    UserCreationForm = forms.ModelForm[User]
else:
    from unfold.forms import UserCreationForm


class PersonCreationForm(UserCreationForm):
    """A new account: e-mail, user name, password."""

    class Meta:
        model = User
        fields = ("email", "username")

    def clean_email(self) -> str:
        """Kept in lower case, as sign-in expects."""
        return str(self.cleaned_data["email"]).strip().lower()


class PersonForm(forms.ModelForm[User]):
    """What may be changed of an account; the password has a page of its own and its hash is never shown."""

    class Meta:
        model = User
        fields = ("first_name", "last_name", "is_active", "email_verified", "is_staff", "groups")


@admin.register(User)
class UserAdmin(SearchPeople, DjangoUserAdmin):  # type: ignore[type-arg]
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

    readonly_fields = ("email", "username", "legacy_id", "password_state", "has_completed_onboarding", "is_superuser")
    fieldsets = (
        (None, {"fields": ("email", "username", "first_name", "last_name", "legacy_id")}),
        (
            gettext_lazy("Connexion"),
            {"fields": ("is_active", "email_verified", "password_state", "has_completed_onboarding")},
        ),
        (gettext_lazy("Droits"), {"fields": ("is_staff", "is_superuser", "groups")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "username", "password1", "password2")}),)

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

    # --- List --------------------------------------------------------------------------------------------------------
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
            "may_set_password": self.has_change_permission(request, obj),
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
