"""Lines of capture files: NDJSON, plain or gzip (told by content), from a file or standard input, of any length without taking more memory."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from audit.snapshots.capture import LARGEST_LINE, too_large

STANDARD_INPUT = "-"
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SourceLine:
    """Line `number` (from 1) of `source`: its exact bytes without the line end, or the sentence that says why there are none."""

    source: str
    number: int
    payload: bytes = b""
    problem: str = ""


def unreadable(source: str) -> str | None:
    """Why this file cannot be opened, None when it can. Asked before anything is staged."""
    if source == STANDARD_INPUT:
        return None
    try:
        with Path(source).open("rb"):
            return None
    except FileNotFoundError:
        return f"{source}: there is no such file"
    except IsADirectoryError:
        return f"{source}: this is a folder, not a file"
    except OSError as error:
        return f"{source}: cannot be read ({error.strerror})"


def read_lines(source: str) -> Iterator[SourceLine]:
    """All lines but blank ones. A line end is LF or CRLF, a byte order mark at the beginning is not content.

    What cannot be read on (broken or truncated gzip, a failing disk) ends the file with a `problem` at the line where it happened; so does
    a line that is too large, after which reading goes on.
    """
    number = 0
    with _open(source) as stream:
        while True:
            number += 1
            try:
                line = stream.readline(LARGEST_LINE + 3)
                complete = line.endswith(b"\n") or len(line) < LARGEST_LINE + 3 or _skip_rest(stream)
            except (EOFError, zlib.error, OSError) as error:
                yield SourceLine(source, number, problem=_why_it_ends(error))
                return
            if not line:
                return
            content = _without_ends(line, first=number == 1)
            if not complete or len(content) > LARGEST_LINE:
                yield SourceLine(source, number, problem=too_large())
            elif content.strip():
                yield SourceLine(source, number, content)


@contextmanager
def _open(source: str) -> Iterator[BinaryIO]:
    raw = sys.stdin.buffer if source == STANDARD_INPUT else Path(source).open("rb", buffering=_READ_BYTES)  # noqa: SIM115
    try:
        buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", raw))
        is_gzip = buffered.peek(2)[:2] == _GZIP
        yield cast("BinaryIO", gzip.GzipFile(fileobj=buffered) if is_gzip else buffered)
    finally:
        if source != STANDARD_INPUT:
            raw.close()


def _without_ends(line: bytes, *, first: bool) -> bytes:
    if line.endswith(b"\n"):
        line = line[:-2] if line.endswith(b"\r\n") else line[:-1]
    return line[len(_BOM) :] if first and line.startswith(_BOM) else line


def _skip_rest(stream: BinaryIO) -> bool:
    """Leaves a line that is too large behind; always False: the line was not complete."""
    while (rest := stream.readline(_READ_BYTES)) and not rest.endswith(b"\n"):
        pass
    return False


def _why_it_ends(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the gzip data ends here, before its end mark: the file is truncated"
    if isinstance(error, (zlib.error, gzip.BadGzipFile)):
        return f"the gzip data is damaged from here on ({error})"
    return f"reading failed here ({error})"
