"""The private PostgreSQL, each time a real one: started, shared, killed, kept out of reach, filled up."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from dynprot import embedded
from dynprot.embedded_cluster import cluster_version
from dynprot.embedded_home import EmbeddedError, find_binaries, find_home

BASE_DIR = Path(__file__).resolve().parents[2]

START = (
    "import sys, pathlib; from dynprot import embedded; print(embedded.ensure_running(pathlib.Path(sys.argv[1])).pid)"
)
START_AND_DIE = f"{START}; sys.stdout.flush(); import os; os.kill(os.getpid(), 9)"


def launch(code: str, var_dir: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, str(var_dir)]
    return subprocess.Popen(command, cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ask(server: embedded.Server, query: str) -> object:
    with psycopg.connect(server.url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def execute(server: embedded.Server, *statements: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def restarted(server: embedded.Server, var_dir: Path) -> embedded.Server:
    """Kill the server's first process, wait until the kernel is done with it, and ask for the server again."""
    os.kill(server.pid, signal.SIGKILL)
    while server.alive:
        time.sleep(0.005)
    return embedded.ensure_running(var_dir)


def test_starts_and_is_ready_for_use(var_dir: Path) -> None:
    assert embedded.attach(var_dir) is None
    server = embedded.ensure_running(var_dir)
    assert ask(server, "SELECT current_database() || current_user") == "dynprotdynprot"
    assert ask(server, "SELECT current_setting('server_encoding') || current_setting('TimeZone')") == "UTF8UTC"
    assert ask(server, "SELECT upper('é')") == "É"
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW fsync") == "on"
    assert server.socket_dir.stat().st_mode & 0o077 == 0


def test_later_callers_attach_in_milliseconds(var_dir: Path) -> None:
    server = embedded.ensure_running(var_dir)
    times = []
    for _ in range(20):
        embedded._known.clear()
        started = time.perf_counter()
        assert embedded.ensure_running(var_dir).pid == server.pid
        times.append(time.perf_counter() - started)
    assert min(times) < 0.010


def test_eight_processes_at_once_share_one_server(var_dir: Path) -> None:
    processes = [launch(START, var_dir) for _ in range(8)]
    answers = {process.communicate(timeout=90) for process in processes}
    assert len(answers) == 1, answers
    server = embedded.attach(var_dir)
    assert server is not None
    assert answers == {(f"{server.pid}\n", "")}
    assert find_home(var_dir).log.read_text().count("starting PostgreSQL") == 1


def test_outlives_a_kill_of_the_process_that_started_it(var_dir: Path) -> None:
    process = launch(START_AND_DIE, var_dir)
    output, _ = process.communicate(timeout=90)
    assert process.returncode == -signal.SIGKILL
    assert embedded.ensure_running(var_dir).pid == int(output)


@pytest.mark.parametrize("delay", [0.1, 0.25, 0.5])
def test_a_first_start_killed_half_way_is_recovered(var_dir: Path, delay: float) -> None:
    process = launch(START, var_dir)
    time.sleep(delay)
    process.kill()
    process.communicate()
    server = embedded.ensure_running(var_dir)
    assert ask(server, "SELECT count(*) FROM pg_database WHERE datname = 'dynprot'") == 1
    assert not list(find_home(var_dir).path.glob("data.making*"))


def test_a_killed_server_comes_back_with_its_data_even_while_a_query_survives(var_dir: Path) -> None:
    server = embedded.ensure_running(var_dir)
    execute(server, "CREATE TABLE kept (n int)", "INSERT INTO kept SELECT generate_series(1, 1000)")

    def be_busy() -> None:
        # Such a loop does not look up when the first process dies, and holds the shared memory for a while.
        with contextlib.suppress(psycopg.OperationalError):
            ask(server, "SELECT count(*) FROM generate_series(1, 12000000)")

    busy = threading.Thread(target=be_busy)
    busy.start()
    time.sleep(0.3)
    again = restarted(server, var_dir)
    busy.join()
    assert again.pid != server.pid
    assert "is still in use" in find_home(var_dir).log.read_text()
    assert ask(again, "SELECT count(*) FROM kept") == 1000


def test_a_pid_file_that_names_a_stranger_does_not_deceive(var_dir: Path) -> None:
    server = embedded.ensure_running(var_dir)
    pid_file = find_home(var_dir).pid_file
    written = pid_file.read_text()
    embedded.stop(var_dir)
    pid_file.write_text(written.replace(str(server.pid), str(os.getpid()), 1))
    assert embedded.attach(var_dir) is None
    assert embedded.ensure_running(var_dir).pid != os.getpid()


@pytest.mark.parametrize(
    "name", ["deep/" * 30, 'l\'été "à la mer", {} %s $(false) `x`'], ids=["long", "spaces and quotes"]
)
def test_any_path_will_do(var_dir: Path, name: str) -> None:
    folder = var_dir / name
    try:
        server = embedded.ensure_running(folder)
        assert ask(server, "SELECT 1") == 1
        assert len(os.fsencode(server.socket_dir)) < 100
    finally:
        embedded.remove(folder)
    assert not server.socket_dir.exists()


def test_a_half_made_data_folder_is_put_aside(var_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = find_home(var_dir)
    for leftover in (home.data, home.path / "data.making-1"):
        (leftover / "base").mkdir(parents=True)
        (leftover / "PG_VERSION").write_text("18\n")
    assert ask(embedded.ensure_running(var_dir), "SELECT 1") == 1
    aside = list(home.path.glob("data.incomplete-*"))
    assert len(aside) == 1
    assert str(aside[0]) in capsys.readouterr().err
    assert not (home.path / "data.making-1").exists()


def test_stop_then_start_keeps_the_data(var_dir: Path) -> None:
    execute(embedded.ensure_running(var_dir), "CREATE TABLE kept (n int)")
    assert embedded.stop(var_dir)
    assert embedded.attach(var_dir) is None
    assert not embedded.stop(var_dir)
    assert ask(embedded.ensure_running(var_dir), "SELECT count(*) FROM kept") == 0


def test_another_major_version_is_named(var_dir: Path) -> None:
    embedded.ensure_running(var_dir)
    embedded.stop(var_dir)
    (find_home(var_dir).data / "PG_VERSION").write_text("12\n")
    assert cluster_version(find_home(var_dir)) == 12
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 12; the programs here are PostgreSQL"):
        embedded.ensure_running(var_dir)


def test_a_program_folder_of_ones_own(var_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not debian:
        pytest.skip("no other PostgreSQL is installed here")
    monkeypatch.setenv("PG_BIN", str(debian[-1].parent))
    server = embedded.ensure_running(var_dir)
    assert str(ask(server, "SHOW server_version")).startswith(debian[-1].parent.parent.name)
    assert ask(server, "SELECT upper('é')") == "É"


def test_a_server_whose_programs_were_deleted_is_replaced(var_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = find_binaries().parent.parent
    copy = var_dir.parent / "environment"
    shutil.copytree(wheel / "pginstall18", copy / wheel.name / "pginstall18", symlinks=True)
    shutil.copytree(wheel.parent / f"{wheel.name}.libs", copy / f"{wheel.name}.libs")
    monkeypatch.setenv("PG_BIN", str(copy / wheel.name / "pginstall18" / "bin"))
    server = embedded.ensure_running(var_dir)
    execute(server, "CREATE TABLE kept (n int)")
    shutil.rmtree(copy)
    monkeypatch.delenv("PG_BIN")
    embedded._known.clear()
    again = embedded.ensure_running(var_dir)
    assert again.pid != server.pid
    execute(again, "DO $$ BEGIN INSERT INTO kept VALUES (1); END $$")
    assert ask(again, "SELECT count(*) FROM kept") == 1


def test_a_wrong_program_folder_is_named(var_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", "/nowhere")
    with pytest.raises(EmbeddedError, match="PG_BIN=/nowhere holds no initdb"):
        embedded.ensure_running(var_dir)
