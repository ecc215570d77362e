"""A person's data as a file: written to a temporary file row by row, so that memory stays flat, and recorded as an export that is done.

JSON holds everything that the application keeps for the person; CSV holds the meals, safe to open in a spreadsheet.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, Any, Final
from uuid import UUID

import psycopg
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Max, Min, Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import GoalHistory, User, UserProfile
from dynprot.spreadsheets import without_formula
from exports.models import DataExport, ExportFormat, ExportStatus
from nutrition.models import DailySummary, DeletedEntry, FavoriteMeal, MealAnalysis, MealEntry

IN_MEMORY: Final = 1_000_000
"""Bytes; longer files go to the disk of the server, without a name."""
ROWS_AT_ONCE: Final = 500
MEALS_AT_ONCE: Final = 10
"""Each may carry a photo of some megabytes."""
OURS: Final = frozenset({"user", "import_run_id", "import_snapshot_id"})
"""Columns that say nothing about the person."""

ACCOUNT: Final = (
    "id",
    "email",
    "username",
    "first_name",
    "last_name",
    "avatar_url",
    "email_verified",
    "has_completed_onboarding",
    "is_active",
    "created_at",
    "last_login",
    "legacy_id",
)


class CannotExport(Exception):
    """The person is gone, or a change came in between; the sentence is for people. Nothing was written."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A finished file, at its beginning, and the row that says so."""

    content: IO[bytes]
    row: DataExport
    content_type: str


def export_person(
    person: User, export_format: str, *, on_recorded: Callable[[DataExport], None] = lambda row: None
) -> ExportedFile:
    """Everything (JSON) or the meals (CSV) of a person as it was at one moment. Called inside a transaction, it sees what that transaction sees.

    `on_recorded` hears of the row in the transaction that writes it. Raises `CannotExport`.
    """
    write, content_type = _WRITERS[ExportFormat(export_format)]
    content = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the caller hands it out
    try:
        with _of_one_moment():
            records = write(person, content)
            length = content.tell()
            content.seek(0)
            row = _record(person, export_format, records, length)
            on_recorded(row)
    except BaseException:
        content.close()
        raise
    return ExportedFile(content, row, content_type)


@contextmanager
def _of_one_moment() -> Iterator[None]:
    """One transaction that sees no change of others from its first statement on. A change that stands in the way is a refusal."""
    nested = connection.in_atomic_block
    try:
        with transaction.atomic():
            if not nested:
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield
    except (IntegrityError, OperationalError) as error:
        if not isinstance(error.__cause__, psycopg.errors.ForeignKeyViolation | psycopg.errors.SerializationFailure):
            raise
        raise CannotExport(
            _("Le compte a changé ou disparu entre-temps : aucun fichier n'a été remis. Réessayez.")
        ) from error


def _record(person: User, export_format: str, records: int, length: int) -> DataExport:
    """The file is handed out at once and kept nowhere, so it has no address."""
    days = MealEntry.objects.filter(user=person).order_by().aggregate(first=Min("local_date"), last=Max("local_date"))
    now = timezone.now()
    everything = export_format == ExportFormat.JSON
    return DataExport.objects.create(
        user=person,
        export_format=export_format,
        date_range_start=days["first"] or now.date(),
        date_range_end=days["last"] or now.date(),
        include_meals=True,
        include_favorites=everything,
        include_summary=everything,
        include_personal_info=everything,
        total_records=records,
        file_size_bytes=length,
        export_status=ExportStatus.COMPLETED,
        filename=f"dynprot-{person.pk}-{now:%Y%m%dT%H%M%SZ}.{export_format}",
        completed_at=now,
        expires_at=now,
    )


# --- JSON ----------------------------------------------------------------------------------------------------------------
def write_json(person: User, out: IO[bytes]) -> int:
    """One object; each list a row a line. Returns the number of rows."""
    text = io.TextIOWrapper(out, encoding="utf-8", write_through=True)
    account = {name: getattr(person, name) for name in ACCOUNT}
    text.write('{\n"exported_at": ' + _dump(datetime.now(UTC)) + ',\n"account": ' + _dump(account))
    profile = UserProfile.objects.filter(user=person).first()
    text.write(',\n"profile": ' + _dump(_fields(profile) if profile is not None else None))
    records = 1 + (profile is not None)
    for name, rows in _lists(person):
        text.write(f',\n"{name}": [')
        count = 0
        for row in rows.iterator(chunk_size=MEALS_AT_ONCE if rows.model is MealEntry else ROWS_AT_ONCE):
            text.write(("," if count else "") + "\n" + _dump(_fields(row)))
            count += 1
        text.write("\n]" if count else "]")
        records += count
    text.write("\n}\n")
    text.flush()
    text.detach()
    return records


def _lists(person: User) -> list[tuple[str, QuerySet[Any]]]:
    return [
        ("goals", GoalHistory.objects.filter(user=person).order_by("effective_from")),
        ("meals", MealEntry.objects.filter(user=person).order_by("meal_timestamp", "pk")),
        ("favorites", FavoriteMeal.objects.filter(user=person).order_by(F("last_used_at").desc(nulls_last=True), "pk")),
        ("analyses", MealAnalysis.objects.filter(user=person).order_by("created_at", "pk")),
        ("days", DailySummary.objects.filter(user=person).order_by("summary_date")),
        ("deleted", DeletedEntry.objects.filter(user=person).order_by("deleted_at", "pk")),
    ]


def _fields(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.name not in OURS}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    """Amounts as numbers, moments in UTC, days and ids as text."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


# --- CSV -----------------------------------------------------------------------------------------------------------------
def write_csv(person: User, out: IO[bytes]) -> int:
    """The meals, oldest first, for spreadsheets: with a byte order mark, and no cell that is a formula."""
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=True)
    lines = csv.writer(text, delimiter=";")
    lines.writerow(
        [
            _("jour local"),
            _("instant (UTC)"),
            _("description"),
            _("repas"),
            _("protéines (g)"),
            _("calories (kcal)"),
            _("glucides (g)"),
            _("lipides (g)"),
            _("fibres (g)"),
            _("origine"),
            _("étiquettes"),
        ]
    )
    count = 0
    for meal in _meals(person):
        lines.writerow([harmless(cell) for cell in _cells(meal)])
        count += 1
    text.flush()
    text.detach()
    return count


def _meals(person: User) -> Iterator[MealEntry]:
    meals = MealEntry.objects.filter(user=person).defer("photo_data", "photo_url").order_by("meal_timestamp", "pk")
    return meals.iterator(chunk_size=ROWS_AT_ONCE)


def _cells(meal: MealEntry) -> list[object]:
    return [
        meal.local_date,
        _plain(meal.meal_timestamp),
        meal.description,
        meal.get_meal_type_display() if meal.meal_type else "",
        meal.protein_grams,
        meal.calories,
        meal.carbs_grams,
        meal.fat_grams,
        meal.fiber_grams,
        meal.get_source_type_display(),
        ", ".join(meal.tags or []),
    ]


def harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    return "" if cell is None else without_formula(cell)


_WRITERS: Final[dict[str, tuple[Callable[[User, IO[bytes]], int], str]]] = {
    ExportFormat.JSON: (write_json, "application/json; charset=utf-8"),
    ExportFormat.CSV: (write_csv, "text/csv; charset=utf-8"),
}
