"""The quarantine workbench in the admin: what waits, mending, replaying, waiving; who may, and what happens to stale pages."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from audit.admin import workbench_deeds, workbench_group, workbench_item, workbench_rules
from audit.local_storage.read import SnapshotSource
from audit.models import ActivityLog, ItemRepair, MigrationEvent, MigrationOutcome, MigrationPreimage, MigrationRun
from audit.runs.plan import Refused
from audit.runs.quarantine import group_repair
from audit.runs.quarantine.repair import raw_values, repair
from audit.runs.quarantine.replay import Replayed
from nutrition.models import MealEntry
from tests.audit.admin_client import get, page_of, staff
from tests.audit.admin_rows import HOSTILE, migrate_people
from tests.audit.quarantine.world import BAD, GOOD, OTHER, M, P, item, mend, migrated, payloads, run_of, snapshots
from tests.captures import meal
from tests.factories import make_run
from tests.laws.world import go

pytestmark = pytest.mark.django_db

VIEW, RAW = "audit.view_migrationoutcome", "audit.view_raw_data"
REPAIR, REPLAY, WAIVE = (f"audit.{deed}_migrationoutcome" for deed in ("repair", "replay", "waive"))
VERIFY = "audit.verify_migrationrun"
ALL_OF_THEM = (VIEW, RAW, REPAIR, REPLAY, WAIVE, VERIFY)
WORKBENCH = "/admin/audit/migrationoutcome/quarantine/"
STATEMENTS = 15


@pytest.fixture
def support(client: Client) -> Client:
    """The browser of somebody who works on the quarantine."""
    return staff(client, *ALL_OF_THEM)


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Runs to which workers were called; none comes."""
    called: list[int] = []
    monkeypatch.setattr("audit.runs.quarantine.verdict.call_workers", lambda run, *, number=None: called.append(run.pk))
    return called


def bad(number: int, protein: Any = "environ 18 g") -> dict[str, Any]:
    return meal(id=str(number), timestamp=1_710_068_400_000 + number * 3_600_000, protein=protein)


def group(run: MigrationRun, key: str, **query: object) -> str:
    chosen = {"reason": "not_a_number", "kind": "meal", **query}
    return f"{reverse('admin:audit_migrationoutcome_quarantine_do', args=[run.pk, key])}?{urlencode(chosen)}"


def do(outcome: MigrationOutcome, key: str) -> str:
    return reverse("admin:audit_migrationoutcome_deed", args=[outcome.pk, key])


def mending(outcome: MigrationOutcome) -> str:
    return reverse("admin:audit_migrationoutcome_repair", args=[outcome.pk])


def hidden(page: str, name: str) -> str:
    """What the page would send along."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert found, f"{name} is not on the page"
    return found[1]


def words(answer: Any) -> str:
    """The page, with the characters that HTML escapes."""
    return str(answer.content.decode()).replace("&#x27;", "'").replace("&quot;", '"').replace("&amp;", "&")


# --- what waits -------------------------------------------------------------------------------------------------------------


def test_the_causes_with_what_one_can_do(support: Client) -> None:
    snapshots({M: [bad(1), bad(2), "?", OTHER]})
    snapshots({M: [bad(3, HOSTILE)]}, number=2)
    run = run_of(go())
    mend(run, f"{M}[0]", GOOD)
    answer = support.get(WORKBENCH)
    page = words(answer)
    for expected in ("Pas un nombre", "Éléments <strong>3</strong>", "Personnes <strong>2</strong>", "environ 18 g"):
        assert expected in page
    assert "1 réparé, à rejouer" in page
    assert HOSTILE not in answer.content.decode()
    for key in ("repair", "replay", "waive"):
        assert group(run, key) in page
    assert group(run, "replay", mended=1) in page


def test_narrowed_to_a_kind_and_a_person(support: Client) -> None:
    snapshots({M: [bad(1)], P: "[]"})
    snapshots({M: [bad(2)]}, number=2)
    run = run_of(go())
    assert "not_a_number-meal" not in get(support, f"{WORKBENCH}?kind=profile")
    for user in ("person2@example.fr", run.plan.order_by("user_id").last().user_id):  # type: ignore[union-attr]
        page = get(support, f"{WORKBENCH}?run={run.pk}&user={user}")
        assert "Éléments <strong>1</strong>" in page
        assert "not_an_object-profile" not in page
    assert "Personne ne correspond." in get(support, f"{WORKBENCH}?user=nobody@example.fr")


def test_nothing_waits(support: Client) -> None:
    assert "La quarantaine est vide." in get(support, WORKBENCH)
    run = migrated({M: [OTHER]})
    assert "La quarantaine est vide." in get(support, WORKBENCH)
    assert "La quarantaine est vide." in get(support, f"{WORKBENCH}?run={run.pk}")
    assert "Rien n'a été écarté." in words(support.get(f"{WORKBENCH}?run={run.pk}&standing=waived"))
    for odd in (f"run={10**30}", "run=x", "kind=x", "user=%00", "standing=x"):
        assert support.get(f"{WORKBENCH}?{odd}").status_code == 200, odd


def test_as_many_statements_for_thirty_people_as_for_three(support: Client) -> None:
    ContentType.objects.get_for_models(MigrationOutcome, MigrationRun, User)
    run, _people = migrate_people(3)
    get(support, WORKBENCH)

    def taken() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            get(support, WORKBENCH)
        return len(queries)

    few = taken()
    migrate_people(27, run, first=4)
    assert taken() == few <= STATEMENTS


def test_raw_values_are_for_those_who_may_see_them(client: Client) -> None:
    run = migrated({M: [bad(1)]})
    auditor = staff(client, VIEW, REPAIR, REPLAY, WAIVE)
    assert "environ 18 g" not in get(auditor, WORKBENCH)
    assert group(run, "repair") not in words(auditor.get(WORKBENCH))
    outcome = item(run, f"{M}[0]")
    page = words(auditor.get(page_of(outcome)))
    assert "environ 18 g" not in page
    assert "Vous n'avez pas le droit de voir les valeurs brutes." in page
    assert mending(outcome) not in page
    assert auditor.get(mending(outcome)).status_code == 403
    assert auditor.get(group(run, "repair")).status_code == 403
    for address in (WORKBENCH, page_of(outcome)):
        assert "environ 18 g" in get(staff(Client(), VIEW, RAW), address)


def test_each_deed_needs_its_permission(client: Client) -> None:
    run = migrated({M: [bad(1)]})
    outcome = item(run, f"{M}[0]")
    looks_only = staff(client, VIEW, RAW)
    page = words(looks_only.get(WORKBENCH)) + words(looks_only.get(page_of(outcome)))
    assert 'data-deed="look"' in page
    for key in ("repair", "replay", "waive"):
        assert f'data-deed="{key}"' not in page
    addresses = [group(run, key) for key in ("repair", "replay", "waive", "unwaive", "verify")]
    addresses += [mending(outcome), *(do(outcome, key) for key in ("replay", "waive", "unwaive"))]
    for address in addresses:
        assert looks_only.get(address).status_code == 403, address
        assert looks_only.post(address, {"reason": "x"}).status_code == 403, address
    assert staff(Client(), REPAIR, RAW).get(WORKBENCH).status_code == 403
    assert looks_only.get(group(run, "destroy")).status_code == 404


# --- one item ---------------------------------------------------------------------------------------------------------------


def test_an_item_is_mended_looked_at_and_brought_in(support: Client, no_workers: list[int]) -> None:
    run = migrated({M: [BAD, OTHER, None]})
    outcome = item(run, f"{M}[0]")
    before = payloads()
    assert mending(outcome) in get(support, page_of(outcome))
    page = support.get(mending(outcome))
    assert json.loads(page.context["form"].initial["value"]) == BAD
    seen = hidden(page.content.decode(), "seen")
    still = support.post(mending(outcome), {"step": "preview", "seen": seen, "value": json.dumps(BAD)})
    assert still.status_code == 422
    assert "Encore refusé : Pas un nombre, dans le champ « protein »." in words(still)
    value = json.dumps({**GOOD, "protein": "18,5 g"})
    shown = support.post(mending(outcome), {"step": "preview", "seen": seen, "value": value})
    assert "Créé" in words(shown)
    assert "18,50" in words(shown)
    assert "Nombre écrit en texte" in words(shown)
    assert (ItemRepair.objects.count(), MealEntry.objects.count()) == (0, 1)
    data = {"step": "store", "seen": seen, "value": value, "previewed": hidden(shown.content.decode(), "previewed")}
    unsaid = support.post(mending(outcome), data)
    assert (unsaid.status_code, ItemRepair.objects.count()) == (422, 0)
    done = support.post(mending(outcome), {**data, "reason": "au téléphone"}, follow=True)
    assert "La réparation est enregistrée." in words(done)
    assert "1 élément a quitté la quarantaine (créé : 1)." in words(done)
    assert MealEntry.objects.filter(protein_grams="18.50").count() == 1
    assert payloads() == before
    assert no_workers == []
    events = {event.action: event for event in MigrationEvent.objects.filter(action__in=["repair", "replay"])}
    staff_email = User.objects.get(is_staff=True).email
    assert {(event.actor, event.reason) for event in events.values()} == {(staff_email, "au téléphone")}
    assert ActivityLog.objects.filter(user=outcome.user, action_type="MIGRATION_ITEM_REPAIRED").count() == 1


def test_what_was_not_shown_is_not_stored(support: Client) -> None:
    run = migrated({M: [BAD]})
    outcome = item(run, f"{M}[0]")
    seen = hidden(get(support, mending(outcome)), "seen")
    first = {"seen": seen, "value": json.dumps(GOOD)}
    shown = support.post(mending(outcome), {**first, "step": "preview"})
    data = {"step": "store", "seen": seen, "reason": "x", "previewed": hidden(shown.content.decode(), "previewed")}
    other = support.post(mending(outcome), {**data, "value": json.dumps({**GOOD, "protein": 99})})
    assert other.status_code == 409
    assert "La valeur a changé depuis l'aperçu" in words(other)
    assert "99" in words(other)
    mend(run, f"{M}[0]", OTHER)
    stale = support.post(mending(outcome), {**data, "value": json.dumps(GOOD)})
    assert stale.status_code == 409
    assert "quelqu'un d'autre a réparé cet élément" in words(stale)
    assert ItemRepair.objects.count() == 1
    assert "Déjà réparé par" in get(support, mending(outcome))


def test_two_who_mend_at_once(support: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run = migrated({M: [BAD]})
    outcome = item(run, f"{M}[0]")
    seen = hidden(get(support, mending(outcome)), "seen")
    first = {"seen": seen, "value": json.dumps(GOOD)}
    shown = support.post(mending(outcome), {**first, "step": "preview"})
    data = {**first, "step": "store", "reason": "x", "previewed": hidden(shown.content.decode(), "previewed")}

    def after_the_other(**told: Any) -> Any:
        mend(run, f"{M}[0]", OTHER)
        return repair(**told)

    monkeypatch.setattr(workbench_item, "repair", after_the_other)
    late = support.post(mending(outcome), data)
    assert late.status_code == 409
    assert "Entre-temps, quelqu'un d'autre a réparé" in words(late)
    assert "Déjà réparé par" in words(late)
    assert ItemRepair.objects.get().value == json.dumps(OTHER, separators=(",", ":"))
    monkeypatch.undo()
    again = {**data, "seen": hidden(late.content.decode(), "seen")}
    assert support.post(mending(outcome), again).status_code == 302
    assert ItemRepair.objects.count() == 2


def test_a_refusal_is_told_in_french_and_ends_once(support: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run = migrated({M: [bad(1), bad(2)]})
    outcome = item(run, f"{M}[0]")

    def refuses(**told: Any) -> Any:
        raise Refused("run {run} has no such item in quarantine", run=run.pk)

    because = f"La migration {run.pk} n'a pas cet élément en quarantaine."
    monkeypatch.setattr(workbench_item, "foresee", refuses)
    monkeypatch.setattr(workbench_item, "replay", refuses)
    monkeypatch.setattr(workbench_rules, "replay", refuses)
    monkeypatch.setattr(workbench_deeds, "ask_for_verdict", refuses)
    first = {"seen": hidden(get(support, mending(outcome)), "seen"), "value": json.dumps(GOOD)}
    shown = support.post(mending(outcome), {**first, "step": "preview"})
    assert f"ne peut pas être rejouée maintenant. {because}</span>" in words(shown)
    data = {**first, "step": "store", "reason": "x", "previewed": hidden(shown.content.decode(), "previewed")}
    assert f"Pas encore rejouée. {because}\n" in words(support.post(mending(outcome), data, follow=True))
    shown = support.post(rule_page(run), {"step": "preview"})
    assert f"Pas encore rejouées. {because}</p>" in words(
        support.post(rule_page(run), {**stored(shown), "reason": "x"})
    )
    seen = hidden(get(support, do(outcome, "waive")), "seen")
    done = support.post(do(outcome, "waive"), {"seen": seen, "reason": "x", "verify": "on"}, follow=True)
    assert f"C'est fait, mais pas encore vérifié. {because}\n" in words(done)
    left = Replayed(
        people=1, refused={outcome.user_id: Refused("run {run} has no such item in quarantine", run=run.pk)}
    )
    assert workbench_deeds.replayed_text(left).endswith(f"reste telle quelle. {because}")


def test_what_cannot_be_mended_says_why(support: Client) -> None:
    run = migrated({M: "[", "p-meals-OTHER": [bad(1)]})
    whole = support.get(mending(item(run, M)))
    assert whole.status_code == 409
    assert "Une liste entière ne se répare pas" in words(whole)
    theirs = item(run, "p-meals-OTHER[0]")
    assert "À qui est un élément" in words(support.get(mending(theirs)))
    assert mending(theirs) not in get(support, page_of(theirs))
    assert support.get(f"/admin/audit/migrationoutcome/{10**6}/repair/").status_code == 404


def test_an_item_is_waived_and_taken_back(support: Client, no_workers: list[int]) -> None:
    run = migrated({M: [BAD, OTHER]})
    outcome = item(run, f"{M}[0]")
    assert 'data-deed="unwaive"' not in get(support, page_of(outcome))
    seen = hidden(get(support, do(outcome, "waive")), "seen")
    done = support.post(do(outcome, "waive"), {"seen": seen, "reason": "vide", "verify": "on"}, follow=True)
    assert "1 élément écarté." in words(done)
    run.refresh_from_db()
    assert (run.status, no_workers) == ("verifying", [run.pk])
    outcome.refresh_from_db()
    assert outcome.outcome == "waived"
    busy = support.get(do(outcome, "unwaive"))
    assert busy.status_code == 409
    MigrationRun.objects.filter(pk=run.pk).update(status="completed")
    stale = support.post(do(outcome, "unwaive"), {"seen": seen, "reason": "si"})
    assert stale.status_code == 409
    assert "en quarantaine" in words(stale)
    seen = hidden(get(support, do(outcome, "unwaive")), "seen")
    support.post(do(outcome, "unwaive"), {"seen": seen, "reason": "elle le veut"})
    outcome.refresh_from_db()
    assert outcome.outcome == "quarantined"
    actions = MigrationEvent.objects.filter(action__in=["waive", "unwaive"]).order_by("id")
    assert [(event.action, event.reason) for event in actions] == [("waive", "vide"), ("unwaive", "elle le veut")]


# --- groups -----------------------------------------------------------------------------------------------------------------


def by_default(monkeypatch: pytest.MonkeyPatch, service: Any, **values: object) -> None:
    """Other defaults of a service's arguments."""
    for name, value in values.items():
        monkeypatch.setitem(service.__kwdefaults__, name, value)


def stored(shown: Any) -> dict[str, str]:
    """What a page with the preview of a rule sends along to have exactly that stored."""
    page = shown.content.decode()
    return {"step": "store", "previewed": hidden(page, "previewed"), "last": hidden(page, "last")}


def rule_page(run: MigrationRun, **query: object) -> str:
    return group(run, "repair", rule="only_number", **query)


def test_a_group_is_mended_by_a_rule_that_is_shown_first(support: Client) -> None:
    snapshots({M: [bad(1), bad(2, "beaucoup"), bad(3, "environ 5000 g"), OTHER]})
    snapshots({M: [bad(4)]}, number=2)
    run = run_of(go())
    before = payloads()
    assert rule_page(run) in words(support.get(group(run, "repair")))
    get(support, rule_page(run))
    shown = support.post(rule_page(run), {"step": "preview"})
    page = words(shown)
    for expected in (
        "Réparés <strong>2</strong>",
        "Encore refusés <strong>1</strong>",
        "Pas touchés par la règle <strong>1</strong>",
        'protein: "environ 18 g"',
        "protein: 18",
        "Encore refusé : Plus que ce que l'application permettait, dans le champ « protein ».",
    ):
        assert expected in page
    assert ItemRepair.objects.count() == 0
    data = stored(shown)
    assert support.post(rule_page(run), data).status_code == 422
    done = support.post(rule_page(run), {**data, "reason": "toujours écrit ainsi"})
    assert "2 réparations enregistrées." in words(done)
    assert "2 éléments ont quitté la quarantaine (créé : 2)." in words(done)
    assert MealEntry.objects.filter(protein_grams=18).count() == 2
    assert payloads() == before
    assert MigrationEvent.objects.filter(action="repair").count() == 1
    again = support.post(rule_page(run), {**data, "reason": "encore"})
    assert again.status_code == 409
    assert ItemRepair.objects.count() == 2


def test_a_group_that_changed_since_is_left_alone(support: Client) -> None:
    run = migrated({M: [bad(1), bad(2)]})
    shown = support.post(rule_page(run), {"step": "preview"})
    data = {**stored(shown), "reason": "x"}
    mend(run, f"{M}[0]", GOOD)
    unsaid = support.post(rule_page(run), {**data, "reason": ""})
    assert (unsaid.status_code, "a changé depuis l'aperçu" in words(unsaid)) == (409, True)
    stale = support.post(rule_page(run), data)
    assert stale.status_code == 409
    assert "a changé depuis l'aperçu" in words(stale)
    assert "Déjà réparés, à rejouer <strong>1</strong>" in words(stale)
    assert ItemRepair.objects.count() == 1


def test_rules_that_make_no_sense(support: Client) -> None:
    run = migrated({M: [bad(1, 5000)]})
    divide = group(run, "repair", reason="above_bound", rule="divide")
    wrong = support.post(divide, {"step": "preview", "first": "zéro"})
    assert wrong.status_code == 422
    assert "Il faut un nombre plus grand que zéro" in words(wrong)
    assert support.post(divide, {"step": "preview", "first": ""}).status_code == 422
    assert "Réparés <strong>1</strong>" in words(support.post(divide, {"step": "preview", "first": "100"}))
    assert support.get(group(run, "repair", reason="above_bound", rule="date")).status_code == 404
    assert support.get(group(run, "repair", reason="other_owner")).status_code == 404


def test_a_big_group_is_mended_in_parts(support: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    by_default(monkeypatch, group_repair.preview_group, at_most=2)
    by_default(monkeypatch, group_repair.repair_group, at_most=2)
    run = migrated({M: [bad(number) for number in range(5)]})
    shown = support.post(rule_page(run), {"step": "preview"})
    assert "À regarder ensuite : 3." in words(shown)
    data = {**stored(shown), "reason": "x", "verify": "on"}
    done = words(support.post(rule_page(run), data))
    assert "pas encore regardés : 3." in done
    run.refresh_from_db()
    assert run.status == "completed_with_quarantine"  # verified when all is done, not in between
    more = re.search(r'<form method="post" action="([^"]*after=\d+[^"]*)"', done)
    assert more
    second = support.post(more[1], {"step": "preview"})
    assert "Réparés <strong>2</strong>" in words(second)
    assert "À regarder ensuite : 1." in words(second)


def test_a_rule_is_tried_for_a_moment_only_and_once_when_it_is_stored(
    support: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        snapshots({M: [bad(number)]}, number=number)
    run = run_of(go())
    by_default(monkeypatch, group_repair.preview_group, within_seconds=0)
    shown = support.post(rule_page(run), {"step": "preview"})
    assert "À regarder ensuite : 2." in words(shown)
    by_default(monkeypatch, group_repair.preview_group, within_seconds=60)
    read: list[int] = []

    def noted(source: SnapshotSource) -> dict[str, Any]:
        read.append(source.id)
        return raw_values(source)

    monkeypatch.setattr("audit.runs.quarantine.group_repair.raw_values", noted)
    data = {**stored(shown), "reason": "x"}
    for last in ("", "x", "9" * 30):
        assert support.post(rule_page(run), {**data, "last": last}).status_code == 409, last
    read.clear()
    done = words(support.post(rule_page(run), data))
    assert "1 réparation enregistrée." in done
    assert "pas encore regardés : 2." in done
    assert (len(read), ItemRepair.objects.count()) == (1, 1)


def test_without_the_right_to_replay_repairs_are_only_stored(client: Client) -> None:
    run = migrated({M: [bad(1)]})
    mender = staff(client, VIEW, RAW, REPAIR)
    shown = mender.post(rule_page(run), {"step": "preview"})
    data = {**stored(shown), "reason": "x"}
    assert "doit encore les rejouer" in words(mender.post(rule_page(run), data))
    assert (ItemRepair.objects.count(), MealEntry.objects.count()) == (1, 0)


def test_a_group_is_replayed(support: Client, no_workers: list[int]) -> None:
    snapshots({M: [bad(1), bad(2)]})
    snapshots({M: [bad(3)]}, number=2)
    run = run_of(go())
    mend(run, f"{M}[0]", GOOD)
    address = group(run, "replay", mended=1)
    page = get(support, address)
    data = {"seen": hidden(page, "seen"), "reason": "réparé", "verify": "on"}
    assert support.post(address, {**data, "reason": ""}).status_code == 422
    done = support.post(address, data, follow=True)
    assert "1 élément a quitté la quarantaine (créé : 1)." in words(done)
    assert MealEntry.objects.count() == 1
    run.refresh_from_db()
    assert (run.status, no_workers) == ("verifying", [run.pk])
    assert "en cours de vérification" in words(support.get(WORKBENCH))
    assert support.get(group(run, "replay")).status_code == 409


def test_a_group_is_waived_in_parts_and_taken_back(support: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        key: workbench_group.GroupDeed(**{**{name: getattr(deed, name) for name in deed.__slots__}, "at_once": 2})
        for key, deed in workbench_group.GROUP_DEEDS.items()
        if deed.at_once
    }
    monkeypatch.setattr(workbench_group, "GROUP_DEEDS", small)
    run = migrated({M: [bad(1), bad(2), bad(3), "?"]})
    address = group(run, "waive")
    for left in ("Il reste 1 élément du groupe", "1 élément écarté."):
        seen = hidden(get(support, address), "seen")
        done = support.post(address, {"seen": seen, "reason": "vides"}, follow=True)
        assert left in words(done)
    assert MigrationOutcome.objects.filter(outcome="waived").count() == 3
    waived = words(support.get(f"{WORKBENCH}?run={run.pk}&standing=waived"))
    assert group(run, "unwaive") in waived
    address = group(run, "unwaive")
    support.post(address, {"seen": hidden(get(support, address), "seen"), "reason": "si"})
    assert MigrationOutcome.objects.filter(outcome="waived").count() == 1
    lines = ActivityLog.objects.filter(action_type="MIGRATION_ITEMS_WAIVED")
    assert sorted((line.new_values or {})["items"] for line in lines) == [1, 2]
    assert "Il n'y a plus rien dans ce groupe." in words(support.get(group(run, "waive", reason="above_bound")))


def test_a_stale_group_says_what_changed(support: Client) -> None:
    run = migrated({M: [bad(1), bad(2)]})
    address = group(run, "waive")
    seen = hidden(get(support, address), "seen")
    mine = item(run, f"{M}[0]")
    MigrationOutcome.objects.filter(pk=mine.pk).update(reasons=["not_finite"])
    fewer = support.post(address, {"seen": seen, "reason": "x"})
    assert fewer.status_code == 409
    assert "le groupe avait 2 éléments, il en a 1 maintenant" in words(fewer)
    MigrationOutcome.objects.filter(pk=mine.pk).update(reasons=["not_a_number"])
    MigrationRun.objects.filter(pk=run.pk).update(status="failed")
    failed = support.post(address, {"seen": seen, "reason": "x"})
    assert failed.status_code == 409
    assert "l'état est passé de « terminée, avec quarantaine » à « " in words(failed)
    assert support.post(address, {"seen": "<x>", "reason": "x"}).status_code == 409
    assert MigrationOutcome.objects.filter(outcome="waived").count() == 0


def test_the_verdict_is_asked_for_when_decisions_wait(support: Client, no_workers: list[int]) -> None:
    run = migrated({M: [bad(1), bad(2)]})
    assert "Faire vérifier" not in get(support, WORKBENCH)
    address = group(run, "waive")
    support.post(address, {"seen": hidden(get(support, address), "seen"), "reason": "vides"})
    assert no_workers == []
    page = words(support.get(f"{WORKBENCH}?run={run.pk}"))
    assert "Des décisions attendent leur vérification" in page
    verify = reverse("admin:audit_migrationoutcome_quarantine_do", args=[run.pk, "verify"])
    assert verify in page
    support.post(verify, {"seen": hidden(get(support, verify), "seen"), "reason": "tout est décidé"})
    run.refresh_from_db()
    assert (run.status, no_workers) == ("verifying", [run.pk])
    assert MigrationEvent.objects.filter(action="verify", reason="tout est décidé").count() == 1


def test_the_verdict_is_for_those_who_may_ask_for_it(client: Client, no_workers: list[int]) -> None:
    run = migrated({M: [bad(1), bad(2), bad(3)]})
    without = staff(client, *(permission for permission in ALL_OF_THEM if permission != VERIFY))
    verify, mended = group(run, "verify"), item(run, f"{M}[0]")
    for address in (group(run, "waive"), group(run, "replay"), do(mended, "waive"), do(mended, "replay")):
        assert 'name="verify"' not in get(without, address), address
        assert 'name="verify"' in get(staff(Client(), *ALL_OF_THEM), address), address
    first = {"seen": hidden(get(without, mending(mended)), "seen"), "value": json.dumps(GOOD), "step": "preview"}
    for shown in (without.post(mending(mended), first), without.post(rule_page(run), {"step": "preview"})):
        assert 'name="reason"' in words(shown)
        assert 'name="verify"' not in words(shown)
    without.post(rule_page(run), {**stored(shown), "reason": "x", "verify": "on"})
    run.refresh_from_db()
    assert (run.status, no_workers) == ("completed_with_quarantine", [])
    waits = words(without.get(f"{WORKBENCH}?run={run.pk}"))
    assert "Des décisions attendent leur vérification" in waits
    assert "Un opérateur peut la demander." in waits
    assert verify.partition("?")[0] not in waits
    assert without.get(verify).status_code == 403
    assert without.post(verify, {"reason": "x", "seen": ""}).status_code == 403
    asks = staff(Client(), VIEW, VERIFY)
    seen = hidden(get(asks, verify), "seen")
    asks.post(verify, {"seen": seen, "reason": "x"})
    assert no_workers == [run.pk]


def test_addresses_that_mean_nothing(support: Client) -> None:
    run = make_run(status="failed")
    for odd in ({"kind": "x"}, {"user": "nobody"}, {"after": "x"}, {"after": "9" * 30}, {"reason": "x" * 41}):
        assert support.get(group(run, "waive", **odd)).status_code == 404, odd
    assert support.get(f"{WORKBENCH}{10**30}/waive/").status_code == 404


def test_repairs_and_images_show_no_values_to_those_who_may_not_see_them(client: Client) -> None:
    _run, _people = migrate_people(1)
    repair, image = ItemRepair.objects.get(), MigrationPreimage.objects.get()
    auditor = staff(client, "audit.view_itemrepair", "audit.view_migrationpreimage")
    seer = staff(Client(), "audit.view_itemrepair", "audit.view_migrationpreimage", RAW)
    for row, value in ((repair, "protein"), (image, "&lt;script&gt;")):
        assert value in get(seer, page_of(row))
        assert "readonly" in get(auditor, page_of(row))
    assert "protein" not in get(auditor, page_of(repair))
    assert "description" not in get(auditor, page_of(image))
