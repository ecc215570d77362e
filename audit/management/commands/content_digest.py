"""`python manage.py content_digest`: one line that is equal where the content is equal."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from audit.digest import content_digest


class Command(BaseCommand):
    help = (
        "Print one SHA-256 over everybody's profiles, goals, meals, favourites, analyses and day summaries. It is the same wherever "
        "these say the same, whatever the ids, the order of rows and the runs that brought them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", metavar="EMAIL", help="only this person's content")

    def handle(self, *args: Any, **options: Any) -> None:
        people = None
        if email := options["user"]:
            people = list(User.objects.with_email(email).values_list("id", flat=True))
            if not people:
                raise CommandError(f"No account has the e-mail address {email}.")
        self.stdout.write(content_digest(user_ids=people))
