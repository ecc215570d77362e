"""`generate_daily_summaries` as an operator sees it."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from nutrition.management.commands import generate_daily_summaries
from nutrition.models import DailySummary
from nutrition.summaries import recompute
from tests.database import run
from tests.factories import NOON, make_meal, make_user

pytestmark = pytest.mark.django_db

DAY = NOON.date()


def summaries(user: User) -> dict[date, tuple[Decimal, int]]:
    """Protein and number of meals by day."""
    found = DailySummary.objects.filter(user=user)
    return {row.summary_date: (row.total_protein, row.total_meals) for row in found}


@pytest.fixture
def people() -> list[User]:
    """Three people with two days of meals each, none of which has a summary."""
    run("SET LOCAL dynprot.bulk = 'on'")
    users = [make_user() for _ in range(3)]
    for user in users:
        make_meal(user, NOON)
        make_meal(user, NOON - timedelta(days=1))
    run("SET LOCAL dynprot.bulk = 'off'")
    return users


def generate(*arguments: str) -> tuple[str, str]:
    """Standard output and standard error."""
    out, error = io.StringIO(), io.StringIO()
    call_command("generate_daily_summaries", *arguments, stdout=out, stderr=error)
    return out.getvalue(), error.getvalue()


def test_command_makes_all_summaries_and_then_has_nothing_to_do(people: list[User]) -> None:
    out, _ = generate()
    assert "3 people: 6 written, changed or removed" in out
    assert [len(summaries(user)) for user in people] == [2, 2, 2]
    out, _ = generate()
    assert "nothing changed" in out


def test_command_for_some_people_and_days(people: list[User]) -> None:
    generate("--user", people[0].email.upper(), "--user", f" {people[1].email}", "--since", DAY.isoformat())
    assert [sorted(summaries(user)) for user in people] == [[DAY], [DAY], []]
    generate("--user", people[2].email, "--until", (DAY - timedelta(days=1)).isoformat())
    assert sorted(summaries(people[2])) == [DAY - timedelta(days=1)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--user", "personne@ailleurs.fr"], "No account has the e-mail address personne@ailleurs.fr."),
        (["--since", "2026-02-30"], "'2026-02-30' is not a date; write YYYY-MM-DD"),
        (["--until", "hier"], "'hier' is not a date"),
        (["--since", "2026-02-02", "--until", "2026-02-01"], "--since 2026-02-02 is after --until 2026-02-01"),
    ],
)
def test_command_says_what_is_wrong_and_does_nothing(people: list[User], arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        generate(*arguments)
    assert not DailySummary.objects.exists()


@pytest.mark.usefixtures("people")
def test_command_shows_progress_as_asked() -> None:
    _, plain = generate("--progress", "plain")
    assert plain.startswith("Day summaries: 3 of 3 people")
    _, machine = generate("--progress", "json")
    assert {"done": 3, "total": 3, "unit": "people"}.items() <= json.loads(machine).items()
    assert generate("--progress", "none")[1] == ""


def test_command_interrupted_keeps_what_is_done(people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*, user_ids: list[Any], **rest: Any) -> int:
        if people[1].pk in user_ids:
            raise KeyboardInterrupt
        return recompute(user_ids=user_ids, **rest)

    monkeypatch.setattr(generate_daily_summaries, "PEOPLE_A_CHUNK", 1)
    monkeypatch.setattr(generate_daily_summaries, "recompute", interrupted)
    with pytest.raises(CommandError, match=r"Stopped after 1 of 3 people.*Run it again") as caught:
        generate()
    assert caught.value.returncode == 130
    assert [len(summaries(user)) for user in people] == [2, 0, 0]
