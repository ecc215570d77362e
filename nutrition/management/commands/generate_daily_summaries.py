"""`python manage.py generate_daily_summaries`: make stored day summaries agree with meals and goals."""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from dynprot.progress import Reporter, add_progress_argument, progress
from nutrition.summaries import recompute

PEOPLE_A_CHUNK = 200
"""Each chunk is one transaction that locks its people, so a chunk takes well below a second at some hundred meals each."""


def iso_date(text: str) -> date:
    """A command line's YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a date; write YYYY-MM-DD, for instance 2026-03-29") from error


class Command(BaseCommand):
    help = "Recompute the day summaries of everybody, or of some people and days. Running it again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--user", metavar="EMAIL", action="append", default=[], help="only this person; may be repeated"
        )
        parser.add_argument(
            "--since", metavar="DATE", type=iso_date, help="first local day, YYYY-MM-DD (default: the beginning)"
        )
        parser.add_argument(
            "--until", metavar="DATE", type=iso_date, help="last local day, included (default: the end)"
        )
        add_progress_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"]
        if since and until and since > until:
            raise CommandError(f"--since {since} is after --until {until}: no day is in that range.")
        people = people_ids(options["user"])
        started = time.monotonic()
        shown = {"mode": options["progress"], "stream": self.stderr}
        with progress(**shown, title="Day summaries", unit="people", total=len(people)) as reporter:
            try:
                changed = recompute_in_chunks(people=people, since=since, until=until, reporter=reporter)
            except KeyboardInterrupt:
                message = f"Stopped after {reporter.done:,} of {len(people):,} people; what was done stays. Run it again to finish."
                raise CommandError(message, returncode=130) from None
        outcome = f"{changed:,} written, changed or removed" if changed else "all were right already, nothing changed"
        self.stdout.write(f"Day summaries of {len(people):,} people: {outcome} ({time.monotonic() - started:.1f} s).")


def people_ids(emails: list[str]) -> list[UUID]:
    """Ids in ascending order: of these e-mail addresses (case ignored), or of everybody. CommandError names unknown addresses."""
    if not emails:
        return list(User.objects.order_by("id").values_list("id", flat=True))
    found = {email: User.objects.with_email(email).values_list("id", flat=True).first() for email in emails}
    if unknown := [email for email, user_id in found.items() if user_id is None]:
        raise CommandError(f"No account has the e-mail address {', '.join(unknown)}.")
    return sorted({user_id for user_id in found.values() if user_id})


def recompute_in_chunks(*, people: list[UUID], since: date | None, until: date | None, reporter: Reporter) -> int:
    """The number of rows written or removed; every chunk is committed by itself."""
    changed = 0
    for start in range(0, len(people), PEOPLE_A_CHUNK):
        chunk = people[start : start + PEOPLE_A_CHUNK]
        changed += recompute(user_ids=chunk, since=since, until=until)
        reporter.advance(len(chunk), f"{changed:,} rows changed")
    return changed
