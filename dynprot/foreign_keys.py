"""Foreign keys whose deletion rule is the database's.

Erasing a person is one `DELETE FROM users`: PostgreSQL cascades, whoever deletes (the app, support's SQL, the old back end). Django 5.2 can only
emulate that, row by row and in its own order; so models say `DATABASE_CASCADE` or `DATABASE_SET_NULL` (to Django: keep out), and a migration of the same
app puts the rule into the constraint with `on_delete_rule`. A test compares every such field with the catalogue.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.migrations.operations import RunSQL


def DATABASE_CASCADE(collector: Any, field: Any, sub_objs: Any, using: str) -> None:  # noqa: N802 - named like models.CASCADE
    """The database deletes the referencing rows."""


def DATABASE_SET_NULL(collector: Any, field: Any, sub_objs: Any, using: str) -> None:  # noqa: N802 - named like models.SET_NULL
    """The database empties the referencing column."""


RULES = {DATABASE_CASCADE: "CASCADE", DATABASE_SET_NULL: "SET NULL"}


def on_delete_rule(table: str, column: str, target: str, rule: str, target_column: str = "id") -> RunSQL:
    """Replaces the foreign key of `table.column`, whatever its name, by `<table>_<column>_fkey ... ON DELETE <rule>`."""

    def replace_by(clause: str) -> str:
        return f"""
DO $do$
DECLARE existing name;
BEGIN
    FOR existing IN
        SELECT conname FROM pg_constraint
        WHERE contype = 'f' AND conrelid = '{table}'::regclass AND conkey = ARRAY[(
            SELECT attnum FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attname = '{column}')]
    LOOP
        EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', existing);
    END LOOP;
    ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_fkey FOREIGN KEY ({column})
        REFERENCES {target} ({target_column}) {clause} DEFERRABLE INITIALLY DEFERRED;
END
$do$"""

    return RunSQL(replace_by(f"ON DELETE {rule}"), reverse_sql=replace_by(""))


def database_rule(field: models.Field[Any, Any]) -> str | None:
    """`CASCADE`, `SET NULL`, or None when deletion is Django's business."""
    rule: Any = getattr(field.remote_field, "on_delete", None)
    return RULES.get(rule)
