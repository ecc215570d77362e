"""Errors said in a way that may be stored, logged and shown: what and where, never the data that was in the way."""

from __future__ import annotations

import traceback
from hashlib import sha256

import psycopg
from django.db import DatabaseError


def describe(error: BaseException) -> str:
    """One line: the kind of error, the constraint or table for the database's, the place in our code, a digest of the traceback.

    Messages are left out on purpose: PostgreSQL's contain the failing row.
    """
    cause = error.__cause__ if isinstance(error, DatabaseError) and error.__cause__ else error
    parts = [type(cause).__name__]
    if isinstance(cause, psycopg.Error):
        parts += [part for part in (cause.sqlstate, cause.diag.constraint_name, cause.diag.table_name) if part]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename]
    if ours:
        parts.append(f"at {ours[-1].filename.rsplit('/', 1)[-1]}:{ours[-1].lineno} in {ours[-1].name}")
    digest = sha256("".join(f"{frame.filename}:{frame.name}\n" for frame in frames).encode()).hexdigest()[:12]
    return f"{' '.join(parts)} (traceback {digest})"
