"""`python -m dynprot.embedded start|stop|status|url|psql|remove`: the private PostgreSQL by hand."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from dynprot import embedded
from dynprot.embedded_cluster import cluster_version
from dynprot.embedded_home import EmbeddedError, find_binaries, find_home

CLONE = Path(__file__).resolve().parent.parent
STOPPED = 3
"""What `status` answers when nothing runs, as pg_ctl does."""

ACTIONS = {
    "start": "start the server unless it runs",
    "stop": "end it; it comes back when somebody needs it",
    "status": "say whether it runs, where it is and how large (exit code 3: it does not run)",
    "url": "start it and print its address, for DATABASE_URL and other tools",
    "psql": "start it and open psql; further arguments are psql's",
    "remove": "end it and delete its data, for good",
}


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit code is the answer."""
    described = "\n".join(f"  {name:8}{meaning}" for name, meaning in ACTIONS.items())
    parser = argparse.ArgumentParser(
        prog="python -m dynprot.embedded",
        description="The private PostgreSQL of this clone, used when DATABASE_URL is not set.\n\n" + described,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help="one of the above")
    chosen, rest = parser.parse_known_args(arguments)
    if rest and chosen.action != "psql":
        parser.error(f"{chosen.action} takes no further arguments: {' '.join(rest)}")
    var_dir = Path(os.environ.get("DYNPROT_VAR_DIR") or CLONE / "var").absolute()
    try:
        return _act(chosen.action, var_dir, rest)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


def _act(action: str, var_dir: Path, rest: list[str]) -> int:
    if action == "status":
        return _status(var_dir)
    if action == "stop":
        print("The server is stopped." if embedded.stop(var_dir) else "There was no server to stop.")
        return 0
    if action == "remove":
        embedded.remove(var_dir)
        print("The server and its data are gone.")
        return 0
    server = embedded.ensure_running(var_dir)
    if action == "url":
        print(server.url)
        return 0
    if action == "psql":
        return subprocess.run([find_binaries() / "psql", "-d", server.url, *rest], check=False).returncode
    return _status(var_dir)


def _status(var_dir: Path) -> int:
    home = find_home(var_dir)
    version = cluster_version(home)
    if version is None:
        print(f"There is no server yet; it will be made in {home.path}.")
        return STOPPED
    server = embedded.attach(var_dir)
    print(f"PostgreSQL {version} {'runs' if server else 'does not run'}.")
    if server:
        print(f"  process  {server.pid}\n  address  {server.url}")
    print(f"  data     {home.data} ({_size(home.data) / 2**20:.0f} MB)\n  log      {home.log}")
    return 0 if server else STOPPED


def _size(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(path, name).lstat().st_size
            except FileNotFoundError:  # a running server removes files
                continue
    return total
