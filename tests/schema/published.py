"""The published schema (schema.md section 1) as a table, and where ours differs on purpose.

A column: name, type, `!` when NOT NULL, `= default`. `uuid` and `now` stand for any function that gives them.
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A column as the catalogue tells it, functions aside."""

    type: str
    not_null: bool
    default: str | None


_ID = "id uuid ! = uuid\n"
_TIMES = "created_at timestamptz = now\nupdated_at timestamptz = now\n"
_PERSON = _ID + "user_id uuid !\n"

COLUMNS = {
    "users": _ID
    + _TIMES
    + """
        email varchar(255) !
        username varchar(100) !
        password_hash varchar(255) !
        first_name varchar(100)
        last_name varchar(100)
        avatar_url text
        email_verified boolean = false
        has_completed_onboarding boolean = false
        is_active boolean = true
        last_login_at timestamptz
        last_analytics_viewed timestamptz
    """,
    "user_profiles": _PERSON
    + _TIMES
    + """
        weight_kg numeric(5,2)
        height_cm integer
        age integer
        gender varchar(20)
        body_fat_percentage numeric(4,1)
        daily_protein_goal integer ! = 120
        daily_calorie_goal integer = 2000
        activity_level varchar(20) ! = moderate
        fitness_goal varchar(50) = maintain
        training_days_per_week integer = 3
        preferred_units varchar(10) = metric
        diet_preferences text[]
        dark_mode boolean = false
        notifications_enabled boolean = true
        share_data boolean = false
        allow_analytics boolean = true
        reduced_motion boolean = false
        high_contrast boolean = false
        large_text boolean = false
    """,
    "meal_entries": _PERSON
    + _TIMES
    + """
        description text !
        meal_timestamp timestamptz !
        protein_grams numeric(6,2) !
        calories integer
        carbs_grams numeric(6,2)
        fat_grams numeric(6,2)
        fiber_grams numeric(5,2)
        source_type varchar(20) = manual
        ai_estimated boolean = false
        photo_url text
        photo_data text
        tags text[]
        meal_type varchar(20)
        meal_time_category varchar(20) = other
    """,
    "favorite_meals": _PERSON
    + _TIMES
    + """
        name varchar(200) !
        description text !
        protein_grams numeric(6,2) !
        calories integer
        carbs_grams numeric(6,2)
        fat_grams numeric(6,2)
        use_count integer = 0
        last_used_at timestamptz = now
        tags text[]
        photo_url text
    """,
    "meal_analyses": _PERSON
    + """
        meal_entry_id uuid
        input_text text
        input_type varchar(20) !
        detected_foods text[] !
        confidence_score numeric(3,2) !
        confidence_level varchar(20) !
        estimated_protein numeric(6,2)
        estimated_calories integer
        estimated_completeness numeric(3,2)
        suggestions text[]
        breakdown jsonb
        processing_time_ms integer
        ai_model_version varchar(50)
        created_at timestamptz = now
    """,
    "daily_summaries": _PERSON
    + _TIMES
    + """
        summary_date date !
        total_protein numeric(8,2) = 0
        total_calories integer = 0
        total_carbs numeric(8,2) = 0
        total_fat numeric(8,2) = 0
        total_fiber numeric(6,2) = 0
        total_meals integer = 0
        morning_meals integer = 0
        afternoon_meals integer = 0
        evening_meals integer = 0
        night_meals integer = 0
        protein_goal integer !
        calorie_goal integer
        protein_goal_met boolean = false
        calorie_goal_met boolean = false
        protein_goal_percentage numeric(5,2) = 0
        calorie_goal_percentage numeric(5,2) = 0
        ai_assisted_meals integer = 0
    """,
    "data_exports": _PERSON
    + """
        export_format varchar(10) !
        date_range_start date !
        date_range_end date !
        include_meals boolean = true
        include_favorites boolean = true
        include_summary boolean = true
        include_personal_info boolean = true
        total_records integer
        file_size_bytes bigint
        export_status varchar(20) = pending
        filename varchar(255)
        download_url text
        expires_at timestamptz = now
        created_at timestamptz = now
        completed_at timestamptz
    """,
    "activity_logs": _ID
    + """
        user_id uuid
        action_type varchar(50) !
        table_name varchar(50)
        record_id uuid
        old_values jsonb
        new_values jsonb
        ip_address inet
        user_agent text
        created_at timestamptz = now
    """,
    "dietary_preferences_reference": """
        id integer ! = serial
        name varchar(50) !
        description text
        common boolean = false
    """,
}

# --- Where ours differs, and why ------------------------------------------------------------------------------------------
# Stricter than published: a flag, a counter, a state or a row's own time that has a default is never NULL, so that no reader
# needs a third case. Writers that leave the column out notice nothing.
NEVER_NULL = {
    "users": "email_verified has_completed_onboarding is_active created_at updated_at",
    "user_profiles": "dark_mode notifications_enabled share_data allow_analytics reduced_motion high_contrast large_text"
    " created_at updated_at",
    "meal_entries": "source_type ai_estimated meal_time_category created_at updated_at",
    "favorite_meals": "use_count created_at updated_at",
    "meal_analyses": "created_at",
    "daily_summaries": "total_protein total_calories total_carbs total_fat total_fiber total_meals morning_meals afternoon_meals"
    " evening_meals night_meals protein_goal_met calorie_goal_met protein_goal_percentage calorie_goal_percentage"
    " ai_assisted_meals created_at updated_at",
    "data_exports": "include_meals include_favorites include_summary include_personal_info export_status created_at",
    "activity_logs": "created_at",
    "dietary_preferences_reference": "common",
}

# Lists are empty when nothing is said, rather than unknown.
EMPTY_LISTS = {
    "user_profiles": "diet_preferences",
    "meal_entries": "tags",
    "favorite_meals": "tags",
    "meal_analyses": "detected_foods suggestions",
}

OTHER_TYPES = {
    # Defect 4, and its like: a day of many large meals must not make the meal itself fail.
    ("daily_summaries", "protein_goal_percentage"): "numeric(7,2)",
    ("daily_summaries", "calorie_goal_percentage"): "numeric(7,2)",
    ("daily_summaries", "total_protein"): "numeric(10,2)",
    ("daily_summaries", "total_carbs"): "numeric(10,2)",
    ("daily_summaries", "total_fat"): "numeric(10,2)",
    ("daily_summaries", "total_fiber"): "numeric(10,2)",
}

OTHER_DEFAULTS = {
    # An export would have expired in the moment in which it was asked for.
    ("data_exports", "expires_at"): None,
}

# schema_migrations: Django's migration history replaces it (its own seed row did not fit, defect 1).
REPLACED_TABLES = {"schema_migrations"}

# Columns that section 2 adds.
ADDED_COLUMNS = {
    "users": "legacy_id is_staff is_superuser",
    "user_profiles": "timezone imported_defaults import_run_id import_snapshot_id imported_at",
    "meal_entries": "local_date photo_file legacy_id import_run_id import_snapshot_id imported_at",
    "favorite_meals": "legacy_id import_run_id import_snapshot_id imported_at",
}

CHOICES = {
    "user_profiles.gender": "male female other prefer_not_to_say",
    "user_profiles.activity_level": "sedentary light moderate very_active extremely_active",
    "user_profiles.fitness_goal": "lose_weight maintain gain_muscle bulk cut",
    "user_profiles.preferred_units": "metric imperial",
    "meal_entries.source_type": "manual voice text image ai_scan favorite import",
    "meal_entries.meal_type": "breakfast lunch dinner snack other",
    "meal_entries.meal_time_category": "morning afternoon evening night other",
    "meal_analyses.input_type": "voice text image",
    "meal_analyses.confidence_level": "high medium low",
    "data_exports.export_format": "csv pdf json",
    "data_exports.export_status": "pending processing completed failed",
}

NOT_NEGATIVE = {
    "meal_entries": "protein_grams calories carbs_grams fat_grams fiber_grams",
    "favorite_meals": "protein_grams calories carbs_grams fat_grams use_count",
    "meal_analyses": "estimated_protein estimated_calories",
    "daily_summaries": "total_protein total_calories total_carbs total_fat total_fiber total_meals morning_meals afternoon_meals"
    " evening_meals night_meals ai_assisted_meals",
}

RANGES = {
    "user_profiles.training_days_per_week": (0, 7),
    "meal_analyses.confidence_score": (0, 1),
    "meal_analyses.estimated_completeness": (0, 1),
}

NAMED_CHECKS = {
    ("meal_entries", "check_meal_timestamp_not_future"),
    ("daily_summaries", "check_summary_date_not_future"),
    ("data_exports", "check_export_date_range"),
}

UNIQUES = {
    ("users", "lower((email)::text)"),  # published: (email); ours also ignores case
    ("users", "username"),
    ("user_profiles", "user_id"),
    ("daily_summaries", "user_id, summary_date"),
    ("dietary_preferences_reference", "name"),
    ("meal_analyses", "meal_entry_id"),  # defect 9
    ("favorite_meals", "user_id, lower((name)::text)"),  # defect 8
}

ESSENTIAL_INDEXES = {
    "idx_meal_entries_user_timestamp": ("meal_entries", "user_id, meal_timestamp DESC"),
    "idx_user_profiles_user_id": ("user_profiles", "user_id"),
    "idx_favorite_meals_user_id": ("favorite_meals", "user_id, last_used_at DESC NULLS LAST"),
}

# Published index -> what of ours serves its queries, or why there is none. Every index is paid for by every imported meal.
PUBLISHED_INDEXES = {
    ("users", "email"): "users_email_lower_key",
    ("users", "username"): "users_username_key",
    ("users", "created_at"): "idx_users_created_at",
    ("users", "is_active WHERE true"): "no query: nearly all are active; the few others have idx_users_is_inactive",
    ("user_profiles", "user_id"): "idx_user_profiles_user_id",
    ("meal_entries", "user_id"): "idx_meal_entries_user_timestamp",
    ("meal_entries", "meal_timestamp"): "no query: meals are always somebody's",
    ("meal_entries", "user_id, meal_timestamp DESC"): "idx_meal_entries_user_timestamp",
    ("meal_entries", "user_id, DATE(meal_timestamp)"): "idx_meal_entries_user_date",
    ("meal_entries", "source_type"): "no query: seven values, nearly all of one",
    ("meal_entries", "ai_estimated WHERE true"): "no query across people",
    ("meal_entries", "GIN tags"): "idx_meal_entries_tags",
    ("meal_entries", "meal_type"): "no query across people",
    ("favorite_meals", "user_id"): "idx_favorite_meals_user_id",
    ("favorite_meals", "use_count DESC"): "no query across people",
    ("favorite_meals", "last_used_at DESC"): "idx_favorite_meals_user_id",
    ("favorite_meals", "GIN name gin_trgm_ops"): "idx_favorite_meals_name",
    ("meal_analyses", "user_id"): "idx_meal_analyses_user_created",
    ("meal_analyses", "meal_entry_id"): "meal_analyses_meal_entry_id_key",
    ("meal_analyses", "confidence_level"): "no query: three values",
    ("meal_analyses", "input_type"): "no query: three values",
    ("meal_analyses", "created_at"): "idx_meal_analyses_user_created",
    ("daily_summaries", "user_id"): "daily_summaries_user_date_key",
    ("daily_summaries", "summary_date DESC"): "no query across people",
    ("daily_summaries", "user_id, summary_date DESC"): "daily_summaries_user_date_key",
    ("daily_summaries", "protein_goal_met"): "no query across people",
    ("data_exports", "user_id"): "idx_data_exports_user_created",
    ("data_exports", "created_at DESC"): "idx_data_exports_user_created",
    ("data_exports", "export_status"): "idx_data_exports_open",
    ("activity_logs", "user_id"): "idx_activity_logs_user_created",
    ("activity_logs", "action_type"): "idx_activity_logs_action_type",
    ("activity_logs", "created_at DESC"): "idx_activity_logs_created_at",
    ("activity_logs", "table_name, record_id"): "idx_activity_logs_record",
}

# Triggers are django-pgtrigger's, whose names carry a hash; the published name is a part of ours where there is one.
# `trigger_meal_entries_daily_summary` is three statement triggers, one an operation.
UPDATED_AT = ("users", "user_profiles", "meal_entries", "favorite_meals", "daily_summaries")


def columns(table: str) -> dict[str, Column]:
    """The columns that `table` should have, deliberate differences applied."""
    found: dict[str, Column] = {}
    for line in filter(str.strip, COLUMNS[table].splitlines()):
        declaration, _, default = line.partition(" = ")
        name, kind, *strict = declaration.split()
        never_null = bool(strict) or name in NEVER_NULL.get(table, "").split()
        wanted = (
            "{}"
            if name in EMPTY_LISTS.get(table, "").split()
            else OTHER_DEFAULTS.get((table, name), default.strip() or None)
        )
        found[name] = Column(OTHER_TYPES.get((table, name), kind), never_null, wanted)
    return found
