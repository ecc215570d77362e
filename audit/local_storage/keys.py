"""Which keys of a browser mean what, and whose they are (importing.md sections 2 and 3)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal, NamedTuple

from audit.local_storage.decode import Unreadable, decode_value
from audit.local_storage.values import clean_legacy_id

Store = Literal["app-state", "user-profile", "meals", "preferences", "pending-goals", "dark-mode", "accessibility"]
Owner = Literal["own", "other_owner", "ambiguous_owner"]

_KEY = re.compile(
    r"(?P<prefix>.+?)-(?P<store>app-state|user-profile|meals|preferences)(?:-(?P<owner>.+))?\Z", re.DOTALL
)
_ROOT: dict[str, Store] = {
    "pending_nutrition_goals": "pending-goals",
    "darkMode": "dark-mode",
    "accessibility": "accessibility",
}
KNOWN_WITHOUT_ITEMS = {
    "access_token": "token",
    "refresh_token": "token",
    "token_expires": "token",
    "remember_me": "setting",
    "user_data": "old sign-in record",
}
UNKNOWN_LISTED = 50
_LONGEST_KEY = 200
_INNER = re.compile(r"[.\[]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class StoredKey(NamedTuple):
    """A key that may hold items."""

    key: str
    store: Store
    suffix: str | None
    """The legacy id at its end; None when it is un-suffixed."""


class Keys(NamedTuple):
    """The keys of one browser, sorted out."""

    stored: list[StoredKey]
    auth: list[str]
    known: dict[str, str]
    unknown: list[str]
    unknown_count: int


def printable(text: str) -> str:
    r"""Text that PostgreSQL and terminals take: control characters and lone surrogates as `\uXXXX`."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def key_path(key: str) -> str:
    """The first part of an item's path; a very long key is shortened and told apart by its hash."""
    return printable(key if len(key) <= _LONGEST_KEY else _told_apart(key))


def key_paths(stored: Sequence[StoredKey]) -> dict[str, str]:
    """Key → the first part of its items' paths. Two items of a browser never have the same path, whatever its keys are called: a key that
    looks like a path under another key (`P-meals-U[0]` beside `P-meals-U`), or like another key made printable, gets its hash."""
    paths = {entry.key: key_path(entry.key) for entry in stored}
    taken = Counter(paths.values())
    for key, path in paths.items():
        shared = path != key and taken[path] > 1
        if shared or any(path[: match.start()] in taken for match in _INNER.finditer(path)):
            paths[key] = printable(_told_apart(key))
    return paths


def _told_apart(key: str) -> str:
    return f"{key[:_LONGEST_KEY]}…{sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def sort_keys(storage: Mapping[str, Any]) -> Keys:
    """Every key of `storage` in its place; of the unknown ones only the first are named."""
    stored: list[StoredKey] = []
    auth: list[str] = []
    known: dict[str, str] = {}
    unknown: list[str] = []
    unknown_count = 0
    for key in storage:
        if store := _ROOT.get(key):
            stored.append(StoredKey(key, store, None))
        elif match := _KEY.match(key):
            stored.append(StoredKey(key, match["store"], match["owner"]))  # type: ignore[arg-type]  # the pattern lists the stores
        elif key.endswith("-auth") and len(key) > 5:
            auth.append(key)
        elif key in KNOWN_WITHOUT_ITEMS:
            known[key] = KNOWN_WITHOUT_ITEMS[key]
        else:
            unknown_count += 1
            if len(unknown) < UNKNOWN_LISTED:
                unknown.append(key)
    return Keys(stored, auth, known, unknown, unknown_count)


class SignInRecord(NamedTuple):
    """What a readable `P-auth` says of its person."""

    user_id: str | None
    email: str | None


def read_sign_in(value: Any) -> SignInRecord:
    """The user of an auth record; nothing when it cannot be read (stored encrypted, say)."""
    try:
        record = decode_value(value)
    except Unreadable:
        return SignInRecord(None, None)
    if isinstance(record, dict) and isinstance(record.get("user"), dict):
        record = record["user"]
    if not isinstance(record, dict):
        return SignInRecord(None, None)
    email = record.get("email")
    return SignInRecord(clean_legacy_id(record.get("id")), email if isinstance(email, str) and email.strip() else None)


class Ownership:
    """Decides whose a key is. Nothing is ever given to an account other than the snapshot's own."""

    def __init__(self, keys: Keys, storage: Mapping[str, Any], legacy_id: str, email: str) -> None:
        records = [read_sign_in(storage[key]) for key in keys.auth]
        known = {entry.suffix for entry in keys.stored if entry.suffix is not None}
        known.update(record.user_id for record in records if record.user_id)
        own: set[str] = set()
        if legacy_id:
            own.add(legacy_id)
        elif len(known) == 1 and all(
            record.email is None or record.email.strip().lower() == email.strip().lower() for record in records
        ):
            own = set(known)
        self._own = own
        self._shared = bool(known - own)

    def of(self, entry: StoredKey) -> Owner:
        """`own`, or the reason why its items wait in quarantine."""
        if entry.suffix is not None:
            return "own" if entry.suffix in self._own else "other_owner"
        return "ambiguous_owner" if self._shared else "own"
