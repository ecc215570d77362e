"""Support's path: from a question to the person's page, what stands on it, who looked, and what may be done about the account."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.admin.deeds import CONFLICT, UNPROCESSABLE
from accounts.looks import staff_looked
from accounts.models import GoalHistory, PasswordResetToken, User
from accounts.sign_in import hash_of
from audit.models import ActivityLog
from nutrition.models import DailySummary, MealEntry
from tests.audit.admin_client import get, page_of, staff
from tests.audit.admin_rows import migrate_people
from tests.factories import NOON, make_favorite, make_meal, make_profile, make_user

pytestmark = pytest.mark.django_db

PEOPLE = "/admin/accounts/user/"
PASSWORD = "un-mot-de-passe-assez-long"
REASON = "demande au téléphone"
PERSON_PAGE_STATEMENTS = 30
HEALTH = (
    "accounts.view_userprofile",
    "accounts.view_goalhistory",
    "nutrition.view_mealentry",
    "nutrition.view_favoritemeal",
    "nutrition.view_dailysummary",
)


@pytest.fixture
def operator(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("operateur@exemple.net", None, username="operateur"))
    return client


def deed(person: User, key: str) -> str:
    return reverse("admin:accounts_user_deed", args=[person.pk, key])


def do(client: Client, person: User, key: str, **data: Any) -> Any:
    """The whole way: the confirmation page, then its form."""
    page = client.get(deed(person, key))
    assert page.status_code == 200, page.status_code
    return client.post(deed(person, key), {"reason": REASON, "seen": page.context["seen"], **data})


def log_of(person: User, action: str) -> list[dict[str, Any]]:
    return [entry.new_values or {} for entry in ActivityLog.objects.filter(user=person, action_type=action)]


# --- Finding -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("term", ["ANNA@exemple.fr ", "anna", "clx-anna", "anna le goff", "Le Goff Anna", None])
def test_a_search_that_names_one_account_leads_straight_to_it(operator: Client, term: str | None) -> None:
    anna = make_user(
        email="anna@exemple.fr", username="anna", first_name="Anna", last_name="Le Goff", legacy_id="clx-anna"
    )
    make_user(email="anna@exemple.fr.test", username="anna-longue", first_name="Annabelle")
    answer = operator.get(PEOPLE, {"q": term or str(anna.pk)})
    assert (answer.status_code, answer["Location"]) == (302, page_of(anna))
    page = operator.get(answer["Location"]).content.decode()
    assert "Un seul compte correspond exactement" in page
    assert "all=" in page


def test_a_search_that_means_several_people_lists_them(operator: Client) -> None:
    make_user(first_name="Anna", last_name="Le Goff")
    make_user(first_name="Anna", last_name="Le Goff")
    for term in ("anna le goff", "anna le", "", "person"):
        assert operator.get(PEOPLE, {"q": term}).status_code == 200, term
    assert operator.get(PEOPLE, {"q": "\0"}).status_code == 400


def test_who_may_not_see_people_is_not_led_to_one(client: Client) -> None:
    anna = make_user()
    assert staff(client).get(PEOPLE, {"q": anna.email}).status_code == 403


# --- The page ------------------------------------------------------------------------------------------------------------
def test_the_chart_shows_the_goal_of_each_day_and_steps_through_time(operator: Client) -> None:
    anna = make_user()
    make_profile(anna, daily_protein_goal=100)
    GoalHistory.objects.filter(user=anna).delete()
    for since, grams in (("2026-01-01", 90), ("2026-03-01", 140)):
        GoalHistory.objects.create(user=anna, effective_from=since, daily_protein_goal=grams)
    for back in (0, 3, 20, 60):
        make_meal(anna, NOON - timedelta(days=back), 95)
    page = operator.get(page_of(anna))
    text = page.content.decode()
    assert "Protéines par jour local, du 9 février 2026 au 10 mars 2026" in text
    assert "mardi 10 mars : 95\xa0g sur 140\xa0g" in text
    assert "mercredi 18 février : 95\xa0g sur 90\xa0g" in text  # met
    assert "jeudi 19 février : 0\xa0g sur 90\xa0g" in text  # no meal, and still its goal
    assert "Rien de plus récent" in text
    assert "30 jours plus tard" not in text
    earlier = re.search(r'rel="prev" href="\?(days_until=[^#]+)#days"', text)
    assert earlier is not None
    text = operator.get(f"{page_of(anna)}?{earlier[1]}").content.decode()
    assert "du 10 janvier 2026 au 8 février 2026" in text
    assert "30 jours plus tard" in text
    for nonsense in ("days_until=hier", "days_until=9999-01-01", "days_until=1000-01-01"):
        assert operator.get(f"{page_of(anna)}?{nonsense}").status_code == 200


def test_meals_are_found_by_words_and_by_the_persons_day(operator: Client) -> None:
    anna = make_user()
    make_profile(anna, timezone="Pacific/Auckland")
    make_meal(anna, NOON, description="Poulet rôti au citron")
    make_meal(anna, NOON - timedelta(days=1), description="Poulet froid")
    make_meal(make_user(), NOON, description="Poulet d'un autre")
    page = get(operator, f"{page_of(anna)}?meals_q=citron+poulet")
    assert "Poulet rôti au citron" in page
    assert "Poulet froid" not in page
    assert "Repas trouvés : 1." in page
    assert "Pacific/Auckland" in page
    page = get(operator, f"{page_of(anna)}?meals_from=2026-03-11&meals_to=2026-03-11")  # 00:00 there
    assert "Poulet rôti au citron" in page
    assert "00:00" in page
    assert "Poulet froid" not in page
    assert "Aucun repas ne correspond" in get(operator, f"{page_of(anna)}?meals_q=%25")
    assert operator.get(f"{page_of(anna)}?meals_q=%00&meals_from=x&meals_page=99999999999").status_code == 200


def test_the_page_of_somebody_with_ten_thousand_meals_takes_few_statements(operator: Client) -> None:
    _run, people = migrate_people(1)
    anna = people[0].user
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL dynprot.bulk = 'on'")
        cursor.execute(
            "INSERT INTO meal_entries (user_id, description, meal_timestamp, local_date, protein_grams) "
            "SELECT %s, 'Repas ' || n, %s::timestamptz - n * interval '3 hours', "
            "(%s::timestamptz - n * interval '3 hours')::date, 20 FROM generate_series(1, 10000) AS n",
            [anna.pk, NOON, NOON],
        )
        cursor.execute("SET LOCAL dynprot.bulk = 'off'")
    get(operator, page_of(anna))
    for query in ("", "?meals_q=repas+9&meals_page=3"):
        with CaptureQueriesContext(connection) as queries:
            page = get(operator, page_of(anna) + query)
        assert len(queries) <= PERSON_PAGE_STATEMENTS
        assert page.count("dp-chart-slot") == 30
    assert "page 3 sur" in get(operator, f"{page_of(anna)}?meals_q=repas+9&meals_page=3")


# --- Looking is written down -----------------------------------------------------------------------------------------------
def test_looking_at_a_person_is_in_their_log_once(client: Client) -> None:
    anna, colleague = make_user(), staff(client, "accounts.view_user", "nutrition.view_mealentry")
    for _time in range(2):
        get(colleague, page_of(anna))
    (look,) = log_of(anna, "staff_looked")
    assert look["parts"] == ["meals"]
    assert look["staff"] == colleague.session["_auth_user_id"]
    get(staff(Client(), "accounts.view_user", *HEALTH), page_of(anna))
    assert len(log_of(anna, "staff_looked")) == 2
    with connection.cursor() as cursor:  # ten minutes later
        cursor.execute("SET LOCAL dynprot.retention = 'on'")
    ActivityLog.objects.filter(user=anna).delete()
    ActivityLog.objects.create(
        user=anna, action_type="staff_looked", new_values=look, created_at=timezone.now() - timedelta(minutes=11)
    )
    get(colleague, page_of(anna))
    assert len(log_of(anna, "staff_looked")) == 2


def test_what_cannot_be_written_down_is_not_shown(client: Client) -> None:
    anna = make_user()
    make_meal(anna, description="Soupe secrète")
    colleague = staff(client, "accounts.view_user", *HEALTH)
    colleague.raise_request_exception = False

    def refuse(**_: Any) -> None:
        raise OSError("the log is full")

    staff_looked.connect(refuse)
    try:
        for path in (page_of(anna), reverse("admin:nutrition_mealentry_changelist")):
            answer = colleague.get(path)
            assert answer.status_code == 500
            assert "Soupe" not in answer.content.decode()
    finally:
        staff_looked.disconnect(refuse)


def test_lists_and_rows_of_health_data_are_looks_too(client: Client) -> None:
    anna = make_user()
    meal, colleague = make_meal(anna), staff(client, *HEALTH)
    path = reverse("admin:nutrition_mealentry_changelist")
    get(colleague, path)
    assert (ActivityLog.objects.get(user=None, action_type="staff_looked").new_values or {})["parts"] == ["mealentry"]
    get(colleague, f"{path}?user__id__exact={anna.pk}")
    assert log_of(anna, "staff_looked")[0]["parts"] == ["mealentry"]
    get(colleague, page_of(meal))
    get(colleague, page_of(DailySummary.objects.get(user=anna)))
    assert [look["parts"] for look in log_of(anna, "staff_looked")] == [["mealentry"], ["dailysummary"]]


# --- Sign-in ---------------------------------------------------------------------------------------------------------------
def test_support_sends_a_link_and_never_sees_it(client: Client, settings: Settings) -> None:
    settings.PASSWORD_RESET_URL = "https://app.example/reset-password?lang=fr"
    anna = make_user(email="anna@exemple.fr", first_name="Anna", password=PASSWORD)
    old = PasswordResetToken.objects.create(
        user=anna, token_id="a" * 64, hashed_token="b" * 64, expires_at=timezone.now() + timedelta(hours=1)
    )
    answer = do(staff(client, "accounts.view_user", "accounts.reset_sign_in"), anna, "send-link")
    assert (answer.status_code, answer["Location"]) == (302, page_of(anna))
    (message,) = mail.outbox
    assert message.to == ["anna@exemple.fr"]
    found = re.search(r"https://app\.example/reset-password\?lang=fr&token=([^\s]+)", str(message.body))
    assert found is not None
    token = PasswordResetToken.objects.exclude(pk=old.pk).get()
    assert token.hashed_token == hash_of(found[1])
    assert token.token_id == found[1].split(".")[0]
    assert found[1] not in str(PasswordResetToken.objects.values())
    old.refresh_from_db()
    assert old.expires_at <= timezone.now()
    (entry,) = log_of(anna, "staff_sent_reset_link")
    assert entry["reason"] == REASON
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)


def test_a_mail_that_cannot_be_sent_leaves_nothing(client: Client, settings: Settings) -> None:
    anna, colleague = make_user(), staff(client, "accounts.view_user", "accounts.reset_sign_in")
    settings.PASSWORD_RESET_URL = ""
    answer = do(colleague, anna, "send-link")
    assert answer.status_code == CONFLICT
    assert "PASSWORD_RESET_URL" in answer.content.decode()
    settings.PASSWORD_RESET_URL = "https://app.example/reset"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    answer = do(colleague, anna, "send-link")
    assert answer.status_code == CONFLICT
    assert "rien n&#x27;a été fait" in answer.content.decode()
    assert not PasswordResetToken.objects.exists()
    assert not log_of(anna, "staff_sent_reset_link")


def test_ending_sessions_signs_the_person_out_everywhere(client: Client) -> None:
    anna = make_user(password=PASSWORD, is_staff=True)
    theirs = Client()
    assert theirs.login(username=anna.email, password=PASSWORD)
    assert theirs.get("/admin/").status_code == 200
    client.force_login(User.objects.create_superuser("operateur@exemple.net", None, username="operateur"))
    assert do(client, anna, "end-sessions").status_code == 302
    assert theirs.get("/admin/").status_code == 302
    anna.refresh_from_db()
    assert not anna.has_usable_password()
    assert log_of(anna, "staff_ended_sessions")[0]["usable_password"] is False


def test_an_account_is_switched_off_and_on(client: Client) -> None:
    anna, colleague = make_user(), staff(client, "accounts.view_user", "accounts.deactivate_user")
    assert colleague.get(deed(anna, "reactivate")).status_code == CONFLICT
    assert do(colleague, anna, "deactivate").status_code == 302
    assert not User.objects.get(pk=anna.pk).is_active
    page = get(colleague, page_of(anna))
    assert "Désactivé" in page
    assert deed(anna, "reactivate") in page
    assert deed(anna, "deactivate") not in page
    assert do(colleague, anna, "reactivate").status_code == 302
    assert User.objects.get(pk=anna.pk).is_active
    assert [log_of(anna, f"staff_{what}")[0]["reason"] for what in ("deactivated", "reactivated")] == [REASON] * 2


def test_a_stale_page_says_what_changed(client: Client) -> None:
    anna, colleague = make_user(password=PASSWORD), staff(client, "accounts.view_user", "accounts.deactivate_user")
    seen = colleague.get(deed(anna, "deactivate")).context["seen"]
    User.objects.filter(pk=anna.pk).update(password="!")
    answer = colleague.post(deed(anna, "deactivate"), {"reason": REASON, "seen": seen})
    assert answer.status_code == CONFLICT
    page = answer.content.decode()
    assert "avec mot de passe" in page
    assert "sans mot de passe" in page
    anna.refresh_from_db()
    assert anna.is_active


def test_nothing_is_done_to_whom_one_may_not_see(client: Client) -> None:
    anna = make_user(email="anna@exemple.fr")
    blind = staff(client, "accounts.deactivate_user", "accounts.reset_sign_in")
    for key in ("deactivate", "send-link", "end-sessions"):
        answer = blind.get(deed(anna, key))
        assert answer.status_code == 403, key
        assert anna.email not in answer.content.decode()
        assert blind.post(deed(anna, key), {"reason": REASON}).status_code == 403, key
    anna.refresh_from_db()
    assert anna.is_active


def test_every_deed_needs_its_permission_and_a_reason(client: Client) -> None:
    _run, (migrated,) = migrate_people(1)
    anna = migrated.user
    keys = ("migrate", "replay", "roll-back", "send-link", "end-sessions", "export", "deactivate", "erase")
    nobody = staff(client, "accounts.view_user")
    page = get(nobody, page_of(anna))
    for key in keys:
        assert nobody.get(deed(anna, key)).status_code == 403, key
        assert nobody.post(deed(anna, key), {"reason": REASON}).status_code == 403, key
        assert deed(anna, key) not in page
    colleague = staff(Client(), "accounts.view_user", "accounts.deactivate_user")
    seen = colleague.get(deed(anna, "deactivate")).context["seen"]
    assert colleague.post(deed(anna, "deactivate"), {"reason": " ", "seen": seen}).status_code == UNPROCESSABLE
    assert colleague.get(deed(anna, "nonsense")).status_code == 404
    anna.refresh_from_db()
    assert anna.is_active


def test_the_team_is_left_to_superusers(client: Client) -> None:
    chief = make_user(is_staff=True, password=PASSWORD)
    permissions = Permission.objects.filter(
        codename__in=["view_user", "reset_sign_in", "deactivate_user", "erase_user"]
    )
    colleague = make_user(is_staff=True)
    colleague.user_permissions.set(permissions)
    client.force_login(colleague)
    page = get(client, page_of(chief))
    for key in ("send-link", "end-sessions", "deactivate", "erase"):
        assert client.get(deed(chief, key)).status_code == 403, key
        assert deed(chief, key) not in page


def test_nobody_of_support_chooses_a_password(client: Client) -> None:
    anna, colleague = make_user(password=PASSWORD), staff(client, "accounts.view_user", "accounts.change_user")
    path = reverse("admin:auth_user_password_change", args=[anna.pk])
    sent = {"password1": "tout-autre-chose-9", "password2": "tout-autre-chose-9", "usable_password": "true"}
    assert colleague.get(path).status_code == 403
    assert colleague.post(path, sent).status_code == 403
    assert path not in get(colleague, page_of(anna))


def test_what_was_changed_of_an_account_is_in_the_log(client: Client) -> None:
    anna = make_user()
    colleague = staff(client, "accounts.view_user", "accounts.change_user")
    assert colleague.post(page_of(anna), {"first_name": "Anna"}).status_code == 302
    assert log_of(anna, "staff_changed_account")[0]["fields"] == ["first_name"]


# --- Nothing but its own panels ------------------------------------------------------------------------------------------------
def test_favourites_need_their_permission(client: Client) -> None:
    anna = make_user()
    make_favorite(anna, "Skyr")
    make_meal(anna, description="Soupe")
    page = get(staff(client, "accounts.view_user", "nutrition.view_favoritemeal"), page_of(anna))
    assert "Skyr" in page
    assert "Soupe" not in page
    assert MealEntry.objects.filter(user=anna, local_date=date(2026, 3, 10)).exists()
