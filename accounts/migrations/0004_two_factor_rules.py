"""Erasing a person is one DELETE: the database takes the devices of the second factor with it."""

from django.db import migrations

from dynprot.foreign_keys import on_delete_rule


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_staff_permissions"),
        ("otp_totp", "0003_add_timestamps"),
        ("otp_static", "0003_add_timestamps"),
    ]

    operations = [
        on_delete_rule("otp_totp_totpdevice", "user_id", "users", "CASCADE"),
        on_delete_rule("otp_static_staticdevice", "user_id", "users", "CASCADE"),
        on_delete_rule("otp_static_statictoken", "device_id", "otp_static_staticdevice", "CASCADE"),
    ]
