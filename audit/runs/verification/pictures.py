"""Photos inside meals: which become files, which stay addresses, and whether a stored file is the picture it should be."""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.core.files.storage import default_storage
from PIL import Image

from audit.runs.verification.texts import is_storable

LONGEST_ADDRESS = 2048
LARGEST = 10 * 1024 * 1024
_FORMATS = ("JPEG", "PNG", "WEBP")
_DATA_URL = re.compile(r"data:image/(jpeg|jpg|png|webp);base64,").match
_SAID = {"jpeg": "JPEG", "jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
_MOST_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class Picture:
    """What can be told of a picture without trusting its bytes, which lose their EXIF data on the way: format and sides."""

    digest: str
    format: str
    sides: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Photo:
    """What becomes of a meal's photo: an address, a file, or nothing; `field` is where it came from, `note` what has to be said of it."""

    field: str = "photo"
    url: str | None = None
    picture: Picture | None = None
    note: str = ""


_NONE = Photo()
_known: dict[str, Picture | None] = {}


def read_photo(photo: Any, address: Any) -> Photo:
    """The first of `photo`, `imageUrl` that is non-empty text; anything else non-empty is left out with a note."""
    if photo is None and address is None:
        return _NONE
    for field, value in (("photo", photo), ("imageUrl", address)):
        if isinstance(value, str) and value:
            return _read(field, value)
    for field, value in (("photo", photo), ("imageUrl", address)):
        if value is not None and value not in ("", [], {}):
            return Photo(field, note="photo_left_out")
    return _NONE


def _read(field: str, value: str) -> Photo:
    if value.startswith(("http://", "https://")):
        if len(value) <= LONGEST_ADDRESS and is_storable(value):
            return Photo(field, url=value)
    elif _DATA_URL(value):
        picture = _remembered(value)
        if picture is not None:
            return Photo(field, picture=picture, note="photo_stored")
    return Photo(field, note="photo_left_out")


def _remembered(url: str) -> Picture | None:
    if url not in _known:
        if len(_known) > _MOST_REMEMBERED:
            _known.clear()
        picture = _decode(url.partition(",")[2])
        said = _DATA_URL(url)
        if picture is not None and said is not None and picture.format != _SAID[said[1]]:
            picture = None
        if len(url) > LONGEST_ADDRESS * 4:
            return picture
        _known[url] = picture
    return _known[url]


def _decode(text: str) -> Picture | None:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return picture_in(content) if len(content) <= LARGEST else None


def picture_in(content: bytes) -> Picture | None:
    """The picture that these bytes are, decoded to the last pixel; none when they are not a JPEG, PNG or WebP picture."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            image.load()
            return Picture(sha256(content).hexdigest(), image.format or "", image.size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def fault_of_file(name: str, expected: Picture) -> str:
    """What is wrong with a photo in the media storage (one phrase), or nothing. A picture may have been turned as its EXIF data said."""
    try:
        with default_storage.open(name) as file:
            found = picture_in(file.read(LARGEST * 4))
    except (OSError, ValueError):
        return "the file is not in the media storage"
    if found is None:
        return "the file is not a picture"
    if found.format != expected.format:
        return f"the file is {found.format}, the photo was {expected.format}"
    if sorted(found.sides) != sorted(expected.sides):
        return "the picture has other sides"
    return ""
