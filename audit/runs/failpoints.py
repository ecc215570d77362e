"""Named places where tests make a process die, stop or fail, to show that nothing is lost there (law 2).

Armed from the environment of the process, e.g. `DYNPROT_FAILPOINT=batch.meals:3:kill` (the third time that it comes by). Unarmed, `reach`
is one comparison. `error:SQLSTATE` raises what psycopg would raise for that state.
"""

from __future__ import annotations

import os
import signal
from typing import NamedTuple

import psycopg
from django.db import OperationalError

POINTS = (
    "plan.written",
    "plan.committed",
    "start.digested",
    "start.committed",
    "claim.leased",
    "claim.committed",
    "prepare.read",
    "batch.begun",
    "batch.settings",
    "batch.meals",
    "batch.favorites",
    "batch.summaries",
    "batch.tallies",
    "batch.marked",
    "batch.committed",
    "finish.begun",
    "verify.begun",
    "verify.done",
    "finish.completed",
    "rollback.begun",
    "rollback.people",
    "rollback.committed",
    "rollback.photos",
    "rollback.digested",
)
"""Every place, in the order in which a run comes by."""


class _Armed(NamedTuple):
    name: str
    at: int
    action: str


class Injected(Exception):
    """An error that a test asked for."""


def _from_environment() -> _Armed | None:
    asked = os.environ.get("DYNPROT_FAILPOINT", "")
    if not asked:
        return None
    name, _, rest = asked.partition(":")
    at, _, action = rest.partition(":")
    if name not in POINTS:
        raise ValueError(f"DYNPROT_FAILPOINT names {name!r}; there are {', '.join(POINTS)}")
    return _Armed(name, int(at or 1), action or "kill")


_armed = _from_environment()
_seen = 0


def reach(name: str) -> None:
    """The process has come to place `name`."""
    if _armed is not None and _armed.name == name:
        _act(_armed)


def _act(armed: _Armed) -> None:
    global _seen  # noqa: PLW0603 - counts for the whole process
    _seen += 1
    if _seen != armed.at:
        return
    if armed.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif armed.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif armed.action.startswith("error:"):
        cause = psycopg.errors.lookup(armed.action.removeprefix("error:"))("asked for by a test")
        raise OperationalError("asked for by a test") from cause
    else:
        raise Injected(f"asked for at {armed.name}")
