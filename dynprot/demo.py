"""`make demo`: some hundreds of people's browser storage moves into PostgreSQL, is verified, and is there to look at.

Each step is a command that an operator would type. Run again, everything is found unchanged.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

CLONE = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("DYNPROT_VAR_DIR") or CLONE / "var").absolute()
FOLDER = VAR / "demo"
SNAPSHOTS = FOLDER / "snapshots.ndjson.gz"
REPORT = FOLDER / "report.json"
CREDENTIALS = FOLDER / "credentials.json"

DONE_WITH_QUARANTINE = 3
"""The migration's exit code when all is done and some items wait for a person's decision: what a demonstration wants."""

ADDRESS = "127.0.0.1"
PORTS_TRIED = 50


@dataclass(frozen=True, slots=True)
class Step:
    """One command. `shown`: its own output is the point, and stays on the terminal."""

    title: str
    command: Sequence[str | Path]
    accepted: frozenset[int] = frozenset({0})
    shown: bool = False


STEPS = (
    Step("Database", ["migrate", "--verbosity=0"]),
    Step(
        "Browsers of 300 people, as the old app left them",
        [
            *[
                "make_sample_snapshots",
                "--users",
                "300",
                "--meals-per-user",
                "60",
                "--seed",
                "2026",
                "--dirty",
                "8",
                "-o",
            ],
            SNAPSHOTS,
        ],
    ),
    Step("Snapshots staged, byte for byte", ["load_snapshots", "--create-users", SNAPSHOTS]),
    Step(
        "Migration into PostgreSQL",
        ["migrate_local_storage", "--batch-size=100", "--report", REPORT],
        accepted=frozenset({0, DONE_WITH_QUARANTINE}),
        shown=True,
    ),
    Step("Verification from the raw bytes, by a second path", ["verify_migration"]),
    Step("An operator's and a support account", ["make_demo_accounts", "--credentials", CREDENTIALS]),
)


def main() -> int:
    """Run the steps, then the server in the foreground unless SERVE=0; the answer is an exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number, step in enumerate(STEPS, start=1):
        if not run(step, f"[{number}/{len(STEPS)}]"):
            return 1
    if os.environ.get("SERVE") == "0":
        print(where_to_look(None))
        return 0
    return serve()


def serve() -> NoReturn:
    """Become the server: it takes this process's place at the terminal, Ctrl-C included."""
    port = free_port(int(os.environ.get("PORT") or 8000))
    print(where_to_look(port), flush=True)
    server = [sys.executable, "manage.py", "runserver", "--noreload", f"{ADDRESS}:{port}"]
    os.chdir(CLONE)
    os.execv(server[0], server)  # noqa: S606 - our own interpreter


def run(step: Step, label: str) -> bool:
    """One line a step; the whole output of one that fails."""
    command = [sys.executable, str(CLONE / "manage.py"), *map(str, step.command)]
    print(f"{label} {step.title}", end="\n" if step.shown else " ... ", flush=True)
    started = time.monotonic()
    output = None if step.shown else subprocess.PIPE
    done = subprocess.run(command, cwd=CLONE, stdout=output, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode in step.accepted:
        if not step.shown:
            print(f"{time.monotonic() - started:.1f} s", flush=True)
        return True
    print(f"failed (exit code {done.returncode})\n\n{done.stdout or ''}", flush=True)
    print(f"The command was: python manage.py {' '.join(map(str, step.command))}", file=sys.stderr)
    return False


def where_to_look(port: int | None) -> str:
    """What there is now, where, and how to sign in."""
    lines = [""]
    if port is None:
        lines.append("Everything is in place. `make demo` serves it; `make stop` ends the private PostgreSQL.")
    else:
        lines.append(f"Look at it:  http://{ADDRESS}:{port}/admin/     (Ctrl-C ends; `make stop` ends the database)")
    accounts = json.loads(CREDENTIALS.read_text(encoding="utf-8"))
    lines += [f"  {one['role']:9} {one['email']:24} password {one['password']}" for one in accounts]
    lines.append(f"  kept in   {_short(CREDENTIALS)}")
    lines.append(f"  report    {_short(REPORT)}")
    return "\n".join(lines) + "\n"


def free_port(wished: int) -> int:
    """The wished port, or the next free one, said aloud."""
    for port in range(wished, min(wished + PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except OSError:
                continue
        if port != wished:
            print(f"\nPort {wished} is taken: using {port}. (PORT=... chooses another.)")
        return port
    raise SystemExit(f"No free port from {wished} on: choose another with PORT=...")


def _short(path: Path) -> str:
    return str(path.relative_to(CLONE)) if path.is_relative_to(CLONE) else str(path)


if __name__ == "__main__":
    sys.exit(main())
