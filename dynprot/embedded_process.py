"""Whether a process is the one we think it is, and whether somebody listens: asked of the kernel, in microseconds.

A process number alone proves nothing: after a restart of the machine or of a container it is somebody else's, and a
killed server may stay as a zombie where nobody reaps (process 1 of many containers).
"""

import os
import socket
from pathlib import Path

from dynprot.embedded_home import SOCKET_NAME

PROC = Path("/proc")
STATE, START_TIME = 0, 19
"""Places in /proc/PID/stat, counted behind the command's name."""
ANSWER_TIMEOUT = 5.0


def birth(pid: int) -> str | None:
    """When a process began, in the kernel's own ticks; None when it is gone or a zombie."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except ProcessLookupError:
        return None
    except FileNotFoundError:
        return None if _has_proc() else _birth_without_proc(pid)
    return None if fields[STATE] in {"Z", "X"} else fields[START_TIME]


def works_in(pid: int, folder: Path) -> bool:
    """Whether `folder` is where the process works, as a PostgreSQL server does in its data folder.

    A process that we may not look at is not ours. Without /proc (macOS) the number has to be believed.
    """
    try:
        return (PROC / str(pid) / "cwd").samefile(folder)
    except OSError:
        return not _has_proc()


def program_is_gone(pid: int) -> bool:
    """Whether the file that the process runs was deleted or replaced, as when an environment is made anew under it.

    A PostgreSQL server then still answers, but can no longer load what it loads on demand, PL/pgSQL for one.
    """
    try:
        return str((PROC / str(pid) / "exe").readlink()).endswith(" (deleted)")
    except OSError:
        return False


def answers(socket_dir: Path) -> bool:
    """Whether somebody listens on the socket: the file alone outlives a killed server."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_TIMEOUT)
        try:
            client.connect(str(socket_dir / SOCKET_NAME))
        except (FileNotFoundError, ConnectionRefusedError, TimeoutError):
            return False
        except BlockingIOError:  # so many at the door that the queue is full
            return True
    return True


def _has_proc() -> bool:
    return (PROC / "self" / "stat").exists()


def _birth_without_proc(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "unknown"
