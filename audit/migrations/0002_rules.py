"""The foreign keys' deletion rules. A person's snapshots and what they led to go with the person; the log of activity stays, nameless."""

from __future__ import annotations

from django.db import migrations

from dynprot.foreign_keys import on_delete_rule

# Snapshots are stored and read whole; lz4 does that about three times as fast as PostgreSQL's own, where the server was built with it.
COMPRESSION = """
DO $do$
BEGIN
    ALTER TABLE storage_snapshots ALTER COLUMN payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    RAISE NOTICE 'this server has no lz4; snapshots are compressed by pglz';
END
$do$
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("accounts", "0002_rules")]

    operations = [
        migrations.RunSQL(COMPRESSION, reverse_sql=migrations.RunSQL.noop),
        on_delete_rule("activity_logs", "user_id", "users", "SET NULL"),
        on_delete_rule("storage_snapshots", "user_id", "users", "CASCADE"),
        on_delete_rule("migration_runs", "started_by_id", "users", "SET NULL"),
        on_delete_rule("migration_run_snapshots", "user_id", "users", "CASCADE"),
        on_delete_rule("migration_run_snapshots", "snapshot_id", "storage_snapshots", "CASCADE"),
        on_delete_rule("migration_run_snapshots", "batch_id", "migration_batches", "SET NULL"),
        on_delete_rule("migration_tallies", "snapshot_id", "storage_snapshots", "CASCADE"),
        on_delete_rule("migration_outcomes", "user_id", "users", "CASCADE"),
        on_delete_rule("migration_outcomes", "snapshot_id", "storage_snapshots", "CASCADE"),
    ]
