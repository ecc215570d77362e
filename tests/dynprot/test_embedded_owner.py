"""As whom the private PostgreSQL runs, and what one is told when that cannot be. Most of it takes root to set up."""

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dynprot import embedded
from dynprot.embedded_home import CHOICE_FILE, ROOT_HOMES, EmbeddedError, find_binaries, find_home

BASE_DIR = Path(__file__).resolve().parents[2]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to act as several users")
STRANGER = "daemon"
UNKNOWN_UID = 54321


def python_for(uid: int) -> str:
    """An interpreter that the user can run: this one may live in a closed home. The module needs no packages."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        command = [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        with contextlib.suppress(OSError):
            if subprocess.run(command, user=uid, group=uid, extra_groups=[], cwd="/", check=False).returncode == 0:
                return candidate
    pytest.skip(f"uid {uid} can run no Python 3.11 here")


@pytest.fixture
def programs(var_dir: Path) -> Path:
    """PostgreSQL and the module where every user can reach them, wherever the clone is."""
    folder = var_dir.parent / "programs"
    wheel = find_binaries().parent.parent
    shutil.copytree(wheel / "pginstall18", folder / wheel.name / "pginstall18", symlinks=True)
    libraries = wheel.parent / f"{wheel.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    (folder / "dynprot").mkdir()
    for module in (BASE_DIR / "dynprot").glob("*.py"):
        if module.name.startswith(("__init__", "embedded")):
            shutil.copy(module, folder / "dynprot")
    return folder


def command_as(uid: int, action: str, var_dir: Path, programs: Path) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": "/usr/bin:/bin",
        "DYNPROT_VAR_DIR": str(var_dir),
        "PG_BIN": str(next(programs.glob("*/pginstall18/bin"))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [python_for(uid), "-m", "dynprot.embedded", action],
        user=uid,
        group=uid,
        extra_groups=[],
        cwd=programs,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@needs_root
def test_for_root_the_server_runs_as_nobody(var_dir: Path) -> None:
    server = embedded.ensure_running(var_dir)
    status = Path(f"/proc/{server.pid}/status").read_text()
    nobody = pwd.getpwnam("nobody").pw_uid
    assert f"Uid:\t{nobody}\t{nobody}\t{nobody}\t{nobody}" in status
    assert "Groups:\t \n" in status or "Groups:\t\n" in status
    assert find_home(var_dir).path == var_dir / "postgres"
    assert find_home(var_dir).path.stat().st_mode & 0o777 == 0o700


@needs_root
def test_a_normal_user_has_a_server_of_their_own_and_root_may_use_it(var_dir: Path, programs: Path) -> None:
    uid = pwd.getpwnam(STRANGER).pw_uid
    var_dir.mkdir()
    os.chown(var_dir, uid, uid)
    started = command_as(uid, "start", var_dir, programs)
    assert started.returncode == 0, started.stderr
    assert "PostgreSQL 18 runs." in started.stdout
    server = embedded.attach(var_dir)
    assert server is not None
    assert Path(f"/proc/{server.pid}").stat().st_uid == uid
    assert embedded.stop(var_dir)
    again = embedded.ensure_running(var_dir)
    assert Path(f"/proc/{again.pid}").stat().st_uid == uid


@needs_root
@pytest.mark.parametrize("action", ["start", "status", "stop", "url", "remove"])
def test_a_folder_of_somebody_else_is_said_to_be(var_dir: Path, programs: Path, action: str) -> None:
    (var_dir / "postgres").mkdir(parents=True, mode=0o700)
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(var_dir / "postgres", nobody, nobody)
    answer = command_as(pwd.getpwnam(STRANGER).pw_uid, action, var_dir, programs)
    assert answer.returncode == 1
    assert "belongs to nobody, not to you" in answer.stderr
    assert "Traceback" not in answer.stderr


@needs_root
def test_a_uid_without_an_entry_is_told_so(var_dir: Path, programs: Path) -> None:
    var_dir.mkdir()
    os.chown(var_dir, UNKNOWN_UID, UNKNOWN_UID)
    answer = command_as(UNKNOWN_UID, "start", var_dir, programs)
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"This process runs as uid {UNKNOWN_UID}, which has no entry in /etc/passwd")


@needs_root
def test_out_of_nobodys_reach_the_data_live_elsewhere_and_that_is_remembered(var_dir: Path) -> None:
    var_dir.mkdir()
    var_dir.parent.chmod(0o700)
    server = embedded.ensure_running(var_dir)
    home = find_home(var_dir)
    assert home.path.parent == ROOT_HOMES
    assert str(home.path) in (var_dir / CHOICE_FILE).read_text()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    var_dir.parent.chmod(0o755)  # reachable again: the choice stands, since the data are there
    embedded._known.clear()
    assert embedded.ensure_running(var_dir).pid == server.pid
    embedded.remove(var_dir)
    assert not home.path.exists()
    assert not (var_dir / CHOICE_FILE).exists()


@needs_root
def test_programs_out_of_nobodys_reach_are_copied(
    var_dir: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.chmod(0o700)
    monkeypatch.setenv("PG_BIN", str(next(programs.glob("*/pginstall18/bin"))))
    server = embedded.ensure_running(var_dir)
    home = find_home(var_dir).path
    assert home.parent == ROOT_HOMES
    assert Path(f"/proc/{server.pid}/exe").readlink().is_relative_to(home / "programs")


@pytest.fixture
def small_disk(var_dir: Path) -> Iterator[Path]:
    """A real file system of 20 MB."""
    var_dir.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(var_dir)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("may not mount a small file system here")
    yield var_dir
    subprocess.run(["umount", str(var_dir)], check=True)


@needs_root
def test_a_full_disk_is_named(small_disk: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"There is no room on the disk of .*: 20 MB are free"):
        embedded.ensure_running(small_disk)
