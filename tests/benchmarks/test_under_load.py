"""The parts of the harness that looks at runs under load, small: they run, and they tell the truth about what they saw."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from audit.models import MigrationBatch, MigrationRun
from benchmarks.app_load import STREAMS, at_a_fixed_rate
from benchmarks.load_results import Felt, Latency, Measured, Moved, latencies, percentile95, section
from benchmarks.server import ROOT
from benchmarks.staging import stage
from benchmarks.under_load import (
    Application,
    broker,
    celery_workers,
    environment,
    felt,
    groups_of,
    migrate,
    moving_seconds,
    worker_options,
)
from nutrition.models import DailySummary, MealEntry
from tests.conftest import database_url
from tests.factories import make_meal, make_user

OPTIONS = {"people": 1000.0, "meals": 300.0, "batch_size": 50.0, "repeat": 3.0, "rate": 20.0, "seconds": 20.0}


def test_what_waited_behind_a_slow_operation_is_slow_too() -> None:
    stop = threading.Event()
    calls = 0

    def operation() -> bool:
        nonlocal calls
        calls += 1
        if calls == 3:
            time.sleep(0.2)
        if calls == 8:
            stop.set()
        return calls != 5

    samples = at_a_fixed_rate(operation, 50.0, stop, "list outside")
    assert len(samples) == 8
    assert [sample.failed for sample in samples] == [False] * 4 + [True] + [False] * 3
    assert samples[2].ms >= 200
    assert samples[3].ms >= 150, "it was due while the slow one was under way"
    dues = [sample.at for sample in samples[3:]]
    assert dues == pytest.approx([dues[0] + index / 50 for index in range(5)], abs=0.002)
    assert abs(samples[0].at - time.time()) < 5


def test_the_percentile() -> None:
    assert percentile95([7.0]) == 7.0
    assert percentile95(list(range(101))) == 95.0
    assert percentile95([1.0] * 99 + [1000.0]) == 1.0


def test_a_sample_belongs_to_the_window_in_which_it_was_due() -> None:
    samples = [("list", at, float(at), at == 5) for at in range(10)]
    (seen,) = latencies(samples, 2, 6).values()
    assert (seen.number, seen.median, seen.failed) == (4, 3.5, 1)
    assert seen.p95 == pytest.approx(4.85)


def test_the_section_says_what_was_compared() -> None:
    before, during = Latency(400, 1.0, 2.0, 0), Latency(300, 1.1, 2.3, 2)
    measured = Measured(
        "python -m benchmarks.under_load",
        OPTIONS,
        local={
            1: [Moved(1000, 1.0, 3.0)] * 3,
            2: [Moved(1000, 0.5, 2.5), Moved(1000, 0.6, 2.6), Moved(1000, 0.9, 2.9)],
        },
        felt=[Felt(2, {"list outside": before, "write moving": before}, {"list outside": during})],
    )
    text = section(measured)
    assert "| 2 local processes | 1,667 | × 1.67 | 2.6 s |" in text
    assert "| 1 local processes | 1,000 |  | 3.0 s |" in text
    assert "Celery | not measured: no Redis" in text
    assert "| 2 workers | 1.0 → 1.1 ms | 2.0 → 2.3 ms | +15 % | 400 / 300, 2 failed |" in text
    assert "The HTTP API comes with a later issue" in text
    assert "for somebody whom the run moves" not in text, "nothing was measured of these while the run went on"


def test_the_same_command_line_for_all_but_the_workers() -> None:
    local, celery = (worker_options(50, 2, celery=celery) for celery in (False, True))
    assert local == ["--batch-size", "50", "--fixed", "--workers", "2"]
    assert celery == [*local, "--celery"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_application_lists_and_writes_through_the_real_models(tmp_path: Path) -> None:
    outside, moving = make_user(), make_user()
    make_meal(outside)
    groups = {"outside": [str(outside.pk)], "moving": [str(moving.pk)]}
    application = Application(environment(database_url(), tmp_path), tmp_path, groups, rate=50.0)
    try:
        time.sleep(0.5)
    finally:
        samples = application.end()
    assert {sample[0] for sample in samples} == {f"{kind} {group}" for kind, group in STREAMS}
    assert not any(failed for *_, failed in samples)
    written = [sum(one[0] == f"write {group}" for one in samples) for group in ("outside", "moving")]
    assert MealEntry.objects.filter(user=outside).count() == written[0] + 1 + 2  # two more to warm up
    assert MealEntry.objects.filter(user=moving).count() == written[1] + 2
    assert sum(DailySummary.objects.values_list("total_meals", flat=True)) == sum(written) + 5


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_application_beside_a_run(tmp_path: Path) -> None:
    stage(database_url(), people=10, meals=5, dirty=0)
    options = argparse.Namespace(people=10, rate=40.0, warm_up=0.1, seconds=0.5)
    seen = felt(database_url(), tmp_path, options, 1)
    assert set(seen.without) == set(seen.during) == {f"{kind} {group}" for kind, group in STREAMS}
    assert all(one.number > 10 and one.p95 >= one.median > 0 for one in seen.during.values())
    groups = groups_of(database_url())
    assert (len(groups["outside"]), len(groups["moving"])) == (10, 0)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_time_of_moving_is_that_of_the_batches(tmp_path: Path) -> None:
    stage(database_url(), people=4, meals=5, dirty=0)
    using = environment(database_url(), tmp_path)
    moved = migrate(using, tmp_path, *worker_options(2, 1, celery=False))
    assert moved.meals == MealEntry.objects.count() > 0
    run = MigrationRun.objects.get()
    assert run.started_at is not None
    assert run.finished_at is not None
    assert 0.001 < moved.moving < (run.finished_at - run.started_at).total_seconds() < moved.whole
    batches = list(run.batches.order_by("number"))
    assert batches[0].started_at is not None
    MigrationBatch.objects.filter(pk=batches[0].pk).update(started_at=batches[0].started_at - timedelta(hours=1))
    assert moving_seconds(database_url(), run.pk) == pytest.approx(3600 + moved.moving)
    assert migrate(using, tmp_path).moving == 0.001, "nothing waited"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_command_that_ends_badly_ends_the_harness(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"(?s)ended with code 5: .*nobody has the e-mail"):
        migrate(environment(database_url(), tmp_path), tmp_path, "--user", "nobody@example.fr")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_celery_workers_are_ready_and_then_gone(tmp_path: Path) -> None:
    with broker() as redis_url:
        if not redis_url:
            pytest.skip("no Redis here")
        using = environment(database_url(), tmp_path, redis_url)
        with celery_workers(1, using):
            command = [sys.executable, "-m", "celery", "-A", "dynprot", "inspect", "ping", "--json"]
            done = subprocess.run(command, cwd=ROOT, env=using, capture_output=True, text=True, check=False)
            assert any(name.startswith("bench") for name in json.loads(done.stdout)), done.stderr
        done = subprocess.run(command, cwd=ROOT, env=using, capture_output=True, text=True, check=False)
        assert "bench" not in done.stdout
