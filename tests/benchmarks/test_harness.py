"""One round of the whole harness with five people: it measures everything, writes its table, and leaves the server as it was found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from benchmarks.results import write
from benchmarks.server import ROOT, Server


def _scratch_databases() -> set[str]:
    with psycopg.connect(Server().url) as connection:
        rows = connection.execute(r"SELECT datname FROM pg_database WHERE datname LIKE 'dynprot\_bench\_%'").fetchall()
    return {row[0] for row in rows}


@pytest.mark.slow
def test_one_round_writes_the_table_and_drops_its_databases(tmp_path: Path) -> None:
    output = tmp_path / "RESULTS.md"
    before = _scratch_databases()
    command = ["-m", "benchmarks", "--people", "5", "--meals", "12", "--repeat", "1", "--dirty", "0", "--peers", "2"]
    done = subprocess.run(
        [sys.executable, *command, "--output", str(output)],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = output.read_text(encoding="utf-8")
    for line in (
        "**engine**, clean data",
        "limit, clean data",
        "verification, clean data",
        "`Model.save()`",
        "`bulk_create`",
    ):
        assert line in text
    assert "of the limit" in text
    assert "completed" in text
    assert "failed" not in text
    assert _scratch_databases() <= before


def test_a_table_replaces_its_own_and_nothing_else(tmp_path: Path) -> None:
    output = tmp_path / "RESULTS.md"
    output.write_text("# Ours\n\nkept\n", encoding="utf-8")
    write(output, "one", "first")
    write(output, "two", "second")
    write(output, "one", "third")
    text = output.read_text(encoding="utf-8")
    assert "first" not in text
    assert text.index("kept") < text.index("third") < text.index("second")
