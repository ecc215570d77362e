"""Verifying a run: chunk by chunk, with flat memory."""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.db import connection

from audit.models import MigrationRun
from audit.runs.verification.chunks import Chunks
from audit.runs.verification.people import check_person
from audit.runs.verification.strays import report_strays
from audit.runs.verification.summaries import SummaryCheck
from audit.runs.verification.tables import Session
from audit.runs.verification.verdict import Findings, Verdict
from audit.runs.verification.zones import load_zone_names


def verify_run(run: MigrationRun, *, on_progress: Callable[[int, int], None] | None = None) -> Verdict:
    """Compares what the run's snapshots say with what the tables say. Reads only.

    `on_progress` is called with the people verified and the people there are, after each chunk.
    """
    started = time.monotonic()
    findings = Findings()
    with _private_folder() as folder, _session() as session, _two_threads(), SummaryCheck(folder) as summaries:
        load_zone_names(session)
        chunks = Chunks(session, run.pk, summaries, own_moment=not connection.in_atomic_block)
        done = 0
        for chunk in chunks:
            done += len(chunk.people)
            chunk.people.reverse()
            while chunk.people:  # each person's items are let go before the next one's are read
                check_person(findings, run.pk, chunk.people.pop(), chunk.tables)
            chunk.summaries.report(findings)
            if on_progress is not None:
                on_progress(done, len(chunks.people))
        report_strays(findings, chunks.strays)
    return findings.verdict(time.monotonic() - started)


@contextmanager
def _session() -> Iterator[Session]:
    """Django's own connection, as psycopg's: inside a transaction it must see what that one sees. Django does not use it meanwhile."""
    connection.ensure_connection()
    session = connection.connection
    factory = session.cursor_factory
    session.cursor_factory = psycopg.Cursor
    try:
        yield session
    finally:
        session.cursor_factory = factory


_TURN = 0.0005
"""Seconds after which a thread that computes lets another one have its turn."""


@contextmanager
def _two_threads() -> Iterator[None]:
    """How Python works meanwhile, for the whole process.

    The thread that fetches has little to do in Python itself, but every time it waits the usual 5 ms for its turn, PostgreSQL and DuckDB wait
    too: shorter turns made the whole a quarter faster. Decoding makes millions of objects and no cycles: the cyclic garbage collector only walks
    them, at two thirds of the time.
    """
    was_enabled, turn = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(_TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(turn)
        if was_enabled:
            gc.enable()


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A folder of mode 0700 for the second engine's files, which hold personal data; it never outlives the verification."""
    with tempfile.TemporaryDirectory(prefix="dynprot-verify-") as folder:
        yield Path(folder)
