"""A rollback's receipt on a terminal: what went, what came back, what stays and why."""

from __future__ import annotations

import io
from collections import Counter

from rich import box
from rich.console import Console
from rich.table import Table

from audit.runs.rollback.receipt import REASONS, TABLES, Receipt

SHOWN = 20
_NAMES = {
    "meal_entries": "meals",
    "favorite_meals": "favourites",
    "user_profiles": "profiles",
    "goal_history": "goals",
    "users": "names",
}


def receipt_table(receipt: Receipt, *, colour: bool = False) -> str:
    """The receipt for a person to read; without anything personal but the ids of rows."""
    console = Console(file=io.StringIO(), width=120, force_terminal=colour, no_color=not colour, highlight=False)
    console.print(f"\n[bold]{_title(receipt)}[/bold]\n")
    console.print(_rows(receipt))
    console.print(_facts(receipt))
    if receipt.kept:
        console.print(_kept(receipt))
        for row in receipt.kept[:SHOWN]:
            console.print(f"  {row.table} {row.row_id}: {row.reason}")
        if len(receipt.kept) > SHOWN:
            console.print(f"  ... and {len(receipt.kept) - SHOWN:,} more: all of them are in the file of --report.")
    _digests(console, receipt)
    output = console.file
    assert isinstance(output, io.StringIO)
    return "\n".join(line.rstrip() for line in output.getvalue().split("\n"))


def _title(receipt: Receipt) -> str:
    part = f", batch {receipt.scope['batch']}" if "batch" in receipt.scope else ""
    part = f", {receipt.scope['user']}" if "user" in receipt.scope else part
    if receipt.dry_run:
        return f"Dry run of the rollback of run {receipt.run}{part}"
    return f"Run {receipt.run}{part}: rolled back" + (", with rows that stay" if receipt.kept else "")


def _rows(receipt: Receipt) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("rows")
    for title in ("removed", "put back", "kept"):
        table.add_column(title, justify="right")
    kept = Counter(row.table for row in receipt.kept)
    for name in TABLES:
        numbers = (receipt.deleted.get(name, 0), receipt.restored[name], kept[name])
        table.add_row(_NAMES[name], *(f"{number:,}" if number else "·" for number in numbers))
    return table


def _facts(receipt: Receipt) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    table.add_row("people", f"{receipt.people:,}")
    table.add_row("day summaries", f"{receipt.days:,} made right")
    table.add_row("photos", f"{receipt.photos:,} removed")
    return table


def _kept(receipt: Receipt) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("kept because")
    table.add_column("rows", justify="right")
    table.add_column("what it means")
    for reason, number in Counter(row.reason for row in receipt.kept).most_common():
        table.add_row(reason, f"{number:,}", REASONS[reason])
    return table


def _digests(console: Console, receipt: Receipt) -> None:
    if receipt.dry_run:
        console.print("\nNothing was written: this is what the rollback would do.")
        return
    console.print(f"\ndigest before the run    {receipt.digest_before or 'was not taken'}")
    console.print(f"digest after this        {receipt.digest_after}")
    if receipt.equal:
        console.print("[green]Equal[/green]: the content is that of before the run.")
    elif "whole" not in receipt.scope:
        console.print("They differ as long as other people of the run stay migrated.")
    else:
        console.print(
            "[yellow]Different[/yellow]: people have used the app since, or other runs have moved people since. "
            "Rows of this run that stay are listed above."
        )
    console.print(f"Look at it: /admin/audit/migrationrun/{receipt.run}/change/")
