"""Each rule of docs/importing.md at work, and the table of reason codes against what is really said."""

from __future__ import annotations

import pytest

from audit.local_storage.rules import RULES
from tests.captures import capture, outcomes_of, person, source
from tests.local_storage.examples import EXAMPLES, Example
from tests.local_storage.table_examples import TABLE_EXAMPLES, codes_of


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_what_becomes_of_the_item(example: Example) -> None:
    fates = outcomes_of(person(source(capture(example.storage, **example.fields))))
    assert fates.get((0, example.path)) == (example.outcome, example.reasons), fates


@pytest.mark.parametrize("name", TABLE_EXAMPLES)
def test_what_the_tables_make_of_it(name: str) -> None:
    wanted, settle = TABLE_EXAMPLES[name]
    assert codes_of(settle()) == wanted


def test_a_later_snapshot_replaces() -> None:
    assert _older_copy() == ("superseded", ("older_copy",))


def test_bytes_that_are_no_capture() -> None:
    assert outcomes_of(person(source(b"\xff{"))) == {(0, ""): ("quarantined", ("unreadable_snapshot",))}


def test_every_code_is_shown_and_no_other_is_ever_said() -> None:
    said = {"unreadable_snapshot", "poison_snapshot", "repaired", *_older_copy()[1]}
    for example in EXAMPLES.values():
        fates = outcomes_of(person(source(capture(example.storage, **example.fields))))
        said.update(code for _, codes in fates.values() for code in codes)
    for _, settle in TABLE_EXAMPLES.values():
        said.update(codes_of(settle())[1])
    assert said == RULES.keys()


def test_quarantine_codes_quarantine_and_notes_do_not() -> None:
    for name, example in EXAMPLES.items():
        effects = {RULES[code].effect for code in example.reasons}
        if example.outcome == "quarantined":
            assert "quarantine" in effects, name
        elif example.outcome == "stands" and example.reasons != ("description_not_text",):
            assert effects <= {"note"}, name


def _older_copy() -> tuple[str, tuple[str, ...]]:
    before = capture({"a-meals": [{"id": "1", "timestamp": 1710068400, "protein": 1, "description": "x"}]})
    after = capture({"a-meals": [{"id": "1", "timestamp": 1710068400, "protein": 2, "description": "x"}]})
    return outcomes_of(person(source(before, 1), source(after, 2)))[0, "a-meals[0]"]
