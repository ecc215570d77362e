"""What more workers bring, and what the application feels of a run.

    python -m benchmarks.under_load [--people 1000] [--meals 300] [--batch-size 50] [--repeat 3] [--seconds 20] [--rate 20]

Throughput with 1 and 2 local workers and with 1 and 2 Celery workers (on REDIS_URL, or on a redis-server of its own), and the latency of the
application's two usual operations while a run goes on, against without. Scratch databases are dropped at the end. Writes its own section of
RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import redis

from benchmarks.load_results import NO_REDIS, Felt, Measured, Moved, latencies, section
from benchmarks.results import write
from benchmarks.server import ROOT, SETTINGS, Server, migrated_database, scratch_server
from benchmarks.staging import stage

SUCCESS = (0, 3)
"""Exit codes of `migrate_local_storage`: done, done with quarantine."""
READY_SECONDS = 60.0
LONGEST_SECONDS = 1800.0
"""A command that takes longer hangs: the harness says so instead of hanging with it."""


# --- Running the command ------------------------------------------------------------------------------------------------


def environment(url: str, media: Path, redis_url: str = "") -> dict[str, str]:
    """For every process that works on the scratch database at `url`."""
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "DYNPROT_MEDIA_ROOT": str(media),
        "PYTHONUNBUFFERED": "1",
        "REDIS_URL": redis_url,
    }


def migrate(using: dict[str, str], folder: Path, *options: str, timeout: float = LONGEST_SECONDS) -> Moved:
    """`manage.py migrate_local_storage` in a process of its own. Ends the harness when the command ends badly."""
    report = folder / "report.json"
    command = ["manage.py", "migrate_local_storage", "--progress", "none", "--report", str(report), *options]
    begin = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=using, capture_output=True, check=False, timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"{' '.join(command)} did not end within {timeout:.0f} s") from error
    whole = time.perf_counter() - begin
    if done.returncode not in SUCCESS:
        raise SystemExit(
            f"{' '.join(command)} ended with code {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}"
        )
    told = json.loads(report.read_text(encoding="utf-8"))
    return Moved(told["items"]["meal"]["created"], moving_seconds(using["DATABASE_URL"], told["run"]), whole)


def moving_seconds(url: str, run: int) -> float:
    """From the first claim of a batch to the last commit, by PostgreSQL's clock: the same for all ways, whichever processes took part."""
    statement = (
        "SELECT extract(epoch FROM max(finished_at) - min(started_at))::float8 FROM migration_batches WHERE run_id = %s"
    )
    with psycopg.connect(url) as connection:
        row = connection.execute(statement, [run]).fetchone()
    return row[0] if row and row[0] else 0.001


def worker_options(batch_size: int, workers: int, *, celery: bool) -> list[str]:
    """The command line that is compared: the size of the batches is the same for all."""
    options = ["--batch-size", str(batch_size), "--fixed", "--workers", str(workers)]
    return [*options, "--celery"] if celery else options


# --- Redis and Celery ---------------------------------------------------------------------------------------------------


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


@contextmanager
def broker() -> Iterator[str]:
    """The address of a Redis: REDIS_URL when it answers, else a server of our own for as long as needed; "" when there is none."""
    given = os.environ.get("REDIS_URL", "")
    if given and _answers(given):
        yield given
        return
    from tests.redis_server import find_redis_server

    program = find_redis_server()
    if program is None:
        yield ""
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"redis://127.0.0.1:{port}/0"
    with tempfile.TemporaryDirectory(prefix="dynprot-bench-redis-") as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + READY_SECONDS
            while not _answers(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the redis-server that was started does not answer")
                time.sleep(0.05)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=20)


@contextmanager
def celery_workers(number: int, using: dict[str, str]) -> Iterator[None]:
    """So many worker processes of one task at a time, ready for work, and the beat that sweeps; ended afterwards.

    As root Celery warns of itself; that is left out, everything else that they say is shown.
    """
    from celery import Celery

    name = f"bench{os.getpid()}"
    with ExitStack() as stack:
        schedule = stack.enter_context(tempfile.TemporaryDirectory(prefix="dynprot-bench-beat-"))
        workers = [
            ["worker", "--pool", "solo", "--without-gossip", "--without-mingle", "-n", f"{name}-{index}@%h"]
            for index in range(number)
        ]
        for command in [*workers, ["beat", "--schedule", f"{schedule}/schedule"]]:
            words = ["-W", "ignore:::celery.platforms", "-m", "celery", "-A", "dynprot", *command]
            process = subprocess.Popen(
                [sys.executable, *words, "--loglevel", "WARNING"],
                cwd=ROOT,
                env=using,
                stdout=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
            )
            stack.callback(_end, process)
        with Celery(broker=using["REDIS_URL"]) as app:
            deadline = time.monotonic() + READY_SECONDS
            while sum(one.startswith(name) for reply in app.control.ping(timeout=0.5) for one in reply) < number:
                if time.monotonic() > deadline:
                    raise SystemExit("the Celery workers that were started do not answer")
        yield


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# --- What the application feels ---------------------------------------------------------------------------------------


class Application:
    """The process that lists and writes meals at a fixed rate."""

    def __init__(self, using: dict[str, str], folder: Path, groups: dict[str, list[str]], rate: float) -> None:
        people = folder / "people.json"
        people.write_text(json.dumps(groups), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.app_load", "--rate", str(rate), "--people", str(people)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=using, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self._process.wait()
            raise SystemExit("the process that plays the application did not start; see above")

    def end(self) -> list[tuple[str, float, float, bool]]:
        """Stops it; its samples: stream, when (seconds since the epoch), ms, whether it failed."""
        output, _ = self._process.communicate(timeout=60)
        return [tuple(sample) for sample in json.loads(output)]


def groups_of(url: str) -> dict[str, list[str]]:
    """Who has been migrated ("outside": the next run does not touch them) and who waits ("moving")."""
    statement = "SELECT DISTINCT user_id::text FROM storage_snapshots WHERE user_id IS NOT NULL AND status = %s"
    with psycopg.connect(url) as connection:
        waiting = {row[0] for row in connection.execute(statement, ["waiting"])}
        migrated = {row[0] for row in connection.execute(statement, ["migrated"])}
    return {"outside": sorted(migrated - waiting), "moving": sorted(waiting)}


def felt(url: str, folder: Path, options: argparse.Namespace, workers: int, *extra: str) -> Felt:
    """The application alone for a while, then with a run beside it. Some people are migrated first: they are its users."""
    using = environment(url, folder / "media")
    migrate(using, folder, "--limit", str(max(options.people // 5, 1)))
    application = Application(using, folder, groups_of(url), options.rate)
    try:
        time.sleep(options.warm_up)
        alone = time.time()
        time.sleep(options.seconds)
        begin = time.time()
        migrate(using, folder, *extra)
        end = time.time()
    finally:
        samples = application.end()
    return Felt(workers, latencies(samples, alone, begin), latencies(samples, begin, end))


# --- The harness ----------------------------------------------------------------------------------------------------------


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.under_load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--meals", type=int, default=300, help="of each person")
    parser.add_argument("--batch-size", type=int, default=50, help="people in one transaction")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of throughput; medians are shown")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of workers to compare")
    parser.add_argument("--rate", type=float, default=20.0, help="operations a second, of each kind")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the application alone")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds before anything counts")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "RESULTS.md")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints the section and writes it into the output file."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended and dropped
    options = _options(arguments)
    words = arguments if arguments is not None else sys.argv[1:]
    measured = Measured(
        command=f"python -m benchmarks.under_load {' '.join(words)}".strip(),
        options={
            name: getattr(options, name) for name in ("people", "meals", "batch_size", "repeat", "rate", "seconds")
        },
    )
    before = os.getloadavg()[0]
    with scratch_server() as server, tempfile.TemporaryDirectory(prefix="dynprot-bench-") as name:
        folder = Path(name)
        measured.server_version = server.version()
        _say(f"staging {options.people:,} people")
        stage(migrated_database(server, "staged"), people=options.people, meals=options.meals, dirty=0)
        measured.local = _throughput(server, folder, options, redis_url="")
        with broker() as redis_url:
            if redis_url:
                measured.celery = _throughput(server, folder, options, redis_url=redis_url)
            else:
                _say(f"Celery: {NO_REDIS}")
        for workers in options.workers:
            _say(f"the application beside a run of {workers} workers")
            url = server.create("run", "staged")
            extra = worker_options(options.batch_size, workers, celery=False)
            measured.felt.append(felt(url, folder, options, workers, *extra))
    measured.load = (before, os.getloadavg()[0])
    text = section(measured)
    write(options.output, f"under load on PostgreSQL {measured.server_version.split('.')[0]}", text)
    print(text)
    return 0


def _throughput(server: Server, folder: Path, options: argparse.Namespace, *, redis_url: str) -> dict[int, list[Moved]]:
    """In turn, so that what else happens on the machine meets all alike."""
    rounds: dict[int, list[Moved]] = {workers: [] for workers in options.workers}
    for number in range(options.repeat):
        for workers in options.workers:
            url = server.create("run", "staged")
            using = environment(url, folder / "media", redis_url)
            words = worker_options(options.batch_size, workers, celery=bool(redis_url))
            with celery_workers(workers, using) if redis_url else ExitStack():
                moved = migrate(using, folder, *words)
            rounds[workers].append(moved)
            way = "Celery" if redis_url else "local"
            _say(f"round {number + 1} of {options.repeat}: {workers} {way} workers, {moved.rate:,.0f} meals/s")
    return rounds


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
