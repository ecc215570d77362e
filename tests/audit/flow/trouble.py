"""Real trouble from a real PostgreSQL: each function provokes one error and gives back what Django raised."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.db import connection, transaction

from tests.database import other_connection, run, value, wait_until_blocked
from tests.factories import make_meal, make_run, make_user


def caught(deed: Callable[[], object]) -> BaseException:
    """What `deed` raises."""
    try:
        deed()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def with_setting(setting: str, statement: str) -> BaseException:
    """`statement` in a transaction of its own with a setting."""

    def deed() -> None:
        with transaction.atomic():
            run(f"SET LOCAL {setting}")
            run(statement)

    return caught(deed)


def statement_timeout() -> BaseException:
    return with_setting("statement_timeout = '20ms'", "SELECT pg_sleep(5)")


def lock_timeout() -> BaseException:
    user = make_user()
    with other_connection() as other, other.transaction():
        other.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [user.pk])
        return with_setting("lock_timeout = '20ms'", f"SELECT FROM users WHERE id = '{user.pk}' FOR UPDATE")


def deadlock() -> BaseException:
    """Two people locked in two orders. Ours looks for a deadlock first, so it is the one who is sent away."""
    one, two = make_user(), make_user()
    with other_connection() as other:
        other.execute("SET deadlock_timeout = '10s'")
        pid = other.info.backend_pid

        def crosswise() -> None:
            other.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [one.pk])
            other.execute("COMMIT")

        def deed() -> None:
            with transaction.atomic():
                run("SET LOCAL deadlock_timeout = '20ms'")
                run("SELECT FROM users WHERE id = %s FOR UPDATE", [one.pk])
                other.execute("BEGIN")
                other.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [two.pk])
                thread = threading.Thread(target=crosswise)
                thread.start()
                threads.append(thread)
                wait_until_blocked(pid)
                run("SELECT FROM users WHERE id = %s FOR UPDATE", [two.pk])

        threads: list[threading.Thread] = []
        error = caught(deed)
        for thread in threads:
            thread.join(timeout=20)
        return error


def serialization_failure() -> BaseException:
    user = make_user()

    def deed() -> None:
        with transaction.atomic():
            run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            value("SELECT count(*) FROM users")
            with other_connection() as other:
                other.execute("UPDATE users SET first_name = 'a' WHERE id = %s", [user.pk])
            run("UPDATE users SET first_name = 'b' WHERE id = %s", [user.pk])

    return caught(deed)


def terminated() -> BaseException:
    """pg_terminate_backend in mid-transaction, as a restart does it."""
    error = _cut(lambda pid: f"SELECT pg_terminate_backend({pid}, 5000)")
    connection.close()
    return error


def used_after_termination() -> BaseException:
    """The second statement on a connection that died: the driver answers by itself, without a SQLSTATE."""
    connection.ensure_connection()
    pid = value("SELECT pg_backend_pid()")
    driver = connection.connection
    with other_connection() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    caught(lambda: driver.execute("SELECT 1"))
    error = caught(lambda: run("SELECT 1"))
    connection.close()
    return error


def idle_in_transaction() -> BaseException:
    def deed() -> None:
        with transaction.atomic():
            run("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
            time.sleep(0.3)
            run("SELECT 1")

    error = caught(deed)
    connection.close()
    return error


def not_null() -> BaseException:
    user = make_user()
    return caught(lambda: run("UPDATE users SET email = NULL WHERE id = %s", [user.pk]))


def unique() -> BaseException:
    user = make_user()
    return caught(lambda: make_user(email=user.email))


def check() -> BaseException:
    user = make_user()
    return caught(lambda: make_meal(user, protein=-1))


def numeric_overflow() -> BaseException:
    user = make_user()
    make_meal(user)
    return caught(lambda: run("UPDATE meal_entries SET protein_grams = 1e9"))


def text_with_nul() -> BaseException:
    return caught(lambda: run("SELECT %s::text", ["a\0b"]))


def no_such_table() -> BaseException:
    return caught(lambda: run("SELECT FROM no_such_table"))


def unbalanced_run() -> BaseException:
    """A CHECK of our own: only the verifier completes a run."""
    return caught(lambda: make_run(status="completed"))


def aborted_transaction() -> BaseException:
    """What Django says of the statement after the one that failed: an error of its own, raised from the first."""
    user = make_user()

    def deed() -> None:
        with transaction.atomic():
            caught(lambda: make_user(email=user.email))
            run("SELECT 1")

    return caught(deed)


def raised_by_the_server(state: str) -> BaseException:
    """Any SQLSTATE, out of PL/pgSQL, for states that cannot be had otherwise without breaking the machine."""
    return caught(lambda: run(f"DO $$ BEGIN RAISE 'Jeanne Dupont' USING ERRCODE = '{state}'; END $$"))


def _cut(statement: Callable[[int], str]) -> BaseException:
    def deed() -> None:
        with transaction.atomic():
            pid = value("SELECT pg_backend_pid()")
            with other_connection() as other:
                other.execute(statement(pid).encode())
            run("SELECT 1")

    return caught(deed)
