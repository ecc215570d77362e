"""`load_snapshots` as an operator sees it: what it prints, what it leaves behind, and its exit code."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from audit.management.commands import load_snapshots
from audit.models import StorageSnapshot
from tests.audit.captures import capture
from tests.conftest import ManageCommand
from tests.factories import make_user

pytestmark = pytest.mark.django_db


class Outcome(NamedTuple):
    code: int
    out: str
    error: str


def load(*arguments: str | Path) -> Outcome:
    """Runs the command in this process."""
    out, error = io.StringIO(), io.StringIO()
    try:
        call_command("load_snapshots", *map(str, arguments), stdout=out, stderr=error)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    return Outcome(code, out.getvalue(), error.getvalue())


def write(path: Path, *lines: bytes, end: bytes = b"\n") -> Path:
    path.write_bytes(b"".join(line + end for line in lines))
    return path


@pytest.fixture
def captures() -> list[bytes]:
    return [capture(f"p{number}@example.fr", legacy_id=f"cku{number}") for number in range(5)]


def staged() -> list[bytes]:
    return [bytes(payload) for payload in StorageSnapshot.objects.order_by("id").values_list("payload", flat=True)]


def test_all_good(tmp_path: Path, captures: list[bytes]) -> None:
    outcome = load(write(tmp_path / "a.ndjson", *captures), "--create-users")
    assert outcome.code == 0
    assert "5 lines: 5 staged, 0 there already" in outcome.out
    assert "5 accounts made" in outcome.out
    assert "without account" not in outcome.out
    assert staged() == captures

    outcome = load(tmp_path / "a.ndjson", "--create-users")
    assert outcome.code == 0
    assert "5 lines: 0 staged, 5 there already" in outcome.out
    assert "accounts made" not in outcome.out
    assert User.objects.count() == 5


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"], ids=["LF", "CRLF", "blank lines"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_every_form_of_file_gives_the_same_bytes(
    tmp_path: Path, captures: list[bytes], end: bytes, packed: bool
) -> None:
    path = write(tmp_path / "a", *captures, end=end)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert load(path).code == 0
    assert staged() == captures
    expected = [hashlib.sha256(line).digest() for line in captures]
    assert [bytes(sha) for sha in StorageSnapshot.objects.order_by("id").values_list("sha256", flat=True)] == expected


def test_broken_lines_in_the_middle_are_named_and_the_rest_goes_on(tmp_path: Path, captures: list[bytes]) -> None:
    one = write(tmp_path / "one.ndjson", captures[0], captures[1][:40], captures[2], b"[]")
    two = write(tmp_path / "two.ndjson", captures[3], capture(local_storage=None), captures[4])
    outcome = load(one, two, "--create-users", "--progress", "none")
    assert outcome.code == 3
    assert outcome.error.splitlines() == [
        f"{one}:2: it is not JSON: Unterminated string starting at (character 37)",
        f"{one}:4: it is JSON, but not an object",
        f"{two}:2: it has no local_storage",
    ]
    assert "7 lines: 4 staged, 0 there already, 3 rejected" in outcome.out
    assert staged() == [captures[0], captures[2], captures[3], captures[4]]


def test_no_line_could_be_read(tmp_path: Path) -> None:
    outcome = load(write(tmp_path / "a.ndjson", b"x", b"y"))
    assert outcome.code == 1
    assert len(outcome.error.splitlines()) >= 2


def test_an_empty_file_is_no_error(tmp_path: Path) -> None:
    outcome = load(write(tmp_path / "a.ndjson"))
    assert outcome.code == 0
    assert "0 lines: 0 staged" in outcome.out


def test_files_that_cannot_be_read_are_all_named_before_anything_is_loaded(
    tmp_path: Path, captures: list[bytes]
) -> None:
    good = write(tmp_path / "good.ndjson", *captures)
    with pytest.raises(CommandError) as caught:
        load(good, tmp_path / "missing.ndjson", tmp_path)
    assert caught.value.returncode == 1
    assert f"{tmp_path / 'missing.ndjson'}: there is no such file" in str(caught.value)
    assert f"{tmp_path}: this is a folder" in str(caught.value)
    assert "good.ndjson" not in str(caught.value)
    assert staged() == []


def test_truncated_gzip_keeps_what_was_read(tmp_path: Path) -> None:
    lines = [capture(f"p{number}@example.fr", name=hashlib.sha512(b"%d" % number).hexdigest()) for number in range(300)]
    path = tmp_path / "a.ndjson.gz"
    packed = gzip.compress(b"".join(line + b"\n" for line in lines))
    path.write_bytes(packed[: len(packed) * 2 // 3])
    outcome = load(path, "--progress", "none")
    found = staged()
    assert outcome.code == 3
    assert 100 < len(found) < 300
    assert found == lines[: len(found)]
    assert (
        outcome.error
        == f"{path}:{len(found) + 1}: the gzip data ends here, before its end mark: the file is truncated\n"
    )

    path.write_bytes(packed[:12])
    assert load(path).code == 1


def test_who_waits_is_listed_with_the_first_ten(tmp_path: Path) -> None:
    make_user(email="known@example.fr", legacy_id="taken")
    lines = [capture(f"p{number:02}@example.fr") for number in range(12)]
    outcome = load(
        write(tmp_path / "a", *lines, capture("known@example.fr"), capture("x@example.fr", legacy_id="taken"))
    )
    listed = [line for line in outcome.out.splitlines() if "without account" in line]
    assert listed == [
        "12 without account - nobody has this e-mail address or id: "
        + ", ".join(f"p{number:02}@example.fr" for number in range(10))
        + ", ...",
        "1 without account - its id belongs to an account with another e-mail address: x@example.fr",
    ]
    outcome = load(write(tmp_path / "b", capture("p00@example.fr", name="second browser")), "--create-users")
    assert "12 accounts made" in outcome.out
    assert "12 snapshots that waited for an account have one now" in outcome.out
    assert "12 without account" not in outcome.out


def test_report(tmp_path: Path, captures: list[bytes]) -> None:
    make_user(email="p0@example.fr")
    path = write(tmp_path / "a.ndjson", *captures, captures[0], b"{")
    report = tmp_path / "report.json"
    assert load(path, "--report", report).code == 3
    written = json.loads(report.read_text(encoding="utf-8"))
    rejected = written.pop("rejected")
    assert [(line["source"], line["line"]) for line in rejected] == [(str(path), 7)]
    assert written == {
        "lines": 7,
        "staged": 5,
        "already": 1,
        "unclaimed": {"no_account": 4},
        "users_created": 0,
        "claimed_later": 0,
        "waiting": [
            {"reason": "no_account", "snapshots": 4, "examples": [f"p{number}@example.fr" for number in range(1, 5)]}
        ],
    }


@pytest.mark.parametrize("mode", ["plain", "json", "none"])
def test_progress(tmp_path: Path, captures: list[bytes], mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynprot.progress.LINE_EVERY_SECONDS", 0.0)
    error = load(write(tmp_path / "a", *captures), "--progress", mode).error
    if mode == "plain":
        assert error.startswith("Snapshots: 5 lines, ")
    elif mode == "json":
        assert {"title": "Snapshots", "unit": "lines", "done": 5, "total": None}.items() <= json.loads(error).items()
    else:
        assert error == ""


def test_interrupted(tmp_path: Path, captures: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**arguments: Any) -> None:
        arguments["on_progress"](500)
        raise KeyboardInterrupt

    monkeypatch.setattr(load_snapshots, "stage_files", interrupted)
    with pytest.raises(
        CommandError, match=r"Stopped after 500 lines; they are staged\. Load the same files again"
    ) as caught:
        load(write(tmp_path / "a", *captures))
    assert caught.value.returncode == 130


@pytest.mark.django_db(transaction=True)
def test_in_a_process_of_its_own(tmp_path: Path, captures: list[bytes], manage: ManageCommand) -> None:
    """Standard input, exit codes and streams as a shell has them."""
    content = b"".join(line + b"\n" for line in [*captures, b"broken"]).decode()
    finished = manage("load_snapshots", "-", "--create-users", input=content)
    assert finished.returncode == 3, finished.stderr
    assert "-:6: it is not JSON" in finished.stderr
    assert "6 lines: 5 staged" in finished.stdout
    assert (StorageSnapshot.objects.count(), User.objects.count()) == (5, 5)

    finished = manage("load_snapshots", "-", input=content[: content.index("broken")])
    assert (finished.returncode, finished.stderr) == (0, "")
    finished = manage("load_snapshots", str(tmp_path / "missing"))
    assert finished.returncode == 1
    assert f"{tmp_path / 'missing'}: there is no such file" in finished.stderr
    assert "Traceback" not in finished.stderr
