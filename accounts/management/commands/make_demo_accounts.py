"""The two accounts that `make demo` signs in with, each in its role's group (audit.0006_groups)."""

import json
import secrets
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User

PASSWORD_BYTES = 12


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """`group` is one of the team's roles; the operator has all rights besides, so that a demonstration can show everything."""

    role: str
    email: str
    username: str
    group: str
    superuser: bool = False


ACCOUNTS = (
    DemoAccount(
        role="operator", email="operator@dynprot.test", username="demo-operator", group="operators", superuser=True
    ),
    DemoAccount(role="support", email="support@dynprot.test", username="demo-support", group="support"),
)


class Command(BaseCommand):
    help = (
        "Make an operator and a support account for a demonstration, with random passwords that are kept in a file "
        "only its owner can read. Run again, it changes nothing as long as the passwords in the file still hold. "
        "Refused in production settings."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--credentials",
            type=Path,
            default=settings.VAR_DIR / "demo" / "credentials.json",
            help="where the passwords are kept (default: %(default)s)",
        )

    def handle(self, *args: Any, credentials: Path, **options: Any) -> None:
        if settings.DYNPROT_ENVIRONMENT == "production":
            raise CommandError(
                "Demo accounts have passwords on disk; in production make accounts with createsuperuser."
            )
        passwords = self._passwords(credentials)
        changed = [account.role for account in ACCOUNTS if ensure_account(account, password=passwords[account.email])]
        for account in ACCOUNTS:
            self.stdout.write(f"{account.role:9} {account.email}")
        self.stdout.write(f"passwords {credentials}" + ("" if changed else " (unchanged)"))

    def _passwords(self, path: Path) -> dict[str, str]:
        """The kept passwords, completed. Written before they are set: a run that is cut short is finished by the next."""
        kept: dict[str, str] = {}
        if path.exists():
            try:
                kept = {entry["email"]: entry["password"] for entry in json.loads(path.read_text(encoding="utf-8"))}
            except (ValueError, KeyError, TypeError) as error:
                raise CommandError(
                    f"{path} cannot be read ({error}): delete it, and new passwords are made."
                ) from error
        passwords = {a.email: kept.get(a.email) or secrets.token_urlsafe(PASSWORD_BYTES) for a in ACCOUNTS}
        if passwords != kept:
            entries = [{"role": a.role, "email": a.email, "password": passwords[a.email]} for a in ACCOUNTS]
            write_privately(path, json.dumps(entries, indent=1) + "\n")
        return passwords


@transaction.atomic
def ensure_account(account: DemoAccount, *, password: str) -> bool:
    """Make the account or give it back its password and rights; says whether anything had to change."""
    user = User.objects.filter(email=account.email).first()
    made = user is None
    if user is None:
        user = User.objects.create_user(account.email, password, username=account.username)
    wished = {"is_staff": True, "is_superuser": account.superuser, "is_active": True}
    changed = [name for name, value in wished.items() if getattr(user, name) != value]
    for name in changed:
        setattr(user, name, wished[name])
    if not user.check_password(password):
        user.set_password(password)
        changed.append("password")
    if changed:
        user.save(update_fields=changed)
    group = Group.objects.get(name=account.group)
    if set(user.groups.all()) != {group}:
        user.groups.set([group])
        changed.append("group")
    return made or bool(changed)


def write_privately(path: Path, text: str) -> None:
    """Never readable by others, not even for a moment; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
