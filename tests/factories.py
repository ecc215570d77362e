"""Small rows for tests: each function saves one row, with the least that the database asks for and unique names.

Everything can be overridden by keyword with the model's own field names. Amounts are g and kcal, instants are aware.
"""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from accounts.models import User, UserProfile
from audit.models import MigrationRun, StorageSnapshot
from nutrition.models import FavoriteMeal, MealAnalysis, MealEntry

NOON = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
"""Noon in Paris on an ordinary winter Tuesday: the local day is the UTC day."""

_numbers = itertools.count(1)


def make_user(password: str | None = None, **fields: Any) -> User:
    """A person without a profile; without a password they cannot sign in."""
    number = next(_numbers)
    names = {"email": f"personne{number}@example.fr", "username": f"personne{number}", **fields}
    return User.objects.create_user(password=password, **names)


def make_profile(user: User | None = None, **fields: Any) -> UserProfile:
    """A profile (120 g, 2000 kcal, Europe/Paris unless told) of `user` or of a new person."""
    return UserProfile.objects.create(user=user or make_user(), **fields)


def make_meal(user: User, at: datetime = NOON, protein: Decimal | int | str = 20, **fields: Any) -> MealEntry:
    """A meal; its `local_date` is left to the database unless given."""
    values = {"description": "Poulet rôti", "meal_timestamp": at, "protein_grams": Decimal(protein), **fields}
    return MealEntry.objects.create(user=user, **values)


def make_favorite(user: User, name: str = "Yaourt grec", **fields: Any) -> FavoriteMeal:
    """A favourite of `user`; names are unique for a person ignoring case."""
    values = {"description": name, "protein_grams": Decimal(10), **fields}
    return FavoriteMeal.objects.create(user=user, name=name, **values)


def make_analysis(user: User, meal: MealEntry | None = None, **fields: Any) -> MealAnalysis:
    """What an analyzer made of `meal`, or of a text that never became one."""
    values = {"input_type": "text", "confidence_score": Decimal("0.8"), "confidence_level": "high", **fields}
    return MealAnalysis.objects.create(user=user, meal_entry=meal, **values)


def make_snapshot(user: User | None, payload: bytes | None = None, **fields: Any) -> StorageSnapshot:
    """A staged snapshot, waiting for migration; without a person it waits for an account."""
    content = payload if payload is not None else b'{"local_storage":{},"n":%d}' % next(_numbers)
    values = {
        "sha256": hashlib.sha256(content).digest(),
        "payload": content,
        "size_bytes": len(content),
        "status": "waiting" if user else "unclaimed",
        "captured_at": NOON,
        "timezone": "Europe/Paris",
        **fields,
    }
    return StorageSnapshot.objects.create(user=user, **values)


def make_run(**fields: Any) -> MigrationRun:
    """A run of its own scope, since only one run a scope may be active."""
    return MigrationRun.objects.create(**{"scope": f"test {next(_numbers)}", "batch_size": 100, **fields})
