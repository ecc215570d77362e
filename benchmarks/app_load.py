"""The child process that is the application: its two usual operations at a fixed rate, each stream on a connection of its own, until told to stop.

Usage: DATABASE_URL=... python -m benchmarks.app_load --rate 20 --people FILE; prints a line "ready", works until its standard input ends, then
prints its samples as JSON. FILE holds {"outside": [ids], "moving": [ids]}: people whom the run does not touch, and people whom it moves.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

DAYS = 7
STREAMS = (("list", "outside"), ("write", "outside"), ("write", "moving"))
"""Operation and whose; a write for somebody whose batch is under way waits for that batch, so those are counted apart."""


class Sample(NamedTuple):
    """One operation."""

    stream: str
    at: float
    """When it was due, in seconds since the epoch."""
    ms: float
    """From when it was due, so that what had to wait behind a slow one is slow as well."""
    failed: bool


def at_a_fixed_rate(operation: Callable[[], bool], rate: float, stop: threading.Event, stream: str) -> list[Sample]:
    """Calls `operation` (which tells whether it succeeded) `rate` times a second until `stop`.

    An open loop: whoever uses the application does not wait for others to be served. A stream that fell behind catches up without sleeping, and
    the time from when each operation was due is what counts (Gil Tene: "coordinated omission"). One that was slept for counts from its waking.
    """
    samples = []
    due = time.perf_counter()
    offset = time.time() - due
    while not stop.is_set():
        due += 1 / rate
        wait = due - time.perf_counter()
        begin = due
        if wait > 0:
            if stop.wait(wait):
                break
            begin = time.perf_counter()
        succeeded = operation()
        samples.append(Sample(stream, begin + offset, (time.perf_counter() - begin) * 1000, not succeeded))
    return samples


def list_meals(user_id: str) -> None:
    """A person's meals of a range of days, newest first, as the API lists them."""
    from nutrition.models import MealEntry

    today = datetime.now(UTC).date()
    meals = MealEntry.objects.filter(user_id=user_id, local_date__range=(today - timedelta(days=365 * 3), today))
    list(meals.order_by("-meal_timestamp")[:100])


def write_meal(user_id: str) -> None:
    """A meal of now; the table's triggers keep the local day and the day summary."""
    from nutrition.models import MealEntry

    MealEntry.objects.create(
        user_id=user_id,
        description="Mesure",
        meal_timestamp=datetime.now(UTC),
        protein_grams=20,
        calories=300,
        carbs_grams=30,
        fat_grams=10,
    )


OPERATIONS: dict[str, Callable[[str], None]] = {"list": list_meals, "write": write_meal}


def _stream(kind: str, people: list[str], seed: int) -> Callable[[], bool]:
    from django.db import DatabaseError

    chance, deed = Random(seed), OPERATIONS[kind]

    def operation() -> bool:
        try:
            deed(chance.choice(people))
        except DatabaseError:  # a time limit: counted, with the time that it took
            return False
        return True

    return operation


def main() -> None:
    """All streams that have people, side by side."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=20.0, help="operations a second, of each stream")
    parser.add_argument("--people", type=Path, required=True)
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynprot.settings.development")
    os.environ["DATABASE_POOL"] = "0"  # a connection a thread, kept; borrowing from a pool is not what is measured
    import django

    django.setup()
    groups: dict[str, list[str]] = json.loads(arguments.people.read_text(encoding="utf-8"))
    stop = threading.Event()
    samples: list[Sample] = []
    threads = []
    for seed, (kind, group) in enumerate(STREAMS):
        if not groups.get(group):
            continue
        operation = _stream(kind, groups[group], seed)
        operation()  # opens the connection

        def work(operation: Callable[[], bool] = operation, name: str = f"{kind} {group}") -> None:
            operation()
            samples.extend(at_a_fixed_rate(operation, arguments.rate, stop, name))

        threads.append(threading.Thread(target=work))
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps(samples))


if __name__ == "__main__":
    main()
