"""Ways in which a migration can be wrong, one statement each: meals, favourites, profiles and goals."""

# ruff: noqa: S608 - the statements are made of this file's own constants
from __future__ import annotations

from dataclasses import dataclass

CHICKEN = "description = 'Poulet rôti'"
YOGHURT = "description = 'Yaourt'"


@dataclass(frozen=True)
class Corruption:
    """One statement, and the kind and field of a difference that it must bring."""

    name: str
    kind: str
    field: str
    statement: str


def _meal(field: str, value: str, where: str = CHICKEN, *, named: str | None = None) -> Corruption:
    return Corruption(
        f"meal.{field} {value}", "meal", named or field, f"UPDATE meal_entries SET {field} = {value} WHERE {where}"
    )


def _row(table: str, kind: str, field: str, value: str) -> Corruption:
    where = "WHERE daily_protein_goal = 140" if table == "user_profiles" else ""
    return Corruption(f"{kind}.{field} {value}", kind, field, f"UPDATE {table} SET {field} = {value} {where}")


MEALS = [
    _meal("description", "'Poulet roti'"),
    _meal("description", "'Poulet rôti '"),
    _meal("description", "'Tarte flan'", "description LIKE 'Tarte%'"),
    _meal("meal_timestamp", "meal_timestamp + interval '1 microsecond'"),
    _meal("created_at", "created_at + interval '1 hour'"),
    _meal("local_date", "local_date + 1"),
    _meal("local_date", "'2026-01-31'", "description = 'Kumara'"),
    _meal("protein_grams", "31.51"),
    _meal("protein_grams", "6.00", "description LIKE 'Tarte%'"),
    _meal("calories", "451"),
    _meal("calories", "0", YOGHURT),
    _meal("carbs_grams", "NULL"),
    _meal("fat_grams", "12.26"),
    _meal("fiber_grams", "2.01"),
    _meal("source_type", "'voice'"),
    _meal("ai_estimated", "true"),
    _meal("photo_url", "'https://images.example.fr/2.jpg'"),
    _meal("photo_data", "'aGVsbG8='"),
    _meal("photo_file", "NULL", "description = 'Kumara'"),
    _meal("photo_file", "'meals/other.jpg'"),
    _meal("tags", "'{midi}'"),
    _meal("tags", "'{\"à table\",midi}'"),
    _meal("meal_type", "'lunch'"),
    _meal("meal_time_category", "'evening'"),
    _meal("legacy_id", "'1767261600001'"),
    _meal("import_snapshot_id", "import_snapshot_id + 1000"),
    Corruption("swap two people's meals", "meal", "row", """
        UPDATE meal_entries SET user_id = other.user_id FROM (
            SELECT DISTINCT ON (user_id) id, user_id FROM meal_entries ORDER BY user_id, description) AS other
        WHERE other.user_id <> meal_entries.user_id AND meal_entries.description IN ('Yaourt', 'Kumara')"""),
    Corruption("swap two meals' amounts", "meal", "protein_grams", """
        UPDATE meal_entries SET protein_grams = 44 - protein_grams WHERE description IN ('Poulet rôti', 'Yaourt')"""),
    Corruption("drop a meal", "meal", "row", f"DELETE FROM meal_entries WHERE {CHICKEN}"),
    Corruption("drop a meal without outcome rows", "meal", "row", "DELETE FROM meal_entries WHERE description = 'Kumara'"),
    Corruption("double a meal", "meal", "row", f"""
        INSERT INTO meal_entries SELECT (jsonb_populate_record(meal_entries, '{{"id": "00000000-0000-4000-8000-000000000001"}}')).*
        FROM meal_entries WHERE {YOGHURT}"""),
    Corruption("double one meal and drop another", "meal", "row", f"""
        WITH gone AS (DELETE FROM meal_entries WHERE {CHICKEN})
        INSERT INTO meal_entries SELECT (jsonb_populate_record(meal_entries, '{{"id": "00000000-0000-4000-8000-000000000001"}}')).*
        FROM meal_entries WHERE {YOGHURT}"""),
    Corruption("a meal that nobody had", "meal", "row", """
        INSERT INTO meal_entries (id, user_id, description, meal_timestamp, local_date, protein_grams, import_run_id, imported_at, updated_at)
        SELECT '00000000-0000-4000-8000-000000000001', user_id, 'Mirage', meal_timestamp, local_date, 1, import_run_id, imported_at, updated_at
        FROM meal_entries WHERE description = 'Kumara'"""),
    Corruption("a meal of somebody that the run did not take", "meal", "row", """
        WITH stranger AS (INSERT INTO users (email, username, password_hash) VALUES ('c@example.fr', 'c', '!') RETURNING id)
        INSERT INTO meal_entries (user_id, description, meal_timestamp, local_date, protein_grams, import_run_id, imported_at, updated_at)
        SELECT stranger.id, 'Mirage', meal_timestamp, local_date, 1, import_run_id, imported_at, updated_at
        FROM meal_entries, stranger WHERE description = 'Kumara'"""),
]  # fmt: skip

PLAIN = "description = 'Lentilles'"
MEALS += [
    _meal("description", "'Lentille'", PLAIN),
    _meal("meal_timestamp", "meal_timestamp - interval '1 millisecond'", PLAIN),
    _meal("created_at", "now()", PLAIN),
    _meal("local_date", "local_date - 1", PLAIN),
    _meal("protein_grams", "18.01", PLAIN),
    _meal("calories", "NULL", PLAIN),
    _meal("carbs_grams", "0", PLAIN),
    _meal("source_type", "'manual'", PLAIN),
    _meal("ai_estimated", "false", PLAIN),
    _meal("tags", "NULL", PLAIN),
    _meal("meal_time_category", "'other'", PLAIN),
    _meal("photo_file", "'meals/x.jpg'", PLAIN),
    _meal("legacy_id", "NULL", PLAIN),
    _meal("import_snapshot_id", "1", PLAIN),
    _meal("import_run_id", "import_run_id - 1", PLAIN, named="tally.created"),
    _meal("imported_at", "NULL", PLAIN, named="outcome"),
    Corruption("drop a plain meal", "meal", "row", f"DELETE FROM meal_entries WHERE {PLAIN}"),
    Corruption("double a plain meal", "meal", "row", f"""
        INSERT INTO meal_entries SELECT (jsonb_populate_record(meal_entries, '{{"id": "00000000-0000-4000-8000-000000000001"}}')).*
        FROM meal_entries WHERE {PLAIN}"""),
    Corruption("swap two plain meals", "meal", "meal_timestamp", """
        UPDATE meal_entries SET meal_timestamp = '2026-01-02 12:00:00Z'::timestamptz + ('2026-01-02 15:00:00Z' - meal_timestamp)
        WHERE description IN ('Lentilles', 'Figues')"""),
    Corruption("an outcome row for a plain meal", "meal", "outcome", """
        INSERT INTO migration_outcomes (run_id, snapshot_id, user_id, kind, path, outcome, reasons, raw, changes)
        SELECT run_id, snapshot_id, user_id, kind, replace(path, '[2]', '[0]'), 'quarantined', '{missing_protein}', '', '[]'
        FROM migration_outcomes WHERE path LIKE '%chloe5.meals[2]'"""),
]  # fmt: skip

FAVORITES = [
    _row("favorite_meals", "favorite", "name", "'Poulet rôti (2)'"),
    _row("favorite_meals", "favorite", "description", "'Poulet'"),
    _row("favorite_meals", "favorite", "protein_grams", "30.01"),
    _row("favorite_meals", "favorite", "calories", "NULL"),
    _row("favorite_meals", "favorite", "carbs_grams", "0"),
    _row("favorite_meals", "favorite", "fat_grams", "1"),
    _row("favorite_meals", "favorite", "use_count", "5"),
    _row("favorite_meals", "favorite", "last_used_at", "last_used_at + interval '1 day'"),
    _row("favorite_meals", "favorite", "created_at", "last_used_at"),
    _row("favorite_meals", "favorite", "tags", "'{midi}'"),
    _row("favorite_meals", "favorite", "photo_url", "'https://images.example.fr/1.jpg'"),
    _row("favorite_meals", "favorite", "legacy_id", "NULL"),
    Corruption("drop a favourite", "favorite", "row", "DELETE FROM favorite_meals"),
]

PROFILES = [
    _row("user_profiles", "profile", "weight_kg", "72.51"),
    _row("user_profiles", "profile", "height_cm", "176"),
    _row("user_profiles", "profile", "age", "30"),
    _row("user_profiles", "profile", "gender", "'other'"),
    _row("user_profiles", "profile", "body_fat_percentage", "20"),
    _row("user_profiles", "profile", "daily_protein_goal", "141"),
    _row("user_profiles", "profile", "daily_calorie_goal", "NULL"),
    _row("user_profiles", "profile", "activity_level", "'moderate'"),
    _row("user_profiles", "profile", "fitness_goal", "'bulk'"),
    _row("user_profiles", "profile", "training_days_per_week", "4"),
    _row("user_profiles", "profile", "preferred_units", "'imperial'"),
    _row("user_profiles", "profile", "diet_preferences", "'{keto}'"),
    _row("user_profiles", "profile", "timezone", "'Europe/Brussels'"),
    _row("user_profiles", "profile", "imported_defaults", "'{}'"),
    *(
        _row("user_profiles", "preferences", flag, f"NOT {flag}")
        for flag in (
            "dark_mode", "notifications_enabled", "share_data", "allow_analytics", "reduced_motion", "high_contrast", "large_text"
        )
    ),
    Corruption("drop a profile", "profile", "row", "DELETE FROM user_profiles WHERE timezone = 'Pacific/Auckland'"),
    Corruption("the name forgotten", "profile", "first_name", "UPDATE users SET first_name = NULL, last_name = ''"),
    Corruption("a goal", "profile", "goal_history", "UPDATE goal_history SET daily_protein_goal = 131 WHERE daily_protein_goal = 130"),
    Corruption("a goal's day", "profile", "goal_history", "UPDATE goal_history SET effective_from = '2026-02-01' WHERE daily_protein_goal = 140"),
    Corruption("a goal missing", "profile", "goal_history", "DELETE FROM goal_history WHERE daily_protein_goal = 140"),
    Corruption("a goal too many", "profile", "goal_history", """
        INSERT INTO goal_history (user_id, effective_from, daily_protein_goal, source, import_run_id)
        SELECT user_id, '2026-02-20', 90, 'import', import_run_id FROM goal_history LIMIT 1"""),
]  # fmt: skip
