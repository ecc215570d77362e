"""The benchmark of the admin's pages, small: it makes its world, opens pages, and tells the truth about what it saw."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.admin_pages_results import Looked, Looks, listing, section, verdict
from benchmarks.server import ROOT


def looked(name: str = "index", **values: object) -> Looked:
    fields = {
        "name": name, "address": "/admin/", "status": 200, "queries": 12, "ms": 20.0, "cpu_ms": 15.0, "whole_ms": 90.0, "bytes": 2048, "slowest_ms": 9.0,
        "slowest": "SELECT 1",
    }  # fmt: skip
    return Looked(**{**fields, **values})  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_small_world_is_made_and_looked_at(tmp_path: Path) -> None:
    output = tmp_path / "RESULTS.md"
    command = [
        "-m",
        "benchmarks.admin_pages",
        "--people",
        "20",
        "--meals",
        "5",
        "--only",
        "migrationrun_",
        "--output",
        str(output),
    ]
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    pages = re.findall(r"^ +(\d+) +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+  (\S+)", done.stdout, re.MULTILINE)
    names = {name for _queries, name in pages}
    assert {
        "audit_migrationrun_changelist",
        "audit_migrationrun_change",
        "audit_migrationrun_live",
        "audit_migrationrun_report",
    } <= names
    assert max(int(queries) for queries, _name in pages) <= 30, done.stdout
    assert "BROKEN" not in done.stdout
    assert "20 people of 5 meals" in output.read_text(encoding="utf-8")


def test_a_page_above_a_limit_is_named_with_its_slowest_statement() -> None:
    looks = [
        looked(),
        looked("slow", ms=301.0),
        looked("many", queries=31),
        looked("gone", status=500),
        looked("tried", ms=2000.0, apart=True),
    ]
    assert [one.exceeds or one.broken for one in looks] == [False, True, True, True, False]
    lines = listing(looks).splitlines()
    assert "tried" in lines[1]
    assert lines[1].endswith("APART")
    assert "slow" in lines[2]
    assert lines[2].endswith("OVER")
    assert lines[3].strip() == "9.0 ms: SELECT 1"
    assert verdict(looks).endswith("2 above the limits (30 statements, 300 ms), 1 not there")


def test_the_section_shows_the_slowest_first_and_what_was_tried_apart() -> None:
    looks = [looked(f"page {number}", ms=float(number)) for number in range(12)] + [
        looked("tried", ms=900.0, apart=True)
    ]
    found = Looks(1.0, looks)
    text = section(
        found, command="python -m benchmarks.admin_pages", people=10, meals=3, server_version="18.4", load=(0.5, 1.0)
    )
    shown = re.findall(r"^\| (page \d+|tried) ", text, re.MULTILINE)
    assert shown == [f"page {number}" for number in range(11, 1, -1)] + ["tried"]
    assert "12 pages, at most 12 statements and 11 ms" in text
