"""docs/run-states.md, made from the one table of transitions by `make docs`."""

from __future__ import annotations

import sys

_HEAD = """# The states of a run

Made from the table in `audit/runs/transitions.py` by `make docs`; do not edit. The engine, the commands, the admin's buttons and the tests read the
same table; anything that is not in it is refused and changes nothing. Each transition leaves an event with who, when and why.

| from | action | to | when |
|---|---|---|---|
"""


def states_page() -> str:
    """The page as Markdown."""
    from audit.runs.transitions import TRANSITIONS

    lines = [f"| {line.source.value} | `{line.action}` | {line.target.value} | {line.when} |\n" for line in TRANSITIONS]
    return _HEAD + "".join(lines)


def _main() -> None:
    import django

    django.setup()
    sys.stdout.write(states_page())


if __name__ == "__main__":
    _main()
