"""Rows in and out of the admin by file: what is previewed, what is refused, what leaves, and the trace of both."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from accounts.admin import resources
from accounts.models import User
from audit.models import ActivityLog
from nutrition.admin import meals as meals_admin
from nutrition.models import DailySummary, DeletedEntry, DietaryPreference, FavoriteMeal, MealEntry
from tests.factories import NOON, make_favorite, make_meal, make_profile, make_user

pytestmark = pytest.mark.django_db

CSV_FORMAT, XLSX_FORMAT, JSON_FORMAT = "0", "1", "2"
MEAL = "user_email,description,meal_timestamp,protein_grams"


def address(model: str, page: str) -> str:
    """A page of a list of nutrition, or of the people."""
    return f"/admin/{'accounts' if model == 'user' else 'nutrition'}/{model}/{page}/"


@pytest.fixture
def operator(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("operateur@exemple.net", None, username="operateur"))
    return client


def colleague(*codenames: str) -> Client:
    """The browser of a member of the team with these permissions."""
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def upload(client: Client, model: str, content: str | bytes, file_format: str = CSV_FORMAT) -> Any:
    """The preview of an import of this file."""
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("fichier.csv", data)
    return client.post(address(model, "import"), {"import_file": file, "format": file_format, "resource": ""})


def confirm(client: Client, model: str, preview: Any) -> Any:
    """Go on with what the preview showed."""
    return client.post(address(model, "process_import"), {**preview.context["confirm_form"].initial})


def export(client: Client, model: str, file_format: str = CSV_FORMAT, **query: str) -> Any:
    """The file of a list."""
    where = address(model, "export") + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")
    return client.post(where, {"format": file_format, "resource": ""})


def rows_of(answer: Any) -> list[dict[str, str]]:
    """A CSV answer's rows."""
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def kinds(preview: Any) -> list[str]:
    """What a preview says of each row."""
    return [row.import_type for row in preview.context["result"].rows]


def reasons(preview: Any) -> dict[int, dict[str, list[str]]]:
    """Why rows are refused, by their number; they cannot be confirmed."""
    assert "confirm_form" not in preview.context
    return {row.number: row.error_dict for row in preview.context["result"].invalid_rows}


# --- Meals: in -----------------------------------------------------------------------------------------------------------


def test_meals_come_in_after_a_preview_and_the_days_follow(operator: Client) -> None:
    anna = make_profile(make_user(email="anna@exemple.fr"), daily_protein_goal=100).user
    old = make_meal(anna, NOON, protein=20, legacy_id="m1")
    same = make_meal(anna, NOON + timedelta(hours=1), protein=10, description="Pain", legacy_id="m2")
    preview = upload(
        operator,
        "mealentry",
        f"{MEAL},legacy_id,id\n"
        "anna@exemple.fr,Poulet rôti,2026-03-10T11:00:00Z,35.5,m1,\n"
        f"ANNA@exemple.fr,Pain,2026-03-10T13:00:00+01:00,10,,{same.pk}\n"
        "anna@exemple.fr,Soupe,2026-03-09T23:30:00Z,7,m3,\n",
    )
    assert kinds(preview) == ["update", "skip", "new"]
    page = preview.content.decode()
    assert "1 ajoutés, 1 modifiés, 1 inchangés" in page
    assert "35.5" in page
    assert MealEntry.objects.count() == 2
    assert not ActivityLog.objects.filter(action_type__startswith="staff_import").exists()

    assert confirm(operator, "mealentry", preview).status_code == 302
    old.refresh_from_db()
    assert old.protein_grams == Decimal("35.50")
    soup = MealEntry.objects.get(legacy_id="m3")
    assert soup.local_date == date(2026, 3, 10)  # half past midnight in Paris
    assert DailySummary.objects.get(user=anna, summary_date=date(2026, 3, 10)).total_protein == Decimal("52.50")


def test_an_import_leaves_its_trace_without_what_was_eaten(operator: Client) -> None:
    anna, zoe = make_user(email="anna@exemple.fr"), make_user(email="zoe@exemple.fr")
    lines = [f"{who}@exemple.fr,Secret,2026-03-10T1{n}:00:00Z,1" for who in ("anna", "zoe") for n in range(2)]
    confirm(operator, "mealentry", upload(operator, "mealentry", "\n".join([MEAL, *lines])))
    whole = ActivityLog.objects.get(action_type="staff_import_meals", user=None)
    assert whole.table_name == "meal_entries"
    assert whole.new_values is not None
    expected = {"new": 4, "updated": 0, "skipped": 0, "file": "fichier.csv", "staff_email": "operateur@exemple.net"}
    assert {key: whole.new_values[key] for key in expected} == expected
    for person in (anna, zoe):
        assert ActivityLog.objects.get(user=person).new_values["new"] == 2  # type: ignore[index]
    assert "Secret" not in str(list(ActivityLog.objects.values_list("new_values", "old_values")))


def test_one_bad_row_says_why_and_nothing_is_saved(operator: Client) -> None:
    anna, zoe = make_user(email="anna@exemple.fr"), make_user(email="zoe@exemple.fr")
    hers = make_meal(zoe)
    gone = make_meal(anna, legacy_id="parti")
    gone_id = gone.pk
    gone.delete()
    preview = upload(
        operator,
        "mealentry",
        f"{MEAL},id,calories,source_type\n"
        "anna@exemple.fr,Bon,2026-03-10T11:00:00Z,1,,,\n"
        "nul@exemple.fr,Inconnu,2026-03-10T11:00:00Z,1,,,\n"
        f"anna@exemple.fr,À Zoé,2026-03-10T11:00:00Z,1,{hers.pk},,\n"
        f"anna@exemple.fr,Supprimé,2026-03-10T11:00:00Z,1,{gone_id},,\n"
        "anna@exemple.fr,Sans fuseau,2026-03-10T11:00:00,1,,,\n"
        "anna@exemple.fr,Négatif,2026-03-10T11:00:00Z,-1,,,\n"
        "anna@exemple.fr,,2026-03-10T11:00:00Z,1,,,\n"
        "anna@exemple.fr,Demi,2026-03-10T11:00:00Z,1,,12.5,\n"
        "anna@exemple.fr,Origine,2026-03-10T11:00:00Z,1,,,magie\n"
        "anna@exemple.fr,Demain,2126-03-10T11:00:00Z,1,,,\n"
        "anna@exemple.fr,Beaucoup,2026-03-10T11:00:00Z,12345.6,,,\n"
        "anna@exemple.fr,Un mot,2026-03-10T11:00:00Z,un,,,\n",
    )
    said = reasons(preview)
    assert sorted(said) == list(range(2, 13))
    assert said[2]["user_email"] == ["Personne n'a l'adresse « nul@exemple.fr »."]
    assert "quelqu'un d'autre" in said[3]["user_email"][0]
    assert "ne le ramène pas" in said[4]["id"][0]
    assert "sans fuseau" in said[5]["meal_timestamp"][0]
    assert "négatif" in str(said[6])
    assert "description" in said[7]
    assert "entier" in said[8]["calories"][0]
    assert "source_type" in said[9]
    assert "futur" in str(said[10])
    assert "protein_grams" in said[11]
    assert "« un » n'est pas un nombre" in said[12]["protein_grams"][0]
    assert "Personne n&#x27;a l&#x27;adresse" in preview.content.decode()
    assert MealEntry.objects.count() == 1


def test_a_deleted_legacy_id_does_not_come_back(operator: Client) -> None:
    anna = make_user(email="anna@exemple.fr")
    line = f"{MEAL},legacy_id\nanna@exemple.fr,Soupe,2026-03-10T11:00:00Z,1,m1\n"
    confirm(operator, "mealentry", upload(operator, "mealentry", line))
    MealEntry.objects.get(user=anna).delete()
    assert DeletedEntry.objects.count() == 1
    assert "ne le ramène pas" in reasons(upload(operator, "mealentry", line))[1]["legacy_id"][0]


def test_what_became_false_after_the_preview_is_not_imported(operator: Client) -> None:
    anna = make_user(email="anna@exemple.fr")
    other = make_user(email="zoe@exemple.fr")
    preview = upload(
        operator,
        "mealentry",
        f"{MEAL}\nzoe@exemple.fr,Soupe,2026-03-10T11:00:00Z,1\nanna@exemple.fr,Soupe,2026-03-10T11:00:00Z,1\n",
    )
    anna.email = "autre@exemple.fr"
    anna.save()
    answer = confirm(operator, "mealentry", preview)
    assert answer.status_code == 409
    assert "Rien n&#x27;a été importé" in answer.content.decode()
    assert not MealEntry.objects.filter(user=other).exists()
    assert not ActivityLog.objects.exists()


def test_a_file_is_confirmed_once_and_only_by_a_name_of_ours(operator: Client) -> None:
    make_user(email="anna@exemple.fr")
    preview = upload(operator, "mealentry", f"{MEAL}\nanna@exemple.fr,Soupe,2026-03-10T11:00:00Z,1\n")
    form = dict(preview.context["confirm_form"].initial)
    assert operator.post(address("mealentry", "process_import"), form).status_code == 302
    for name in (form["import_file_name"], "../../etc/passwd", "passwd"):
        again = operator.post(address("mealentry", "process_import"), {**form, "import_file_name": name}, follow=True)
        assert "le fichier n&#x27;est plus là" in again.content.decode()
    assert MealEntry.objects.count() == 1
    assert not list(resources.PrivateUploads.folder().iterdir())


def test_files_that_cannot_be_meals_are_refused(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(email="anna@exemple.fr")
    strange = upload(operator, "mealentry", f"{MEAL},password\nanna@exemple.fr,Soupe,2026-03-10T11:00:00Z,1,x\n")
    assert "Colonnes inconnues : password" in strange.content.decode()
    assert "Traceback" not in strange.content.decode()
    assert "user_email manque" in upload(operator, "mealentry", "description\nSoupe\n").content.decode()
    monkeypatch.setattr(resources, "ROWS_IN", 1)
    long = upload(operator, "mealentry", MEAL + "\nanna@exemple.fr,S,2026-03-10T11:00:00Z,1" * 2)
    assert "plus de 1 lignes" in long.content.decode()
    monkeypatch.setattr(resources, "LARGEST_FILE", 10)
    assert "trop gros" in upload(operator, "mealentry", MEAL).content.decode()
    assert not MealEntry.objects.exists()


def test_two_who_confirm_at_once_import_once(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(email="anna@exemple.fr")
    preview = upload(operator, "mealentry", f"{MEAL}\nanna@exemple.fr,Soupe,2026-03-10T11:00:00Z,1\n")
    answers: list[Any] = []
    done = meals_admin.MealEntryAdmin.process_dataset

    def again_meanwhile(self: Any, *args: Any, **kwargs: Any) -> Any:
        """The second click comes while the first one is at work, before its file is gone."""
        if not answers:
            answers.append(None)
            answers[0] = confirm(operator, "mealentry", preview)
        return done(self, *args, **kwargs)

    monkeypatch.setattr(meals_admin.MealEntryAdmin, "process_dataset", again_meanwhile)
    assert confirm(operator, "mealentry", preview).headers["Location"] == "/admin/nutrition/mealentry/"
    assert answers[0].headers["Location"] == "../import/"
    assert MealEntry.objects.count() == 1
    assert not list(resources.PrivateUploads.folder().iterdir())
    (said,) = get_messages(answers[0].wsgi_request)
    assert "regardez la liste" in str(said)


def test_an_import_that_broke_off_can_be_confirmed_again(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(email="anna@exemple.fr")
    preview = upload(operator, "mealentry", f"{MEAL}\nanna@exemple.fr,Soupe,2026-03-10T11:00:00Z,1\n")

    def broken(*_: Any, **__: Any) -> Any:
        raise OperationalError("the server went away")

    with monkeypatch.context() as patched:
        patched.setattr(meals_admin.MealEntryAdmin, "process_dataset", broken)
        with pytest.raises(OperationalError):
            confirm(operator, "mealentry", preview)
    form = dict(preview.context["confirm_form"].initial)
    assert operator.post(address("mealentry", "process_import"), {**form, "format": ""}).status_code == 200
    assert not MealEntry.objects.exists()
    assert confirm(operator, "mealentry", preview).status_code == 302
    assert MealEntry.objects.count() == 1


def test_a_preview_is_for_those_who_may_see_the_rows_and_is_written_down() -> None:
    anna, zoe = make_user(email="anna@exemple.fr"), make_user(email="zoe@exemple.fr")
    make_meal(anna, description="Secret", legacy_id="m1")
    lines = f"{MEAL},legacy_id\nanna@exemple.fr,Deviné,2026-03-10T11:00:00Z,1,m1\nzoe@exemple.fr,Neuf,2026-03-10T11:00:00Z,1,\n"
    blind = colleague("import_mealentry")
    refused = upload(blind, "mealentry", lines)
    assert refused.status_code == 403
    assert blind.post(address("mealentry", "process_import"), {}).status_code == 403
    assert not ActivityLog.objects.exists()
    preview = upload(colleague("import_mealentry", "view_mealentry"), "mealentry", lines)
    assert kinds(preview) == ["update", "new"]
    assert "Secret" in preview.content.decode()
    look = ActivityLog.objects.get(action_type="staff_looked")
    assert look.user == anna != zoe


def test_a_preview_of_many_peoples_rows_is_one_look(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "PEOPLE_NOTED", 1)
    lines = [MEAL + ",legacy_id"]
    for name in ("anna", "zoe"):
        make_meal(make_user(email=f"{name}@exemple.fr"), legacy_id=name)
        lines.append(f"{name}@exemple.fr,Soupe,2026-03-10T11:00:00Z,1,{name}")
    upload(operator, "mealentry", "\n".join(lines))
    assert ActivityLog.objects.get(action_type="staff_looked").user is None


def test_a_workbook_that_unpacks_into_too_much_is_not_read(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(email="anna@exemple.fr")

    def workbook(columns: int) -> bytes:
        book = openpyxl.Workbook()
        book.active.append([f"colonne {number}" for number in range(columns)])
        book.active.append([1] * columns)
        packed = io.BytesIO()
        book.save(packed)
        return packed.getvalue()

    wide = upload(operator, "mealentry", workbook(61), XLSX_FORMAT).content.decode()
    assert "plus de 60 colonnes" in wide
    bomb = io.BytesIO(workbook(3))
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/media/vide.bin", bytes(51 * 1024 * 1024))
    assert len(bomb.getvalue()) < resources.LARGEST_FILE
    monkeypatch.setattr(openpyxl, "load_workbook", lambda *_, **__: pytest.fail("it was opened"))
    assert "serait trop gros" in upload(operator, "mealentry", bomb.getvalue(), XLSX_FORMAT).content.decode()


def test_two_may_tidy_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = resources.PrivateUploads.folder()
    gone = folder / ("0" * 32)
    monkeypatch.setattr(type(folder), "iterdir", lambda self: iter([gone]))
    resources.PrivateUploads().save(b"x")
    monkeypatch.undo()
    for file in folder.iterdir():
        file.unlink()


# --- Meals: out ----------------------------------------------------------------------------------------------------------


def test_an_export_holds_what_the_list_shows(operator: Client) -> None:
    anna, zoe = make_user(email="anna@exemple.fr"), make_user(email="zoe@exemple.fr")
    make_meal(anna, description="Soupe de poisson", source_type="voice", tags=["chaud", "a,b"])
    make_meal(anna, description="Soupe froide")
    make_meal(anna, description="Pain")
    make_meal(zoe, description="Soupe à l'oignon")
    hers = {"user__id__exact": str(anna.pk)}
    found = rows_of(export(operator, "mealentry", q="soupe", **hers))
    assert sorted(row["description"] for row in found) == ["Soupe de poisson", "Soupe froide"]
    assert {row["user_email"] for row in found} == {"anna@exemple.fr"}
    voiced = rows_of(export(operator, "mealentry", source_type__exact="voice", **hers))
    assert [json.loads(row["tags"]) for row in voiced] == [["chaud", "a,b"]]
    assert voiced[0]["meal_timestamp"] == "2026-03-10T11:00:00+00:00"
    assert not [name for name in voiced[0] if "photo" in name or "import" in name]


@pytest.mark.parametrize("file_format", [CSV_FORMAT, XLSX_FORMAT, JSON_FORMAT])
def test_what_goes_out_comes_in_unchanged(operator: Client, file_format: str) -> None:
    anna = make_user(email="anna@exemple.fr")
    for text in ("=1+1", "'=déjà", "@SUM(A1)", "\tpuis", "-5", "+33", "simple", "ligne\nsuivante", "12.50", " =1", "'"):
        make_meal(anna, description=text, protein="12.30", calories=300, tags=["=x", "é"], ai_estimated=True)
    answer = export(operator, "mealentry", file_format)
    assert kinds(upload(operator, "mealentry", answer.content, file_format)) == ["skip"] * 11


def test_no_cell_is_a_formula_and_numbers_stay_numbers(operator: Client) -> None:
    anna = make_user(email="anna@exemple.fr")
    hostile = ["=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "'=1", "\n=1", "  =1", "\u00a0@x"]
    for text in hostile:
        make_meal(anna, description=text, protein="12.30", calories=300)
    cells = [row["description"] for row in rows_of(export(operator, "mealentry"))]
    assert sorted(cells) == sorted(f"'{text}" for text in hostile)
    book = openpyxl.load_workbook(io.BytesIO(export(operator, "mealentry", XLSX_FORMAT).content))
    header, *lines = book.worksheets[0].iter_rows()
    place = {cell.value: number for number, cell in enumerate(header)}
    assert len(lines) == len(hostile)
    for line in lines:
        assert line[place["description"]].data_type == "s"
        assert str(line[place["description"]].value).startswith("'")
        assert line[place["calories"]].value == 300
        assert line[place["protein_grams"]].value == pytest.approx(12.3)
    as_json = json.loads(export(operator, "mealentry", JSON_FORMAT).content)
    assert sorted(row["description"] for row in as_json) == sorted(hostile)


def test_an_export_is_bounded_and_says_so(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, zoe = make_user(), make_user()
    for person in (anna, anna, zoe):
        make_meal(person)
    monkeypatch.setattr(meals_admin.MealEntryAdmin, "rows_of_everybody", 2)
    support = colleague("view_mealentry", "export_mealentry")
    refused = export(support, "mealentry")
    assert refused.status_code == 409
    assert "Sans personne choisie, 2 lignes au plus" in refused.content.decode()
    assert support.get(address("mealentry", "export")).status_code == 409
    assert len(rows_of(export(support, "mealentry", user__id__exact=str(anna.pk)))) == 2
    assert len(rows_of(export(operator, "mealentry"))) == 3
    monkeypatch.setattr(resources, "ROWS_OUT", 2)
    assert export(operator, "mealentry").status_code == 409


def test_a_person_that_is_named_twice_opens_nothing(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, zoe = make_user(email="anna@exemple.fr"), make_user(email="zoe@exemple.fr")
    for person in (anna, anna, zoe, zoe):
        make_meal(person)
    monkeypatch.setattr(meals_admin.MealEntryAdmin, "rows_of_everybody", 1)
    where, form = address("mealentry", "export"), {"format": CSV_FORMAT, "resource": ""}
    support = colleague("view_mealentry", "export_mealentry")
    name = "user__id__exact"
    for query in (
        f"{name}={anna.pk}&{name}={zoe.pk}",
        f"{name}=&{name}={anna.pk}",
        f"user={anna.pk}",
        f"user__in={anna.pk},{zoe.pk}",
    ):
        answer = support.post(f"{where}?{query}", form)
        assert answer.status_code == 400
        assert b"exemple.fr" not in answer.content
    assert not ActivityLog.objects.exists()
    assert len(rows_of(support.post(f"{where}?{name}={anna.pk}", form))) == 2


def test_a_filter_that_makes_no_sense_is_not_an_error(operator: Client) -> None:
    make_meal(make_user())
    where = address("mealentry", "export")
    for query in ("user__id__exact=garbage", "source_type__exact=nothing"):
        assert operator.post(f"{where}?{query}", {"format": CSV_FORMAT, "resource": ""}).status_code in (200, 302)
    assert operator.get(f"{where}?q=%00").status_code == 400
    assert operator.get(f"{where}?user__password=x").status_code == 400


def test_an_export_leaves_its_trace(operator: Client) -> None:
    anna = make_user()
    make_meal(anna, description="Soupe")
    export(operator, "mealentry", XLSX_FORMAT, user__id__exact=str(anna.pk), q="soupe")
    log = ActivityLog.objects.get(action_type="staff_export_meals")
    assert log.user == anna
    assert log.new_values is not None
    assert (log.new_values["rows"], log.new_values["format"]) == (1, "xlsx")
    assert log.new_values["filters"] == ["q", "user__id__exact"]
    assert "soupe" not in str(log.new_values).lower()


def test_looking_at_the_export_page_leaves_nothing(operator: Client) -> None:
    assert operator.get(address("mealentry", "export")).status_code == 200
    assert not ActivityLog.objects.exists()


def test_an_export_does_not_ask_row_by_row(operator: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(30):
        make_meal(make_user(), tags=["a"])
    with django_assert_max_num_queries(12):
        assert len(rows_of(export(operator, "mealentry"))) == 30


# --- Favourites ------------------------------------------------------------------------------------------------------------


def test_favourites_come_in_and_a_name_stays_unique(operator: Client) -> None:
    anna = make_user(email="anna@exemple.fr")
    kept = make_favorite(anna, "Yaourt grec", legacy_id="f1")
    head = "user_email,name,description,protein_grams,legacy_id\n"
    preview = upload(
        operator,
        "favoritemeal",
        f"{head}anna@exemple.fr,Yaourt grec,Nature,12,f1\nanna@exemple.fr,Soupe,Chaude,3,\n",
    )
    assert kinds(preview) == ["update", "new"]
    confirm(operator, "favoritemeal", preview)
    kept.refresh_from_db()
    assert kept.description == "Nature"
    assert FavoriteMeal.objects.get(name="Soupe").use_count == 0
    twice = upload(operator, "favoritemeal", f"{head}anna@exemple.fr,SOUPE,Encore,3,\n")
    assert "Ce nom de favori existe déjà" in str(reasons(twice)[1])
    assert {row["name"] for row in rows_of(export(operator, "favoritemeal"))} == {"Yaourt grec", "Soupe"}


# --- People: out only -------------------------------------------------------------------------------------------------------


def test_people_go_out_without_their_hashes_and_never_come_in(operator: Client) -> None:
    make_user("un mot de passe", email="anna@exemple.fr", first_name="=Anna", legacy_id="clx1")
    make_user(email="zoe@exemple.fr")
    answer = export(operator, "user", q="anna@exemple.fr")
    (row,) = rows_of(answer)
    assert row["first_name"] == "'=Anna"
    assert row["legacy_id"] == "clx1"
    assert "argon2" not in answer.content.decode()
    assert not {"password", "password_hash"} & set(row)
    assert operator.get(address("user", "import")).status_code in (302, 404)
    assert operator.post(address("user", "process_import"), {}).status_code in (302, 404)
    assert ActivityLog.objects.filter(action_type="staff_export_users").count() == 1


# --- Diets ----------------------------------------------------------------------------------------------------------------


def test_diets_show_their_differences_before_they_are_written(operator: Client) -> None:
    preview = upload(
        operator,
        "dietarypreference",
        "name,description,common\nvegan,Rien d'animal,1\nhalal,Conforme aux règles halal,0\ncru,Sans cuisson,0\n",
    )
    assert kinds(preview) == ["update", "skip", "new"]
    assert not DietaryPreference.objects.filter(name="cru").exists()
    assert "<ins" in preview.content.decode()
    assert confirm(operator, "dietarypreference", preview).status_code == 302
    assert DietaryPreference.objects.get(name="vegan").description == "Rien d'animal"
    assert DietaryPreference.objects.filter(name="cru").exists()
    assert ActivityLog.objects.get().action_type == "staff_import_diets"


def test_one_bad_diet_and_nothing_is_written(operator: Client) -> None:
    before = list(DietaryPreference.objects.order_by("name").values_list())
    preview = upload(operator, "dietarypreference", f"name,description,common\ncru,Sans cuisson,0\n{'x' * 60},long,0\n")
    assert "name" in reasons(preview)[2]
    assert "name" in reasons(upload(operator, "dietarypreference", "name,description,common\n,vide,0\n"))[1]
    doubtful = upload(operator, "dietarypreference", "name,description,common\ncru,x,peut-être\n")
    assert "ni 1 ni 0" in reasons(doubtful)[1]["common"][0]
    assert list(DietaryPreference.objects.order_by("name").values_list()) == before


# --- Who may ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["mealentry", "favoritemeal", "dietarypreference"])
def test_import_and_export_ask_for_their_own_permissions(model: str) -> None:
    reader = colleague(f"view_{model}", f"add_{model}", f"change_{model}")
    for page in ("import", "export"):
        assert reader.get(address(model, page)).status_code == 403
    assert reader.post(address(model, "process_import"), {}).status_code == 403
    listing = reader.get(f"/admin/nutrition/{model}/").content.decode()
    assert "/import/" not in listing
    assert "/export/" not in listing
    assert colleague(f"view_{model}", f"import_{model}").get(address(model, "import")).status_code == 200
    assert colleague(f"view_{model}", f"import_{model}").get(address(model, "export")).status_code == 403
    assert colleague(f"view_{model}", f"export_{model}").get(address(model, "export")).status_code == 200


def test_exporting_people_asks_for_its_permission() -> None:
    assert colleague("view_user", "change_user").get(address("user", "export")).status_code == 403
    assert colleague("view_user", "export_user").get(address("user", "export")).status_code == 200
