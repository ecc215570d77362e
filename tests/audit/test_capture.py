"""The head of one line, and the published format: who, when, where - or why it is no capture."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from audit.samples import generate
from audit.snapshots import capture as capture_module
from audit.snapshots.capture import Capture, CaptureError, Zones, column_text, read_capture
from tests.audit.captures import capture

ZONES = Zones({"Europe/Paris", "Asia/Tokyo", "America/New_York"}, "Europe/Paris")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def read(line: bytes) -> Capture:
    return read_capture(line, zones=ZONES, loaded_at=NOW)


def test_the_head_of_a_line() -> None:
    line = capture("Anne@Example.fr ", username="anne", legacy_id="cku1", name="Anne Petit")
    head = read(line)
    assert (head.payload, head.sha256) == (line, hashlib.sha256(line).digest())
    assert (head.email, head.username, head.legacy_id, head.name) == ("Anne@Example.fr", "anne", "cku1", "Anne Petit")
    assert (head.captured_at, head.timezone) == (datetime(2026, 3, 10, 11, tzinfo=UTC), "Europe/Paris")
    assert (head.origin, head.user_agent) == ("https://app.example.fr", "Mozilla/5.0")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"", "not JSON: Expecting value (character 1)"),
        (b"not json", "not JSON: Expecting value (character 1)"),
        (capture()[:-1], f"not JSON: Expecting ',' delimiter (character {len(capture())})"),
        (capture() + b" x", "not JSON: Extra data"),
        (capture()[:-1] + b', "x": NaN}', "not JSON: NaN is not a JSON value"),
        (capture()[:-1] + b', "x": -Infinity}', "not JSON: -Infinity is not a JSON value"),
        (b"[]", "it is JSON, but not an object"),
        (b'"text"', "it is JSON, but not an object"),
        (b"null", "it is JSON, but not an object"),
        (capture().replace(b'"user"', b'"person"'), "it has no user"),
        (b'{"user": null, "local_storage": {}}', "it has no user"),
        (b'{"user": ["anne"], "local_storage": {}}', "its user is not an object"),
        (capture(None), "its user has neither email nor legacy_id"),
        (capture("  ", legacy_id=" "), "its user has neither email nor legacy_id"),
        (b'{"user": {"email": 7, "legacy_id": true}, "local_storage": {}}', "neither email nor legacy_id"),
        (capture(local_storage=None), "it has no local_storage"),
        (b'{"user": {"email": "a@b.fr"}, "local_storage": null}', "its local_storage is not an object"),
        (capture(local_storage=[]), "its local_storage is not an object"),
        (capture(local_storage="{}"), "its local_storage is not an object"),
        (b'{"user": {"email": "\\ud800"}, "local_storage": []}', "its local_storage is not an object"),
        (b'{"user": {"email": "\\ud800"}}', "it has no local_storage"),
        (capture().replace(b"Mozilla", b"Mozill\xe9"), "it is not UTF-8 (byte "),
        (capture().replace(b"[]", b"\xff"), "it is not UTF-8 (byte "),
        (capture()[:-1] + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "it is nested too deeply to be read"),
    ],
)
def test_what_is_no_capture_says_so(line: bytes, sentence: str) -> None:
    with pytest.raises(CaptureError) as caught:
        read(line)
    assert sentence in str(caught.value)


def test_a_line_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "LARGEST_LINE", len(capture()))
    read(capture())
    with pytest.raises(CaptureError, match="it is larger than"):
        read(capture() + b" ")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("anne", "anne"),
        ("  anne\n", "anne"),
        ("a\0b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("a\U0001f600b", "a\U0001f600b"),
        ("x" * 10, "x" * 10),
        ("x" * 11, "x" * 9 + "…"),
        (None, ""),
        (7, ""),
        (["anne"], ""),
    ],
)
def test_texts_as_columns_hold_them(raw: Any, expected: str) -> None:
    assert column_text(raw, 10) == expected


@pytest.mark.parametrize(
    ("escaped", "shown"),
    [(r"An\u0000ne", "An\ufffdne"), (r"An\ud83dne", "An\ufffdne"), (r"\ud83d\ude00", "\U0001f600")],
)
def test_odd_characters_in_the_head_break_nothing(escaped: str, shown: str) -> None:
    head = read(capture(name="NAME").replace(b"NAME", escaped.encode()))
    assert head.name == shown
    assert head.email == "anne@example.fr"


@pytest.mark.parametrize(
    ("raw", "zone", "expected"),
    [
        ("2026-03-10T11:00:00.123Z", "Europe/Paris", "2026-03-10T11:00:00.123+00:00"),
        ("2026-03-10T11:00:00.123456789Z", "Europe/Paris", "2026-03-10T11:00:00.123456+00:00"),
        ("2026-03-10T11:00+0100", "Asia/Tokyo", "2026-03-10T10:00+00:00"),
        ("2026-03-10 11:00", "Asia/Tokyo", "2026-03-10T02:00+00:00"),
        ("2026-03-10", "America/New_York", "2026-03-10T16:00+00:00"),
        ("2026-03-10", "Mars/Olympus", "2026-03-10T11:00+00:00"),
        (1_773_140_400_000, "Europe/Paris", "2026-03-10T11:00+00:00"),
        (1_773_140_400, "Europe/Paris", "2026-03-10T11:00+00:00"),
        ("1773140400000", "Europe/Paris", "2026-03-10T11:00+00:00"),
        ("2000-01-01T00:00Z", "Europe/Paris", "2000-01-01T00:00+00:00"),
        ("1999-12-31T23:59:59Z", "Europe/Paris", None),
        (0, "Europe/Paris", None),
        ("2026-06-01T13:00:00Z", "Europe/Paris", "2026-06-01T13:00+00:00"),
        ("2026-06-01T13:00:00.000001Z", "Europe/Paris", None),
        ("2090-01-01", "Europe/Paris", None),
        ("10/03/2026", "Europe/Paris", None),
        ("", "Europe/Paris", None),
        (None, "Europe/Paris", None),
        (True, "Europe/Paris", None),
        ({}, "Europe/Paris", None),
    ],
)
def test_when_it_was_captured(raw: Any, zone: str, expected: str | None) -> None:
    """Section 4's forms, in the snapshot's zone; otherwise the moment of staging stands in."""
    head = read(capture(captured_at=raw, timezone=zone))
    assert head.captured_at == (datetime.fromisoformat(expected) if expected else NOW)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("asia/tokyo", "Europe/Paris"),
        ("+09:00", "Europe/Paris"),
        ("../etc/passwd", "Europe/Paris"),
        ("", "Europe/Paris"),
        (None, "Europe/Paris"),
        (9, "Europe/Paris"),
        (["Asia/Tokyo"], "Europe/Paris"),
    ],
)
def test_zones_that_not_both_know_are_the_default(raw: Any, expected: str) -> None:
    assert read(capture(timezone=raw)).timezone == expected


# --- The published format -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published() -> Any:
    """A validator of docs/capture-format.schema.json."""
    path = Path(__file__).parents[2] / "docs" / "capture-format.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("dirty", [0, 100])
def test_sample_lines_are_in_the_published_format(published: Any, dirty: int) -> None:
    lines = list(generate(80, 10, seed=1, dirty=dirty))
    for line in lines:
        published.validate(json.loads(line))
        assert read(line).email
    assert len(lines) >= 80


def test_the_example_is_in_the_format(published: Any) -> None:
    (example,) = published.schema["examples"]
    published.validate(example)
    assert read(json.dumps(example).encode()).name == "Anne Petit"


@pytest.mark.parametrize(
    "line",
    [
        capture(),
        capture(None, legacy_id="cku1"),
        capture(None, legacy_id=7),
        capture(captured_at=1, timezone=None, origin=None, user_agent=7),
        capture(local_storage={}, page_state={}, something={"else": 1}),
    ],
)
def test_the_format_accepts_what_staging_accepts(published: Any, line: bytes) -> None:
    published.validate(json.loads(line))
    read(line)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b'{"local_storage": {}}',
        b'{"user": null, "local_storage": {}}',
        capture(None),
        capture(" "),
        b'{"user": {"email": 7}, "local_storage": {}}',
        capture(None, legacy_id=True),
        capture(local_storage=[]),
        capture(local_storage=None),
    ],
)
def test_the_format_refuses_what_staging_refuses(published: Any, line: bytes) -> None:
    assert not published.is_valid(json.loads(line))
    with pytest.raises(CaptureError):
        read(line)
