"""`manage.py quarantine`: what it prints, its exit codes, and a day's work with it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.models import ItemRepair, MigrationEvent, MigrationRun
from nutrition.models import MealEntry
from tests.audit.quarantine.world import BAD, GOOD, OTHER, SEALED, M, P, item, migrated, person
from tests.laws.world import everything

pytestmark = pytest.mark.django_db

M0 = f"{M}[0]"


class Done(NamedTuple):
    code: int
    said: str


def quarantine(*arguments: object) -> Done:
    """The command in this process: its exit code, and what it said."""
    out = io.StringIO()
    try:
        call_command("quarantine", *map(str, arguments), stdout=out)
    except SystemExit as end:
        return Done(int(end.code or 0), out.getvalue())
    except CommandError as error:
        return Done(error.returncode, str(error))
    return Done(0, out.getvalue())


def test_from_the_list_to_the_verdict(tmp_path: Path) -> None:
    run = migrated({M: [BAD, OTHER, None], P: SEALED})
    snapshot = item(run, M0).snapshot_id
    listed = quarantine("list", run.pk)
    assert listed.code == 0
    assert re.search(r"^1 +1 +meal +not_a_number +\S", listed.said, re.MULTILINE)
    assert re.search(rf"^{snapshot} +\S+ +{re.escape(M0)} +not_a_number +protein +{{", listed.said, re.MULTILINE)
    mend = ("repair", run.pk, M0, "--snapshot", snapshot, "--reason", "by phone", "--value")
    shown = quarantine(*mend, json.dumps(GOOD), "--preview")
    assert (shown.code, ItemRepair.objects.count()) == (0, 0)
    assert re.search(r"^  protein +18.0$", shown.said, re.MULTILINE)
    bad = quarantine(*mend, json.dumps(BAD))
    assert bad == (
        5,
        f"Refused: the value would be quarantined too: not_a_number at {M0}.protein. Nothing was changed.",
    )
    file = tmp_path / "meal.json"
    file.write_text(json.dumps({**GOOD, "description": "Pâté"}, ensure_ascii=False), encoding="utf-8")
    assert quarantine(*mend, f"@{file}").code == 0
    replayed = quarantine("replay", run.pk, "--reason", "by phone")
    assert (replayed.code, MealEntry.objects.filter(description="Pâté").count()) == (3, 1)
    assert "1 items left the quarantine" in replayed.said
    assert f"Run {run.pk} is completed_with_quarantine; 2 items are in quarantine." in replayed.said
    one = quarantine("waive", run.pk, "--snapshot", snapshot, "--path", P, "--reason", "sealed")
    assert one.code == 3
    last = quarantine("waive", run.pk, "--reason-code", "not_an_object", "--reason", "empty")
    assert (last.code, last.said.splitlines()[-1]) == (0, f"Run {run.pk} is completed; 0 items are in quarantine.")
    assert "nothing is in quarantine" in quarantine("list", run.pk).said
    actors = set(
        MigrationEvent.objects.filter(action__in=["repair", "replay", "waive"]).values_list("actor", flat=True)
    )
    assert len(actors) == 1
    assert "command line" in actors.pop()


def test_the_list_as_json() -> None:
    run = migrated({M: [BAD, None]})
    listed = json.loads(quarantine("list", run.pk, "--reason", "not_a_number", "--user", person().email, "--json").said)
    assert (listed["run"], len(listed["groups"]), len(listed["items"])) == (run.pk, 2, 1)
    (one,) = listed["items"]
    assert (one["path"], one["reason"], one["field"], json.loads(one["raw"])) == (M0, "not_a_number", "protein", BAD)
    assert listed["groups"][0]["samples"][0]["path"] == M0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("list", 0), 5, "there is no run 0"),
        (("list", "RUN", "--user", "nobody@example.fr"), 5, "nobody has the e-mail address"),
        (("replay", "RUN", "--reason", " "), 5, "the reason is missing"),
        (("replay", "RUN", "--reason", "x", "--reason-code", "too_deep"), 5, "no such item in quarantine"),
        (("repair", "RUN", "no", "--snapshot", 1, "--value", "1", "--reason", "x"), 5, "keeps no outcome of no"),
        (("waive", "RUN", "--reason", "x", "--path", M0), 2, "--path goes with --snapshot"),
        (("waive", "RUN"), 1, "--reason"),
    ],
)
def test_refusals(arguments: tuple[object, ...], code: int, sentence: str) -> None:
    run = migrated({M: [BAD]})
    before = everything()
    done = quarantine(*(run.pk if one == "RUN" else one for one in arguments))
    assert (done.code, sentence in done.said) == (code, True), done
    assert everything() == before


def test_a_verdict_that_could_not_be_given_is_given_the_next_time() -> None:
    run = migrated({M: [BAD]})
    other = MigrationRun.objects.create(batch_size=1, status="running")
    waiting = quarantine("waive", run.pk, "--reason", "x")
    assert waiting.code == 0
    assert "not verified yet: another migration is active" in waiting.said
    other.status = "cancelled"
    other.save()
    assert quarantine("unwaive", run.pk, "--reason", "x").code == 3
    run.refresh_from_db()
    assert (run.status, run.verdict) == ("completed_with_quarantine", "passed")
