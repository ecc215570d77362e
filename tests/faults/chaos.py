"""`make chaos`: hundreds of kills at random places of random imports; everything must come out as if nobody had been killed.

Each round has a number, from which follow its world, batch size, number of workers, and who is killed where. `N=300` kills by default; a
failing round is looked at again with `SEED=<its number> N=1`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dynprot.settings.test")
django.setup()

from django.conf import settings  # noqa: E402

from audit.digest import content_digest  # noqa: E402
from audit.models import MigrationRun  # noqa: E402
from audit.runs import control  # noqa: E402
from audit.runs.control import Tuning  # noqa: E402
from audit.runs.plan import Scope  # noqa: E402
from audit.runs.rollback import roll_back  # noqa: E402
from tests.faults.harness.children import Arm, Child, attend, children, cut, last_run, shake  # noqa: E402
from tests.faults.harness.fire import Fire  # noqa: E402
from tests.faults.harness.points import EACH_BATCH, ONCE, ROLLBACK  # noqa: E402
from tests.faults.harness.worlds import PEOPLE  # noqa: E402
from tests.laws.world import go  # noqa: E402
from tests.template_database import TestDatabase  # noqa: E402

ROUNDS_A_WORLD = 10
LONGEST_SECONDS = 0.6
"""About as long as an import takes."""


class Chaos:
    """The rounds, and what is to be told of them in the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fire: Fire | None = None
        self._world = -1
        self.kills: Counter[str] = Counter()
        self.worlds: set[int] = set()
        self.cuts = 0
        self.rounds = 0

    def round(self, number: int) -> None:
        """One import (or rollback), killed, gone on with and compared."""
        chance = Random(f"round {number}")
        fire = self._world_of(number)
        fire.relight()
        self.rounds += 1
        kind = chance.choices(["one", "several", "moment", "cut", "rollback"], [40, 25, 15, 10, 10])[0]
        getattr(self, f"_{kind}")(fire, chance)
        if kind != "rollback":
            fire.check(fire.resume(batch_size=chance.randint(1, PEOPLE)))

    def _world_of(self, number: int) -> Fire:
        world = number // ROUNDS_A_WORLD
        if self._fire is None or world != self._world:
            self._fire, self._world = Fire(seed=world, folder=self._folder), world
            self.worlds.add(world)
        return self._fire

    def _died(self, child: Child, where: str) -> None:
        code = child.wait()
        if code not in (0, -signal.SIGKILL):
            raise AssertionError(child.said)
        if code != 0:
            self.kills[where] += 1

    def _one(self, fire: Fire, chance: Random) -> None:
        """A process killed at a named place, and perhaps the one that goes on too."""
        for _ in range(chance.choice([1, 1, 2, 3])):
            size = chance.randint(1, 3)
            arm = _arm(chance, PEOPLE // size)
            fire.wait_until_nobody_is_there()
            if MigrationRun.objects.count() > fire.runs_before and last_run().status.startswith("completed"):
                return
            self._died(fire.migrate(arm=arm, batch_size=size), arm.point)

    def _several(self, fire: Fire, chance: Random) -> None:
        """Two or three workers, some of which are killed."""
        number = chance.randint(2, 3)
        run = control.start(
            scope=Scope(), batch_size=chance.randint(1, 2), tuning=Tuning(workers=number, fixed_size=True)
        )
        arms = [_arm(chance, 3, after_plan=True) if chance.random() < 0.6 else None for _ in range(number)]
        seeds = [chance.random() for _ in range(number)]

        def work(at: int) -> None:
            if arms[at] is None:
                shake(Random(seeds[at]))
            attend(run)

        with children(*(fire.fork(partial(work, at), arm=arms[at]) for at in range(number))) as all_of_them:
            for child, arm in zip(all_of_them, arms, strict=True):
                self._died(child, arm.point if arm is not None else "")

    def _moment(self, fire: Fire, chance: Random) -> None:
        """Killed whenever it may be, by somebody who knows of no places."""
        with children(fire.migrate(batch_size=chance.randint(1, 3))) as (child,):
            time.sleep(chance.random() * LONGEST_SECONDS)
            child.send(signal.SIGKILL)
            self._died(child, "any moment")

    def _cut(self, fire: Fire, chance: Random) -> None:
        """Its sessions are ended at any moment; it goes on by itself."""
        with children(fire.migrate(batch_size=chance.randint(1, 3))) as (child,):
            time.sleep(chance.random() * LONGEST_SECONDS)
            self.cuts += cut(chance.choice(["all", "main", "ahead"]))
            # Cut before its run was planned, nobody knows of it yet; the command says so.
            if child.wait() != 0:
                assert MigrationRun.objects.count() == fire.runs_before or "open_run" in child.said, child.said

    def _rollback(self, fire: Fire, chance: Random) -> None:
        """A rollback killed once or twice, and gone on with."""
        go(batch_size=2)
        run = last_run()
        for _ in range(chance.choice([1, 2])):
            fire.wait_until_nobody_is_there()
            run.refresh_from_db()
            if run.status == "rolled_back":
                break
            arm = Arm(chance.choice(ROLLBACK), chance.randint(1, 2))
            self._died(fire.fork(lambda: roll_back(run=run, batch_size=2), arm=arm), arm.point)
        fire.wait_until_nobody_is_there()
        run.refresh_from_db()
        if run.status != "rolled_back":
            roll_back(run=run, batch_size=2)
        run.refresh_from_db()
        assert content_digest() == run.rollback["digest_after"] == run.digest_before
        assert go(batch_size=chance.randint(1, PEOPLE))["digest"] == fire.wanted["digest"]


def _arm(chance: Random, most: int, *, after_plan: bool = False) -> Arm:
    once = [point for point in ONCE if not (after_plan and point.startswith("plan"))]
    point = chance.choice([*once, *EACH_BATCH, *EACH_BATCH])
    return Arm(point, 1 if point in ONCE else chance.randint(1, most))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None, help="number of the first round")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(10**6) * ROUNDS_A_WORLD
    settings.MIGRATION_LEASE_SECONDS = 1
    database = TestDatabase()
    database.open()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        settings.MEDIA_ROOT = Path(folder) / "media"
        chaos = Chaos(Path(folder))
        number = seed
        try:
            while chaos.kills.total() < options.kills:
                chaos.round(number)
                number += 1
                if chaos.rounds % 25 == 0:
                    _say(f"{chaos.rounds} rounds, {chaos.kills.total()} kills, all equal so far")
        except Exception:
            traceback.print_exc()
            _say(f"FAILED in round {number}: look again with  make chaos SEED={number} N=1")
            return 1
        finally:
            database.close()
    _say(
        f"{chaos.kills.total()} kills at {len(chaos.kills)} places and {chaos.cuts} sessions cut in {chaos.rounds} rounds over "
        f"{len(chaos.worlds)} worlds (rounds {seed} to {number - 1}, {time.monotonic() - begin:.0f} s): all equal."
    )
    for place, times in sorted(chaos.kills.items(), key=lambda item: -item[1]):
        _say(f"  {times:4}  {place}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
