"""The foreign keys' deletion rules (Django's own tables about people too), the zone check, and the published index name."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations

from dynprot.foreign_keys import on_delete_rule

# PostgreSQL alone also takes abbreviations (CEST), offsets (+3) and POSIX rules (Mars/Phobos3, "three hours west"), which
# no browser sends and Python's zoneinfo does not know; so the name has to look like one of the IANA list as well.
ZONE_CHECK = r"""
ALTER TABLE user_profiles ADD CONSTRAINT user_profiles_timezone_check CHECK (
    timezone ~ ('^([A-Z][A-Za-z]+(/[A-Z][A-Za-z_-]+){1,2}|(Etc/)?GMT[+-]?0|Etc/GMT(\+([1-9]|1[0-2])|-([1-9]|1[0-4]))'
        || '|CET|CST6CDT|Cuba|EET|EST|EST5EDT|Egypt|Eire|GB|GB-Eire|GMT|Greenwich|HST|Hongkong|Iceland|Iran|Israel|Jamaica|Japan'
        || '|Kwajalein|Libya|MET|MST|MST7MDT|NZ|NZ-CHAT|Navajo|PRC|PST8PDT|Poland|Portugal|ROC|ROK|Singapore|Turkey|UCT|UTC'
        || '|Universal|W-SU|WET|Zulu)$')
    AND (TIMESTAMPTZ '2000-01-01 00:00+00' AT TIME ZONE timezone) IS NOT NULL
)
"""

# The unique constraint of user_profiles.user_id bears the name that the migration strategy gives to its index.
PUBLISHED_NAME = """
DO $do$
DECLARE existing name;
BEGIN
    SELECT conname INTO existing FROM pg_constraint
    WHERE conrelid = 'user_profiles'::regclass AND contype = 'u' AND conname <> 'idx_user_profiles_user_id';
    IF FOUND THEN  -- not when it is migrated a second time
        EXECUTE format('ALTER TABLE user_profiles RENAME CONSTRAINT %I TO idx_user_profiles_user_id', existing);
    END IF;
END
$do$
"""

# Django's link tables have a unique (user_id, ...) and, in front of it, an index on user_id alone that serves nothing more.
NO_PREFIX_INDEXES = """
DO $do$
DECLARE superfluous regclass;
BEGIN
    FOR superfluous IN
        SELECT indexrelid::regclass FROM pg_index
        WHERE indrelid IN ('users_groups'::regclass, 'users_user_permissions'::regclass) AND NOT indisunique
          AND pg_get_indexdef(indexrelid, 1, false) = 'user_id'
    LOOP
        EXECUTE format('DROP INDEX %s', superfluous);
    END LOOP;
END
$do$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        on_delete_rule("user_profiles", "user_id", "users", "CASCADE"),
        on_delete_rule("goal_history", "user_id", "users", "CASCADE"),
        on_delete_rule("password_reset_tokens", "user_id", "users", "CASCADE"),
        on_delete_rule("users_groups", "user_id", "users", "CASCADE"),
        on_delete_rule("users_user_permissions", "user_id", "users", "CASCADE"),
        on_delete_rule("django_admin_log", "user_id", "users", "CASCADE"),
        migrations.RunSQL(
            ZONE_CHECK, reverse_sql="ALTER TABLE user_profiles DROP CONSTRAINT user_profiles_timezone_check"
        ),
        migrations.RunSQL(PUBLISHED_NAME, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(NO_PREFIX_INDEXES, reverse_sql=migrations.RunSQL.noop),
    ]
