"""One batch: its page, trying it again, cutting it in two; whatever a worker holds is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import MigrationBatch, MigrationEvent, MigrationRun
from audit.runs import control
from audit.runs.batch_control import retry_batch, split_by_hand
from audit.runs.claim import ClaimedBatch, claim_batch, split_batch
from audit.runs.engine import Driver, SilentObserver
from audit.runs.plan import Refused, Scope
from audit.runs.worker import BatchFailed, Stop
from nutrition.models import MealEntry
from tests.audit.admin_client import get, page_of, staff
from tests.audit.runs.browsers import M, browser
from tests.captures import meals
from tests.database import other_connection
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)

REASON = "la cause est réparée"


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Calls of workers: none comes, each is noted."""
    calls: list[int | None] = []
    monkeypatch.setattr("audit.admin.batches.call_workers", lambda run, *, number=None: calls.append(number))
    return calls


@pytest.fixture
def batch() -> MigrationBatch:
    """The first of two batches of two people; both were given up, and so the run has failed."""
    for _ in range(4):
        browser(make_user(), {M: meals(3)})
    run = control.start(scope=Scope(), batch_size=2, actor="test")
    MigrationRun.objects.update(status="running", started_at="2026-03-10T11:00Z")
    for _ in range(2):
        claim = claim_batch(run)
        assert isinstance(claim, ClaimedBatch)
        MigrationBatch.objects.filter(pk=claim.id).update(
            status="exhausted", lease_owner="", lease_expires_at=None, error="deadlock detected"
        )
    MigrationRun.objects.update(status="failed")
    return MigrationBatch.objects.select_related("run").get(number=1)


@pytest.fixture
def operator(client: Client) -> Client:
    return staff(client, "audit.view_migrationbatch", "audit.view_migrationrun", "audit.retry_migrationrun")


def url(batch: MigrationBatch, key: str) -> str:
    return reverse("admin:audit_migrationbatch_deed", args=[batch.pk, key])


def drive(run: MigrationRun) -> None:
    run.refresh_from_db()
    Driver(run, SilentObserver(), Stop(), actor="worker", pauses=False).drive()
    run.refresh_from_db()


def test_its_page_says_why_it_failed_and_whom_it_has(operator: Client, batch: MigrationBatch) -> None:
    page = get(operator, page_of(batch))
    assert "deadlock detected" in page
    for row in batch.plan.select_related("user"):
        assert row.user.email in page
    assert "Réessayer ce lot" in page
    assert "Diviser en deux" in page
    looking = staff(Client(), "audit.view_migrationbatch")
    assert "Réessayer ce lot" not in get(looking, page_of(batch))
    assert looking.get(url(batch, "retry")).status_code == 403


def test_one_batch_is_tried_again_and_the_others_stay(
    operator: Client, batch: MigrationBatch, called: list[Any]
) -> None:
    asked = operator.get(url(batch, "retry"))
    assert "Les autres lots échoués restent tels quels" in asked.content.decode()
    data = {"seen": asked.context["seen"], "reason": REASON}
    assert operator.post(url(batch, "retry"), data).status_code == 302
    run = batch.run
    run.refresh_from_db()
    assert run.status == "running"
    assert list(run.batches.order_by("number").values_list("status", "attempt")) == [("planned", 0), ("exhausted", 1)]
    assert MigrationEvent.objects.get(action="retry_batch").data == {"batch": 1}
    assert called == [1]
    assert operator.post(url(batch, "retry"), data).status_code == 409
    with pytest.raises(BatchFailed, match="1 of its batches"):
        drive(run)
    run.refresh_from_db()
    assert (run.status, MealEntry.objects.count()) == ("failed", 6)
    assert "Nouvel essai d&#x27;un lot" in get(operator, page_of(batch))


def test_a_batch_is_cut_in_two_and_the_halves_are_moved(operator: Client, batch: MigrationBatch) -> None:
    asked = operator.get(url(batch, "split"))
    done = operator.post(url(batch, "split"), {"seen": asked.context["seen"], "reason": REASON}, follow=True)
    assert "lots 3, 4" in done.content.decode()
    run = batch.run
    run.refresh_from_db()
    assert run.status == "failed"
    batch.refresh_from_db()
    assert (batch.status, batch.epoch) == ("split", 2)
    assert list(batch.parts.order_by("number").values_list("number", "status", "users")) == [
        (3, "planned", 1),
        (4, "planned", 1),
    ]
    event = MigrationEvent.objects.get(action="split")
    assert (event.data, event.reason) == ({"batch": 1, "parts": [3, 4]}, REASON)
    assert "Lot 3" in get(operator, page_of(batch))
    control.retry_failed(run=run, actor="test")
    drive(run)
    assert (run.status, MealEntry.objects.count()) == ("completed", 12)


def test_what_a_worker_holds_is_left_alone(batch: MigrationBatch) -> None:
    MigrationBatch.objects.filter(pk=batch.pk).update(
        status="leased", lease_owner="elsewhere/1", lease_expires_at="2036-01-01T00:00Z"
    )
    for service in (retry_batch, split_by_hand):
        with pytest.raises(Refused, match="is leased"):
            service(batch=batch, actor="anne", reason=REASON)
    MigrationBatch.objects.filter(pk=batch.pk).update(status="exhausted", lease_owner="", lease_expires_at=None)
    with other_connection() as other:
        other.execute("BEGIN")
        other.execute("SELECT FROM migration_batches WHERE id = %s FOR UPDATE", [batch.pk])
        with pytest.raises(Refused, match="in the hands of a worker"):
            retry_batch(batch=batch, actor="anne", reason=REASON)
        other.execute("ROLLBACK")
        other.execute("SELECT pg_advisory_lock(%s, %s)", [0x44594E50, batch.run_id])
        with pytest.raises(Refused, match="in the hands of another process"):
            split_by_hand(batch=batch, actor="anne", reason=REASON)
    assert MigrationEvent.objects.filter(actor="anne").count() == 0


def test_a_lease_from_before_a_split_writes_nothing(batch: MigrationBatch) -> None:
    old = ClaimedBatch(batch.pk, batch.number, batch.epoch, batch.attempt, [])
    split_by_hand(batch=batch, actor="anne", reason=REASON)
    assert not split_batch(old, error="")
    assert batch.parts.count() == 2


def test_only_batches_that_can_be_are_split(batch: MigrationBatch, operator: Client) -> None:
    first, second = split_by_hand(batch=batch, actor="anne", reason=REASON)
    one = MigrationBatch.objects.select_related("run").get(number=first)
    assert second == first + 1
    with pytest.raises(Refused, match="one person only"):
        split_by_hand(batch=one, actor="anne", reason=REASON)
    assert operator.get(url(one, "split")).status_code == 409
    one.refresh_from_db()
    assert one.status == "planned"
    MigrationRun.objects.update(status="cancelled")
    with pytest.raises(Refused, match="is cancelled"):
        retry_batch(batch=MigrationBatch.objects.select_related("run").get(number=2), actor="anne", reason=REASON)
