"""People with browsers, a run over them, and what is there besides: for taking it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.models import User
from audit.digest import content_digest
from audit.models import MigrationRun
from audit.runs.rollback import Kept, Receipt, RollbackScope, roll_back
from audit.samples import generate
from audit.snapshots.lines import SourceLine
from audit.snapshots.staging import stage_lines
from tests.audit.runs.browsers import F, M, P, browser
from tests.captures import app_state, favorite, meal, meals
from tests.database import rows
from tests.factories import make_analysis, make_favorite, make_meal, make_profile, make_user
from tests.laws.world import PEOPLES_TABLES, go
from tests.local_storage.pictures import data_url, picture

PHOTO = data_url(picture(size=(2, 2)))
OTHER_PHOTO = data_url(picture(size=(3, 2)))


def take_back(report: dict[str, Any], *, batch: int | None = None, email: str | None = None, **options: Any) -> Receipt:
    """Rolls back the run of `report`, or a part of it."""
    return roll_back(run=run_of(report), scope=RollbackScope(batch, email), **options)


def run_of(report: dict[str, Any]) -> MigrationRun:
    return MigrationRun.objects.get(pk=report["run"])


def counts(numbers: dict[str, int]) -> dict[str, int]:
    """Without the zeros."""
    return {table: number for table, number in numbers.items() if number}


def reasons(kept: list[Kept]) -> list[tuple[str, str]]:
    """(table, reason), sorted."""
    return sorted((row.table, row.reason) for row in kept)


def contents() -> dict[str, Any]:
    """Every row of the people's tables, whole: provenance and times too, other than when summaries and names were written."""
    without = {"users": " - 'updated_at'", "daily_summaries": " - 'created_at' - 'updated_at'"}
    return {
        table: rows(f"SELECT to_jsonb(t) {without.get(table, '')} FROM {table} AS t ORDER BY 1")  # noqa: S608 - our own names
        for table in PEOPLES_TABLES
    }


def photos() -> list[str]:
    """The names of all files in the media storage."""
    media = Path(settings.MEDIA_ROOT)
    return sorted(str(path.relative_to(media)) for path in media.rglob("*") if path.is_file())


def stage_samples(people: int, *, dirty: int, seed: int) -> None:
    """Sample browsers, with an account for everybody."""
    lines = generate(people, 12, seed, dirty)
    stage_lines(
        lines=[SourceLine("samples", number, line) for number, line in enumerate(lines, start=1)], create_users=True
    )


def pot(number: str, name: str) -> dict[str, Any]:
    """A favourite that is told from others by more than its name."""
    return favorite(id=number, name=name, description=f"Pot {number}")


def stage_anne() -> User:
    """Somebody with a life on the server and two browsers, the second of which is to change what the first one brought."""
    anne = make_user()
    make_profile(anne, weight_kg=61, daily_protein_goal=95)
    made = make_meal(anne, description="Soupe")
    make_analysis(anne, made)
    make_favorite(anne, "Skyr")
    browser(
        anne,
        {
            M: [*meals(4), meal(id="photo", timestamp="2024-05-01T11:00:00Z", photo=PHOTO)],
            P: {"name": "Anne Le Goff", "proteinGoal": 140, "heightCm": 171},
            F: app_state(favoriteMeals=[pot("1", "Yaourt"), pot("2", "Kéfir")]),
        },
    )
    return anne


def stage_second_browser(anne: User) -> None:
    """Changed meals and another picture, favourites that have swapped their names, other goals, another zone, and new rows of all kinds."""
    browser(
        anne,
        {
            M: [
                *meals(3, protein=31),
                meal(id="photo", timestamp="2024-05-01T11:00:00Z", photo=OTHER_PHOTO),
                meal(id="new", timestamp="2024-06-01T23:30:00Z"),
            ],
            P: {"proteinGoal": 150, "heightCm": 172, "gender": "female"},
            F: app_state(favoriteMeals=[pot("1", "Kéfir"), pot("2", "Yaourt"), pot("3", "Lassi")]),
        },
        day=1,
        zone="Pacific/Kiritimati",
    )


def migrate_and_check_it_comes_back(*, batch_size: int = 3) -> Receipt:
    """Whatever waits now: migrated, rolled back, migrated again; the digests are those of before and after."""
    before = content_digest()
    report = go()
    after = report["digest"]
    receipt = take_back(report, batch_size=batch_size)
    assert receipt.kept == []
    assert receipt.equal
    assert content_digest() == receipt.digest_after == receipt.digest_before == before
    assert run_of(report).status == "rolled_back"
    again = go()
    assert again["users"] == report["users"]
    assert content_digest() == again["digest"] == after
    assert again["items"] == report["items"]
    return receipt
