"""Which account a capture belongs to, and accounts for people who have none yet.

The e-mail address decides, ignoring case. The old application's id decides only where a capture has no e-mail address: two people must never
get each other's meals because one of two statements agrees. What contradicts itself waits, with a reason, for somebody to look at it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connections, models, transaction

from accounts.models import User
from audit.snapshots.capture import ELLIPSIS, REPLACEMENT


class WaitingReason(models.TextChoices):
    """Why a snapshot has no account (`storage_snapshots.waiting_reason`)."""

    NO_ACCOUNT = "no_account", "nobody has this e-mail address or id"
    CONFLICTING_IDENTITY = "conflicting_identity", "its e-mail address and its id belong to two different accounts"
    LEGACY_ID_TAKEN = "legacy_id_taken", "its id belongs to an account with another e-mail address"
    NO_EMAIL = "no_email", "no account can be made without an e-mail address"
    INVALID_EMAIL = "invalid_email", "no account can be made with this e-mail address"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a capture says it is from. A text that is no usable identity (cut, or with characters replaced) is as good as absent."""

    email: str
    username: str
    legacy_id: str

    @property
    def address(self) -> str:
        """The e-mail address in lower case, as accounts keep it; '' when there is none to look for."""
        return _usable(self.email).lower()

    @property
    def old_id(self) -> str:
        """The old application's id; '' when there is none to look for."""
        return _usable(self.legacy_id)


@dataclass(frozen=True, slots=True)
class Match:
    """The account, or why there is none."""

    user_id: UUID | None
    reason: str = ""


def match_accounts(*, claims: Sequence[Claim], create_users: bool, using: str = "default") -> tuple[list[Match], int]:
    """A match for each claim, in order, and the number of accounts made (only with `create_users`; in the order of the claims).

    Part of the caller's transaction. Accounts that others make at the same moment are found, not made twice.
    """
    matches = _find(claims, using)
    if not create_users:
        return matches, 0
    missing = [claim for claim, match in zip(claims, matches, strict=True) if match.reason == WaitingReason.NO_ACCOUNT]
    created = _create_accounts(missing, using) if missing else 0
    if created:
        matches = _find(claims, using)
    return [_why_not_created(claim, match) for claim, match in zip(claims, matches, strict=True)], created


def _usable(text: str) -> str:
    return "" if REPLACEMENT in text or text.endswith(ELLIPSIS) else text


_FIND = """
SELECT by_email.id, by_legacy_id.id
FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS claim (email, legacy_id, place)
LEFT JOIN users AS by_email ON lower(by_email.email) = lower(claim.email) AND claim.email <> ''
LEFT JOIN users AS by_legacy_id ON by_legacy_id.legacy_id = claim.legacy_id AND claim.legacy_id <> ''
ORDER BY claim.place
"""


def _find(claims: Sequence[Claim], using: str) -> list[Match]:
    with connections[using].cursor() as cursor:
        cursor.execute(_FIND, [[claim.address for claim in claims], [claim.old_id for claim in claims]])
        return [_decide(claim, *row) for claim, row in zip(claims, cursor.fetchall(), strict=True)]


def _decide(claim: Claim, by_email: UUID | None, by_legacy_id: UUID | None) -> Match:
    if by_email and by_legacy_id and by_email != by_legacy_id:
        return Match(None, WaitingReason.CONFLICTING_IDENTITY)
    if by_email:
        return Match(by_email)
    if by_legacy_id and claim.email:
        return Match(None, WaitingReason.LEGACY_ID_TAKEN)
    return Match(by_legacy_id) if by_legacy_id else Match(None, WaitingReason.NO_ACCOUNT)


def _why_not_created(claim: Claim, match: Match) -> Match:
    if match.reason != WaitingReason.NO_ACCOUNT:
        return match
    return Match(None, WaitingReason.INVALID_EMAIL if claim.email else WaitingReason.NO_EMAIL)


# --- New accounts ---------------------------------------------------------------------------------------------------------

_ATTEMPTS = 5
_LONGEST_USERNAME = 50
_NOT_IN_USERNAMES = re.compile(r"[^a-z0-9_]+")

# Loaders make accounts one after the other, so that none takes the user name that another has just found free.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('dynprot.create_accounts'))"

# All user names that begin with one of these and go on with a digit or '_'; '`' comes after '_'. Served by the pattern index.
_TAKEN = """
SELECT users.username FROM unnest(%s::text[]) AS base (name)
JOIN users ON users.username ~>=~ base.name AND users.username ~<~ (base.name || '`')
"""


def _create_accounts(claims: Sequence[Claim], using: str) -> int:
    """An account for each e-mail address among `claims`, which have none. The first claim of an address gives user name and old id."""
    wanted = {claim.address: claim for claim in reversed(claims) if _is_email(claim.address)}
    people = list(dict.fromkeys(wanted[claim.address] for claim in claims if claim.address in wanted))
    made = 0
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(_LOCK)
        for _ in range(_ATTEMPTS):
            if not people:
                break
            made += _insert(people, using)
            # Somebody may have registered with that address or user name in between: look again.
            found = _find(people, using)
            people = [
                claim for claim, match in zip(people, found, strict=True) if match.reason == WaitingReason.NO_ACCOUNT
            ]
    return made


def _insert(people: Sequence[Claim], using: str) -> int:
    bases = [base_username(claim) for claim in people]
    with connections[using].cursor() as cursor:
        cursor.execute(_TAKEN, [sorted(set(bases))])
        taken = {row[0] for row in cursor.fetchall()}
    users = [_account(claim, _free_username(base, taken)) for claim, base in zip(people, bases, strict=True)]
    # Of two people with one old id only the first gets in; the other is found to be LEGACY_ID_TAKEN afterwards.
    accounts = User.objects.using(using)
    accounts.bulk_create(users, ignore_conflicts=True)
    return accounts.filter(id__in=[user.id for user in users]).count()


def _account(claim: Claim, username: str) -> User:
    """Like the strategy's old users: verified and past the welcome, but without a password until one is set by e-mail."""
    return User(
        email=claim.address,
        username=username,
        password=make_password(None),
        legacy_id=claim.old_id or None,
        email_verified=True,
        has_completed_onboarding=True,
    )


def _is_email(address: str) -> bool:
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True


def base_username(claim: Claim) -> str:
    """The sign-up page's rule: letters, digits and '_' of the user name, else of the e-mail's local part; too short: `user_<6 digits>`."""
    for text in (claim.username, claim.address.rpartition("@")[0]):
        name = _NOT_IN_USERNAMES.sub("", text.lower())[:_LONGEST_USERNAME]
        if len(name) >= 3:
            return name
    return f"user_{zlib.crc32(claim.address.encode()) % 1_000_000:06d}"


def _free_username(base: str, taken: set[str]) -> str:
    """`base`, else `base_2`, `base_3`, ..., within the length that sign-up allows; what is given is taken from then on."""
    name = next(candidate for candidate in _candidates(base) if candidate not in taken)
    taken.add(name)
    return name


def _candidates(base: str) -> Iterator[str]:
    yield base
    for number in count(2):
        suffix = f"_{number}"
        yield base[: _LONGEST_USERNAME - len(suffix)] + suffix
