"""Sessions ended by PostgreSQL in mid-run: the process goes on by itself, and everything is as if nothing had happened."""

from __future__ import annotations

import signal

import pytest
from django.db import connection

from audit.models import MigrationEvent
from tests.database import rows
from tests.faults.harness.children import APPLICATION, Arm, children, cut, last_run
from tests.faults.harness.fire import BATCH_SIZE, Fire
from tests.laws.world import go

pytestmark = [pytest.mark.slow, pytest.mark.faults]

CUTS = [
    ("start.digested", 1, "all"),
    ("claim.leased", 2, "all"),
    ("claim.committed", 2, "ahead"),
    ("claim.committed", 2, "main"),
    ("prepare.read", 2, "all"),
    ("prepare.read", 3, "ahead"),
    ("batch.begun", 1, "all"),
    ("batch.meals", 2, "main"),
    ("batch.meals", 2, "ahead"),
    ("batch.marked", 2, "all"),  # nothing is left but the COMMIT
    ("batch.committed", 3, "all"),
    ("finish.begun", 1, "all"),
    ("verify.begun", 1, "all"),
    ("verify.done", 1, "all"),
]


@pytest.mark.parametrize(("point", "hit", "which"), CUTS)
def test_cut_off_it_goes_on_by_itself(fire: Fire, point: str, hit: int, which: str) -> None:
    with children(fire.migrate(arm=Arm(point, hit, "stop"))) as (child,):
        child.wait_stopped()
        assert cut(which) > 0 or which == "ahead"
        child.send(signal.SIGCONT)
        assert child.wait(30) == 0, child.said
    fire.check(last_run())
    assert MigrationEvent.objects.filter(run=last_run(), new_status="failed").count() == 0


_LAST_TO_SPEAK = """
    SELECT pg_terminate_backend(pid, 10000) FROM (
        SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s
        AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory') ORDER BY state_change DESC LIMIT 1
    ) AS last
"""


def test_a_connection_that_lives_does_not_take_the_lock_into_the_pool(fire: Fire) -> None:
    """The session that looks ahead is lost, the other one is not: given back to a pool of several, it would hold the run's lock for ever."""

    def work() -> None:
        connection.settings_dict["OPTIONS"]["pool"]["min_size"] = 4
        go(batch_size=BATCH_SIZE)

    with children(fire.fork(work, arm=Arm("claim.committed", 2, "stop"))) as (child,):
        child.wait_stopped()
        assert rows(_LAST_TO_SPEAK, [APPLICATION])
        child.send(signal.SIGCONT)
        assert child.wait(30) == 0, child.said
    fire.check(last_run())
