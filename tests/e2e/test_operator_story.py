"""An operator's whole story in a real browser, with real workers: upload, preview, start, watch, pause, resume, retry, verify, mend, roll back."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from accounts.models import User
from audit.digest import content_digest
from audit.models import ItemRepair, MigrationEvent, MigrationOutcome, MigrationPreview, MigrationRun, StorageSnapshot
from audit.samples import generate
from nutrition.models import MealEntry
from tests.audit.admin_client import page_of
from tests.captures import capture, meal
from tests.e2e.conftest import Processes
from tests.e2e.staff import Watched, member

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PEOPLE = 18
ANNA = "anna@example.fr"


def upload() -> bytes:
    """People from the samples, some with oddities, and one whose trouble is known."""
    lines = [*generate(PEOPLE - 1, 10, 7, 30)]
    lentils = meal(id="9", timestamp="2024-03-11T11:00:00.000Z", description="Lentilles au cumin", protein="beaucoup")
    lines.append(capture({"dynprot-meals-U": [meal(), lentils]}, email=ANNA))
    return b"\n".join(lines) + b"\n"


def uploads_and_looks(watched: Watched) -> MigrationPreview:
    """A file, and what would become of it."""
    page = watched.page
    page.get_by_role("link", name="Lancer une migration").first.click()
    page.get_by_label("Un fichier NDJSON").check()
    page.locator("#id_file").set_input_files(
        {"name": "navigateurs.ndjson", "mimeType": "application/x-ndjson", "buffer": upload()}
    )
    page.get_by_label("Créer un compte").check()
    page.get_by_role("textbox", name="Raison").fill("les navigateurs de l'équipe")
    page.get_by_label("Personnes par lot").fill("1")
    page.get_by_label("Fixe").check()
    page.get_by_label("Ralentir quand").uncheck()
    page.get_by_role("button", name="Voir l'aperçu").click()
    expect(page.get_by_role("heading", name="L'équation prévue")).to_be_visible()
    preview = MigrationPreview.objects.get()
    assert preview.people_total == PEOPLE
    assert not MealEntry.objects.exists()
    expect(page.locator(".dp-figures").filter(has_text="À créer")).to_contain_text(f"Personnes {PEOPLE}")
    return preview


def starts_and_watches(watched: Watched, processes: Processes) -> MigrationRun:
    """Started, with nobody there yet; slowed down, so that it can be watched."""
    processes.held = True
    watched.do("launch", "accord de l'équipe du 3 mars")
    run = MigrationRun.objects.get()
    assert run.plan_digest == MigrationPreview.objects.get().plan_digest
    watched.do("retune", "on regarde les premiers passer", pause_seconds="2")
    processes.release()
    moved = watched.page.locator("[data-live=progress]")
    expect(moved).to_have_text(re.compile(rf", [1-9]\d* personnes? sur {PEOPLE}$"))
    return run


def pauses_and_resumes(watched: Watched, processes: Processes, run: MigrationRun) -> None:
    """It stands still after the batch under way, and goes on from there."""
    watched.do("pause", "le standard appelle")
    expect(watched.page.locator("#run-head").locator(".dp-badges")).to_contain_text("En pause", ignore_case=True)
    run.refresh_from_db()
    assert run.status == "paused"
    assert 0 < run.batches.filter(status="committed").count() < PEOPLE
    watched.do("retune", "plus vite maintenant", pause_seconds="0")
    processes.fail_at("batch.meals:3:boom")
    watched.do("resume", "rien de grave")


def sees_it_fail_and_retries(watched: Watched, processes: Processes, run: MigrationRun) -> None:
    """It fails for real; once that is mended, what failed is tried again."""
    head = watched.page.locator("#run-head")
    expect(head).to_contain_text("Elle s'est arrêtée sur une erreur")
    expect(head).to_contain_text("Injected")
    assert run.batches.filter(status="failed").count() == 1
    processes.fail_at("")
    watched.do("retry", "c'était le disque")
    expect(head).to_contain_text("La vérification est passée")
    run.refresh_from_db()
    assert (run.status, run.verdict) == ("completed_with_quarantine", "passed")
    assert run.batches.filter(status="committed").count() == PEOPLE
    watched.check()


def mends_one_item(watched: Watched, run: MigrationRun) -> None:
    """Looked at before it is stored, and read again."""
    page = watched.page
    page.get_by_role("navigation", name="Parties de cette page").get_by_role("link", name="Quarantaine").click()
    page.get_by_role("link", name="Réparer, rejouer ou écarter").click()
    page.get_by_label("Personne", exact=True).fill(ANNA)
    page.get_by_role("button", name="Montrer").click()
    page.locator(".dp-examples a").click()
    page.locator("[data-deed=repair]").click()
    editor = page.get_by_label("L'élément entier, en JSON")
    item = json.loads(editor.input_value())
    assert item["protein"] == "beaucoup"
    editor.fill(json.dumps({**item, "protein": 18}))
    page.get_by_role("button", name="Prévisualiser").click()
    expect(page.locator("#preview")).to_contain_text("18")
    assert not ItemRepair.objects.exists()
    page.get_by_role("textbox", name="Raison").fill("elle nous l'a dit au téléphone")
    page.get_by_label("Faire vérifier").uncheck()
    page.get_by_role("button", name="Enregistrer et rejouer").click()
    expect(page.get_by_text("1 élément a quitté la quarantaine")).to_be_visible()
    lentils = MealEntry.objects.get(user__email=ANNA, protein_grams=18)
    assert (lentils.description, lentils.import_run_id) == ("Lentilles au cumin", run.pk)


def sets_a_group_aside_and_verifies(watched: Watched, run: MigrationRun) -> None:
    """The verifier looks at all of it again."""
    page = watched.page
    watched.visit(page_of(run) + "?tab=quarantine")
    page.get_by_role("link", name="Réparer, rejouer ou écarter").click()
    cause = page.locator(".dp-cause").first
    cause.locator("[data-deed=waive]").click()
    page.get_by_label("Faire vérifier").uncheck()
    watched.confirm("personne ne sait ce que c'était")
    waived = MigrationOutcome.objects.filter(run=run, outcome="waived")
    assert waived.exists()
    assert set(MigrationEvent.objects.filter(run=run, action="waive").values_list("reason", flat=True)) == {
        "personne ne sait ce que c'était"
    }
    watched.visit(page_of(run))
    watched.do("verify", "après les réparations")
    expect(page.locator("#run-head")).to_contain_text("La vérification est passée")
    run.refresh_from_db()
    assert (run.verdict, run.events.filter(action="verify").latest("id").reason) == ("passed", "après les réparations")


def takes_it_all_back(watched: Watched) -> None:
    """What it would do is shown; then it is done, and the digests are equal."""
    page = watched.page
    page.locator("[data-deed=rollback]").click()
    page.get_by_role("button", name="Voir ce que cela ferait").click()
    expect(page.get_by_text("Le retour a été essayé pour de vrai")).to_be_visible()
    watched.confirm("c'était une répétition")
    expect(page.locator("#run-head")).to_contain_text("Ce qu'elle avait écrit a été retiré")
    page.get_by_role("navigation", name="Parties de cette page").get_by_role("link", name="Retour").click()
    expect(page.get_by_text("empreintes égales")).to_be_visible()
    expect(page.get_by_text("Le contenu est exactement celui d'avant la migration.")).to_be_visible()


def test_an_operator_moves_people_and_takes_it_all_back(watched: Watched, processes: Processes) -> None:
    watched.sign_in(member("operators"))
    preview = uploads_and_looks(watched)
    quarantined = sum(kind["quarantined"] for kind in preview.report["items"].values())
    assert quarantined > 1
    digest = content_digest()
    run = starts_and_watches(watched, processes)
    pauses_and_resumes(watched, processes, run)
    sees_it_fail_and_retries(watched, processes, run)
    assert MigrationOutcome.objects.filter(run=run, outcome="quarantined").count() == quarantined
    mends_one_item(watched, run)
    sets_a_group_aside_and_verifies(watched, run)
    takes_it_all_back(watched)
    run.refresh_from_db()
    assert (run.status, run.rollback["digest_after"], content_digest()) == ("rolled_back", digest, digest)
    assert not MealEntry.objects.exists()
    assert set(StorageSnapshot.objects.values_list("status", flat=True)) == {"waiting"}
    assert User.objects.filter(email=ANNA).exists()
    watched.check()
    assert processes.wait() == [0] * len(processes.started)
