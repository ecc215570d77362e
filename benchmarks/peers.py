"""The child process that measures the usual ways of writing the same meals: row by row, `bulk_create`, `executemany`.

They get finished values (nothing is read, cleaned or accounted for) of some people and run in a copy of a migrated database from which the meals
are taken away first. Usage: DATABASE_URL=... python -m benchmarks.peers --people 30
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nutrition.models import MealEntry

_LEFT_OUT = {"id", "created_at", "updated_at"}


def _rate(name: str, write: Callable[[_Meals], None], meals: _Meals) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE meal_entries, daily_summaries CASCADE")
    begin = time.perf_counter()
    write(meals)
    rate = len(meals) / (time.perf_counter() - begin)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), (SELECT count(*) FROM daily_summaries) FROM meal_entries")
        written, days = cursor.fetchone()
    if written != len(meals) or not days:
        raise SystemExit(f"{name} wrote {written} of {len(meals)} meals and {days} day summaries")
    return round(rate, 1)


class _Meals:
    """Finished values of some people's meals, as the models give them."""

    def __init__(self, people: int) -> None:
        from nutrition.models import MealEntry

        self.model = MealEntry
        self.fields = [field.attname for field in MealEntry._meta.concrete_fields if field.attname not in _LEFT_OUT]
        self.owners = list(MealEntry.objects.order_by("user_id").values_list("user_id", flat=True).distinct()[:people])
        self.values = {
            owner: list(MealEntry.objects.filter(user_id=owner).values(*self.fields)) for owner in self.owners
        }

    def __len__(self) -> int:
        return sum(len(one) for one in self.values.values())

    def fresh(self, owner: Any) -> list[MealEntry]:
        """Unsaved meals of one person."""
        return [self.model(**row) for row in self.values[owner]]


def _save(meals: _Meals) -> None:
    for owner in meals.owners:
        for meal in meals.fresh(owner):
            meal.save(force_insert=True)


def _save_in_transaction(meals: _Meals) -> None:
    from django.db import transaction

    for owner in meals.owners:
        with transaction.atomic():
            for meal in meals.fresh(owner):
                meal.save(force_insert=True)


def _bulk_create(meals: _Meals) -> None:
    for owner in meals.owners:
        meals.model.objects.bulk_create(meals.fresh(owner))


def _executemany(meals: _Meals) -> None:
    from django.db import connection, transaction

    from nutrition import summaries

    columns, marks = ", ".join(meals.fields), ", ".join(["%s"] * len(meals.fields))
    rows = [tuple(row[name] for name in meals.fields) for owner in meals.owners for row in meals.values[owner]]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL dynprot.bulk = 'on'")
        cursor.executemany(f"INSERT INTO meal_entries ({columns}) VALUES ({marks})", rows)  # noqa: S608
        summaries.recompute(user_ids=meals.owners)


WAYS: dict[str, Callable[[_Meals], None]] = {
    "save": _save,
    "save_in_transaction": _save_in_transaction,
    "bulk_create": _bulk_create,
    "executemany": _executemany,
}


def measure(people: int) -> dict[str, float]:
    """Meals per second by way of writing, day summaries included: by the table's triggers, or for executemany by one statement at the end."""
    meals = _Meals(people)
    return {name: _rate(name, way, meals) for name, way in WAYS.items()}


def main() -> None:
    """Prints the rates as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=30)
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynprot.settings.development")
    import django

    django.setup()
    print(json.dumps(measure(arguments.people)))


if __name__ == "__main__":
    main()
