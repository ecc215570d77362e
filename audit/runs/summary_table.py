"""The closing words of a migration on a terminal: what was found, what became of it, what was verified, and what to do next."""

from __future__ import annotations

import io
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from audit.local_storage.rules import RULES
from audit.runs.ledger import OUTCOMES

_NAMES = {"meal": "meals", "favorite": "favourites", "profile": "profiles", "preferences": "preferences"}
_WORDS = {
    "completed": "done, everything verified",
    "completed_with_quarantine": "done and verified, with items in quarantine",
    "failed": "FAILED",
    "paused": "paused; what was committed stays",
    "pausing": "pauses when the batches under way are done",
    "cancelled": "cancelled; what was committed stays",
    "cancelling": "is cancelled when the batches under way are done",
}

_PREDICTIONS = {
    "completed": "the run would be done, with nothing in quarantine",
    "completed_with_quarantine": "the run would be done, with items in quarantine",
}


def summary_table(report: dict[str, Any], *, colour: bool = False) -> str:
    """The report of a run for a person to read."""
    console = Console(file=io.StringIO(), width=120, force_terminal=colour, no_color=not colour, highlight=False)
    words = _PREDICTIONS if report["dry_run"] else _WORDS
    name = "Dry run" if report["dry_run"] else f"Run {report['run']}"
    console.print(f"\n[bold]{name}: {words.get(report['status'], report['status'])}[/bold]\n")
    console.print(_equation(report))
    console.print(_facts(report))
    if report["reasons"]:
        console.print(_reasons(report))
    _verdict(console, report)
    output = console.file
    assert isinstance(output, io.StringIO)
    return "\n".join(line.rstrip() for line in output.getvalue().split("\n"))


def _count(number: int) -> str:
    return f"{number:,}" if number else "·"


def _equation(report: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("items", no_wrap=True)
    table.add_column("found", justify="right", no_wrap=True)
    for outcome in OUTCOMES:
        table.add_column(("= " if outcome == "created" else "+ ") + outcome, justify="right", no_wrap=True)
    for kind, counts in report["items"].items():
        table.add_row(_NAMES[kind], *(_count(counts[name]) for name in ("found", *OUTCOMES)))
    return table


def _facts(report: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    snapshots, batches = report["snapshots"], report["batches"]
    extra = [f"{snapshots[state]:,} {state}" for state in ("unreadable", "waiting") if snapshots[state]]
    table.add_row("people", f"{report['users']:,}")
    table.add_row("snapshots", f"{snapshots['read']:,} read" + "".join(f", {text}" for text in extra))
    table.add_row("day summaries", f"{report['summaries']['days']:,} written")
    table.add_row(
        "batches",
        f"{batches['planned']:,} planned, {batches['committed']:,} committed, {batches['failed']:,} failed (of {report['batch_size']} people)",
    )
    phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report["phases"].items())
    table.add_row("time", f"{report['seconds']:.1f} s ({phases}); {report['meals_per_second']:,.0f} meals/s")
    table.add_row("digest", report["digest"])
    if report.get("plan_digest"):
        table.add_row("plan digest", report["plan_digest"])
    return table


def _reasons(report: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("reason")
    table.add_column("items", justify="right")
    table.add_column("what it means")
    order = sorted(
        report["reasons"].items(), key=lambda pair: (RULES[pair[0]].effect != "quarantine", -pair[1], pair[0])
    )
    for code, count in order:
        rule = RULES[code]
        table.add_row(
            code, f"{count:,}", ("[yellow]quarantine:[/yellow] " if rule.effect == "quarantine" else "") + rule.title_en
        )
    return table


def _verdict(console: Console, report: dict[str, Any]) -> None:
    if report["dry_run"]:
        console.print(
            "\nNothing was written: this is what the run would do, and --expect-plan with that digest does nothing else."
        )
        return
    verification = report["verification"]
    if verification["verdict"] == "not_run":
        console.print("\nNot verified yet: that comes when everything is moved.")
    elif verification["verdict"] == "passed":
        console.print(
            f"\n[green]Verification passed[/green]: {verification['compared']:,} items, tallies and days compared with the raw snapshots, no difference."
        )
    else:
        console.print(
            f"\n[red]Verification FAILED[/red]: {len(verification['differences']):,} differences, the first ones:"
        )
        for difference in verification["differences"][:10]:
            where = f"snapshot {difference['snapshot']} {difference['path']} {difference['field']}".strip()
            console.print(f"  {where}: {difference['problem']}")
    if report["snapshots"]["waiting"]:
        console.print(
            "Snapshots wait for an account: see [bold]python manage.py load_snapshots --help[/bold], --create-users."
        )
    if report["status"] in ("paused", "pausing"):
        console.print(
            f"Go on with [bold]python manage.py migrate_local_storage --resume {report['run']}[/bold]; "
            f"[bold]migration_status {report['run']}[/bold] says why it stopped."
        )
    if report["run"] is not None:
        console.print(f"Look at it: /admin/audit/migrationrun/{report['run']}/change/")
