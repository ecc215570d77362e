"""Whether the admin stays quick: every page with 10,000 people and 3 million meals, against 30 statements and 300 ms of database time.

Usage: python -m benchmarks.admin_pages [--people 10000] [--meals 300] [--markdown] [--output benchmarks/RESULTS.md]

The world is made in a scratch database on the settings' server and dropped afterwards. Exit code 1: a page is above a limit, or is not there.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.admin_pages_results import Looks, listing, section, verdict
from benchmarks.results import write
from benchmarks.server import migrated_database, run_python, scratch_server


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes, looks, tells."""
    options = _options(arguments)
    if options.inside:
        return _inside(options)
    load = os.getloadavg()[0]
    with scratch_server() as server:
        url = migrated_database(server, "admin")
        told = ("--inside", "--people", str(options.people), "--meals", str(options.meals), "--only", options.only)
        found = msgspec.json.decode(run_python(url, "-m", "benchmarks.admin_pages", *told), type=Looks)
        version = server.version()
    command = shlex.join(
        ["python", "-m", "benchmarks.admin_pages", *(sys.argv[1:] if arguments is None else arguments)]
    )
    table = section(
        found,
        command=command,
        people=options.people,
        meals=options.meals,
        server_version=version,
        load=(load, os.getloadavg()[0]),
    )
    print(table if options.markdown else listing(found.looks))
    print(f"{verdict(found.looks)}; the world was made in {found.built:.0f} s", file=sys.stderr)
    if options.output:
        write(Path(options.output), f"admin pages on PostgreSQL {version.split('.')[0]}", f"## Admin pages\n\n{table}")
    return int(any(one.exceeds or one.broken for one in found.looks))


def _inside(options: argparse.Namespace) -> int:
    """The child process, on the scratch database: what it found out, as JSON on standard output."""
    import django

    django.setup()
    from benchmarks.admin_pages_look import look_at_all

    found = look_at_all(options.people, options.meals, options.only)
    sys.stdout.write(msgspec.json.encode(found).decode())
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.admin_pages", description=__doc__.split("\n", maxsplit=1)[0]
    )
    parser.add_argument(
        "--people",
        type=int,
        default=10_000,
        help="how many; the newest of three runs leaves ten items of each in quarantine",
    )
    parser.add_argument("--meals", type=int, default=300, help="of each person; the first one has up to 10,000")
    parser.add_argument("--only", default="", help="only pages that have this in their name")
    parser.add_argument(
        "--markdown", action="store_true", help="print the table of the slowest pages as Markdown instead of all pages"
    )
    parser.add_argument("--output", default="", help="write that table into this file, in place of the former one")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
