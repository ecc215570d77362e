"""`python manage.py quarantine list|repair|replay|waive|unwaive RUN`: what to do with items that could not be read. See docs/quarantine.md."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from audit.local_storage.rules import RULES
from audit.management.commands.migrate_local_storage import DONE_WITH_QUARANTINE, FAILED, REFUSED, operator
from audit.models import MigrationOutcome, MigrationRun, Outcome, RunStatus
from audit.runs.plan import Refused
from audit.runs.quarantine.groups import Group, groups
from audit.runs.quarantine.repair import preview, repair
from audit.runs.quarantine.replay import Replayed, replay
from audit.runs.quarantine.selection import ALL, Selection
from audit.runs.quarantine.trail import Counts
from audit.runs.quarantine.verdict import can_be_judged_again, is_stale, judge_again
from audit.runs.quarantine.waive import Waived, unwaive, waive
from audit.runs.worker import BatchFailed

LISTED = 200
RAW_SHOWN = 60

EXIT_CODES = """
exit codes:
  0  done
  1  failed: the verification found differences, or somebody could not be replayed
  2  the command line is wrong
  3  done, but items of the run are still in quarantine (replay, waive, unwaive)
  5  refused: nothing was changed; the sentence says why
"""


class Command(BaseCommand):
    help = "Repair, replay or waive the items of a migration that could not be read."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.description = f"{self.help} {EXIT_CODES.strip().replace(chr(10), ' ')}"
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="list|repair|replay|waive|unwaive")
        listing = actions.add_parser(
            "list", help="the quarantine of a run: by reason, and item by item (personal data)"
        )
        _run(listing)
        listing.add_argument("--reason", default="", metavar="CODE", help="only items with this reason code")
        _user(listing)
        listing.add_argument("--json", action="store_true", help="all of it as JSON")
        mending = actions.add_parser("repair", help="store what stands for an item from now on; replay brings it in")
        _run(mending)
        mending.add_argument("path", metavar="PATH", help="the item's path, as `list` shows it")
        mending.add_argument("--snapshot", type=int, required=True, metavar="N", help="the item's snapshot")
        mending.add_argument("--value", required=True, metavar="JSON|@FILE", help="the whole item as JSON")
        mending.add_argument("--preview", action="store_true", help="only show what it would become")
        _reason(mending)
        replaying = actions.add_parser("replay", help="read people again with the repairs in force, and verify the run")
        _run(replaying)
        _code(replaying)
        _user(replaying)
        _reason(replaying)
        for name, what in (("waive", "set items aside for good"), ("unwaive", "put waived items back")):
            waiving = actions.add_parser(name, help=f"{what}, and verify the run")
            _run(waiving)
            _code(waiving)
            _user(waiving)
            waiving.add_argument("--snapshot", type=int, metavar="N", help="only items of this snapshot")
            waiving.add_argument("--path", metavar="PATH", help="with --snapshot: only this item")
            _reason(waiving)

    def handle(self, *args: Any, **options: Any) -> None:
        run = MigrationRun.objects.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"Refused: there is no run {options['run']}. Nothing was changed.", returncode=REFUSED)
        actions = {
            "list": self._list,
            "repair": self._repair,
            "replay": self._replay,
            "waive": self._waive,
            "unwaive": self._waive,
        }
        try:
            code = actions[options["action"]](run, options)
        except Refused as refusal:
            raise CommandError(f"Refused: {refusal}. Nothing was changed.", returncode=REFUSED) from None
        if code:
            sys.exit(code)

    # --- list -------------------------------------------------------------------------------------------------------------

    def _list(self, run: MigrationRun, options: dict[str, Any]) -> int:
        chosen = Selection(reason_code=options["reason"], user=_person(options["user"]))
        items = chosen.of(run).select_related("user")
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(run, groups(run), items), indent=2, ensure_ascii=False))
            return 0
        everything = groups(run)
        if not everything:
            self.stdout.write(f"Run {run.pk} ({run.status}): nothing is in quarantine.")
            return 0
        self.stdout.write(
            f"Run {run.pk} ({run.status}): {sum(one.items for one in everything):,} items in quarantine\n"
        )
        self._table(
            ("ITEMS", "PEOPLE", "KIND", "REASON", "MEANING"),
            [
                (f"{one.items:,}", f"{one.people:,}", one.kind, one.reason, RULES[one.reason].title_en)
                for one in everything
            ],
        )
        self.stdout.write("")
        rows = [
            (str(one.snapshot_id), one.user.email, one.path, one.reasons[0], _field(one), _cut(one.raw))
            for one in items[:LISTED]
        ]
        self._table(("SNAPSHOT", "PERSON", "PATH", "REASON", "FIELD", "RAW"), rows)
        if len(rows) == LISTED:
            self.stdout.write(f"The first {LISTED} are shown; narrow with --reason or --user, or take --json.")
        return 0

    def _table(self, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
        for row in (head, *rows):
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    # --- decisions --------------------------------------------------------------------------------------------------------

    def _repair(self, run: MigrationRun, options: dict[str, Any]) -> int:
        outcome = MigrationOutcome.objects.filter(
            run=run, snapshot_id=options["snapshot"], path=options["path"]
        ).first()
        if outcome is None:
            raise Refused(
                "run {run} keeps no outcome of {path} in snapshot {snapshot}",
                run=run.pk,
                path=options["path"],
                snapshot=options["snapshot"],
            )
        text = _value(options["value"])
        shown = preview(outcome=outcome, value_text=text)
        if not options["preview"]:
            repair(outcome=outcome, value_text=text, actor=operator(), reason=options["reason"])
        self.stdout.write("It would become:" if options["preview"] else "Stored. With the next replay it becomes:")
        width = max(map(len, shown.content), default=0)
        for name, value in shown.content.items():
            self.stdout.write(f"  {name.ljust(width)}  {json.dumps(value, ensure_ascii=False)}")
        for note in shown.notes:
            self.stdout.write(f"  note: {note['field']} {note['reason']} ({RULES[note['reason']].title_en})")
        if not options["preview"]:
            self.stdout.write(f"Next: manage.py quarantine replay {run.pk} --reason TEXT")
        return 0

    def _replay(self, run: MigrationRun, options: dict[str, Any]) -> int:
        chosen = Selection(reason_code=options["reason_code"], user=_person(options["user"]))
        done = replay(run=run, chosen=chosen, actor=operator(), reason=options["reason"])
        self.stdout.write(f"{done.people:,} people read again; {done.items.total():,} items left the quarantine")
        self._counts(done.items)
        if done.others:
            self.stdout.write(
                f"  {done.others:,} other items have another fate now: they are copies, or got another name"
            )
        for user_id, sentence in done.refused.items():
            self.stdout.write(self.style.ERROR(f"  person {user_id} was left as is: {sentence}"))
        return self._verdict(run, options["reason"], done)

    def _waive(self, run: MigrationRun, options: dict[str, Any]) -> int:
        chosen = Selection(
            reason_code=options["reason_code"],
            user=_person(options["user"]),
            snapshot_id=options["snapshot"],
            path=options["path"],
        )
        if chosen.path is not None and chosen.snapshot_id is None:
            raise CommandError("--path goes with --snapshot.", returncode=2)
        act = waive if options["action"] == "waive" else unwaive
        done = act(run=run, chosen=chosen, actor=operator(), reason=options["reason"])
        verb = "set aside" if act is waive else "back in quarantine"
        self.stdout.write(f"{done.items.total():,} items of {done.people:,} people {verb}")
        self._counts(done.items)
        return self._verdict(run, options["reason"], done)

    def _counts(self, items: Counts) -> None:
        if not items:
            return
        self._table(
            ("  KIND", "", "ITEMS"),
            [(f"  {kind}", what, f"{number:,}") for (kind, what), number in sorted(items.items())],
        )

    def _verdict(self, run: MigrationRun, reason: str, done: Replayed | Waived) -> int:
        """The verifier decides what the run is now; where it cannot yet, what was decided stays."""
        run.refresh_from_db()
        refused = isinstance(done, Replayed) and bool(done.refused)
        if done.items.total() or is_stale(run):
            if can_be_judged_again(run):
                try:
                    run = judge_again(run=run, actor=operator(), reason=reason)
                except Refused as refusal:
                    self.stdout.write(self.style.WARNING(f"Done, but not verified yet: {refusal}."))
                except BatchFailed as failure:
                    raise CommandError(f"Failed: {failure}.", returncode=FAILED) from failure
            else:
                self.stdout.write(f"The run is {run.status}: it is verified when it has gone on to its end.")
        self.stdout.write(f"Run {run.pk} is {run.status}; {done.left:,} items are in quarantine.")
        if refused or run.status == RunStatus.FAILED:
            return FAILED
        return DONE_WITH_QUARANTINE if ALL.of(run, Outcome.QUARANTINED).exists() else 0


def _run(parser: ArgumentParser) -> None:
    parser.add_argument("run", type=int, metavar="RUN", help="number of the run (see migration_status)")


def _code(parser: ArgumentParser) -> None:
    parser.add_argument("--reason-code", default="", metavar="CODE", help="only items with this reason code")


def _user(parser: ArgumentParser) -> None:
    parser.add_argument("--user", metavar="EMAIL", help="only this person's items")


def _reason(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; kept for ever with the run's story")


def _person(email: str | None) -> User | None:
    if not email:
        return None
    user = User.objects.with_email(email).first()
    if user is None:
        raise Refused("nobody has the e-mail address {email}", email=email)
    return user


def _value(given: str) -> str:
    """The JSON itself, or what is in the file named after @."""
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise Refused("{file} cannot be read ({problem})", file=given[1:], problem=type(problem).__name__) from None


def _field(one: MigrationOutcome) -> str:
    return str(one.changes[0]["field"]) if one.changes else ""


def _cut(raw: str) -> str:
    return raw if len(raw) <= RAW_SHOWN else raw[: RAW_SHOWN - 1] + "…"


def _as_json(run: MigrationRun, everything: list[Group], items: Any) -> dict[str, Any]:
    return {
        "run": run.pk,
        "status": run.status,
        "groups": [{**one._asdict(), "samples": [sample._asdict() for sample in one.samples]} for one in everything],
        "items": [
            {
                "outcome": one.pk,
                "snapshot": one.snapshot_id,
                "user": one.user.email,
                "kind": one.kind,
                "path": one.path,
                "reason": one.reasons[0],
                "field": _field(one),
                "raw": one.raw,
            }
            for one in items
        ],
    }
