"""Whose is it: importing.md section 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit.runs.verification.json_text import UnreadableError, decode
from audit.runs.verification.texts import read_id


@dataclass(frozen=True, slots=True)
class Ownership:
    """The uploader's own ids in this browser, and whether it knows anybody else."""

    own: frozenset[str]
    shared: bool

    @classmethod
    def of(cls, user: Any, storage: dict[str, Any], suffixes: set[str], account_email: str) -> Ownership:
        """Reads the ids that a browser knows: its keys' suffixes, its sign-in records, and what the capture says of its user."""
        user = user if isinstance(user, dict) else {}
        said = read_id(user.get("legacy_id"))
        known = suffixes | ({said} if said else set())
        emails = set()
        for key, stored in storage.items():
            record = _sign_in(stored) if key.endswith("-auth") and len(key) > len("-auth") else None
            if record is None:
                continue
            identity = read_id(record.get("id"))
            if identity:
                known.add(identity)
            if isinstance(record.get("email"), str) and record["email"].strip():
                emails.add(record["email"].strip().lower())
        if said:
            own = frozenset({said})
        elif len(known) == 1 and emails <= _emails(user, account_email):
            own = frozenset(known)
        else:
            own = frozenset()
        return cls(own, bool(known - own))

    def problem_of(self, suffix: str | None) -> str:
        """The quarantine reason of what lies under a key with this suffix (None: none), or nothing."""
        if suffix is None:
            return "ambiguous_owner" if self.shared else ""
        return "" if suffix in self.own else "other_owner"


def _emails(user: dict[str, Any], account_email: str) -> set[str]:
    said = user.get("email")
    return {account_email.strip().lower(), said.strip().lower() if isinstance(said, str) else ""} - {""}


def _sign_in(stored: Any) -> dict[str, Any] | None:
    """The user of a readable sign-in record: `{"user": {"id": ...}}` or `{"id": ...}`."""
    if not isinstance(stored, str):
        return None
    try:
        record = decode(stored)
    except UnreadableError:
        return None
    if not isinstance(record, dict):
        return None
    user = record.get("user")
    return user if isinstance(user, dict) else record
