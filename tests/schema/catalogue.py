"""What PostgreSQL's catalogue says about the tables of this project's models."""

from __future__ import annotations

import re
from typing import NamedTuple

from django.apps import apps

from tests.database import rows
from tests.schema.published import Column

OUR_APPS = ("accounts", "nutrition", "exports", "audit")
SHORT_TYPES = {"timestamp with time zone": "timestamptz", "character varying": "varchar"}
FUNCTIONS = {"gen_random_uuid()": "uuid", "CURRENT_TIMESTAMP": "now"}


def our_tables() -> list[str]:
    """The tables of our models, those of many-to-many fields included."""
    models = [model for label in OUR_APPS for model in apps.get_app_config(label).get_models(include_auto_created=True)]
    return sorted({model._meta.db_table for model in models if not model._meta.proxy})


def live_columns(table: str) -> dict[str, Column]:
    """Column by name; defaults as bare text, `uuid` and `now` for the functions, `serial` for an identity."""
    found = rows(
        """
        SELECT attname, format_type(atttypid, atttypmod), attnotnull,
               CASE WHEN attidentity <> '' THEN 'serial' ELSE pg_get_expr(adbin, adrelid) END
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
        """,
        [table],
    )
    return {name: Column(_short(kind), strict, _bare(default)) for name, kind, strict, default in found}


def _short(kind: str) -> str:
    for long, short in SHORT_TYPES.items():
        kind = kind.replace(long, short)
    return kind


def _bare(default: str | None) -> str | None:
    if default is None:
        return None
    return FUNCTIONS.get(default, re.sub(r"^'(.*)'$", r"\1", re.sub(r"::[a-z ]+(\[\])?$", "", default)))


def checks(table: str) -> dict[str, str]:
    """The table's CHECK constraints: name and definition. (PostgreSQL 18 lists NOT NULL as constraints too; not here.)"""
    found = rows(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid = %s::regclass",
        [table],
    )
    return {str(name): str(definition) for name, definition in found}


class Index(NamedTuple):
    """An index; `keys` are columns or expressions in order, `order` their direction and place of NULLs as text."""

    table: str
    name: str
    method: str
    unique: bool
    keys: tuple[str, ...]
    order: tuple[str, ...]
    predicate: str | None

    @property
    def columns(self) -> str:
        """`user_id, meal_timestamp DESC`."""
        return ", ".join(f"{key} {order}".strip() for key, order in zip(self.keys, self.order, strict=True))


def indexes() -> list[Index]:
    """Every index of our tables, those of constraints and primary keys included."""
    found = rows(
        """
        SELECT tables.relname, names.relname, amname, indisunique,
               ARRAY(SELECT pg_get_indexdef(indexrelid, number, false) FROM generate_series(1, indnkeyatts) AS number),
               string_to_array(indoption::text, ' ')::int[], pg_get_expr(indpred, indrelid)
        FROM pg_index
        JOIN pg_class AS tables ON tables.oid = indrelid
        JOIN pg_class AS names ON names.oid = indexrelid
        JOIN pg_am ON pg_am.oid = names.relam
        WHERE tables.relname = ANY (%s) AND tables.relnamespace = 'public'::regnamespace
        """,
        [our_tables()],
    )
    orders = {0: "", 1: "DESC NULLS LAST", 2: "NULLS FIRST", 3: "DESC"}
    return [
        Index(table, name, method, unique, tuple(keys), tuple(orders[option] for option in options), predicate)
        for table, name, method, unique, keys, options, predicate in found
    ]


class ForeignKey(NamedTuple):
    """A foreign key of one column. `on_delete` is `CASCADE`, `SET NULL`, or None for NO ACTION."""

    table: str
    column: str
    on_delete: str | None


def foreign_keys() -> list[ForeignKey]:
    """Every foreign key of our tables."""
    found = rows(
        """
        SELECT relname, attname, confdeltype::text
        FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
        JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
        WHERE contype = 'f' AND relname = ANY (%s)
        """,
        [our_tables()],
    )
    rules = {"c": "CASCADE", "n": "SET NULL", "a": None}
    return [ForeignKey(table, column, rules[rule]) for table, column, rule in found]
