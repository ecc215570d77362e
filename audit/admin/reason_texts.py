"""Reason codes as sentences. The codes and their words are in the one table of cleaning rules; this is the admin's only door to it."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from django.utils.translation import get_language


class ReasonText(NamedTuple):
    """A reason in the reader's language; the code itself where the table does not know it."""

    code: str
    title: str
    explanation: str
    """Empty where the table has none in that language."""
    effect: str
    """What the rule does to an item: quarantine, note, copy, kept; empty when unknown."""


def reason_text(code: str) -> ReasonText:
    """Title and explanation of a reason code."""
    rule = _rules().get(code)
    if rule is None:
        return ReasonText(code, code, "", "")
    language = "en" if (get_language() or "").startswith("en") else "fr"
    title = getattr(rule, f"title_{language}", "") or code
    explanation = getattr(rule, f"explanation_{language}", "") or (rule.explanation if language == "en" else "")
    return ReasonText(code, _sentence(title), str(explanation), getattr(rule, "effect", ""))


def known_reasons() -> list[ReasonText]:
    """All reasons of the table, by their titles."""
    return sorted((reason_text(code) for code in _rules()), key=lambda reason: reason.title.lower())


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _rules() -> Any:
    try:
        return import_module("audit.local_storage.rules").RULES
    except ModuleNotFoundError as error:
        if error.name != "audit.local_storage.rules":
            raise
        return {}
