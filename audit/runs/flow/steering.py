"""The governor at work on a run: every few seconds one of its workers, whichever comes first, looks at the database's health and writes down
how many may go on. All of them read that when they claim their next batch."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection

from audit.models import MigrationRun
from audit.runs.flow.governor import Governor
from audit.runs.flow.health import Health, probe_apart
from audit.runs.transitions import record

EVERY_SECONDS = 5.0

# Whoever changes the row has the turn; the others find it taken.
_TAKE_TURN = """
    UPDATE migration_runs SET flow = flow || jsonb_build_object('looked_at', clock_timestamp())
    WHERE id = %s AND COALESCE((flow->>'looked_at')::timestamptz, '-infinity') < clock_timestamp() - %s * interval '1 second'
    RETURNING flow, workers
"""


class Steering:
    """One worker's part in it. Does nothing for a run without a governor (`options["governor"]`)."""

    def __init__(self, run: MigrationRun) -> None:
        self._run = run
        self._due = 0.0 if run.options.get("governor") else float("inf")

    def check(self) -> None:
        """To be called between batches. The first look at all, before the first batch, is what later ones are compared with."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_SECONDS
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_TURN, [self._run.pk, EVERY_SECONDS])
            row = cursor.fetchone()
        if row is not None:
            flow, workers = row
            self._look(flow if isinstance(flow, dict) else msgspec.json.decode(flow), workers)

    def _look(self, flow: dict[str, Any], workers: int) -> None:
        health = probe_apart()  # this session holds the worker's lock on the run, and must not be lost with a probe
        baseline = msgspec.convert(flow["baseline"], Health) if flow.get("baseline") else None
        if baseline is None and not health.error:
            baseline = health
        governor = msgspec.convert(flow.get("governor", {}), Governor)
        decision = governor.decide(health, baseline=baseline, asked_workers=workers, now=datetime.now(UTC))
        news = {
            **decision.as_json(),
            "baseline": msgspec.to_builtins(baseline),
            "governor": msgspec.to_builtins(governor),
        }
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE migration_runs SET flow = flow || %s::jsonb WHERE id = %s",
                [msgspec.json.encode(news).decode(), self._run.pk],
            )
        before = flow.get("concurrency", workers)
        if decision.workers != before:
            data = {"concurrency": [before, decision.workers], "pause": decision.pause_seconds}
            record(run=self._run, action="throttle", actor="governor", reason=decision.reason, data=data)
