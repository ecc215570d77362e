"""The summaries' SQL functions, the foreign keys' deletion rules, the eleven diets, and the search index of favourites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import migrations

from dynprot.foreign_keys import on_delete_rule

FUNCTIONS = (Path(__file__).parent / "sql" / "0002_daily_summaries.sql").read_text(encoding="utf-8")
DROP_FUNCTIONS = """
DROP FUNCTION update_daily_summary(uuid, date);
DROP FUNCTION refresh_daily_summaries(uuid[], date[]);
DROP FUNCTION computed_daily_summaries(uuid[], date, date);
DROP FUNCTION daily_summary_id(uuid, date);
"""

# Trigram search where the server has pg_trgm (and lets us create it), else a plain index that serves equality and prefixes.
SEARCH_INDEX = """
DO $do$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        BEGIN
            CREATE EXTENSION IF NOT EXISTS pg_trgm;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'pg_trgm is there but may not be created by this role; using a plain index';
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX idx_favorite_meals_name ON favorite_meals USING gin (name gin_trgm_ops);
    ELSE
        CREATE INDEX idx_favorite_meals_name ON favorite_meals (lower(name) text_pattern_ops);
    END IF;
END
$do$
"""

DIETS = (
    ("vegetarian", "Sans viande ni poisson", True),
    ("vegan", "Sans aucun produit animal", True),
    ("pescatarian", "Sans viande, avec du poisson", True),
    ("keto", "Très pauvre en glucides, riche en lipides", True),
    ("paleo", "Aliments non transformés, sans céréales ni laitages", False),
    ("gluten-free", "Sans gluten", True),
    ("dairy-free", "Sans produits laitiers", True),
    ("low-sodium", "Pauvre en sel", False),
    ("diabetic", "Adapté au diabète", False),
    ("halal", "Conforme aux règles halal", False),
    ("kosher", "Conforme aux règles casher", False),
)


def add_diets(apps: Any, schema_editor: Any) -> None:
    """Present names are left as they are."""
    table = apps.get_model("nutrition", "DietaryPreference")
    for name, description, common in DIETS:
        table.objects.get_or_create(name=name, defaults={"description": description, "common": common})


def rules() -> list[Any]:
    user_tables = ("meal_entries", "deleted_entries", "favorite_meals", "meal_analyses", "daily_summaries")
    return [
        *(on_delete_rule(table, "user_id", "users", "CASCADE") for table in user_tables),
        on_delete_rule("meal_analyses", "meal_entry_id", "meal_entries", "CASCADE"),
    ]


class Migration(migrations.Migration):
    dependencies = [("nutrition", "0001_initial"), ("accounts", "0002_rules")]

    operations = [
        migrations.RunSQL(FUNCTIONS, reverse_sql=DROP_FUNCTIONS),
        *rules(),
        migrations.RunSQL(SEARCH_INDEX, reverse_sql="DROP INDEX idx_favorite_meals_name"),
        migrations.RunPython(add_diets, migrations.RunPython.noop),
    ]
