"""Staged browsers of one person, and what a run said of their items."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from accounts.models import User
from audit.models import MigrationOutcome, StorageSnapshot
from tests.captures import CAPTURED, LOADED, capture

M, F, P = "p-meals-U", "p-app-state-U", "p-user-profile-U"


def browser(
    user: User, storage: Mapping[str, Any], day: int = 0, zone: str = "Europe/Paris", **fields: Any
) -> StorageSnapshot:
    """A staged snapshot of `user`, so many days after the first."""
    moment = CAPTURED + timedelta(days=day)
    payload = capture(
        storage, email=user.email, timezone=zone, captured_at=moment.isoformat(), nonce=f"{user.pk}/{day}", **fields
    )
    return StorageSnapshot.objects.create(
        user=user,
        payload=payload,
        sha256=hashlib.sha256(payload).digest(),
        size_bytes=len(payload),
        captured_at=moment,
        loaded_at=LOADED + timedelta(days=day),
        timezone=zone,
        status="waiting",
    )


def fates(report: dict[str, Any]) -> dict[str, tuple[str, list[str]]]:
    """Path → (outcome, reasons) of the items of a run that have an outcome row."""
    found = MigrationOutcome.objects.filter(run_id=report["run"]).values_list("path", "outcome", "reasons")
    return {path: (outcome, reasons) for path, outcome, reasons in found}


def former(report: dict[str, Any]) -> Any:
    """The pre-image of the only item of a run that has an outcome row."""
    return MigrationOutcome.objects.get(run_id=report["run"]).before


def counts(report: dict[str, Any], kind: str) -> dict[str, int]:
    """What became of the items of a kind, without the zeros."""
    return {name: number for name, number in report["items"][kind].items() if number}
