"""The eleven diets, and the search of favourites by name on servers with and without pg_trgm."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.checks import INFO, run_checks
from django.core.management import call_command

from nutrition import checks
from nutrition.models import DietaryPreference
from tests.database import rows, run, value
from tests.factories import make_favorite, make_user

pytestmark = pytest.mark.django_db

COMMON = {"vegetarian", "vegan", "pescatarian", "keto", "gluten-free", "dairy-free"}
ALL_IDS = {checks.TRIGRAM_ID, checks.PLAIN_ID, checks.MISSING_ID}


def has_trigrams() -> bool:
    return bool(value("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"))


def said() -> list[str | None]:
    """The ids of what the check says now."""
    return [message.id for message in run_checks(databases=["default"]) if message.id in ALL_IDS]


def test_the_eleven_diets() -> None:
    diets = DietaryPreference.objects.all()
    assert diets.count() == 11
    assert {diet.name for diet in diets if diet.common} == COMMON
    assert all(diet.description for diet in diets)


def test_trigrams_are_used_wherever_the_server_has_them() -> None:
    available = bool(value("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'"))
    assert has_trigrams() == available


def test_the_search_index_has_the_form_that_the_server_can_do() -> None:
    ((definition,),) = rows("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [checks.SEARCH_INDEX])
    expected = (
        "USING gin (name gin_trgm_ops)" if has_trigrams() else "USING btree (lower((name)::text) text_pattern_ops)"
    )
    assert definition.endswith(expected)


def test_the_index_serves_its_search() -> None:
    make_favorite(make_user(), "Yaourt grec")
    run("SET LOCAL enable_seqscan = off")
    search = "name ILIKE '%%grec%%'" if has_trigrams() else "lower(name) LIKE 'yaourt%%'"
    plan = "\n".join(line for (line,) in rows(f"EXPLAIN SELECT 1 FROM favorite_meals WHERE {search}", []))  # noqa: S608
    assert checks.SEARCH_INDEX in plan


def test_the_check_says_which_form_is_in_use() -> None:
    assert said() == [checks.TRIGRAM_ID if has_trigrams() else checks.PLAIN_ID]
    errors = StringIO()
    call_command("check", databases=["default"], stdout=StringIO(), stderr=errors, fail_level="WARNING")
    assert INFO < 30  # so it lets every command go on


def test_the_check_knows_the_other_form_and_none() -> None:
    run(f"DROP INDEX {checks.SEARCH_INDEX}")
    assert said() == [checks.MISSING_ID]
    if has_trigrams():
        run(f"CREATE INDEX {checks.SEARCH_INDEX} ON favorite_meals (lower(name) text_pattern_ops)")
        assert said() == [checks.PLAIN_ID]
    else:
        run(f"CREATE INDEX {checks.SEARCH_INDEX} ON favorite_meals USING gin (to_tsvector('simple', name))")
        assert said() == [checks.TRIGRAM_ID]


def test_the_check_is_silent_before_the_first_migration_and_without_a_database() -> None:
    run("ALTER TABLE favorite_meals RENAME TO favorite_meals_away")
    assert said() == []
    assert [message for message in run_checks() if message.id in ALL_IDS] == []
