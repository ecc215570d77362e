"""Several real connections write meals of one day at once: no meal is lost from the summary, nobody waits for ever."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from uuid import UUID

import psycopg
import pytest

from nutrition.models import DailySummary
from tests.database import Row, other_connection, run, value, wait_until_blocked
from tests.factories import NOON, make_user

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = "INSERT INTO meal_entries (user_id, description, meal_timestamp, protein_grams) VALUES (%s, 'x', %s, %s)"
LOCK = "ORDER BY users.id FOR NO KEY UPDATE"
Connection = psycopg.Connection[Row]


@contextmanager
def two_connections() -> Iterator[tuple[Connection, Connection]]:
    with other_connection() as first, other_connection() as second:
        yield first, second


def overlap(
    first: Connection, second: Connection, one: tuple[str, list[object]], other: tuple[str, list[object]]
) -> None:
    """`one` is written but not committed when `other` begins; `other` has to wait, and is done once `one` is committed."""
    with ThreadPoolExecutor(1) as threads:
        first.execute("BEGIN")
        first.execute(*one)
        second.execute("BEGIN")
        waiting = threads.submit(lambda: second.execute(*other))
        wait_until_blocked(second.info.backend_pid)
        assert not waiting.done()
        first.execute("COMMIT")
        waiting.result(timeout=20)
        second.execute("COMMIT")


def totals(user_id: UUID) -> list[tuple[object, ...]]:
    return list(DailySummary.objects.filter(user=user_id).values_list("total_protein", "total_meals"))


@pytest.mark.parametrize("day_has_meals", [True, False])
def test_the_second_writer_sees_the_firsts_meal(day_has_meals: bool) -> None:
    user = make_user()
    if day_has_meals:
        run(INSERT, [user.id, NOON, 100])
    with two_connections() as (first, second):
        overlap(first, second, (INSERT, [user.id, NOON, 10]), (INSERT, [user.id, NOON, 20]))
    assert totals(user.id) == ([(130, 3)] if day_has_meals else [(30, 2)])


def test_two_deletions_at_once_leave_no_ghost() -> None:
    user = make_user()
    for protein in (10, 20):
        run(INSERT, [user.id, NOON, protein])
    delete = "DELETE FROM meal_entries WHERE user_id = %s AND protein_grams = %s"
    with two_connections() as (first, second):
        overlap(first, second, (delete, [user.id, 10]), (delete, [user.id, 20]))
    assert totals(user.id) == []


def test_control_without_the_lock_the_firsts_meal_is_lost() -> None:
    """The same overlap with the lock taken out of the function: so the tests above would see the race if it were there."""
    definition = value("SELECT pg_get_functiondef('refresh_daily_summaries(uuid[], date[])'::regprocedure)")
    assert LOCK in definition
    run(definition.replace(LOCK, "").replace("%", "%%"))
    user = make_user()
    with two_connections() as (first, second):
        overlap(first, second, (INSERT, [user.id, NOON, 10]), (INSERT, [user.id, NOON, 20]))
    assert totals(user.id) == [(20, 1)]


def test_a_meal_written_while_its_person_is_erased_leaves_nothing() -> None:
    user = make_user()
    run(INSERT, [user.id, NOON, 10])
    with two_connections() as (first, second):
        overlap(
            first,
            second,
            ("DELETE FROM users WHERE id = %s", [user.id]),
            ("SELECT update_daily_summary(%s, %s)", [user.id, NOON.date()]),
        )
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            second.execute(INSERT, [user.id, NOON, 10])
    assert totals(user.id) == []
    assert value("SELECT count(*) FROM meal_entries") == 0


def test_many_writers_and_many_people_in_any_order_do_not_deadlock() -> None:
    """Each statement writes to all people, in its own order; people are locked in id order."""
    people = [make_user().id for _ in range(4)]
    writers, rounds = 4, 6
    start = Barrier(writers)

    def write(number: int) -> None:
        order = people[number:] + people[:number]
        values = ", ".join(["(%s, 'x', %s, 1)"] * len(order))
        parameters = [part for person in order for part in (person, NOON)]
        with other_connection() as connection:
            start.wait(timeout=20)
            for _ in range(rounds):
                connection.execute(INSERT.partition("VALUES")[0] + "VALUES " + values, parameters)

    with ThreadPoolExecutor(writers) as threads:
        for done in [threads.submit(write, number) for number in range(writers)]:
            done.result(timeout=60)
    assert [totals(person) for person in people] == [[(writers * rounds, writers * rounds)]] * len(people)
