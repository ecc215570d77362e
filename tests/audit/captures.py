"""Lines of capture files for tests, and what staging made of them."""

from __future__ import annotations

import json
from typing import Any

from audit.models import StorageSnapshot
from audit.snapshots.lines import SourceLine
from audit.snapshots.staging import StagingReport, stage_lines


def capture(email: str | None = "anne@example.fr", **fields: Any) -> bytes:
    """One line, as a browser would send it; `fields` of `user` and of the top level take the place of the usual ones, None leaves one out."""
    user = {"email": email, "username": None, "legacy_id": None, "name": None}
    user |= {key: fields.pop(key) for key in list(fields) if key in user}
    document = {
        "user": {key: value for key, value in user.items() if value is not None},
        "captured_at": "2026-03-10T11:00:00.000Z",
        "timezone": "Europe/Paris",
        "origin": "https://app.example.fr",
        "user_agent": "Mozilla/5.0",
        "local_storage": {"dynprot-meals": "[]"},
        **fields,
    }
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def stage(*payloads: bytes, create_users: bool = False, source: str = "test.ndjson") -> StagingReport:
    """Stages these lines of a file."""
    lines = [SourceLine(source, number, payload) for number, payload in enumerate(payloads, start=1)]
    return stage_lines(lines=lines, create_users=create_users)


def owners() -> dict[str, str]:
    """E-mail address (or old id) that a snapshot claims → the account's e-mail address, or why there is none."""
    snapshots = StorageSnapshot.objects.select_related("user").order_by("id")
    return {s.claimed_email or s.claimed_legacy_id: s.user.email if s.user else s.waiting_reason for s in snapshots}
