"""The people who sign in."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.triggers import touch_updated_at
from dynprot.identifiers import uuid7
from dynprot.indexes import Index


class UserAccounts(BaseUserManager["User"]):
    """Creates accounts; e-mail is the sign-in name and is kept in lower case."""

    def _create(self, email: str, password: str | None, **fields: Any) -> User:
        if not email:
            raise ValueError("Une adresse e-mail est nécessaire.")
        email = email.strip().lower()
        fields.setdefault("username", email.split("@")[0])
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An account of the app's public; without a password it cannot sign in until one is set."""
        return self._create(email, password, **fields)

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An account with every right."""
        return self._create(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> User:
        """Sign-in ignores the case of the e-mail; served by `users_email_lower_key` (Django's `iexact` compares UPPER and is not)."""
        return self.with_email(username or "").get()

    async def aget_by_natural_key(self, username: str | None) -> User:
        """The same for asynchronous sign-in; Django's own would compare the case."""
        return await self.with_email(username or "").aget()

    def with_email(self, email: str) -> models.QuerySet[User]:
        """The account of this e-mail address, ignoring case (by the database's rule, as the unique index) and blanks around it."""
        return self.alias(lower_email=Lower("email")).filter(lower_email=Lower(models.Value(email.strip())))


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The password column keeps the old name and holds any hash of `PASSWORD_HASHERS` (bcrypt of the old app included)."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=RandomUUID(), editable=False)
    email = models.EmailField(_("adresse e-mail"), max_length=255)
    username = models.CharField(_("nom d'utilisateur"), max_length=100)
    password = models.CharField(_("mot de passe"), max_length=255, db_column="password_hash")
    first_name = models.CharField(_("prénom"), max_length=100, null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    last_name = models.CharField(_("nom"), max_length=100, null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    avatar_url = models.TextField(null=True, blank=True)  # noqa: DJ001 - nullable in the published schema
    email_verified = models.BooleanField(_("e-mail vérifié"), default=False, db_default=False)
    has_completed_onboarding = models.BooleanField(_("accueil terminé"), default=False, db_default=False)
    is_active = models.BooleanField(_("actif"), default=True, db_default=True)
    is_staff = models.BooleanField(_("équipe"), default=False, db_default=False)
    is_superuser = models.BooleanField(_("tous les droits"), default=False, db_default=False)
    created_at = models.DateTimeField(_("créé le"), db_default=TransactionNow(), editable=False)
    updated_at = models.DateTimeField(_("modifié le"), db_default=TransactionNow(), editable=False)
    last_login = models.DateTimeField(_("dernière connexion"), null=True, blank=True, db_column="last_login_at")
    last_analytics_viewed = models.DateTimeField(null=True, blank=True)
    legacy_id = models.CharField(  # noqa: DJ001 - unique, so absent must be NULL
        _("ancien identifiant"),
        max_length=100,
        null=True,
        blank=True,
        help_text=_("L'identifiant de cette personne dans l'ancienne application (cuid ou UUID)."),
    )

    objects: ClassVar[UserAccounts] = UserAccounts()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["username"]

    class Meta:
        db_table = "users"
        verbose_name = _("personne")
        verbose_name_plural = _("personnes")
        permissions = [
            ("reset_sign_in", "Réinitialiser la connexion d'une personne"),
            ("deactivate_user", "Désactiver ou réactiver un compte"),
            ("erase_user", "Effacer une personne et toutes ses données"),
            ("export_user", "Exporter des comptes"),
        ]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="users_email_lower_key",
                violation_error_message=_("Cette adresse e-mail a déjà un compte."),
            ),
            # Not `unique=True`, which on PostgreSQL brings a second index for LIKE along.
            models.UniqueConstraint(
                fields=["username"],
                name="users_username_key",
                violation_error_message=_("Ce nom d'utilisateur est déjà pris."),
            ),
            models.UniqueConstraint(fields=["legacy_id"], name="users_legacy_id_key"),
        ]
        indexes = [
            # Admin: newest people first.
            Index(fields=["-created_at"], name="idx_users_created_at"),
            # Support lists the few accounts that are switched off; active ones are nearly all and need no index.
            Index(fields=["id"], name="idx_users_is_inactive", condition=models.Q(is_active=False)),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [touch_updated_at("users")]

    def __str__(self) -> str:
        return self.email

    @property
    def display_name(self) -> str:
        """First and last name, else the user name."""
        return " ".join(part for part in (self.first_name, self.last_name) if part) or self.username

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.first_name or self.username
