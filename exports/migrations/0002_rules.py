"""The foreign key's deletion rule."""

from __future__ import annotations

from django.db import migrations

from dynprot.foreign_keys import on_delete_rule


class Migration(migrations.Migration):
    dependencies = [("exports", "0001_initial"), ("accounts", "0002_rules")]

    operations = [on_delete_rule("data_exports", "user_id", "users", "CASCADE")]
