"""Words that people typed, as importing.md section 4 says: descriptions, names, tags, ids, and the two fields that are nearly enumerations."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from audit.runs.verification.copied import copied, copied_array

DESCRIPTION_LENGTH = 500
NAME_LENGTH = 200
TAG_LENGTH = 50
ID_LENGTH = 100

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""What JSON may hold and PostgreSQL's text may not: NUL and lone surrogates."""

SOURCES = frozenset({"manual", "voice", "text", "image", "ai_scan", "favorite", "import"})
_NEAREST_SOURCE = {"camera": "image", "photo": "image", "ia": "ai_scan", "ai": "ai_scan"}
_ESTIMATED_SOURCES = frozenset({"ai_scan", "text", "image"})
_REMOVED = frozenset({"Cc", "Cs"})

_MOST_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Tidy:
    """A cleaned text; `cut`: it was longer than allowed, `changed`: anything else was done to it."""

    text: str
    cut: bool = False
    changed: bool = False
    copied: str = field(init=False)
    is_plain: bool = field(init=False)
    """There is a text, and nothing was done to it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "copied", copied(self.text))
        object.__setattr__(self, "is_plain", bool(self.text) and not self.cut and not self.changed)


_known: dict[int, dict[str, Tidy]] = {length: {} for length in (DESCRIPTION_LENGTH, NAME_LENGTH, TAG_LENGTH)}


def is_storable(text: str) -> bool:
    return not _UNSTORABLE.search(text)


def storable(text: str) -> str:
    """The text with NUL and lone surrogates as JSON escapes them."""
    return _UNSTORABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def tidy(value: str, length: int) -> Tidy:
    """NFC, no control characters or lone surrogates, white space to one blank, trimmed, at most so many code points. Remembered: people repeat."""
    known = _known[length]
    found = known.get(value)
    if found is None:
        if len(known) > _MOST_REMEMBERED:
            known.clear()
        found = _tidy(value, length)
        if len(value) <= DESCRIPTION_LENGTH:
            known[value] = found
    return found


def _tidy(value: str, length: int) -> Tidy:
    text = unicodedata.normalize("NFC", value)
    if not text.isprintable():
        text = "".join(sign for sign in text if sign.isspace() or unicodedata.category(sign) not in _REMOVED)
    text = " ".join(text.split())
    changed = text != value
    if len(text) <= length:
        return Tidy(text, changed=changed)
    return Tidy(text[:length].rstrip(), cut=True, changed=changed)


def _has_controls(text: str) -> bool:
    return not text.isprintable() and any(unicodedata.category(sign) in _REMOVED for sign in text)


def read_id(value: Any) -> str | None:
    """The legacy id: text, trimmed, 1 to 100 characters, none a control character or half a pair; a whole number becomes its digits."""
    if type(value) is str:
        if value.isdigit() and value.isascii() and len(value) <= ID_LENGTH:  # what the app writes
            return value
        text = value.strip()
        return text if text and len(text) <= ID_LENGTH and not _has_controls(text) else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**ID_LENGTH else None
    return None


def read_source(value: Any) -> tuple[str, bool]:
    """The source and whether it was mapped."""
    if type(value) is str and value in SOURCES:
        return value, False
    if value is None or value == "":
        return "manual", False
    if not isinstance(value, str):
        return "import", True
    word = value.strip().lower()
    return (word if word in SOURCES else _NEAREST_SOURCE.get(word, "import")), True


def read_estimated(value: Any, source: str) -> tuple[bool, bool]:
    """Whether an AI estimated the meal, and whether that was read from something that is no boolean."""
    if isinstance(value, bool):
        return value, False
    by_source = source in _ESTIMATED_SOURCES
    if value is None:
        return by_source, False
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true", True
    if isinstance(value, int | float) and value in (0, 1):
        return value == 1, True
    return by_source, True


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags, each once; `changed`: they are not what the browser said."""

    texts: tuple[str, ...] = ()
    changed: bool = False
    copied: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "copied", copied_array(self.texts))


_NO_TAGS, _NOT_TAGS = Tags(), Tags(changed=True)
_known_tags: dict[tuple[Any, ...], Tags] = {}


def read_tags(value: Any) -> Tags:
    """Texts cleaned, empty ones, repeats and what is no text dropped. Remembered: people repeat their tags."""
    if not value and (value is None or type(value) is list):
        return _NO_TAGS
    if type(value) is not list:
        return _NOT_TAGS
    known = tuple(value)
    try:
        found = _known_tags.get(known)
    except TypeError:  # an object or array among them
        return _read_tags(value)
    if found is None:
        if len(_known_tags) > _MOST_REMEMBERED:
            _known_tags.clear()
        found = _known_tags[known] = _read_tags(value)
    return found


def _read_tags(value: list[Any]) -> Tags:
    texts = [tidy(tag, TAG_LENGTH).text for tag in value if isinstance(tag, str)]
    tags = tuple(dict.fromkeys(tag for tag in texts if tag))
    return Tags(tags, changed=list(tags) != value)
