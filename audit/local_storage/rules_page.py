"""docs/cleaning-rules.md, made from the one table of rules: `python -m audit.local_storage.rules_page > docs/cleaning-rules.md`."""

from __future__ import annotations

import inspect
import sys

from audit.local_storage.rules import EFFECTS, RULES

_HEAD = """# Cleaning rules

Made from the table in `audit/local_storage/rules.py` by `make docs`; do not edit. What each rule does exactly stands in
[importing.md](importing.md); this page lists every reason code that an item can carry, for operators and support.
"""
_TITLES = {
    "quarantine": "Quarantined",
    "note": "Altered, with a note",
    "copy": "Copies",
    "kept": "Kept as on the server",
}


def rules_page() -> str:
    """The page as Markdown."""
    parts = [_HEAD]
    for effect, meaning in EFFECTS.items():
        parts.append(
            f"\n## {_TITLES[effect]}\n{meaning}\n\n| code | meaning | en français | why | function |\n|---|---|---|---|---|\n"
        )
        for rule in RULES.values():
            if rule.effect == effect:
                function = f"{inspect.getmodule(rule.function).__name__.rpartition('.')[2]}.{rule.function.__name__}"  # type: ignore[union-attr]
                cells = (f"`{rule.code}`", rule.title_en, rule.title_fr, rule.explanation, f"`{function}`")
                parts.append("| " + " | ".join(cells) + " |\n")
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(rules_page())
