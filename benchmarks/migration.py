"""The harness: the whole engine against the limit and the usual ways, in one run, on the same data, server and state of the disk.

    python -m benchmarks.migration [--people 1000] [--meals 300] [--batch-size 100] [--repeat 3] [--output benchmarks/RESULTS.md]
    python -m benchmarks.migration --scale [--people 1000]      time and memory at so many people and at ten times as many

Each measurement gets a fresh copy of one staged database, and a fresh process. Scratch databases are dropped at the end. Set DATABASE_URL for
a server other than the private one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.limit import export_finished, limit_seconds
from benchmarks.results import Measured, Round, Scale, rounds_table, scale_table, write
from benchmarks.server import ROOT, Server, migrated_database, run_python, scratch_server
from benchmarks.staging import stage

PEER_PEOPLE = 30
TEN_TIMES = 10


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints the table and writes it into the output file."""
    options = _options(arguments)
    measured = Measured(
        command=f"python -m benchmarks {' '.join(arguments if arguments is not None else sys.argv[1:])}".strip(),
        people=options.people,
        meals=options.meals,
        batch_size=options.batch_size,
        repeat=options.repeat,
        server_version="",
        rounds={},
    )
    before = os.getloadavg()[0]
    with scratch_server() as server, tempfile.TemporaryDirectory(prefix="dynprot-bench-") as folder:
        measured.server_version = server.version()
        if options.scale:
            measured.scale = [
                _long_run(server, options, people) for people in (options.people, options.people * TEN_TIMES)
            ]
        else:
            for dirty in options.dirty:
                measured.rounds[dirty] = _rounds(server, options, dirty, Path(folder), measured)
    measured.load = (before, os.getloadavg()[0])
    table = scale_table(measured) if options.scale else rounds_table(measured)
    write(
        options.output,
        f"migration{'-scale' if options.scale else ''} on PostgreSQL {measured.server_version.split('.')[0]}",
        table,
    )
    print(table)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--meals", type=int, default=300, help="of each person")
    parser.add_argument("--batch-size", type=int, default=100, help="people in one transaction")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; medians are shown")
    parser.add_argument("--dirty", type=int, nargs="+", default=[0, 8], help="percentages of dirt, a data set each")
    parser.add_argument("--peers", type=int, default=PEER_PEOPLE, help="people for the usual ways; 0 leaves them out")
    parser.add_argument("--scale", action="store_true", help="time and memory at --people and at ten times as many")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    return parser.parse_args(arguments)


def _rounds(server: Server, options: argparse.Namespace, dirty: int, folder: Path, measured: Measured) -> list[Round]:
    """Engine and limit in turn, `--repeat` times; the peers once, after the first round on clean data."""
    staged = f"staged_{dirty}"
    _say(f"staging {options.people} people, {dirty} % dirty")
    stage(migrated_database(server, staged), people=options.people, meals=options.meals, dirty=dirty)
    rounds: list[Round] = []
    finished = None
    for number in range(options.repeat):
        _say(f"round {number + 1} of {options.repeat}")
        url = server.create("run", staged)
        engine = _engine(url, options.batch_size)
        if finished is None:
            finished = export_finished(url, folder / staged, options.batch_size)
        if options.peers and not measured.peers:
            measured.peers = json.loads(run_python(url, "-m", "benchmarks.peers", "--people", str(options.peers)))
        batched = limit_seconds(server.create("run", staged), finished, whole=False)
        whole = limit_seconds(server.create("run", staged), finished, whole=True)
        rounds.append(Round(engine, finished.meals, batched.total, whole.total))
        _say(
            f"  engine {finished.meals / rounds[-1].moving:,.0f} meals/s, limit {finished.meals / rounds[-1].limit:,.0f}"
        )
    server.drop("run")
    server.drop(staged)
    return rounds


def _long_run(server: Server, options: argparse.Namespace, people: int) -> Scale:
    _say(f"staging {people:,} people")
    url = migrated_database(server, "scale")
    stage(url, people=people, meals=options.meals, dirty=options.dirty[0])
    _say(f"migrating {people:,} people")
    engine = _engine(url, options.batch_size)
    server.drop("scale")
    return Scale(people, engine)


def _engine(url: str, batch_size: int) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run_python(url, "-m", "benchmarks.engine_run", "--batch-size", str(batch_size)))
    if not result["status"].startswith("completed"):
        _say(f"  the run ended {result['status']} with {result['differences']} differences")
    return result


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
