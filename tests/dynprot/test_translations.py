"""French is in the sources, English in a catalogue that is compiled and kept, so that nobody needs gettext's tools to install.

After a change of words: `django-admin makemessages -l en --ignore=var`, translate, `django-admin compilemessages`.
"""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings

LOCALE = Path(settings.BASE_DIR) / "dynprot" / "locale"
ROOMS = ("dynprot", "accounts", "nutrition", "exports", "audit")
ENTRY = re.compile(
    r'^(?:msgctxt (?P<context>".*")\n)?msgid (?P<id>(?:".*"\n)+)(?:msgid_plural (?P<plural>(?:".*"\n)+))?'
    r'(?:msgstr (?P<one>(?:".*"\n?)+)|msgstr\[0\] (?P<first>(?:".*"\n)+)msgstr\[1\] (?P<second>(?:".*"\n?)+))',
    re.MULTILINE,
)
IN_TEMPLATES = re.compile(r'{% translate "([^"]+)"')
CONTEXT_ENDS = "\x04"
MARKERS = {"_", "gettext", "gettext_lazy"}


def entries(language: str) -> dict[str, tuple[str, ...]]:
    """The catalogue as it is written: message (behind its context, if it has one, as gettext keeps it) → its translations."""

    def text(quoted: str) -> str:
        return "".join(ast.literal_eval(line) for line in quoted.split("\n") if line)

    source = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    return {
        (text(match["context"]) + CONTEXT_ENDS if match["context"] else "") + text(match["id"]): tuple(
            text(match[name]) for name in ("one", "first", "second") if match[name]
        )
        for match in ENTRY.finditer(source)
        if text(match["id"])
    }


def marked(path: Path) -> set[str]:
    """The messages that a module or a template marks."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        return set(IN_TEMPLATES.findall(source))
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in MARKERS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_compiled_catalogue_is_the_written_one(language: str) -> None:
    written = entries(language)
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert len(written) > 30
    for message, translations in written.items():
        assert all(translations), message
        if len(translations) == 1:
            assert compiled.gettext(message) == translations[0], message
        else:
            assert compiled.ngettext(message, "", 1) == translations[0], message
            assert compiled.ngettext(message, "", 2) == translations[1], message
    assert len(compiled._catalog) == 1 + sum(map(len, written.values()))  # type: ignore[attr-defined]  # and no others


def test_every_sentence_has_its_english() -> None:
    files = [
        path
        for room in ROOMS
        for path in (Path(settings.BASE_DIR) / room).rglob("*")
        if path.suffix in {".py", ".html"}
    ]
    messages = set().union(*(marked(path) for path in files if "migrations" not in path.parts))
    assert len(messages) > 300
    assert messages - set(entries("en")) == set()


def test_every_refusal_has_its_french() -> None:
    templates = {
        str(node.args[0].value)
        for path in (Path(settings.BASE_DIR) / "audit").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Refused", "IllegalTransition", "Overtaken"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
    } - {""}
    assert len(templates) > 40
    catalogue = entries("fr")
    assert templates - set(catalogue) == set()
    places = re.compile(r"{(\w+)")
    for template in templates:
        assert set(places.findall(catalogue[template][0])) <= set(places.findall(template)), template
