"""The schema that reports, support's SQL and the old back end know is there, column by column (schema.md section 1)."""

from __future__ import annotations

import re

import pytest

from tests.database import rows
from tests.schema import catalogue, published

pytestmark = pytest.mark.django_db

TABLES = sorted(published.COLUMNS)


@pytest.mark.parametrize("table", TABLES)
def test_published_columns_are_there(table: str) -> None:
    live = catalogue.live_columns(table)
    expected = published.columns(table)
    assert {name: live.get(name) for name in expected} == expected


@pytest.mark.parametrize("table", TABLES)
def test_nothing_was_added_but_what_section_2_asks_for(table: str) -> None:
    added = set(catalogue.live_columns(table)) - set(published.columns(table))
    assert added == set(published.ADDED_COLUMNS.get(table, "").split())


def test_replaced_tables_are_gone() -> None:
    assert rows("SELECT relname FROM pg_class WHERE relname = ANY (%s)", [sorted(published.REPLACED_TABLES)]) == []


@pytest.mark.parametrize("column", sorted(published.CHOICES))
def test_choices_are_checked(column: str) -> None:
    table, _, name = column.partition(".")
    lists = [
        set(re.findall(r"'(\w+)'", text))
        for text in catalogue.checks(table).values()
        if f"(({name})::text = ANY" in text
    ]
    assert lists == [set(published.CHOICES[column].split())]


@pytest.mark.parametrize("table", sorted(published.NOT_NEGATIVE))
def test_amounts_are_not_negative(table: str) -> None:
    definitions = catalogue.checks(table).values()
    floors = {
        match[1]
        for text in definitions
        if (match := re.fullmatch(r"CHECK \(\((\w+) >= \(?0\)?(?:::numeric)?\)\)", text))
    }
    assert floors >= set(published.NOT_NEGATIVE[table].split())


@pytest.mark.parametrize("column", sorted(published.RANGES))
def test_ranges_are_checked(column: str) -> None:
    table, _, name = column.partition(".")
    numbers = [
        re.findall(rf"{name} [<>]= \(?(\d+)", text)
        for text in catalogue.checks(table).values()
        if f"({name} >= " in text
    ]
    assert numbers == [[str(limit) for limit in published.RANGES[column]]]


def test_named_checks_keep_their_names() -> None:
    present = {(table, name) for table, _ in published.NAMED_CHECKS for name in catalogue.checks(table)}
    assert present >= published.NAMED_CHECKS


def test_uniques() -> None:
    whole = {
        (index.table, ", ".join(index.keys))
        for index in catalogue.indexes()
        if index.unique and index.predicate is None
    }
    assert whole >= published.UNIQUES


def test_essential_indexes_bear_their_names() -> None:
    live = {index.name: (index.table, index.columns) for index in catalogue.indexes()}
    assert {name: live.get(name) for name in published.ESSENTIAL_INDEXES} == published.ESSENTIAL_INDEXES


def test_each_published_index_has_a_successor_or_a_reason() -> None:
    live = {(index.table, index.name) for index in catalogue.indexes()}
    for (table, columns), successor in published.PUBLISHED_INDEXES.items():
        assert successor.startswith("no query") or (table, successor) in live, (table, columns, successor)


@pytest.mark.parametrize("table", published.UPDATED_AT)
def test_updated_at_triggers_bear_their_names(table: str) -> None:
    names = [
        name
        for (name,) in rows("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table])
    ]
    assert [name for name in names if f"trigger_{table}_updated_at" in name]


def test_the_published_function_is_there() -> None:
    assert rows("SELECT pg_get_function_identity_arguments('update_daily_summary(uuid, date)'::regprocedure)") == [
        ("p_user_id uuid, p_date date",)
    ]
