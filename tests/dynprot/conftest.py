"""Folders for private servers of a test's own, away from the one that the test databases live in."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynprot import embedded


@pytest.fixture
def var_dir() -> Iterator[Path]:
    """A `var/` that `nobody` can reach (pytest's own folders are closed to others); its server ends with the test."""
    clone = Path(tempfile.mkdtemp(prefix="dynprot-clone-"))
    clone.chmod(0o755)
    yield clone / "var"
    embedded.remove(clone / "var")
    shutil.rmtree(clone)
