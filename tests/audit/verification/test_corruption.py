"""The verifier's own test: a right migration passes, and any one thing changed in it fails with a difference that names it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from audit.runs.verification import Verdict, people, verify_run
from audit.runs.verification.plain import plain_meal
from tests import database
from tests.audit.verification.corruptions import FAVORITES, MEALS, PROFILES, Corruption
from tests.audit.verification.corruptions_of_records import OUTCOMES, SUMMARIES, TALLIES
from tests.audit.verification.world import World, make_world, picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def found(verdict: Verdict) -> set[tuple[str, str]]:
    return {(difference.kind, difference.field) for difference in verdict.differences}


def test_a_right_migration_passes(world: World) -> None:
    verdict = verify_run(world.run)
    assert verdict.differences == []
    assert (verdict.verdict, verdict.found) == ("passed", 0)
    items, tallies, days = 11 + 2 + 2 + 3, 4 * 4, 3
    assert verdict.compared == items + tallies + days
    assert (verdict.edited, verdict.deleted, verdict.later) == (0, 0, 0)


ALL = [*MEALS, *FAVORITES, *PROFILES, *OUTCOMES, *TALLIES, *SUMMARIES]


@pytest.mark.parametrize("corruption", ALL, ids=[corruption.name for corruption in ALL])
def test_each_corruption_is_named(world: World, corruption: Corruption) -> None:
    assert database.run(corruption.statement) > 0, "the statement changed nothing"
    verdict = verify_run(world.run)
    assert verdict.verdict == "failed"
    assert (corruption.kind, corruption.field) in found(verdict)


def test_another_picture_in_the_file(world: World) -> None:
    name = world.meals["kumara"].photo_file
    assert name
    for content, problem in (
        (None, "the file is not in the media storage"),
        (b"no picture", "the file is not a picture"),
        (picture()[:-40], "the file is not a picture"),
    ):
        default_storage.delete(name)
        if content is not None:
            default_storage.save(name, ContentFile(content))
        verdict = verify_run(world.run)
        assert [difference.problem for difference in verdict.differences] == [problem]


def test_a_right_migration_of_one_person_does_not_hide_anothers_fault(world: World) -> None:
    database.run("UPDATE meal_entries SET protein_grams = 5 WHERE description = 'Kumara'")
    verdict = verify_run(world.run)
    assert {difference.user for difference in verdict.differences} == {world.bob.pk}
    meal = next(difference for difference in verdict.differences if difference.kind == "meal")
    assert meal.snapshot == world.snapshots["bob"].pk
    assert (meal.path, meal.field, meal.expected, meal.actual) == (
        "dynprot-app-state-bob9.meals[0]", "protein_grams", "4.00", "5.00",
    )  # fmt: skip


def test_the_short_way_says_the_same_as_the_long_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    short = verify_run(world.run)
    taken: list[str | None] = []

    def counted(*arguments: Any) -> str | None:
        taken.append(plain_meal(*arguments))
        return taken[-1]

    monkeypatch.setattr(people, "plain_meal", counted)
    verify_run(world.run)
    assert [line is not None for line in taken] == [False, False, True, True, False]  # Bob's two, Chloé's three
    monkeypatch.setattr(people, "plain_meal", lambda *arguments: None)
    assert replace(verify_run(world.run), seconds=0) == replace(short, seconds=0)
