"""A world of six dirty people, half imported, and what the rest of the import comes to when nobody is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from tests.faults.harness.fire import Fire


@pytest.fixture(scope="module")
def world_on_fire(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fire]:
    """Made once a module, since making it takes longer than a kill; afterwards the database is as new."""
    folder = tmp_path_factory.mktemp("fire")
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "MEDIA_ROOT", folder / "media")
        try:
            yield Fire(seed=1, folder=folder)
        finally:
            TransactionTestCase._fixture_teardown(TransactionTestCase())  # type: ignore[attr-defined]  # ours: a fresh copy of the template


@pytest.fixture
def fire(world_on_fire: Fire, tmp_path: Path) -> Fire:
    """The world as it was before the import under fire."""
    world_on_fire.relight(tmp_path)
    return world_on_fire
