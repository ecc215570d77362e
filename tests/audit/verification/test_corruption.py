"""The verifier's own test: a right migration passes, and any one thing changed in it fails with a difference that names it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from audit.runs.verification import Verdict, items, reading, verify_run
from audit.runs.verification.plain import PlainLines, lines_of_decoded, lines_of_written
from tests import database
from tests.audit.verification.browsers import CHLOE_STATE
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


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("legacy_id", "'1'"),
        ("description", "'Figue'"),
        ("description", "E'Figues\\t18.00'"),
        ("description", "E'Figues\\n'"),
        ("meal_timestamp", "meal_timestamp + interval '1 microsecond'"),
        ("protein_grams", "18.01"),
        ("calories", "321"),
        ("calories", "NULL"),
        ("carbs_grams", "0"),
        ("fat_grams", "0.01"),
        ("fiber_grams", "1"),
        ("source_type", "'manual'"),
        ("ai_estimated", "false"),
        ("photo_url", "'https://example.fr'"),
        ("photo_data", "'x'"),
        ("tags", "'{midi,soir}'"),
        ("local_date", "local_date + 1"),
        ("meal_time_category", "'night'"),
        ("created_at", "created_at + interval '1 microsecond'"),
        ("meal_type", "'snack'"),
        ("photo_file", "'meals/x.jpg'"),
        ("import_snapshot_id", "(SELECT min(id) FROM storage_snapshots)"),
    ],
)
def test_no_column_of_a_plain_meal_escapes(world: World, column: str, value: str) -> None:
    """Meals that are compared by the text of a whole row, and a row whose text would not be one line if it were not escaped."""
    assert database.run(f"UPDATE meal_entries SET {column} = {value} WHERE description = 'Figues'") == 1  # noqa: S608
    named = {(difference.field, difference.path) for difference in verify_run(world.run).differences}
    assert (column, f"{CHLOE_STATE}.meals[1]") in named


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


def test_the_short_ways_say_the_same_as_the_long_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    short = verify_run(world.run)
    plain: dict[str, list[list[bool]]] = {"written": [], "decoded": []}

    def counted(kind: str, lines_of: Callable[..., PlainLines]) -> Callable[..., PlainLines]:
        def count(*arguments: Any) -> PlainLines:
            lines = lines_of(*arguments)
            plain[kind].append([line is not None for line in lines.lines])
            return lines

        return count

    monkeypatch.setattr(items, "lines_of_written", counted("written", lines_of_written))
    monkeypatch.setattr(items, "lines_of_decoded", counted("decoded", lines_of_decoded))
    verify_run(world.run)
    assert plain == {"written": [[True, True, False]], "decoded": [[False, False]]}  # Chloé's three, Bob's two
    monkeypatch.setattr(reading, "written_meals", lambda *arguments: None)
    assert replace(verify_run(world.run), seconds=0) == replace(short, seconds=0)
    assert plain["decoded"][-1] == [True, True, False]
    monkeypatch.setattr(items, "lines_of_decoded", lambda meals, *arguments: PlainLines(lines=[None] * len(meals)))
    assert replace(verify_run(world.run), seconds=0) == replace(short, seconds=0)
