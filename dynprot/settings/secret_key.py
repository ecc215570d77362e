"""The key of a development clone, made at random on first use and kept beside its database.

It is in no repository, and production never reads it: there the key comes from DJANGO_SECRET_KEY or nothing starts.
"""

import os
import secrets
import sys
from pathlib import Path

KEY_FILE = "secret_key"


def development_key(var_dir: Path) -> str:
    """The clone's key, from `var/secret_key` (mode 600). Several processes may ask for the first one at once."""
    path = var_dir / KEY_FILE
    try:
        key = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        key = ""
    return key or _make(path)


def _make(path: Path) -> str:
    """Write a whole key under another name, then give it its own: nobody ever reads half a key, the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        draft.write_text(secrets.token_urlsafe(64) + "\n", encoding="ascii")
        if path.exists() and path.stat().st_size == 0:
            path.unlink()  # left empty by a full disk
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        else:
            print(
                f"Development settings: a random secret key was made and kept in {path}. Production takes its key "
                "from DJANGO_SECRET_KEY and starts without none.",
                file=sys.stderr,
            )
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
