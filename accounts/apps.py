from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who: users, profiles, goals and their history, sign-in."""

    name = "accounts"
    verbose_name = "Comptes"
