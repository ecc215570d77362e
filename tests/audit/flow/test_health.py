"""The probe on the real database: well, with somebody waiting, with an old transaction, with its connection cut."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.db import connection, transaction

from audit.runs.flow import health as health_module
from audit.runs.flow.governor import Governor
from audit.runs.flow.health import Health, probe, probe_apart
from tests.database import other_connection, rows, value, wait_until_blocked
from tests.factories import NOON, make_meal, make_user


@contextmanager
def somebody_waits(seconds: float) -> Iterator[None]:
    """Two other sessions, of which one has been waiting for the other's row for at least so long."""
    user = make_user()
    with other_connection() as holder, other_connection() as waiter:
        holder.execute("BEGIN")
        holder.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [user.pk])
        query = "SELECT FROM users WHERE id = %s FOR UPDATE"
        thread = threading.Thread(target=waiter.execute, args=(query, [user.pk]))
        thread.start()
        try:
            wait_until_blocked(waiter.info.backend_pid)
            time.sleep(seconds)
            yield
        finally:
            holder.execute("COMMIT")
            thread.join(timeout=20)


@pytest.mark.django_db(transaction=True)
def test_an_empty_and_quiet_database() -> None:
    health = probe(connection)
    assert (health.error, health.probe_ms, health.lock_waiters, health.replication_lag_seconds) == ("", 0.0, 0, None)
    assert abs(datetime.now(UTC) - health.at) < timedelta(seconds=5)


@pytest.mark.django_db
def test_it_lists_the_latest_days_of_people_by_the_index() -> None:
    user = make_user()
    for day in range(40):
        make_meal(user, NOON - timedelta(days=day))
    listed = rows(health_module._LATEST_MEALS, {"user": user.pk, "days": health_module.DAYS})
    assert [row[3] for row in listed] == [(NOON - timedelta(days=day)).date() for day in range(7)]
    health = probe(connection)
    assert 0 < health.probe_ms < 1000
    with transaction.atomic():
        rows("SET LOCAL enable_seqscan = off")
        plan = rows("EXPLAIN " + health_module._LATEST_MEALS, {"user": user.pk, "days": health_module.DAYS})
    text = "\n".join(line for (line,) in plan)
    assert text.count("using idx_meal_entries_user_") == 2
    assert "Seq Scan" not in text


@pytest.mark.django_db
def test_everybody_is_looked_at_sooner_or_later() -> None:
    users = {make_user().pk for _ in range(12)}
    with connection.cursor() as cursor:
        draws = [health_module._random_people(cursor) for _ in range(60)]
    assert {len(draw) for draw in draws} == {health_module.PEOPLE}
    assert {person for draw in draws for person in draw} == users


@pytest.mark.django_db(transaction=True)  # 20,000 rows taken back would leave their pages behind for other tests
def test_of_many_people_only_a_few_pages_are_read() -> None:
    rows(
        "INSERT INTO users (email, username, password_hash) SELECT n || '@x.fr', n, '!' FROM generate_series(1, 20000) AS n RETURNING 1"
    )
    parameters = {"pages": health_module._PAGES, "people": health_module.PEOPLE}
    plan = rows("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + health_module._RANDOM_PEOPLE, parameters)[0][0][0][
        "Plan"
    ]
    text = str(plan)
    assert "'Node Type': 'Sample Scan'" in text
    with connection.cursor() as cursor:
        draws = [health_module._random_people(cursor) for _ in range(20)]
    assert len({person for draw in draws for person in draw}) > 60
    while plan["Node Type"] != "Sample Scan":
        plan = plan["Plans"][0]
    assert plan["Actual Rows"] < 4000


@pytest.mark.django_db(transaction=True)
def test_somebody_who_waits_for_a_lock_is_counted_after_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    before = probe(connection)
    with somebody_waits(0.3):
        assert probe(connection).lock_waiters == 0, "not yet a second"
        monkeypatch.setattr(health_module, "WAIT_SECONDS", 0.2)
        health = probe(connection)
    assert health.lock_waiters == 1
    assert health.oldest_transaction_seconds >= 0.3
    decision = Governor().decide(health, baseline=before, asked_workers=2, now=health.at)
    assert decision.workers == 1
    assert "1 session has waited for a lock" in decision.reason
    assert probe(connection).lock_waiters == 0


@pytest.mark.django_db(transaction=True)
def test_its_own_transaction_is_not_the_oldest() -> None:
    with transaction.atomic():
        value("SELECT 1")
        time.sleep(0.15)
        assert probe(connection).oldest_transaction_seconds < 0.1


@pytest.mark.django_db(transaction=True)
def test_a_cut_connection_is_said_and_the_next_probe_has_a_new_one() -> None:
    connection.ensure_connection()
    pid = value("SELECT pg_backend_pid()")
    with other_connection() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    health = probe(connection)
    assert health.error in ("57P01", "OperationalError")
    decision = Governor().decide(health, baseline=None, asked_workers=4, now=health.at)
    assert decision.workers == 1
    assert decision.pause_seconds > 0
    assert health.error in decision.reason
    assert probe(connection).error == ""


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    make_user()
    monkeypatch.setattr(health_module, "PROBE_TIMEOUT_MS", 50)
    with other_connection() as other, other.transaction():
        other.execute("LOCK meal_entries")
        health = probe(connection)
    assert health.error in ("57014", "55P03")
    assert probe(connection).error == ""


@pytest.mark.django_db
def test_it_leaves_nothing_behind_in_the_caller_s_transaction() -> None:
    settings = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
    with transaction.atomic():
        user = make_user()
        before = rows(settings)
        assert probe(connection).error == ""
        assert rows(settings) == before
    assert value("SELECT count(*) FROM users WHERE id = %s", [user.pk]) == 1


@pytest.mark.django_db(transaction=True)
def test_apart_from_a_connection_in_the_middle_of_a_batch() -> None:
    with transaction.atomic():
        user = make_user()
        time.sleep(0.15)
        health = probe_apart()
        assert health.error == ""
        assert health.oldest_transaction_seconds >= 0.15, "it is another session that sees this one"
    assert value("SELECT count(*) FROM users WHERE id = %s", [user.pk]) == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_written_down_is_read_again() -> None:
    health = probe(connection)
    assert msgspec.convert(msgspec.to_builtins(health), Health) == health
