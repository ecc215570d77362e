"""The database's deletion rules of the previews' foreign keys (Django adds the keys at the end of the migration before)."""

from django.db import migrations

from dynprot.foreign_keys import on_delete_rule


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0007_previews"),
    ]

    operations = [
        on_delete_rule("migration_previews", "made_by_id", "users", "SET NULL"),
        on_delete_rule("migration_preview_samples", "preview_id", "migration_previews", "CASCADE"),
        on_delete_rule("migration_preview_samples", "user_id", "users", "CASCADE"),
        on_delete_rule("migration_preview_samples", "snapshot_id", "storage_snapshots", "CASCADE"),
    ]
