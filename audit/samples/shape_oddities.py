"""Oddities of a meal's shape: photos, ids, keys, copies, and things in the array that are no meals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.samples.oddities import BOOLEANS, Json, Oddity, RepeatedKey, Scene, derive, drop, put, stand_in
from audit.samples.pictures import JPEG_URL, JPEG_WITH_EXIF, PNG_URL, WEBP_URL

ID_OF_SEVERAL_PEOPLE = "1767225600000"  # browsers do draw the same millisecond


def _repeated_key(meal: Json, scene: Scene) -> Any:
    """`{"protein": 12.5, ..., "protein": 99}`: JSON.parse takes the last."""
    return {**meal, RepeatedKey("protein"): 99, RepeatedKey("id"): meal["id"]}


def _copy_of_another(meal: Json, scene: Scene) -> Any:
    return dict(scene.another)


def _another_under_new_id(meal: Json, scene: Scene) -> Any:
    """Same instant, description and protein as another meal: one meal, stored twice."""
    return {**scene.another, "id": meal["id"]}


TABLE: Mapping[str, Oddity] = {
    "photo_jpeg_with_exif": put("photo", JPEG_URL),
    "photo_png": put("photo", PNG_URL),
    "photo_webp": put("photo", WEBP_URL),
    "photo_http": put("photo", "https://images.example.fr/repas/42.jpg", "http://images.example.fr/repas/43.jpg"),
    "photo_null": put("photo", None),
    "photo_empty": put("photo", ""),
    "photo_bad_base64": put("photo", "data:image/jpeg;base64,%%%pas du base64%%%"),
    "photo_truncated": put("photo", JPEG_URL[:120]),
    "photo_not_a_picture": put("photo", "data:image/png;base64,UGFzIHVuZSBpbWFnZQ=="),
    "photo_other_type_than_said": put("photo", f"data:image/png;base64,{JPEG_WITH_EXIF}"),
    "photo_html": put("photo", "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="),
    "photo_svg": put("photo", "data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    "photo_blob_url": put("photo", "blob:https://app.example.fr/0d5c9a6e-2f6b-4b57-9f0e-1d2c3b4a5f60"),
    "photo_javascript_url": put("photo", "javascript:alert(1)"),
    "photo_object": put("photo", {"uri": "file:///tmp/1.jpg"}),
    "image_url_http": put("imageUrl", "https://images.example.fr/repas/44.webp"),
    "image_url_and_photo": lambda meal, scene: {
        **meal,
        "photo": PNG_URL,
        "imageUrl": "https://images.example.fr/repas/45.png",
    },
    "id_number": derive("id", lambda meal, scene: int(meal["id"])),
    "id_missing": drop("id"),
    "id_null": put("id", None),
    "id_empty": put("id", ""),
    "id_boolean": put("id", *BOOLEANS),
    "id_uuid": derive("id", lambda meal, scene: f"00000000-0000-4000-8000-{int(meal['id']):012x}"),
    "id_padded": derive("id", lambda meal, scene: f" {meal['id']} "),
    "id_very_long": derive("id", lambda meal, scene: meal["id"] * 60),
    "id_of_several_people": put("id", ID_OF_SEVERAL_PEOPLE),
    "id_of_another_meal": derive("id", lambda meal, scene: scene.another["id"]),
    "copy_of_another_meal": _copy_of_another,
    "another_meal_under_new_id": _another_under_new_id,
    "key_twice": _repeated_key,
    "unknown_fields": lambda meal, scene: {**meal, "mood": "\U0001f600", "synced": False, "__proto__": {"admin": True}},
    "element_null": stand_in(None),
    "element_text": stand_in("Poulet rôti", ""),
    "element_number": stand_in(42, 0),
    "element_boolean": stand_in(*BOOLEANS),
    "element_array": stand_in([], ["Poulet rôti", 40]),
    "element_empty_object": stand_in({}),
    "element_deep": stand_in({"meal": {"meal": {"meal": {"protein": 25}}}}),
    "element_meal_as_text": stand_in('{"id":"1767225600001","protein":25,"description":"Soupe"}'),
}
