"""The foreign keys' deletion rules of the tables for rollback and repair: they go with the person and the snapshot."""

from __future__ import annotations

from django.db import migrations

from dynprot.foreign_keys import on_delete_rule


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_under_fire"), ("accounts", "0002_rules")]

    operations = [
        on_delete_rule("migration_preimages", "user_id", "users", "CASCADE"),
        on_delete_rule("item_repairs", "snapshot_id", "storage_snapshots", "CASCADE"),
    ]
