"""For the stories: the processes that the admin starts, real ones, on the test's database; none of them outlives its test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from audit.runs import dispatch
from tests.e2e.staff import SECONDS, Watched
from tests.faults.harness.commands import environment

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pytest_django.live_server_helper import LiveServer


class Processes:
    """What was called to previews and runs. While `held`, calls are kept, and answered by `release`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self.held = False
        self._monkeypatch = monkeypatch
        self._kept: list[tuple[Any, Any]] = []
        self._spawn = dispatch._spawn_command
        for name, value in environment(MIGRATION_NICENESS="0", DYNPROT_FAILPOINT="").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(dispatch, "_spawn_command", self._called)

    def _called(self, arguments: list[str], **options: Any) -> subprocess.Popen[bytes] | None:
        if self.held:
            self._kept.append((arguments, options))
            return None
        self.started.append(
            self._spawn(arguments, **{**options, "log_name": None})
        )  # what they say is the test's output
        return self.started[-1]

    def release(self) -> None:
        """Whoever was called comes now."""
        self.held, kept, self._kept = False, self._kept, []
        assert kept, "nobody was called"
        for arguments, options in kept:
            self._called(arguments, **options)

    def fail_at(self, failpoint: str) -> None:
        """Those who are called from now on meet this trouble (`audit.runs.failpoints`); none, if it is empty."""
        self._monkeypatch.setenv("DYNPROT_FAILPOINT", failpoint)

    def wait(self) -> list[int]:
        """Their exit codes, once all have ended by themselves."""
        return [process.wait(SECONDS) for process in self.started]

    def end(self) -> None:
        """At once, whatever they are doing."""
        for process in self.started:
            process.kill()
            process.wait()


@pytest.fixture
def processes(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    """Real background processes, as the admin calls them."""
    processes = Processes(monkeypatch)
    yield processes
    processes.end()


@pytest.fixture
def watched(page: Page, live_server: LiveServer) -> Iterator[Watched]:
    """A page on a desk, nobody signed in."""
    watched = Watched(page, live_server.url)
    page.set_viewport_size({"width": 1280, "height": 900})
    yield watched
    page.goto("about:blank")
