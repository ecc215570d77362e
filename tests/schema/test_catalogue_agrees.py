"""The database agrees with the models, and no index is there for nothing."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path

import pgtrigger
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import models

from dynprot.foreign_keys import database_rule
from tests.database import rows
from tests.schema import catalogue

pytestmark = pytest.mark.django_db

INSTALLED = "INSTALLED"
SQL_FILE = Path(settings.BASE_DIR) / "nutrition" / "migrations" / "sql" / "0002_daily_summaries.sql"

# Tables that Django makes for a person's rights: its own rule is CASCADE by Python, ours is the database's.
DATABASE_CASCADES_OF_DJANGO = {("users_groups", "user_id"), ("users_user_permissions", "user_id")}


def _models() -> list[type[models.Model]]:
    return [
        model
        for label in catalogue.OUR_APPS
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
    ]


def test_models_and_migrations_say_the_same() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_no_index_is_a_prefix_of_another_or_repeats_a_unique() -> None:
    superfluous = [
        f"{one.name} ({', '.join(one.keys)}) is the beginning of {other.name} ({', '.join(other.keys)})"
        for one, other in permutations(catalogue.indexes(), 2)
        if one.table == other.table
        and one.method == other.method == "btree"
        and one.predicate == other.predicate
        and other.keys[: len(one.keys)] == one.keys
        and not (
            one.unique and len(one.keys) < len(other.keys)
        )  # a unique is a rule; it cannot be left to a longer index
    ]
    assert superfluous == []


def test_every_foreign_key_has_an_index_that_begins_with_its_column() -> None:
    # An index on the rows in which the key is not NULL serves as well: those are the ones that a deletion looks for.
    served = {
        (index.table, index.keys[0])
        for index in catalogue.indexes()
        if index.predicate in {None, f"({index.keys[0]} IS NOT NULL)"}
    }
    assert [key for key in catalogue.foreign_keys() if (key.table, key.column) not in served] == []


def test_deletion_rules_of_the_database_are_the_models() -> None:
    live = {(key.table, key.column): key.on_delete for key in catalogue.foreign_keys()}
    expected = {
        (model._meta.db_table, field.column): database_rule(field)
        for model in _models()
        if not model._meta.proxy
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
    }
    assert live == expected | dict.fromkeys(DATABASE_CASCADES_OF_DJANGO, "CASCADE")


def test_everything_of_a_person_goes_or_is_emptied_with_one_delete() -> None:
    """No table that points at users may stop `DELETE FROM users`, Django's own included."""
    stops = rows(
        "SELECT conrelid::regclass::text FROM pg_constraint WHERE confrelid = 'users'::regclass AND confdeltype = 'a'"
    )
    assert stops == []


def test_every_choice_column_has_a_check() -> None:
    unchecked = []
    for model in _models():
        for field in model._meta.concrete_fields:
            if field.choices and isinstance(field, models.CharField) and not model._meta.proxy:
                values = {str(value) for value, _ in field.flatchoices}
                defined = catalogue.checks(model._meta.db_table).values()
                lists = [
                    set(re.findall(r"'(\w+)'", text)) for text in defined if f"(({field.column})::text = ANY" in text
                ]
                if values not in lists:
                    unchecked.append((model._meta.db_table, field.column, lists))
    assert unchecked == []


def test_every_trigger_is_installed_and_switched_on() -> None:
    found = [
        (model._meta.db_table, trigger.name, *trigger.get_installation_status(model))
        for model, trigger in pgtrigger.registered()
    ]
    assert len(found) > 15
    assert [entry for entry in found if entry[2:] != (INSTALLED, True)] == []


def test_no_trigger_is_there_that_no_model_declares() -> None:
    declared = {(model._meta.db_table, trigger.get_pgid(model)) for model, trigger in pgtrigger.registered()}
    live = rows(
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text = ANY (%s)",
        [catalogue.our_tables()],
    )
    assert set(live) == declared


def test_sql_functions_are_those_of_the_file() -> None:
    text = SQL_FILE.read_text(encoding="utf-8")
    in_file = dict(re.findall(r"CREATE FUNCTION (\w+)\(.*?AS \$\$(.*?)\$\$;", text, flags=re.DOTALL))
    live = rows(
        """
        SELECT proname, prosrc FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND position('pgtrigger_' IN proname) = 0
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
        """
    )
    assert dict(live) == in_file
    assert set(in_file) >= {"update_daily_summary", "refresh_daily_summaries", "computed_daily_summaries"}
