"""Small real pictures for tests, as bytes and as data URLs."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

from PIL import Image

LEFT, RIGHT = (220, 20, 20), (20, 20, 220)
ORIENTATION, CAMERA = 0x0112, 0x010F
TURNED_RIGHT = 6
"""EXIF: the camera was held upright, so the stored picture has to be turned a quarter clockwise."""


def picture(
    kind: str = "JPEG",
    mode: str = "RGB",
    orientation: int | None = None,
    size: tuple[int, int] = (32, 16),
    **options: Any,
) -> bytes:
    """A picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, LEFT)
    image.paste(RIGHT, (size[0] // 2, 0, *size))
    if orientation is not None:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        exif[CAMERA] = "Telephone"
        options["exif"] = exif
    target = io.BytesIO()
    image.convert(mode).save(target, format=kind, **options)
    return target.getvalue()


def data_url(content: bytes, subtype: str = "jpeg") -> str:
    return f"data:image/{subtype};base64,{base64.b64encode(content).decode()}"


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be enormous."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def padded(length: int) -> bytes:
    """A PNG that opens, of exactly so many bytes."""
    content = picture("PNG")
    return content + b"\0" * (length - len(content))
