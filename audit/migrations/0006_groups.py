"""The three roles of the team, each with the permissions of its work. Erasing people is in none of them: it is given by name.

Whoever changed a group keeps the change: only what is missing is added.
"""

from __future__ import annotations

from django.contrib.auth.management import create_permissions
from django.db import migrations

OURS = ("accounts", "nutrition", "exports", "audit", "auth")

MIGRATIONS = (
    "audit.view_migrationrun",
    "audit.view_migrationbatch",
    "audit.view_migrationrunsnapshot",
    "audit.view_migrationtally",
    "audit.view_migrationevent",
    "audit.view_migrationoutcome",
    "audit.view_migrationpreimage",
    "audit.view_itemrepair",
    "audit.view_storagesnapshot",
)
QUARANTINE = (
    "audit.repair_migrationoutcome",
    "audit.replay_migrationoutcome",
    "audit.waive_migrationoutcome",
    "audit.view_raw_data",
)
ONE_PERSON = ("accounts.view_user", "audit.migrate_person", "audit.rollback_person")

ROLES = {
    "operators": (
        *MIGRATIONS,
        *QUARANTINE,
        *ONE_PERSON,
        "accounts.add_user",
        "audit.start_migrationrun",
        "audit.pause_migrationrun",
        "audit.cancel_migrationrun",
        "audit.retry_migrationrun",
        "audit.verify_migrationrun",
        "audit.retune_migrationrun",
        "audit.rollback_migrationrun",
        "audit.view_activitylog",
        "nutrition.view_dietarypreference",
        "nutrition.change_dietarypreference",
        "nutrition.import_dietarypreference",
        "nutrition.export_dietarypreference",
    ),
    "support": (
        *MIGRATIONS,
        *QUARANTINE,
        *ONE_PERSON,
        "accounts.add_user",
        "accounts.change_user",
        "accounts.export_user",
        "accounts.reset_sign_in",
        "accounts.deactivate_user",
        "accounts.view_userprofile",
        "accounts.view_goalhistory",
        "accounts.view_passwordresettoken",
        "audit.view_activitylog",
        "exports.view_dataexport",
        "exports.export_person",
        "nutrition.view_mealentry",
        "nutrition.import_mealentry",
        "nutrition.export_mealentry",
        "nutrition.view_favoritemeal",
        "nutrition.import_favoritemeal",
        "nutrition.export_favoritemeal",
        "nutrition.view_mealanalysis",
        "nutrition.view_dailysummary",
        "nutrition.view_deletedentry",
        "nutrition.view_dietarypreference",
        "nutrition.export_dietarypreference",
    ),
    # They see what was done, by whom and why; no meals, no profiles, no raw values.
    "auditors": (
        *MIGRATIONS,
        "accounts.view_user",
        "audit.view_activitylog",
        "auth.view_group",
        "exports.view_dataexport",
        "nutrition.view_dietarypreference",
    ),
}


def make_groups(apps, schema_editor):
    for config in apps.get_app_configs():
        if config.label in OURS:  # Django makes them only when all migrations are through
            config.models_module = True
            create_permissions(config, apps=apps, verbosity=0)
            config.models_module = None
    permissions = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in apps.get_model("auth", "Permission").objects.select_related("content_type")
    }
    for name, wanted in ROLES.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*(permissions[permission] for permission in wanted))


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0005_staff_permissions"),
        ("accounts", "0003_staff_permissions"),
        ("nutrition", "0003_staff_permissions"),
        ("exports", "0003_staff_permissions"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
