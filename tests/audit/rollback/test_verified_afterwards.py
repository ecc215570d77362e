"""After a part was taken back the rest of the run still verifies: who was taken back is not missed, and what stays of them is no stray."""

from __future__ import annotations

import pytest

from audit.models import StorageSnapshot
from audit.runs.verification import verify_run
from nutrition.models import MealEntry
from tests.audit.rollback.worlds import run_of, take_back
from tests.audit.runs.browsers import M, P, browser
from tests.captures import meals
from tests.factories import make_user
from tests.laws.world import go

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_person_and_a_batch() -> None:
    people = sorted((make_user() for _ in range(5)), key=lambda user: user.pk)
    for user in people:
        browser(user, {M: [*meals(3), None], P: {"age": 31}})
    report = go(batch_size=2)
    run = run_of(report)
    before = verify_run(run)
    assert (before.verdict, before.found) == ("passed", 0)
    edited = MealEntry.objects.filter(user=people[2]).earliest("pk")
    edited.description = "À moi"
    edited.save()
    take_back(report, email=people[0].email)
    take_back(report, batch=2)
    after = verify_run(run)
    assert (after.verdict, after.differences) == ("passed", [])
    assert 0 < after.compared < before.compared
    again = run_of(go())
    assert (again.verdict, again.users_planned) == ("passed", 3)
    assert StorageSnapshot.objects.filter(last_run=again).count() == 3
