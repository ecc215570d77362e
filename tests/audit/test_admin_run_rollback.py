"""Taking back from the run's page: the question whom, what it would do, and then it, with real rows."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.admin import run_rollback
from audit.admin.run_deeds import run_state
from audit.digest import content_digest
from audit.models import MigrationEvent, MigrationRun
from audit.runs.control import verify_again
from audit.runs.engine import Driver, SilentObserver
from audit.runs.rollback import RollbackScope
from audit.runs.worker import Stop
from nutrition.models import MealEntry
from tests.audit.admin_client import get, page_of, staff
from tests.audit.runs.browsers import M, browser
from tests.captures import meals
from tests.factories import make_user
from tests.laws.world import everything, go

pytestmark = pytest.mark.django_db(transaction=True)

REASON = "le mauvais fichier"


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Calls of workers: none comes, each is noted."""
    calls: list[int | None] = []
    monkeypatch.setattr("audit.admin.run_rollback.call_workers", lambda run, *, number=None: calls.append(number))
    return calls


@pytest.fixture
def run() -> MigrationRun:
    """Five people with three meals each, in batches of two."""
    for _ in range(5):
        browser(make_user(), {M: meals(3)})
    return MigrationRun.objects.get(pk=go(batch_size=2)["run"])


@pytest.fixture
def operator(client: Client) -> Client:
    return staff(client, "audit.view_migrationrun", "audit.rollback_migrationrun", "audit.rollback_person")


def url(run: MigrationRun) -> str:
    return reverse("admin:audit_migrationrun_deed", args=[run.pk, "rollback"])


def drive(run: MigrationRun) -> None:
    """What the called worker does."""
    Driver(run, SilentObserver(), Stop(), actor="worker", pauses=False).drive()
    run.refresh_from_db()


def test_first_whom_then_what_it_would_do(operator: Client, run: MigrationRun) -> None:
    before = everything()
    page = get(operator, f"{page_of(run)}?tab=rollback")
    assert "Voir ce que cela ferait" in page
    assert operator.get(url(run))["Location"].endswith("?tab=rollback")
    answer = operator.post(url(run), {"scope": "batch", "batch": "1"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert f"le lot 1 de la migration {run.pk}" in page
    assert "2 personnes" in page
    assert run.digest_before in page
    assert everything() == before


def test_a_batch_is_taken_back_at_once(operator: Client, run: MigrationRun, called: list[Any]) -> None:
    asked = operator.post(url(run), {"scope": "batch", "batch": "1"})
    kept = MealEntry.objects.filter(user_id=run.plan.filter(batch__number=1).first().user_id).first()  # type: ignore[union-attr]
    assert kept is not None
    kept.description = "changé depuis"
    kept.save()
    data = {"scope": "batch", "batch": "1", "email": "", "seen": asked.context["seen"]}
    assert operator.post(url(run), {**data, "reason": ""}).status_code == 422
    done = operator.post(url(run), {**data, "reason": REASON}, follow=True)
    page = done.content.decode()
    assert "gardées : 1." in page
    assert "2 personnes. Lignes retirées : " in page
    assert MealEntry.objects.count() == 10
    event = MigrationEvent.objects.get(action="roll_back_part")
    staff_member = User.objects.get(pk=operator.session["_auth_user_id"])
    assert (event.actor, event.reason, called) == (staff_member.email, REASON, [])
    assert "Lot 1" in get(operator, f"{page_of(run)}?tab=rollback")
    stale = operator.post(url(run), {**data, "batch": "2", "reason": REASON})
    assert stale.status_code == 409
    assert "défaits : 1" in stale.content.decode()
    assert MealEntry.objects.count() == 10


def test_rows_that_stay_are_listed_before(operator: Client, run: MigrationRun) -> None:
    meal = MealEntry.objects.order_by("pk").first()
    assert meal is not None
    meal.description = "changé depuis"
    meal.save()
    page = operator.post(url(run), {"scope": "whole"}).content.decode()
    assert "changé par la personne depuis" in page
    assert reverse("admin:nutrition_mealentry_change", args=[meal.pk]) in page
    assert "1 ligne changée par la personne depuis reste telle quelle" in page


def test_a_person_needs_a_permission_and_a_run(client: Client, operator: Client, run: MigrationRun) -> None:
    email = User.objects.get(pk=run.plan.first().user_id).email  # type: ignore[union-attr]
    choice = {"scope": "person", "email": email}
    without = staff(Client(), "audit.view_migrationrun", "audit.rollback_migrationrun")
    assert without.post(url(run), choice).status_code == 403
    forged = without.post(url(run), {**choice, "seen": run_state(run), "reason": REASON})
    assert forged.status_code == 403
    assert MealEntry.objects.count() == 15
    nobody = operator.post(url(run), {"scope": "person", "email": "nobody@example.fr"})
    assert nobody.status_code == 409
    assert "Personne n&#x27;a l&#x27;adresse nobody@example.fr" in nobody.content.decode()
    seen = operator.post(url(run), choice).context["seen"]
    assert operator.post(url(run), {**choice, "seen": seen, "reason": REASON}).status_code == 302
    assert MealEntry.objects.count() == 12


def test_what_is_not_said_is_asked_again(operator: Client, run: MigrationRun) -> None:
    for choice in ({"scope": "batch"}, {"scope": "person"}, {"scope": "nonsense"}, {}):
        answer = operator.post(url(run), choice)
        assert answer["Location"].endswith("?tab=rollback"), choice
    answer = operator.post(url(run), {"seen": run_state(run), "reason": REASON})
    assert answer["Location"].endswith("?tab=rollback")
    assert MealEntry.objects.count() == 15


def test_the_whole_run_goes_back_in_the_background(operator: Client, run: MigrationRun, called: list[Any]) -> None:
    asked = operator.post(url(run), {"scope": "whole"})
    assert "en arrière-plan" in asked.content.decode()
    done = operator.post(url(run), {"scope": "whole", "seen": asked.context["seen"], "reason": REASON})
    assert done.status_code == 302
    run.refresh_from_db()
    assert (run.status, called, MealEntry.objects.count()) == ("rolling_back", [1], 15)
    assert operator.get(page_of(run)).context["head"].watched
    drive(run)
    assert (run.status, MealEntry.objects.count()) == ("rolled_back", 0)
    assert content_digest() == run.digest_before
    page = get(operator, f"{page_of(run)}?tab=rollback")
    assert "empreintes égales" in page
    assert f"Lignes retirées : {sum(run.rollback['deleted'].values())}," in page
    actions = list(run.events.order_by("id").values_list("action", "reason"))
    assert actions[-2:] == [("roll_back", REASON), ("rolled_back", "")]


def test_a_big_run_is_tried_out_batch_by_batch(run: MigrationRun, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_rollback.measure(run, RollbackScope())
    monkeypatch.setattr(run_rollback, "MEASURED_AT_ONCE", 1)
    before = everything()
    by_batch = run_rollback.measure(run, RollbackScope())
    assert by_batch.whole
    assert by_batch.receipt.deleted == whole.receipt.deleted
    first = run_rollback.measure(run, RollbackScope(), seconds=-1)
    assert (first.receipt.people, first.people, first.whole) == (2, 5, False)
    told = run_rollback.explanation_of(run, RollbackScope(), first).sentences
    assert any("2 personnes sur 5" in str(sentence) or "2,5 fois" in str(sentence) for sentence in told)
    assert everything() == before


def test_verified_again_in_the_background(run: MigrationRun) -> None:
    verify_again(run=run, actor="anne", reason="après une réparation")
    run.refresh_from_db()
    assert run.status == "verifying"
    drive(run)
    assert (run.status, run.verdict) == ("completed", "passed")
    last = list(run.events.order_by("id").values_list("action", "actor", "reason"))[-2:]
    assert last == [("verify", "anne", "après une réparation"), ("complete", "worker", "")]


def test_a_big_batch_is_the_commands_business(
    operator: Client, run: MigrationRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = {"scope": "batch", "batch": "1"}
    seen = operator.post(url(run), choice).context["seen"]
    monkeypatch.setattr(run_rollback, "AT_ONCE", 1)
    monkeypatch.setattr(run_rollback, "measure", None)  # it is not even tried out
    for data in (choice, {**choice, "seen": seen, "reason": REASON}):
        answer = operator.post(url(run), data)
        assert answer.status_code == 409
        assert f"rollback_migration {run.pk} --batch 1" in answer.content.decode()
    assert MealEntry.objects.count() == 15


@pytest.mark.parametrize(("scope", "asks"), [("batch", "Indiquez le lot."), ("person", "Indiquez l'adresse.")])
def test_it_says_what_is_missing(scope: str, asks: str) -> None:
    form = run_rollback.ScopeForm({"scope": scope})
    assert not form.is_valid()
    assert asks in str(form.errors).replace("&#x27;", "'")
