"""Support's story in a real browser: "where are my meals?", from the first page to the mended meal, and what else may be done for a person."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.core import mail
from django.urls import reverse
from playwright.sync_api import expect
from pytest_django import Settings

from accounts.models import PasswordResetToken, User
from audit.models import ActivityLog, ItemRepair, MigrationRun
from nutrition.models import MealEntry
from tests.audit.admin_client import page_of
from tests.audit.runs.browsers import M
from tests.audit.runs.browsers import browser as staged
from tests.captures import meal
from tests.e2e.staff import DESK, Watched, member, sign_in_quietly
from tests.factories import make_profile, make_user
from tests.laws.world import go

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pytest_django.live_server_helper import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

TOLD = "elle nous l'a dit au téléphone"


def anna() -> User:
    """Two meals came over; a third could not be read."""
    person = make_user(email="anna@example.fr", first_name="Anna")
    make_profile(person)
    lentils = meal(id="3", timestamp="2024-03-11T11:00:00.000Z", description="Lentilles au cumin", protein="beaucoup")
    staged(person, {M: [meal(id="1"), meal(id="2", timestamp="2024-03-10T19:00:00.000Z", description="Tofu"), lentils]})
    go()
    return person


def export(watched: Watched, kind: str, folder: Path) -> Path:
    """The file that the browser receives."""
    watched.press("export")
    page = watched.page
    page.get_by_label("Fichier", exact=True).select_option(kind)
    page.get_by_role("textbox", name="Raison").fill("elle demande ses données")
    with page.expect_download() as download:
        page.locator("form.dp-deed button[type=submit]").click()
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    return target


def cares_for_the_account(watched: Watched, person: User) -> None:
    """Off, on, a link to sign in; and all of it, looking included, is written down."""
    page = watched.page
    watched.do("deactivate", "téléphone perdu")
    expect(page.locator(".dp-badges").first).to_contain_text("Désactivé")
    assert not User.objects.get(pk=person.pk).is_active
    watched.do("reactivate", "téléphone retrouvé")
    assert User.objects.get(pk=person.pk).is_active
    watched.do("send-link", "elle ne connaît plus son mot de passe")
    assert [(message.to, message.body.count("https://dynprot.example/reset?token=")) for message in mail.outbox] == [
        (["anna@example.fr"], 1)
    ]
    assert PasswordResetToken.objects.filter(user=person, used_at=None).count() == 1

    activity = page.get_by_role("region", name="Activité")
    for text in (
        "téléphone perdu",
        "téléphone retrouvé",
        "elle ne connaît plus",
        "elle demande ses données",
        "support@",
    ):
        expect(activity.get_by_text(text).first).to_be_visible()
    told = ActivityLog.objects.filter(user=person, new_values__staff_email="support@example.fr")
    assert {"staff_looked", "staff_exported_person", "staff_deactivated", "staff_reactivated"} <= set(
        told.values_list("action_type", flat=True)
    )
    watched.check()


def test_support_finds_the_missing_meal_and_cares_for_the_account(
    watched: Watched, settings: Settings, tmp_path: Path
) -> None:
    settings.PASSWORD_RESET_URL = "https://dynprot.example/reset"
    person, page = anna(), watched.page
    watched.sign_in(member("support"))

    # Where are my meals?
    page.get_by_label("Trouver une personne").fill("Anna@Example.fr")
    page.get_by_role("button", name="Chercher").click()
    page.wait_for_url(f"**{page_of(person)}")
    became = page.get_by_role("region", name="Ce que ses données sont devenues")
    expect(became).to_contain_text("2 repas créés")
    expect(page.get_by_role("region", name="Repas", exact=True)).not_to_contain_text("Lentilles")
    watched.check()

    # One is in quarantine: mended, looked at, read again
    became.get_by_role("link", name="1 repas en quarantaine").click()
    became.get_by_role("link", name="Lentilles au cumin").click()
    page.locator("[data-deed=repair]").click()
    editor = page.get_by_label("L'élément entier, en JSON")
    editor.fill(json.dumps({**json.loads(editor.input_value()), "protein": 18}))
    page.get_by_role("button", name="Prévisualiser").click()
    expect(page.locator("#preview")).to_contain_text("18")
    page.get_by_role("textbox", name="Raison").fill(TOLD)
    page.get_by_role("button", name="Enregistrer et rejouer").click()
    expect(page.get_by_text("1 élément a quitté la quarantaine")).to_be_visible()
    found = MealEntry.objects.get(user=person, description="Lentilles au cumin")
    assert found.protein_grams == 18
    assert found.import_run_id == MigrationRun.objects.get().pk
    assert ItemRepair.objects.get().reason == TOLD
    watched.visit(page_of(person))
    expect(page.get_by_role("region", name="Repas", exact=True)).to_contain_text("Lentilles au cumin")
    expect(became).to_contain_text("3 repas créés")

    # Her data as files
    whole = json.loads(export(watched, "json", tmp_path).read_text(encoding="utf-8"))
    assert "Lentilles au cumin" in json.dumps(whole, ensure_ascii=False)
    watched.visit(page_of(person))
    with export(watched, "csv", tmp_path).open(encoding="utf-8-sig", newline="") as file:
        assert [row for row in csv.reader(file, delimiter=";") if "Tofu" in row]
    watched.visit(page_of(person))

    cares_for_the_account(watched, person)

    # Erasing is for others
    expect(page.locator("[data-deed=erase]")).to_have_count(0)
    with watched.refused(403):
        answer = page.goto(watched.server + reverse("admin:accounts_user_deed", args=[person.pk, "erase"]))
        assert answer is not None
        assert answer.status == 403
    assert watched.faults == []


def test_a_superuser_erases_only_whom_they_name(page: Page, live_server: LiveServer) -> None:
    person = anna()
    sign_in_quietly(page.context, live_server.url, member("superuser"))
    watched = Watched(page, live_server.url)
    page.set_viewport_size(DESK)
    watched.visit(page_of(person))
    watched.press("erase")
    with watched.refused(422):
        page.get_by_label("Pour confirmer").fill("zoe@example.fr")
        page.get_by_role("textbox", name="Raison").fill("demande reçue le 3 mars")
        page.get_by_role("button", name="Effacer").click()
        expect(page.get_by_text("Ce n'est pas l'adresse de cette personne.")).to_be_visible()
    assert User.objects.filter(pk=person.pk).exists()
    watched.confirm("demande reçue le 3 mars", email="anna@example.fr")
    expect(page.get_by_text("La personne est effacée")).to_be_visible()
    assert not User.objects.filter(email="anna@example.fr").exists()
    assert not MealEntry.objects.exists()
    assert ActivityLog.objects.filter(action_type="staff_erased", user=None).count() == 1
    watched.check()
