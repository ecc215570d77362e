"""What support does with a person's migration from their page: migrate now, take back, replay; and what the page says became of each item."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.admin.deeds import CONFLICT, UNPROCESSABLE
from accounts.models import User
from audit.admin.item_words import name_in_raw, sentences
from audit.models import ActivityLog, MigrationEvent, MigrationRun, Outcome, StorageSnapshot
from audit.runs import dispatch
from audit.runs.engine import Driver, SilentObserver
from audit.runs.rollback import Receipt, service
from audit.runs.worker import Stop
from audit.selectors import Found, KindReason
from nutrition.models import MealEntry
from tests.audit.admin_client import get, page_of, staff
from tests.audit.admin_rows import migrate_people
from tests.audit.quarantine.world import mend
from tests.audit.runs.browsers import M, P, browser
from tests.captures import meal, meals
from tests.factories import make_profile, make_run, make_user
from tests.laws.world import go

pytestmark = pytest.mark.django_db(transaction=True)

REASON = "la personne ne voit pas ses repas"
GOOD = meal(id="7", timestamp="2024-03-11T11:00:00.000Z", description="Lentilles", protein=18)
BAD = {**GOOD, "protein": "beaucoup"}
MIGRATE = ("accounts.view_user", "audit.migrate_person")
ROLL_BACK = ("accounts.view_user", "audit.rollback_person")
REPLAY = ("accounts.view_user", "audit.replay_migrationoutcome")
SEE = ("audit.view_migrationoutcome", "nutrition.view_mealentry", "audit.view_raw_data", "audit.view_activitylog")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Instead of processes: which workers were called, as (run, number)."""
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(dispatch, "_spawn", lambda run_id, number: calls.append((run_id, number)))
    return calls


def deed(person: User, key: str) -> str:
    return reverse("admin:accounts_user_deed", args=[person.pk, key])


def do(client: Client, person: User, key: str, **data: Any) -> Any:
    """The whole way: the confirmation page, then its form."""
    page = client.get(deed(person, key))
    assert page.status_code == 200, page.content.decode()[-2000:]
    return client.post(deed(person, key), {"reason": REASON, "seen": page.context["seen"], **data})


def drive(run: MigrationRun) -> MigrationRun:
    """What the called worker does."""
    Driver(run, SilentObserver(), Stop(), actor="worker", pauses=False).drive()
    run.refresh_from_db()
    return run


# --- Migrate now -----------------------------------------------------------------------------------------------------------
def test_one_person_is_migrated_at_once_and_nobody_else(client: Client, called: list[tuple[int, int]]) -> None:
    anna, zoe = make_user(), make_user()
    for person in (anna, zoe):
        browser(person, {M: meals(3)})
    colleague = staff(client, *MIGRATE, *SEE)
    assert "1 instantané en attente" in get(colleague, deed(anna, "migrate"))
    answer = do(colleague, anna, "migrate")
    assert (answer.status_code, answer["Location"]) == (302, page_of(anna))
    run = MigrationRun.objects.get()
    assert (run.status, run.users_planned, run.started_by is not None) == ("pending", 1, True)
    assert called == [(run.pk, 1)]
    assert not MealEntry.objects.exists()
    (entry,) = ActivityLog.objects.filter(user=anna, action_type="staff_migrated_person")
    assert entry.new_values is not None
    assert (entry.new_values["reason"], entry.new_values["run"]) == (REASON, run.pk)
    assert "s'occupe de cette personne" in get(colleague, page_of(anna))

    assert drive(run).status == "completed"
    assert set(MealEntry.objects.values_list("user_id", flat=True)) == {anna.pk}
    assert StorageSnapshot.objects.get(user=zoe).status == "waiting"
    page = get(colleague, page_of(anna))
    assert "3 repas créés" in page
    assert "s'occupe de cette personne" not in page

    answer = do(colleague, anna, "migrate")  # nothing waits any more, and nobody asked to read again
    assert answer.status_code == CONFLICT
    assert do(colleague, anna, "migrate", again="on").status_code == 302
    assert drive(MigrationRun.objects.latest("id")).status == "completed"
    assert "3 repas inchangés" in get(colleague, page_of(anna))


def test_another_migration_is_a_clear_refusal(client: Client, called: list[tuple[int, int]]) -> None:
    anna = make_user()
    browser(anna, {M: meals(1)})
    other = make_run(scope="all", status="paused")
    colleague = staff(client, *MIGRATE)
    assert f"La migration {other.pk} est active (en pause)" in get(colleague, deed(anna, "migrate"))
    answer = do(colleague, anna, "migrate")
    assert answer.status_code == CONFLICT
    assert f"La migration {other.pk} est active (en pause)" in answer.content.decode()
    assert MigrationRun.objects.count() == 1
    assert not called
    assert not ActivityLog.objects.filter(action_type="staff_migrated_person").exists()


def test_without_snapshots_there_is_nothing_to_press(client: Client) -> None:
    anna, colleague = make_user(), staff(client, *MIGRATE)
    assert deed(anna, "migrate") not in get(colleague, page_of(anna))
    assert colleague.get(deed(anna, "migrate")).status_code == CONFLICT


def test_a_snapshot_that_arrived_meanwhile_makes_the_page_stale(client: Client, called: list[tuple[int, int]]) -> None:
    anna, colleague = make_user(), staff(client, *MIGRATE)
    browser(anna, {M: meals(1)})
    seen = colleague.get(deed(anna, "migrate")).context["seen"]
    browser(anna, {M: meals(2)}, day=1)
    answer = colleague.post(deed(anna, "migrate"), {"reason": REASON, "seen": seen})
    assert answer.status_code == CONFLICT
    page = answer.content.decode()
    assert "instantanés en attente : 1" in page
    assert "instantanés en attente : 2" in page
    assert not called


# --- Take back ---------------------------------------------------------------------------------------------------------------
def measure(client: Client, person: User) -> Any:
    """Presses the button that tries it out."""
    seen = client.get(deed(person, "roll-back")).context["seen"]
    answer = client.post(deed(person, "roll-back"), {"measure": "1", "seen": seen})
    assert answer.status_code == 200
    return answer


def test_a_look_tries_nothing_out(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = make_user()
    browser(anna, {M: meals(3)})
    run = MigrationRun.objects.get(pk=go()["run"])
    tried: list[bool] = []

    def roll_back(**options: Any) -> Receipt:
        tried.append(options.get("dry_run", False))
        return service.roll_back(**options)

    monkeypatch.setattr("audit.admin.person_deeds.roll_back", roll_back)
    colleague = staff(client, *ROLL_BACK, *SEE)
    with CaptureQueriesContext(connection) as queries:
        page = get(colleague, deed(anna, "roll-back"))
    assert tried == []
    assert not [query["sql"] for query in queries if re.search(r"\bLOCK\b|FOR (NO KEY )?UPDATE|advisory", query["sql"])]
    assert "Voir ce que cela ferait" in page
    assert 'name="reason"' not in page

    answer = measure(colleague, anna)
    assert tried == [True]
    page = answer.content.decode()
    assert 'name="reason"' in page
    assert answer.context["form"].errors == {}
    again = colleague.post(
        deed(anna, "roll-back"), {"measured": "1", "seen": answer.context["seen"], "reason": "", "run": run.pk}
    )
    assert again.status_code == UNPROCESSABLE
    assert "Repas" in [
        str(row[0]) for row in again.context["explanation"].tables[0].rows
    ]  # the numbers are still there
    assert MealEntry.objects.count() == 3

    seen = answer.context["seen"]
    MigrationRun.objects.filter(pk=run.pk).update(status="completed_with_quarantine")
    stale = colleague.post(deed(anna, "roll-back"), {"measure": "1", "seen": seen})
    assert stale.status_code == 200  # nothing was promised yet: it is looked at as it is now


def test_one_person_is_taken_back_as_the_page_foretold(client: Client) -> None:
    anna, zoe = make_user(), make_user()
    for person in (anna, zoe):
        browser(person, {M: meals(3)})
    run = MigrationRun.objects.get(pk=go()["run"])
    kept = MealEntry.objects.filter(user=anna).first()
    assert kept is not None
    MealEntry.objects.filter(pk=kept.pk).update(description="Corrigé à la main")
    colleague = staff(client, *ROLL_BACK, *SEE)
    page = measure(colleague, anna)
    (table,) = page.context["explanation"].tables
    assert [list(map(str, row)) for row in table.rows] == [
        ["Repas", "2", "0", "1"],
        ["Profils", "1", "0", "0"],
        ["Objectifs", "1", "0", "0"],
    ]
    assert "changé par la personne depuis" in page.content.decode()
    assert MealEntry.objects.filter(user=anna).count() == 3  # a look takes nothing back

    answer = do(colleague, anna, "roll-back", run=run.pk)
    assert answer.status_code == 302
    assert list(MealEntry.objects.filter(user=anna)) == [kept]
    assert MealEntry.objects.filter(user=zoe).count() == 3
    event = MigrationEvent.objects.get(run=run, action="roll_back_part")
    assert (event.reason, "@" in event.actor) == (REASON, True)
    assert (ActivityLog.objects.get(user=anna, action_type="migration_rolled_back").new_values or {})[
        "reason"
    ] == REASON
    page_text = get(colleague, page_of(anna))
    assert "Ce passage a été défait pour cette personne" in page_text
    assert deed(anna, "roll-back") not in page_text
    assert deed(zoe, "roll-back") in get(colleague, page_of(zoe))


def test_of_two_runs_the_later_one_goes_first(client: Client) -> None:
    anna = make_user()
    browser(anna, {M: [GOOD]})
    first = go()["run"]
    browser(anna, {M: [GOOD, meal(id="9", timestamp="2024-04-01T11:00:00Z", description="Riz")]}, day=1)
    second = go()["run"]
    colleague = staff(client, *ROLL_BACK)
    page = measure(colleague, anna).content.decode()
    assert f"Migration {first}, terminée : Des migrations plus récentes" in page
    answer = do(colleague, anna, "roll-back", run=first)
    assert answer.status_code == CONFLICT
    assert "défaites-les d&#x27;abord" in answer.content.decode()
    assert do(colleague, anna, "roll-back", run=10**9).status_code == UNPROCESSABLE
    assert MealEntry.objects.count() == 2
    assert do(colleague, anna, "roll-back", run=second).status_code == 302
    assert do(colleague, anna, "roll-back", run=first).status_code == 302
    assert not MealEntry.objects.exists()


def test_nothing_is_taken_back_while_another_process_has_the_run(client: Client) -> None:
    anna = make_user()
    browser(anna, {M: meals(1)})
    run = MigrationRun.objects.get(pk=go()["run"])
    colleague = staff(client, *ROLL_BACK)
    seen = colleague.get(deed(anna, "roll-back")).context["seen"]
    MigrationRun.objects.filter(pk=run.pk).update(status="verifying", verdict="")
    answer = colleague.post(deed(anna, "roll-back"), {"reason": REASON, "seen": seen, "run": run.pk})
    assert answer.status_code == CONFLICT
    assert "vérification" in answer.content.decode()
    assert MealEntry.objects.count() == 1


# --- Replay --------------------------------------------------------------------------------------------------------------------
def test_a_repaired_item_leaves_the_quarantine(client: Client, called: list[tuple[int, int]]) -> None:
    anna = make_user()
    make_profile(anna)
    browser(anna, {M: [meal(), BAD]})
    run = MigrationRun.objects.get(pk=go()["run"])
    colleague = staff(client, *REPLAY, *SEE, "audit.verify_migrationrun")
    page = get(colleague, page_of(anna))
    assert "1 repas en quarantaine" in page
    assert "Lentilles" in page
    assert deed(anna, "replay") in page
    answer = do(colleague, anna, "replay")
    assert answer.status_code == 302
    assert "rien n'a pu quitter la quarantaine" in get(colleague, page_of(anna)).replace("&#x27;", "'")
    assert not called

    mend(run, f"{M}[1]", GOOD)
    answer = do(colleague, anna, "replay")
    assert answer.status_code == 302
    assert MealEntry.objects.filter(user=anna, description="Lentilles").exists()
    run.refresh_from_db()
    assert run.status == "verifying"
    assert called == [(run.pk, 1)]
    assert MigrationEvent.objects.filter(run=run, action="replay", reason=REASON).count() == 2
    assert drive(run).status == "completed"
    page = get(colleague, page_of(anna))
    assert "2 repas créés" in page
    assert deed(anna, "replay") not in page


def test_who_may_not_ask_for_a_verification_leaves_it_to_an_operator(client: Client, called: list[Any]) -> None:
    anna = make_user()
    browser(anna, {M: [meal(), BAD]})
    run = MigrationRun.objects.get(pk=go()["run"])
    mend(run, f"{M}[1]", GOOD)
    colleague = staff(client, *REPLAY, *SEE)
    assert "un opérateur peut la demander" in get(colleague, deed(anna, "replay"))
    do(colleague, anna, "replay")
    assert "un opérateur peut la demander" in get(colleague, page_of(anna))
    run.refresh_from_db()
    assert run.status == "completed_with_quarantine"
    assert MealEntry.objects.filter(user=anna, description="Lentilles").exists()
    assert not called


# --- What became of each item --------------------------------------------------------------------------------------------------
def test_items_are_told_one_by_one_and_filtered(client: Client) -> None:
    anna = make_user()
    browser(anna, {M: [meal(), BAD, {**GOOD, "id": "8", "protein": 18.456}], P: {"age": 31}})
    go()
    colleague = staff(client, "accounts.view_user", *SEE)
    page = get(colleague, page_of(anna))
    assert "2 repas créés" in page
    assert "1 repas en quarantaine" in page
    quarantined = get(colleague, f"{page_of(anna)}?items=quarantined")
    created = get(colleague, f"{page_of(anna)}?items=created")
    assert f"{M}[1]" in quarantined
    assert f"{M}[2]" not in quarantined
    assert f"{M}[2]" in created
    assert f"{M}[1]" not in created
    assert colleague.get(f"{page_of(anna)}?items=nonsense&items_page=-3&items_run=x").status_code == 200


def test_names_of_items_need_a_permission(client: Client) -> None:
    anna = make_user()
    browser(anna, {M: [BAD]})
    go()
    page = get(staff(client, "accounts.view_user", "audit.view_migrationoutcome"), page_of(anna))
    assert "1 repas en quarantaine" in page
    assert "Lentilles" not in page
    assert "Lentilles" in get(staff(Client(), "accounts.view_user", *SEE), page_of(anna))


def test_sentences_say_what_waits_first_and_why() -> None:
    nothing = dict.fromkeys(Outcome.values, 0)
    found = [
        Found("meal", 14, {**nothing, "created": 12, "duplicate": 1, "quarantined": 1}),
        Found("favorite", 1, {**nothing, "updated": 1}),
        Found("preferences", 2, {**nothing, "unchanged": 2}),
    ]
    reasons = [KindReason("meal", "quarantined", "unreadable_timestamp", 1), KindReason("meal", "duplicate", "copy", 1)]
    told = sentences(found, reasons)
    assert [one.text for one in told] == [
        "1 repas en quarantaine",
        "12 repas créés",
        "1 repas en double",
        "1 favori mis à jour",
        "2 jeux de préférences inchangés",
    ]
    assert told[0].why.endswith("(1)")
    assert "date" in told[0].why


def test_an_items_name_is_found_in_what_is_no_whole_json() -> None:
    assert name_in_raw('{"id": "7", "description": "Bl\\u00e9 \\"dur\\"", "photo": "AAAA') == 'Blé "dur"'
    assert name_in_raw('{"description": "", "name": "Skyr"}') == "Skyr"
    assert name_in_raw('{"description": "\\ud83d"}') == "\\ud83d"
    assert name_in_raw("[1, 2") == ""
    assert name_in_raw('{"description": "cut') == ""


def test_what_was_done_stands_in_words_with_its_reason(client: Client) -> None:
    _run, (migrated,) = migrate_people(1)
    ActivityLog.objects.create(
        user=migrated.user,
        action_type="staff_deactivated",
        new_values={"staff_email": "support@example.fr", "reason": "<b>perdu</b>"},
    )
    page = get(staff(client, "accounts.view_user", "audit.view_activitylog"), page_of(migrated.user))
    assert "Compte désactivé" in page
    assert "support@example.fr" in page
    assert "&lt;b&gt;perdu" in page
    assert "Données consultées par l&#x27;équipe" in page
