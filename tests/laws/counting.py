"""How many items a capture holds, counted as simply as docs/importing.md section 2 can be read: no cleaning, no ownership."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

KEY = re.compile(r"(?s)(.+?)-(app-state|user-profile|meals|preferences)(?:-(.+))?\Z")
KINDS = {"meals": "meal", "app-state": "meal", "user-profile": "profile", "preferences": "preferences"}
ROOT = {"pending_nutrition_goals": "profile", "darkMode": "preferences", "accessibility": "preferences"}
PARTS = {
    "meals": "meal",
    "favoriteMeals": "favorite",
    "user": "profile",
    "userSettings": "profile",
    "preferences": "preferences",
}


def count_items(payload: bytes) -> Counter[str]:
    """Kind → number of items. Bytes that are no JSON are one item."""
    try:
        whole = _load(payload.decode())
    except ValueError:
        return Counter(meal=1)
    counts: Counter[str] = Counter()
    for key, stored in whole["local_storage"].items():
        match = KEY.match(key)
        kind = KINDS[match[2]] if match else ROOT.get(key)
        if kind is None or stored == "":
            continue
        try:
            value = _load(stored)
        except (TypeError, ValueError):
            counts[kind] += 1
            continue
        _count(value, match[2] if match else "", kind, counts)
    _count(whole.get("page_state"), "app-state", "meal", counts)
    return counts


def _load(text: Any) -> Any:
    def refuse(name: str) -> NoReturn:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


def _count(value: Any, store: str, kind: str, counts: Counter[str]) -> None:
    if value in (None, ""):
        return
    if store == "meals" and isinstance(value, list):
        counts[kind] += len(value)
    elif store == "app-state" and isinstance(value, dict):
        for name, part_kind in PARTS.items():
            _count(value.get(name), "meals" if part_kind in ("meal", "favorite") else "", part_kind, counts)
    else:
        counts[kind] += 1
