"""The sentences that the engine keeps in English, told in the reader's language; each is taken apart by the template that made it."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from audit.admin.run_words import difference_text, engine_text
from audit.runs import sentences
from audit.runs.flow.budget import over_budget
from audit.runs.flow.governor import Governor
from audit.runs.flow.health import Health
from audit.runs.sentences import BETWEEN, NESTED, SENTENCES, WORDS, understood
from tests.audit.admin_client import get, page_of, staff
from tests.dynprot.test_translations import entries
from tests.factories import make_run

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
INSIDE = {
    "reasons": sentences.FAILURES.format(failures=3, tolerated=2),
    "why": sentences.NOT_PROBED,
    "latency": sentences.LATENCY_ALONE.format(ms="1.5"),
    "complaints": f"{sentences.WAITER}; {sentences.WAITERS.format(sessions=2)}",
    "state": sentences.SOME.format(workers=1, asked=4),
    "said": sentences.MORE.format(workers=2, before=1, latency=sentences.LATENCY_ALONE.format(ms="1.5")),
}


def test_every_sentence_has_its_french() -> None:
    french = entries("fr")
    assert len(SENTENCES) > 30
    assert {*SENTENCES, BETWEEN} - set(french) == set()
    for template in SENTENCES:
        assert set(re.findall(r"{(\w+)", french[template][0])) <= set(re.findall(r"{(\w+)", template)), template


@pytest.mark.parametrize("template", SENTENCES)
def test_a_sentence_is_taken_apart_as_it_was_put_together(template: str) -> None:
    places = re.findall(r"{(\w+)}", template)
    facts: dict[str, Any] = {name: INSIDE.get(name, "ab12" if name in WORDS else "1,234.5") for name in places}
    found = understood(template.format(**facts))
    assert found is not None
    assert (found.template, set(found.facts)) == (template, set(places))
    assert {name: found.facts[name] for name in places if name not in NESTED} == {
        name: facts[name] for name in places if name not in NESTED
    }
    with translation.override("en"):
        told = engine_text(template.format(**facts)).rstrip(".")
        assert told[1:] == template.format(**facts).rstrip(".")[1:]


def probes() -> list[Health | None]:
    """What brings the governor to say all that it can say."""
    told: dict[str, Any] = {"probe_ms": 2.0, "lock_waiters": 0, "oldest_transaction_seconds": 0.0}
    kinds: list[dict[str, Any]] = [
        {},
        {"probe_ms": 40.0},
        {"lock_waiters": 1, "oldest_transaction_seconds": 2000.0},
        {"lock_waiters": 3, "replication_lag_seconds": 12.0},
        {"probe_ms": 8.5},
        {"error": "08006"},
    ]
    order = [0, 1, 2, 3, 1, 1, 2, 4, *[0] * 40, 5, 0, 0, 0, 0, 0, 0]
    return [
        None,
        *(Health(**{**told, "at": NOW + timedelta(seconds=2 * n), **kinds[k]}) for n, k in enumerate(order)),
        Health(**told, at=NOW - timedelta(hours=1)),
    ]


@pytest.mark.parametrize("asked", [1, 4])
def test_whatever_the_governor_and_the_budget_say_is_understood(asked: int) -> None:
    governor, before = Governor(), Health(probe_ms=1.0, lock_waiters=0, oldest_transaction_seconds=0.0, at=NOW)
    said = set()
    for number, probe in enumerate(probes()):
        for baseline in (before, None):
            at = NOW + timedelta(seconds=2 * number)
            said.add(governor.decide(probe, baseline=baseline, asked_workers=asked, now=at).reason)
    assert len(said) > 10
    budget = {"max_failures": 2, "found": 5000, "max_quarantine_percent": 1.5}
    said |= {str(over_budget(failures=f, quarantined=q, **budget)) for f, q in ((3, 0), (1200, 900), (0, 76))}  # type: ignore[arg-type]
    said.add(str(over_budget(failures=1, quarantined=0, **{**budget, "max_failures": 0})))  # type: ignore[arg-type]
    for sentence in said:
        assert understood(sentence) is not None, sentence
        assert not re.search(r"\b(the|of|workers?|pause of|takes|tolerated|has|are)\b", engine_text(sentence)), sentence


EXPECTED_VALUES = {"a profile", "another meal", "the row as it was", "the row that stands for the item"}
"""What the verifier expected, where that is said in words; the pages show values as they are."""


def problems_of_the_verifier() -> set[str]:
    """The sentences in its code that say what is wrong."""
    found = set()
    for path in (Path(settings.BASE_DIR) / "audit" / "runs" / "verification").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            said: list[ast.expr] = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "differ" in node.func.attr:
                said = node.args
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in {"problem", "fault"}:
                said = [node.value, *(getattr(node.value, side, node.value) for side in ("body", "orelse"))]
            elif isinstance(node, ast.FunctionDef) and node.name == "fault_of_file":
                said = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return) and inner.value]
            found |= {one.value for one in said if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return {one for one in found if re.fullmatch(r"[a-z]+ [a-z]+ .+", one)} - EXPECTED_VALUES


def test_what_the_verifier_finds_has_its_french() -> None:
    french = entries("fr")
    strays = {f"the run did not take this {what}" for what in ("person", "snapshot")}
    assert len(problems_of_the_verifier()) > 25
    assert (problems_of_the_verifier() | strays) - set(french) == set()
    assert difference_text("the row is missing") == "La ligne manque."
    assert difference_text("the file is png, the photo was jpeg") == "the file is png, the photo was jpeg"
    assert difference_text("") == ""


def test_in_french() -> None:
    budget = over_budget(failures=1200, max_failures=2, quarantined=76, found=5000, max_quarantine_percent=1.5)
    assert engine_text(str(budget)).replace("\xa0", " ").replace("\u202f", " ") == (
        "Le budget d'erreurs est épuisé : instantanés empoisonnés et lots abandonnés : 1 200, toléré : 2 ; "
        "76 éléments sur 5 000 sont en quarantaine, soit 1,5200 %, toléré : 1,5 %."
    )
    assert engine_text("verification found 3 differences") == "Différences trouvées par la vérification : 3."
    assert engine_text("") == ""
    assert engine_text("Anna's ticket 812: the meals are back.") == "Anna's ticket 812: the meals are back."
    assert "\x00" not in engine_text("a\x00b")


@pytest.mark.django_db
def test_the_pages_show_it_in_french(client: Client) -> None:
    run = make_run(status="failed", error=sentences.GIVEN_UP.format(batches=2))
    operator = staff(client, "audit.view_migrationrun")
    for page in (get(operator, page_of(run)), get(operator, "/admin/")):
        assert "Lots qui n&#x27;ont pas pu être écrits : 2" in page
        assert "could not be written" not in page
