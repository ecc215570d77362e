"""Photos: stored upright and without EXIF, whatever their kind; and never at the cost of the meal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from audit.local_storage.photos import LARGEST, LONGEST_URL, Photo, clean_photo, read_data_url
from audit.local_storage.values import Note
from tests.captures import meal, read
from tests.local_storage.pictures import CAMERA, LEFT, TURNED_RIGHT, bomb, data_url, padded, picture


def stored(url: str) -> Image.Image:
    found = read_data_url(url)
    assert found is not None
    return Image.open(io.BytesIO(found.content))


def fate(**fields: Any) -> tuple[Photo, list[tuple[str, str]]]:
    notes: list[Note] = []
    photo = clean_photo(fields, notes)
    return photo, [(note.field, note.code) for note in notes]


def is_red(pixel: Any) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(pixel[:3], LEFT, strict=True))


@pytest.mark.parametrize(("kind", "subtype"), [("JPEG", "jpeg"), ("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_a_picture_comes_out_upright_and_without_exif(kind: str, subtype: str) -> None:
    original = picture(kind, orientation=TURNED_RIGHT)
    assert Image.open(io.BytesIO(original)).getexif()[CAMERA] == "Telephone"
    image = stored(data_url(original, subtype))
    assert (image.format, image.size) == (kind, (16, 32))
    assert is_red(image.convert("RGB").getpixel((8, 4)))
    assert not is_red(image.convert("RGB").getpixel((8, 28)))
    assert not dict(image.getexif())
    assert "exif" not in image.info
    assert b"Telephone" not in read_data_url(data_url(original, subtype)).content  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGBA", "I;16"])
def test_pngs_of_every_mode(mode: str) -> None:
    assert stored(data_url(picture("PNG", mode), "png")).size == (32, 16)


def test_other_colours_and_many_frames() -> None:
    assert stored(data_url(picture("JPEG", "CMYK"))).mode == "CMYK"
    assert stored(data_url(picture("JPEG", "L"))).mode == "L"
    moving = picture("WEBP", save_all=True, append_images=[Image.new("RGB", (32, 16))])
    assert stored(data_url(moving, "webp")).size == (32, 16)


def test_comments_and_profiles_are_gone() -> None:
    assert b"secret" not in read_data_url(data_url(picture(comment=b"secret"))).content  # type: ignore[union-attr]
    assert "icc_profile" not in stored(data_url(picture(icc_profile=b"\0" * 200))).info


def test_the_name_is_that_of_the_source_bytes() -> None:
    one, again, other = (read_data_url(data_url(picture(size=size))) for size in ((8, 8), (8, 8), (9, 9)))
    assert one is not None
    assert again is not None
    assert other is not None
    assert one.name == again.name != other.name
    assert one.name.endswith(".jpg")
    assert len(one.name) == 36


def test_broken_exif_does_not_cost_the_picture() -> None:
    content = picture(orientation=TURNED_RIGHT)
    broken = content.replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\xff\xff").replace(b"Exif\0\0II*\0", b"Exif\0\0II\xff\xff")
    assert broken != content
    assert stored(data_url(broken)).format == "JPEG"


@pytest.mark.parametrize(
    "url",
    [
        data_url(picture("GIF"), "gif"),
        data_url(picture("GIF"), "png"),
        data_url(picture("PNG"), "jpeg"),
        data_url(picture("BMP"), "bmp"),
        data_url(picture("JPEG")[:200]),
        data_url(picture("PNG")[:60], "png"),
        data_url(b""),
        data_url(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg+xml"),
        data_url(bomb(100_000, 100_000), "png"),
        data_url(bomb(10_000, 5_001), "png"),
        data_url(bomb(0, 0), "png"),
        "data:image/jpeg;base64,####",
        "data:image/jpeg;base64,/9j/4A==é",
        data_url(picture()) + "\n",
        data_url(picture()).replace(";base64", ";charset=utf-8;base64"),
        data_url(picture()).replace("base64,", ""),
        "javascript:alert(1)",
        "blob:https://dynprot.example/1",
        "HTTP:/example.fr",
        "ftp://example.fr/a.jpg",
        "https://example.fr/" + "a" * LONGEST_URL,
        "https://example.fr/\0.jpg",
        "https://example.fr/\ud800.jpg",
        "x",
    ],
)
def test_what_is_no_picture_is_left_out(url: str) -> None:
    assert fate(photo=url) == (Photo(), [("photo", "photo_left_out")])
    (entry,) = read({"p-meals-U": [meal(photo=url)]}).meals
    assert entry.content.protein == 2500


def test_ten_megabytes_and_not_one_byte_more() -> None:
    assert read_data_url(data_url(padded(LARGEST), "png")) is not None
    assert read_data_url(data_url(padded(LARGEST + 1), "png")) is None
    assert read_data_url(data_url(padded(LARGEST + 3_000_000), "png")) is None


def test_more_than_fifty_million_pixels() -> None:
    assert read_data_url(data_url(picture("PNG", "1", size=(10_000, 5_001)), "png")) is None


def test_which_of_the_two_fields() -> None:
    assert fate(photo="https://example.fr/é\u00a0b.jpg") == (Photo(url="https://example.fr/é\u00a0b.jpg"), [])
    address = "https://example.fr/" + "a" * (LONGEST_URL - 19)
    assert fate(photo=address, imageUrl="x") == (Photo(url=address), [])
    assert fate(photo="", imageUrl="http://x") == (Photo(url="http://x"), [])
    assert fate(photo=None, imageUrl=None) == (Photo(), [])
    assert fate(photo=5, imageUrl="http://x") == (Photo(url="http://x"), [])
    assert fate(photo=False, imageUrl={}) == (Photo(), [("photo", "photo_left_out")])
    assert fate(photo=[], imageUrl=[0]) == (Photo(), [("imageUrl", "photo_left_out")])
    assert fate(photo=[], imageUrl={}) == (Photo(), [])
    assert fate(imageUrl=data_url(b"")) == (Photo(), [("imageUrl", "photo_left_out")])
    photo, notes = fate(photo=data_url(picture()), imageUrl="http://x")
    assert photo.picture is not None
    assert notes == [("photo", "photo_stored")]
