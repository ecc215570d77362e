"""Lines of capture files, plain and gzip, whole and damaged."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from audit.snapshots import lines as lines_module
from audit.snapshots.lines import read_lines


def lines_of(tmp_path: Path, content: bytes) -> list[tuple[int, bytes, str]]:
    path = tmp_path / "captures.ndjson"
    path.write_bytes(content)
    return [(line.number, line.payload, line.problem) for line in read_lines(str(path))]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"a\nb\n", [(1, b"a"), (2, b"b")]),
        (b"a\nb", [(1, b"a"), (2, b"b")]),
        (b"a\r\nb\r\n", [(1, b"a"), (2, b"b")]),
        (b"a\n\n \t\r\nb", [(1, b"a"), (4, b"b")]),
        (b" a \n", [(1, b" a ")]),
        (b"a\r\r\n", [(1, b"a\r")]),
        (b"a\rb\n", [(1, b"a\rb")]),
        (b"a\xe2\x80\xa8b\n", [(1, "a\u2028b".encode())]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", [(1, b"a"), (2, b"\xef\xbb\xbfb")]),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_lines_of_a_file(tmp_path: Path, content: bytes, expected: list[tuple[int, bytes]], packed: bool) -> None:
    found = lines_of(tmp_path, gzip.compress(content) if packed else content)
    assert found == [(number, payload, "") for number, payload in expected]


def test_several_gzip_parts_are_one_file(tmp_path: Path) -> None:
    assert [line[1] for line in lines_of(tmp_path, gzip.compress(b"a\nb") + gzip.compress(b"c\nd\n"))] == [
        b"a",
        b"bc",
        b"d",
    ]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"a\nb\n"))))
    assert [(line.source, line.number, line.payload) for line in read_lines("-")] == [("-", 1, b"a"), ("-", 2, b"b")]


def test_a_line_that_is_too_large_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "LARGEST_LINE", 10)
    monkeypatch.setattr(lines_module, "_READ_BYTES", 7)
    found = lines_of(tmp_path, b"x" * 10 + b"\r\n" + b"y" * 11 + b"\n" + b"z" * 100 + b"\n" + b"end\n" + b"w" * 13)
    assert [(number, payload, bool(problem)) for number, payload, problem in found] == [
        (1, b"x" * 10, False),
        (2, b"", True),
        (3, b"", True),
        (4, b"end", False),
        (5, b"", True),
    ]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda packed: packed[: len(packed) // 2], "truncated"),
        (lambda packed: packed[:-9], "truncated"),
        (lambda packed: packed[:-8] + b"\0" * 8, "damaged"),
        (lambda packed: packed[: len(packed) // 2] + b"\xff" * 3000 + packed[len(packed) // 2 + 3000 :], "damaged"),
        (lambda packed: packed + b"not gzip", "damaged"),
    ],
    ids=["half", "end mark cut", "checksum wrong", "overwritten", "something after it"],
)
def test_damaged_gzip_gives_what_was_read_and_the_line(tmp_path: Path, damage: Any, sentence: str) -> None:
    content = b"".join(hashlib.sha512(b"%d" % number).hexdigest().encode() + b"\n" for number in range(2000))
    found = lines_of(tmp_path, damage(gzip.compress(content)))
    *good, last = found
    assert [payload for _, payload, _ in good] == content.split(b"\n")[: len(good)]
    assert len(good) > 500
    assert last[0] == len(good) + 1
    assert sentence in last[2]
