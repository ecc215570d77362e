"""The laws over snapshots that come day by day. `DYNPROT_LAWS=1000` looks longer than the few examples of a daily run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.digest import content_digest
from audit.models import MigrationRun, StorageSnapshot
from tests.captures import app_state, capture, favorite
from tests.laws.checks import check_conservation, check_verified, law
from tests.laws.strategies import Browser, browsers
from tests.laws.world import empty, go, stage

pytestmark = pytest.mark.django_db(transaction=True)

FAVORITES = st.builds(
    favorite,
    id=st.sampled_from(["1", "2", "3", ...]),
    name=st.sampled_from(["Yaourt", "YAOURT", "yaourt (2)", "Yaourt (3)"]),
    description=st.sampled_from(["Nature", "Vanille"]),
    protein=st.just(10),
    useCount=st.sampled_from([4, 5]),
    createdAt=st.sampled_from(["2024-01-02T08:00:00.000Z", "2024-03-10", "hier", "", None, ..., ..., ...]),
    lastUsed=st.sampled_from(["2024-02-02T08:00:00.000Z", "2024-02-03T08:00:00.000Z", "hier", None, ..., ..., ...]),
)
"""Much the same ones, of which much is not said: copies, equal names, and instants that are only supposed."""


@st.composite
def favorites_day_by_day(draw: st.DrawFn) -> list[Browser]:
    """One person's browsers on three days, with nothing but favourites."""
    return [
        Browser(0, day, _of_favorites(draw(st.lists(FAVORITES, max_size=4)), day), "Europe/Paris") for day in range(3)
    ]


def _of_favorites(favorites: list[dict[str, Any]], day: int) -> bytes:
    state = app_state(meals=[], favoriteMeals=favorites)
    captured_at = f"2026-03-{10 + day:02d}T11:00:00Z"
    return capture(
        {"p-app-state-U": json.dumps(state)},
        email="person0@example.fr",
        legacy_id="U",
        captured_at=captured_at,
        nonce=str(day),
    )


@law(8)
@given(captures=browsers(people=2))
def test_one_by_one_as_they_come_or_all_at_once(captures: list[Browser]) -> None:
    day_by_day(captures)


@law(8)
@given(captures=favorites_day_by_day())
def test_favorites_day_by_day(captures: list[Browser]) -> None:
    """Numbers of equal names, and creations of which nothing was said, stay what they were; the second path agrees each time."""
    day_by_day(captures)
    digest = content_digest()
    again = go(again=True)
    check_verified(again)
    assert content_digest() == digest
    empty()
    stage(captures)
    check_verified(go())


def day_by_day(captures: list[Browser]) -> None:
    """Snapshots that are migrated on different days, in the order of their capture: law 1 each time, the second path agrees, no exception."""
    empty()
    stage(captures)
    for day in range(3):
        StorageSnapshot.objects.filter(captured_at__day=10 + day).exclude(last_run__isnull=False).update(
            status="waiting"
        )
        hidden = StorageSnapshot.objects.filter(captured_at__day__gt=10 + day)
        people = dict(hidden.values_list("id", "user_id"))
        hidden.update(status="unclaimed", user=None)
        report = go()
        check_conservation(report)
        check_verified(report)
        for snapshot, user in people.items():
            StorageSnapshot.objects.filter(id=snapshot).update(status="waiting", user=user)
    assert MigrationRun.objects.count() == 3
