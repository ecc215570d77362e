"""Oddities of a meal's words: description, source, tags."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from audit.samples.oddities import Json, Oddity, Scene, derive, drop, put

COUPLE = "\U0001f469\u200d\U0001f373"  # 👩‍🍳: three code points that are one sign
HALF_EMOJI = "\ud83d"


def _described(before: str = "", after: str = "") -> Oddity:
    return derive("description", lambda meal, scene: f"{before}{meal['description']}{after}")


def _spaced(meal: Json, scene: Scene) -> str:
    return "  " + str(meal["description"]).replace(" ", "  ", 1) + "   "


def _long(length: int, ending: str = "") -> Oddity:
    def value(meal: Json, scene: Scene) -> str:
        text = f"{meal['description']}, " * (length // (len(meal["description"]) + 2) + 1)
        return text[: length - len(ending)].rstrip(" ,").ljust(length - len(ending), "!") + ending

    return derive("description", value)


TABLE: Mapping[str, Oddity] = {
    "description_control_characters": _described("\u0007", "\u001b[31m\u0085\u009f"),
    "description_nul": _described("", "\u0000 maison"),
    "description_nfd": derive(
        "description", lambda meal, scene: unicodedata.normalize("NFD", f"{meal['description']} à la crème brûlée")
    ),
    "description_double_spaces": derive("description", _spaced),
    "description_line_breaks": _described("", "\r\navec\tdu pain\u2028et du vin"),
    "description_nbsp": _described("", "\u00a0: 2\u202fparts\u3000"),
    "description_emoji": _described("\U0001f357 ", f" {COUPLE}\U0001f1eb\U0001f1f7"),
    "description_zero_width": _described("\ufeff", "\u200b\u200e"),
    "description_right_to_left": _described("\u202e", " \u0643\u0633\u0643\u0633"),
    "description_html": _described("<b>", "</b> & <script>alert('x')</script>"),
    "description_formula": _described('=HYPERLINK("http://example.fr";"', '")'),
    "description_quotes": _described("«\u00a0", "\u00a0» \"dit\" l'ami \\ d'en face"),
    "description_500": _long(500),
    "description_700": _long(700),
    "description_emoji_across_500": _long(502, COUPLE),
    "description_empty": put("description", ""),
    "description_blank": put("description", "   \u00a0\t"),
    "description_only_controls": put("description", "\u0000\u0001\u0002"),
    "description_missing": drop("description"),
    "description_null": put("description", None),
    "description_number": put("description", 42),
    "description_object": put("description", {"fr": "Soupe", "en": "Soup"}),
    "description_lone_surrogate": _described("", f" {HALF_EMOJI}"),
    "description_literal_escape": _described("", " \\u0000 \\ud83d"),
    "source_camera": put("source", "camera"),
    "source_photo": put("source", "photo"),
    "source_ia": put("source", "ia"),
    "source_ai": put("source", "ai"),
    "source_cache": put("source", "cache"),
    "source_xyz": put("source", "xyz"),
    "source_voice": put("source", "voice"),
    "source_image": put("source", "image"),
    "source_import": put("source", "import"),
    "source_capitals": put("source", "Manual", "AI_SCAN", " text "),
    "source_empty": put("source", ""),
    "source_missing": drop("source"),
    "source_null": put("source", None),
    "source_number": put("source", 3),
    "estimated_missing": drop("aiEstimated"),
    "estimated_text": put("aiEstimated", "true", "false"),
    "estimated_number": put("aiEstimated", 1, 0),
    "estimated_contradicts_source": lambda meal, scene: {**meal, "source": "manual", "aiEstimated": True},
    "tags_text": put("tags", "midi, sport", "maison"),
    "tags_null": put("tags", None),
    "tags_missing": drop("tags"),
    "tags_mixed": put("tags", ["midi", None, 7, "", {"tag": "x"}, ["sport"]]),
    "tags_repeated": put("tags", ["Midi", "midi", "midi ", "m\u00e9d", "me\u0301d"]),
    "tags_object": put("tags", {"0": "midi", "1": "sport"}),
    "tags_many": derive("tags", lambda meal, scene: [f"tag {number}" for number in range(120)]),
    "tags_long": put("tags", ["très " * 60 + "long"]),
}
