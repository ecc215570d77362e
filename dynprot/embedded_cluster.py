"""Making the private PostgreSQL's data folder, and its configuration.

The folder appears under its name only when it is whole, database included: an interrupted first start leaves a draft,
which the next start throws away.
"""

import os
import re
import shutil
import sys
import time
from pathlib import Path

from dynprot.embedded_home import EmbeddedError, Home, Owner, require_room

DATABASE = "dynprot"
"""Both the database and its role, who owns the server."""

INITDB_TIMEOUT = 180.0
DELETE_TIMEOUT = 30.0
SMALL_SHARED_MEMORY = 256 * 1024 * 1024
OLDEST_WITH_BUILTIN_LOCALES = 17

CONFIGURATION = """\
# Written by dynprot.embedded at every start. Put your own choices into postgresql.auto.conf (ALTER SYSTEM SET ...).
listen_addresses = ''                  # no TCP: only this machine, only the owner (and root) through the socket
unix_socket_directories = {sockets}
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 256MB
work_mem = 32MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
dynamic_shared_memory_type = {dynamic_shared_memory}
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, dmy'
default_text_search_config = 'pg_catalog.french'
lc_messages = 'C'
log_line_prefix = '%m [%p] '
log_checkpoints = off
log_min_error_statement = panic        # no statements and no row values in the log: they are people's data
log_error_verbosity = terse
"""


def prepare_cluster(home: Home, owner: Owner, binaries: Path) -> None:
    """Leave a whole data folder of the binaries' major version with a fresh configuration. Needs the start lock."""
    owner.give(home.path)
    for draft in home.path.glob("data.making*"):
        _delete_draft(draft)
    if home.data.exists() and not home.has_cluster:
        aside = home.path / f"data.incomplete-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
        home.data.rename(aside)
        print(f"The data folder {home.data} was incomplete; it is now {aside}, and a new one is made.", file=sys.stderr)
    version = _major_version(owner, binaries)
    if home.data.exists():
        _require_same_version(home, version)
    else:
        _make_cluster(home, owner, binaries, version)
    _write_configuration(home, owner)


def cluster_version(home: Home) -> int | None:
    """The major version that made the data folder, None when there is none."""
    try:
        return int((home.data / "PG_VERSION").read_text(encoding="ascii").split(".")[0])
    except FileNotFoundError:
        return None


def _make_cluster(home: Home, owner: Owner, binaries: Path, version: int) -> None:
    require_room(home)
    draft = home.path / f"data.making-{os.getpid()}"
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if version >= OLDEST_WITH_BUILTIN_LOCALES
        else ["--locale=C.UTF-8"]
    )
    command: list[str | Path] = [
        binaries / "initdb",
        "-D",
        draft,
        "-U",
        DATABASE,
        "--auth=trust",
        "--encoding=UTF8",
        *locale,
    ]
    made = owner.run(command, timeout=INITDB_TIMEOUT)
    if made.returncode != 0:
        raise EmbeddedError(f"PostgreSQL could not make its data folder.\n{explain(made.stdout, home)}")
    # A single-user session: the cluster is then never seen without its database.
    script = f'printf "%s\\n" "CREATE DATABASE {DATABASE}" | "$1" --single -D "$2" postgres'
    created = owner.run(["/bin/sh", "-c", script, "sh", binaries / "postgres", draft], timeout=INITDB_TIMEOUT)
    if created.returncode != 0 or "ERROR" in created.stdout or "FATAL" in created.stdout:
        raise EmbeddedError(f"PostgreSQL could not make its first database.\n{explain(created.stdout, home)}")
    draft.rename(home.data)


def _delete_draft(draft: Path) -> None:
    """Delete what an interrupted start left, even while its orphaned initdb still writes into it."""
    deadline = time.monotonic() + DELETE_TIMEOUT
    while draft.exists():
        shutil.rmtree(draft, ignore_errors=True)
        if draft.exists():
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{draft}, left by an interrupted start, cannot be deleted: delete it by hand.")
            time.sleep(0.1)


def _require_same_version(home: Home, version: int) -> None:
    made_by = cluster_version(home)
    if made_by != version:
        raise EmbeddedError(
            f"The data folder {home.data} was made by PostgreSQL {made_by}; the programs here are PostgreSQL {version}, "
            "which cannot read it. To keep its content, dump it with the old programs (PG_BIN=/their/folder, then "
            "`python -m dynprot.embedded start` and pg_dump). To start afresh: `python -m dynprot.embedded remove`."
        )


def _write_configuration(home: Home, owner: Owner) -> None:
    """Both files are written by another name first: a full disk must not leave half a configuration."""
    sockets = home.sockets
    _claim_socket_folder(sockets, owner)
    quoted = '"{}"'.format(str(sockets).replace('"', '""'))
    text = CONFIGURATION.format(
        sockets="'{}'".format(quoted.replace("'", "''")), dynamic_shared_memory=_dynamic_shared_memory()
    )
    target = home.data / "postgresql.conf"
    if target.exists() and target.read_text(encoding="utf-8") == text:
        return
    draft = target.with_suffix(".draft")
    try:
        draft.write_text(text, encoding="utf-8")
        if owner.drop:
            os.chown(draft, owner.uid, owner.gid)
        draft.replace(target)
    except OSError as error:
        raise EmbeddedError(f"{target} cannot be written: {error.strerror}.") from error


def _claim_socket_folder(folder: Path, owner: Owner) -> None:
    """In a shared temporary folder somebody else may have taken the name: then they could pose as our server."""
    owner.give(folder)
    found = folder.lstat()
    if found.st_uid != owner.uid or folder.is_symlink():
        raise EmbeddedError(f"The folder for the sockets, {folder}, belongs to somebody else: delete it or set TMPDIR.")
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def _dynamic_shared_memory() -> str:
    """Containers often have 64 MB of /dev/shm, where a parallel query fails; files in the data folder always work."""
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return "mmap"
    return "posix" if room.f_frsize * room.f_blocks >= SMALL_SHARED_MEMORY else "mmap"


def _major_version(owner: Owner, binaries: Path) -> int:
    answer = owner.run([binaries / "postgres", "--version"], timeout=60)
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if answer.returncode != 0 or found is None:
        raise EmbeddedError(f"{binaries / 'postgres'} does not run on this machine:\n{answer.stdout.strip()}")
    return int(found.group(1))


def explain(output: str, home: Home) -> str:
    """PostgreSQL's own last words, with a plain sentence in front where we know what they mean."""
    tail = "\n".join(f"  {line}" for line in output.strip().splitlines()[-12:])
    if "No space left on device" in output:
        return f"There is no room left on the disk of {home.path}: make room and try again.\n{tail}"
    if "could not look up effective user" in output:
        return f"The user as whom it runs has no entry in /etc/passwd.\n{tail}"
    if "Permission denied" in output:
        return f"A file or folder under {home.path} is out of reach of the user as whom it runs.\n{tail}"
    return tail
