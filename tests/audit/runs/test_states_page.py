"""docs/run-states.md says what the table of transitions says."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from audit.runs.states_page import states_page


def test_the_page_is_made_from_the_table() -> None:
    page = Path(settings.BASE_DIR) / "docs" / "run-states.md"
    assert page.read_text(encoding="utf-8") == states_page(), "run `make docs`"
