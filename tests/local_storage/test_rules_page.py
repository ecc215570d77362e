"""The page of reason codes says what the table says."""

from __future__ import annotations

from pathlib import Path

from audit.local_storage.rules_page import rules_page

PAGE = Path(__file__).parents[2] / "docs" / "cleaning-rules.md"


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_page(), "run `make docs`"
