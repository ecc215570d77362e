"""Pictures inside data URLs: decoded, checked to be what they say, turned upright, and written anew without EXIF.

The place of a picture in the media storage is named by its *source* bytes, so the same photo has the same name in every run, whatever the
version of the picture library.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from hashlib import sha256
from typing import Any, NamedTuple

from PIL import Image, ImageOps

from audit.local_storage.values import Note

LARGEST = 10 * 1024 * 1024
LARGEST_PIXELS = 50_000_000
LONGEST_URL = 2048
_DATA_URL = re.compile(r"data:image/(jpeg|jpg|png|webp);base64,", re.IGNORECASE)
_FORMATS = {"jpeg": ("JPEG", "jpg"), "jpg": ("JPEG", "jpg"), "png": ("PNG", "png"), "webp": ("WEBP", "webp")}


class Picture(NamedTuple):
    """A clean picture: the bytes to store, and `name`, its content-addressed file name without a folder."""

    name: str
    content: bytes


class Photo(NamedTuple):
    """Where the photo of a meal is: at an address, or in a picture to be stored; neither when there is none."""

    url: str | None = None
    picture: Picture | None = None


NO_PHOTO = Photo()
_UNSTORABLE = re.compile("[\\0\ud800-\udfff]")
_EMPTY: tuple[Any, ...] = (None, "", [], {})


def clean_photo(meal: dict[str, Any], notes: list[Note]) -> Photo:
    """The first non-empty text of `photo`, `imageUrl`. Notes `photo_stored`, `photo_left_out`; never costs the meal."""
    fields = [(field, raw) for field in ("photo", "imageUrl") if (raw := meal.get(field)) not in _EMPTY]
    for field, raw in fields:
        if type(raw) is str:
            return _one_photo(raw, field, notes)
    if fields:
        notes.append(Note(fields[0][0], "photo_left_out", None))
    return NO_PHOTO


def _one_photo(raw: str, field: str, notes: list[Note]) -> Photo:
    if raw.startswith(("http://", "https://")) and len(raw) <= LONGEST_URL and not _UNSTORABLE.search(raw):
        return Photo(url=raw)
    picture = read_data_url(raw)
    notes.append(Note(field, "photo_stored" if picture else "photo_left_out", picture.name if picture else None))
    return Photo(picture=picture)


def read_data_url(url: str) -> Picture | None:
    """The picture of a data URL; None when it is too large, not of a known type, or not really a picture."""
    match = _DATA_URL.match(url)
    if not match or (len(url) - match.end()) * 3 // 4 > LARGEST + 2:
        return None
    try:
        source = base64.b64decode(url[match.end() :], validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(source) > LARGEST:
        return None
    kind, extension = _FORMATS[match[1].lower()]
    content = without_metadata(source, kind)
    return Picture(f"{sha256(source).hexdigest()[:32]}.{extension}", content) if content else None


def without_metadata(source: bytes, kind: str) -> bytes | None:
    """The same picture, upright, as `kind`, with no EXIF, comments or profiles; None when it is not such a picture."""
    try:
        with Image.open(io.BytesIO(source), formats=[kind]) as opened:
            if opened.width * opened.height > LARGEST_PIXELS:
                return None
            opened.load()
            picture = ImageOps.exif_transpose(opened)
            if picture.mode == "P":
                picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
            pixels = Image.new(picture.mode, picture.size)
            pixels.paste(picture)
            target = io.BytesIO()
            pixels.save(target, format=kind, **({"quality": 90} if kind != "PNG" else {"optimize": True}))
            return target.getvalue()
    except Exception:
        return None
