from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who: users, profiles, goals and their history, sign-in."""

    name = "accounts"
    verbose_name = "Comptes"

    def ready(self) -> None:
        from accounts import middleware  # noqa: F401 - its receiver marks the beginning of the team's sessions
