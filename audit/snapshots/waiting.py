"""Snapshots that wait for an account, and their second chance at every load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connections, transaction
from django.db.models import Count

from audit.models import SnapshotStatus, StorageSnapshot
from audit.snapshots.accounts import Claim, match_accounts

SNAPSHOTS_A_CHUNK = 500
EXAMPLES = 10

_CLAIM = """
UPDATE storage_snapshots AS snapshot
SET user_id = found.user_id, waiting_reason = found.reason,
    status = CASE WHEN found.user_id IS NULL THEN 'unclaimed' ELSE 'waiting' END
FROM unnest(%s::bigint[], %s::uuid[], %s::text[]) AS found (id, user_id, reason)
WHERE snapshot.id = found.id AND snapshot.status = 'unclaimed'
  AND (found.user_id IS NOT NULL OR snapshot.waiting_reason <> found.reason)
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What `claim_waiting` did."""

    snapshots: int
    users_created: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Snapshots without an account for one reason; `examples` are the first e-mail addresses, or ids where there is none."""

    reason: str
    snapshots: int
    examples: tuple[str, ...]


def claim_waiting(*, create_users: bool = False, using: str = "default") -> Claimed:
    """Matches the snapshots without account again: one may exist by now, and with `create_users` it is made. Each chunk is a transaction."""
    claimed = created = last_id = 0
    waiting = StorageSnapshot.objects.using(using).filter(status=SnapshotStatus.UNCLAIMED).order_by("id")
    columns = ("id", "claimed_email", "claimed_username", "claimed_legacy_id")
    while chunk := list(waiting.filter(id__gt=last_id).values_list(*columns)[:SNAPSHOTS_A_CHUNK]):
        last_id = chunk[-1][0]
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            matches, made = match_accounts(
                claims=[Claim(*row[1:]) for row in chunk], create_users=create_users, using=using
            )
            users, reasons = [match.user_id for match in matches], [str(match.reason) for match in matches]
            cursor.execute(_CLAIM, [[row[0] for row in chunk], users, reasons])
            created += made
            claimed += sum(user is not None for user in users)
    return Claimed(claimed, created)


def waiting_snapshots(*, using: str = "default") -> list[Waiting]:
    """All snapshots without account by reason, most frequent first."""
    snapshots = StorageSnapshot.objects.using(using).filter(status=SnapshotStatus.UNCLAIMED)
    counts = snapshots.values_list("waiting_reason").annotate(number=Count("id")).order_by("-number", "waiting_reason")
    return [Waiting(reason, number, tuple(_examples(reason, using))) for reason, number in counts]


def _examples(reason: str, using: str) -> Iterator[str]:
    first = (
        StorageSnapshot.objects.using(using)
        .filter(status=SnapshotStatus.UNCLAIMED, waiting_reason=reason)
        .order_by("id")
    )
    for email, legacy_id in first.values_list("claimed_email", "claimed_legacy_id")[:EXAMPLES]:
        yield email or legacy_id
