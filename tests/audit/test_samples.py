"""The sample snapshots: the same bytes everywhere, clean when asked, and every form of disorder when asked."""

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from audit.samples import ANCHOR, FORMS, Census, generate
from audit.samples.generate import is_dirty
from audit.samples.legacy_cipher import PREFIX, encrypt_aes_256_cbc, evp_key_and_iv, seal, session_key
from audit.samples.vocabulary import DISHES

Json = dict[str, Any]

USERS, MEALS, DIRTY = 300, 30, 8
CLEAN_SHA256 = "469a5303509a59c30eeefb4279e8f3285a107c3cc09c021184a36ed1e3b3176e"
DIRTY_SHA256 = "0d6e64d17213723641e2731564dcd3aa1c97ca8d419de42c49233e2f39ba8eb8"


def digest(lines: Iterator[bytes]) -> str:
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()


@pytest.fixture(scope="module")
def dirty_census() -> tuple[Census, list[bytes]]:
    census = Census()
    return census, list(generate(USERS, MEALS, seed=1, dirty=DIRTY, census=census))


@pytest.fixture(scope="module")
def clean_lines() -> list[bytes]:
    return list(generate(USERS, MEALS, seed=1, dirty=0))


@pytest.fixture(scope="module")
def clean() -> list[Json]:
    return [json.loads(line) for line in generate(150, 40, seed=1, dirty=0)]


# --- the same bytes everywhere ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dirty", "expected"), [(0, CLEAN_SHA256), (100, DIRTY_SHA256)])
def test_the_bytes_are_fixed(dirty: int, expected: str) -> None:
    assert digest(generate(30, 40, seed=7, dirty=dirty)) == expected


def test_no_setting_of_the_process_shows_in_the_bytes() -> None:
    program = (
        "import hashlib; from audit.samples import generate; "
        "print(hashlib.sha256(b''.join(line + b'\\n' for line in generate(30, 40, 7, 100))).hexdigest())"
    )
    for hash_seed, zone, locale in (("1", "Pacific/Auckland", "C"), ("2", "America/St_Johns", "C.UTF-8")):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone, "LC_ALL": locale}
        finished = subprocess.run(
            [sys.executable, "-c", program],
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert finished.stdout.strip() == DIRTY_SHA256


def test_another_seed_gives_other_people() -> None:
    first, second = (
        {json.loads(line)["user"]["legacy_id"] for line in generate(20, 3, seed, dirty=0)} for seed in (1, 2)
    )
    assert len(first) == len(second) == 20
    assert not first & second


def test_a_larger_file_begins_with_the_smaller_one() -> None:
    assert list(generate(40, 12, 3, dirty=0))[:25] == list(generate(25, 12, 3, dirty=0))


# --- the clean form --------------------------------------------------------------------------------------------------


def app_state(line: Json) -> Json:
    """The app state under the person's own key, which is the only key that holds anything to import."""
    owner = line["user"]["legacy_id"]
    stores = [key for key in line["local_storage"] if key.startswith("dynprot-")]
    assert sorted(stores) == sorted([f"dynprot-app-state-{owner}", "dynprot-auth"])
    state: Json = json.loads(line["local_storage"][f"dynprot-app-state-{owner}"])
    return state


def test_clean_is_one_browser_a_person_and_exactly_as_many_meals(clean: list[Json]) -> None:
    assert len(clean) == 150
    for field in ("email", "username", "legacy_id"):
        assert len({line["user"][field] for line in clean}) == 150
    for line in clean:
        assert len(app_state(line)["meals"]) == 40
        assert json.loads(line["local_storage"]["dynprot-auth"])["user"]["id"] == line["user"]["legacy_id"]
        assert "page_state" not in line


def test_clean_meals_need_no_cleaning(clean: list[Json]) -> None:
    for line in clean:
        meals = app_state(line)["meals"]
        assert len({meal["id"] for meal in meals}) == len(meals)
        for meal in meals:
            assert re.fullmatch(r"1[67]\d{11}", meal["id"])
            assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", meal["timestamp"])
            instant = datetime.fromisoformat(meal["timestamp"])
            assert int(meal["id"]) == round(instant.timestamp() * 1000)
            assert instant < datetime.fromisoformat(line["captured_at"])
            assert_plain_text(meal["description"], 500)
            assert_amount(meal["protein"], 500)
            assert meal["protein"] > 0
            if meal["calories"] is not None:
                assert_amount(meal["calories"], 5000)
                assert meal["calories"] > 0
            assert all(assert_amount(meal[macro], 1000) for macro in ("carbs", "fat", "fiber") if macro in meal)
            assert meal["source"] in {"manual", "text", "ai_scan", "favorite"}
            assert meal["aiEstimated"] is (meal["source"] in {"ai_scan", "text"})
            assert all(type(tag) is str for tag in meal["tags"])
            assert len(set(meal["tags"])) == len(meal["tags"])


def assert_amount(value: object, most: int) -> bool:
    """A real number within the API's bounds, with two decimals at most."""
    assert type(value) in (int, float)
    assert isinstance(value, int | float)
    assert 0 <= value <= most
    assert round(value, 2) == value
    return True


def assert_plain_text(text: str, most: int) -> None:
    """What the old app's form lets through, and what cleaning leaves as it is."""
    assert 0 < len(text) <= most
    assert text == " ".join(text.split(" ")) == unicodedata.normalize("NFC", text).strip()
    assert not set(text) & set("<>\"'&")
    assert all(unicodedata.category(letter) != "Cc" for letter in text)


def test_clean_favourites_profiles_and_preferences_need_no_cleaning(clean: list[Json]) -> None:
    for line in clean:
        state = app_state(line)
        names = [favorite["name"].casefold() for favorite in state["favoriteMeals"]]
        assert len(set(names)) == len(names) >= 2
        for favorite in state["favoriteMeals"]:
            assert favorite["createdAt"] < favorite["lastUsed"] < line["captured_at"]
            assert type(favorite["useCount"]) is int
            assert_amount(favorite["protein"], 500)
            assert_plain_text(favorite["name"], 100)
        answers = state["userSettings"]
        assert 10 <= answers["proteinGoal"] <= 500
        assert 800 <= answers["calorieGoal"] <= 5000
        assert 20 <= answers["weightKg"] <= 500
        assert 100 <= answers["heightCm"] <= 230
        assert 13 <= answers["age"] <= 110
        assert answers["gender"] in {"male", "female", "other", ""}
        assert state["user"]["dailyProteinGoal"] == answers["proteinGoal"]
        assert type(state["preferences"]["darkMode"]) is bool
    untouched = [line for line in clean if app_state(line)["user"]["id"] == "user-1"]
    assert 20 < len(untouched) < 80  # some typed nothing, and their defaults cannot be told from answers
    assert {app_state(line)["userSettings"]["proteinGoal"] for line in untouched} == {120}


def test_people_eat_at_french_hours_of_their_own_zone_also_when_clocks_change() -> None:
    zones, days = set(), set()
    for document in map(json.loads, generate(60, 300, seed=1, dirty=0)):
        zone = ZoneInfo(document["timezone"])
        zones.add(zone.key)
        for meal in app_state(document)["meals"]:
            local = datetime.fromisoformat(meal["timestamp"]).astimezone(zone)
            days.add(local.date().isoformat())
            assert 6 <= local.hour < 24
    assert len(zones) >= 4
    assert "2026-03-29" in days


def test_the_vocabulary_is_rich_and_plausible() -> None:
    assert len({dish.name for dish in DISHES}) == len(DISHES) >= 120
    for dish in DISHES:
        assert dish.protein + dish.carbs + dish.fat + dish.fiber <= 100, dish.name
        assert 0 < dish.protein * dish.portion / 100 < 80, dish.name


# --- the dirty forms -------------------------------------------------------------------------------------------------


def test_every_form_occurs_among_some_hundred_people(dirty_census: tuple[Census, list[bytes]]) -> None:
    census, lines = dirty_census
    assert set(FORMS) == set(census.forms)
    assert len(FORMS) > 250
    assert census.people == USERS
    assert census.dirty_people == USERS * DIRTY // 100
    assert census.lines == len(lines) > USERS


def test_clean_has_no_form_at_all() -> None:
    census = Census()
    assert len(list(generate(100, 10, seed=1, dirty=0, census=census))) == census.lines == 100
    assert not census.forms
    assert census.dirty_people == 0


@pytest.mark.parametrize("dirty", [1, 8, 50, 100])
def test_so_many_people_in_a_hundred_are_dirty(dirty: int) -> None:
    assert sum(is_dirty(index, dirty) for index in range(100)) == dirty
    assert sum(is_dirty(index, dirty) for index in range(1000)) == 10 * dirty


def test_so_many_meals_of_dirty_people_are_odd() -> None:
    census = Census()
    list(generate(300, 300, seed=1, dirty=8, census=census))
    odd = sum(count for name, count in census.forms.items() if name.startswith("meal."))
    unreadable = ("layout.encrypted", "layout.unprefixed_base64", "layout.truncated_app_state")
    without = (*unreadable, "layout.empty_arrays", "layout.null_arrays")
    legible = census.dirty_people - sum(census.forms[name] for name in without)
    assert odd == legible * 24


REQUIRED = {"user", "captured_at", "timezone", "origin", "user_agent", "local_storage"}


@pytest.mark.parametrize("dirty", [0, 8, 100])
def test_every_line_is_in_the_capture_format(dirty: int) -> None:
    lines = list(generate(80, 25, seed=5, dirty=dirty))
    assert len(lines) >= 80
    for raw in lines:
        assert b"\n" not in raw
        line = json.loads(raw.decode("utf-8", "strict"))
        assert line.keys() >= REQUIRED
        assert line.keys() <= REQUIRED | {"session_storage", "page_state"}
        assert {"email", "username", "legacy_id"} <= line["user"].keys() <= {"email", "username", "legacy_id", "name"}
        assert line["user"]["email"].rpartition("@")[2] in {"example.fr", "exemple.org"}
        captured = datetime.fromisoformat(line["captured_at"])
        begins = datetime.combine(ANCHOR, datetime.min.time(), UTC)
        assert begins - timedelta(days=1) < captured < begins + timedelta(days=30)
        for storage in (line["local_storage"], line.get("session_storage", {})):
            assert all(type(key) is type(value) is str for key, value in storage.items())
        assert type(line.get("page_state", {})) is dict


# What a form looks like from outside, in the bytes of the line: written down here apart from the generator.
MARKS = {
    "layout.other_prefix": rb'"(dynprot-test|dynprot-staging|proteines|mon_app)-app-state-c?[0-9a-z-]+":',
    "layout.unsuffixed_app_state": rb'"local_storage":\{"dynprot-app-state":"\{\\"meals\\":\[\{',
    "layout.unsuffixed_keys": rb'"dynprot-user-profile":',
    "layout.separate_keys": rb'"local_storage":\{"dynprot-user-profile-c?[0-9a-z-]+":',
    "layout.empty_arrays": rb'"dynprot-app-state-[^"]+":"\{\\"meals\\":\[\],\\"favoriteMeals\\":\[\],',
    "layout.null_arrays": rb'"dynprot-app-state-[^"]+":"\{\\"meals\\":null,\\"favoriteMeals\\":null,',
    "layout.objects_for_arrays": rb'"dynprot-app-state-[^"]+":"\{\\"meals\\":\{\\"0\\":',
    "layout.array_for_app_state": rb'"dynprot-app-state-[^"]+":"\[\{',
    "layout.encrypted_auth": rb'"dynprot-auth":"DYNPROT_ENC_[A-Za-z0-9+/]+=*","dynprot-app-state":"\{',
    "layout.encrypted": rb'"dynprot-app-state":"DYNPROT_ENC_[A-Za-z0-9+/]+=*"',
    "layout.encrypted_page_open": rb'"dynprot-app-state-[^"]+":"DYNPROT_ENC_.*"page_state":\{"meals":\[',
    "layout.unprefixed_base64": rb'"dynprot-app-state-[^"]+":"[A-Za-z0-9+/]{1000,}=*"',
    "addition.root_dark_mode": rb'"darkMode":"(true|false)"',
    "addition.root_accessibility": rb'"accessibility":"\{',
    "addition.pending_goals_odd": rb'"pending_nutrition_goals":"\{\\"proteinGoal\\":\\"140 g\\"',
    "addition.initial_state_leftover": rb'\\"name\\":\\"Utilisateur\\"',
    "addition.session_dev_salt": rb'"dynprot-dev-encryption-salt":"[0-9a-f]{64}"',
    "addition.foreign_key_lone_surrogate": rb'"last-search":"poulet \\ud83d"',
    "addition.meals_deep": rb'":"\[{3000}\]{3000}"',
    "addition.value_undefined": rb'":"undefined"',
    "addition.value_empty": rb'preferences-[^"]+":""',
    "addition.user_data_leftover": rb'"user_data":',
    "addition.zone_unknown": rb'"timezone":"Etc/Unknown"',
    "addition.name_unknown": rb'"legacy_id":"[^"]+"\}',
    "meal.protein_text_comma": rb'\\"protein\\":\\"\d+,5\\"',
    "meal.protein_text_unit": rb'\\"protein\\":\\"\d+ g\\"',
    "meal.calories_text_unit": rb'\\"calories\\":\\"\d+ kcal\\"',
    "meal.calories_text_thousands_space": rb'\\"calories\\":\\"1 \d{3},5\\"',
    "meal.calories_text_thousands_nbsp": rb'\\"calories\\":\\"1\xc2\xa0\d{3},5\\"',
    "meal.calories_text_thousands_narrow_nbsp": rb'\\"calories\\":\\"1\xe2\x80\xaf\d{3},5\\"',
    "meal.protein_many_decimals": rb'\\"protein\\":\d+\.546875,',
    "meal.protein_above_api": rb'\\"protein\\":(600|500\.5)\b',
    "meal.protein_above_ui": rb'\\"protein\\":(1500|1000\.01)\b',
    "meal.timestamp_offset_west": rb'\\"timestamp\\":\\"[^"]+-10:00\\"',
    "meal.timestamp_epoch_ms_number": rb'\\"id\\":\\"\d+\\",\\"timestamp\\":1[67]\d{11},',
    "meal.timestamp_epoch_seconds_text": rb'\\"timestamp\\":\\"1[67]\d{8}\\"',
    "meal.timestamp_bare_date": rb'\\"timestamp\\":\\"20\d\d-\d\d-\d\d\\"',
    "meal.timestamp_1970": rb'\\"timestamp\\":\\"1970-',
    "meal.timestamp_2090": rb'\\"timestamp\\":\\"2090-',
    "meal.dst_gap_local": rb'\\"timestamp\\":\\"2026-03-29T02:30:00\\"',
    "meal.dst_fold_first": rb'\\"timestamp\\":\\"2025-10-26T0(0:30:00\.000Z|2:30:00\+02:00)\\"',
    "meal.dst_fold_second": rb'\\"timestamp\\":\\"2025-10-26T0(1:30:00\.000Z|2:30:00\+01:00)\\"',
    "meal.description_nul": rb"\\\\u0000 maison",
    "meal.description_lone_surrogate": rb' \\\\ud83d\\"',
    "meal.description_html": rb"<script>",
    "meal.description_nfd": rb"a\xcc\x80 la cre\xcc\x80me bru\xcc\x82le\xcc\x81e",
    "meal.source_cache": rb'\\"source\\":\\"cache\\"',
    "meal.photo_jpeg_with_exif": rb"data:image/jpeg;base64,/9j/4[A-Za-z0-9+/]{600}",
    "meal.id_number": rb'\{\\"id\\":1[67]\d{11},',
    "meal.id_of_several_people": rb'\\"id\\":\\"1767225600000\\"',
    "meal.key_twice": rb'\\"aiEstimated\\":(true|false),\\"protein\\":99,\\"id\\":',
    "meal.element_null": rb",null,\{|\[null,|,null\]",
}  # fmt: skip


@pytest.mark.parametrize("form", MARKS)
def test_a_form_can_be_seen_in_the_file_and_not_in_a_clean_one(
    form: str, dirty_census: tuple[Census, list[bytes]], clean_lines: list[bytes]
) -> None:
    assert form in FORMS
    mark = re.compile(MARKS[form])
    assert any(mark.search(line) for line in dirty_census[1])
    assert not any(mark.search(line) for line in clean_lines)


def lines_of(form: str) -> list[Json]:
    """The lines of the one dirty person that has that form."""
    census = Census()
    people: dict[int, list[Json]] = {}
    having = 0
    for raw in generate(30, 40, seed=1, dirty=100, census=census):
        people.setdefault(census.people, []).append(json.loads(raw))
        if not having and census.forms[form]:
            having = census.people
    return people[having]


def meals_in(line: Json) -> list[Any]:
    owner = line["user"]["legacy_id"]
    meals: list[Any] = json.loads(line["local_storage"][f"dynprot-app-state-{owner}"])["meals"]
    return meals


def test_a_shared_browser_is_captured_by_each_of_its_people() -> None:
    for form in ("layout.shared_browser", "layout.shared_browser_unsuffixed"):
        owner, guest = lines_of(form)
        assert owner["local_storage"] == guest["local_storage"]
        assert owner["user"]["legacy_id"] != guest["user"]["legacy_id"]
        assert meals_in(owner)
        assert meals_in(guest)
        assert ("dynprot-meals" in owner["local_storage"]) is (form == "layout.shared_browser_unsuffixed")


def test_a_second_browser_holds_some_of_the_same_meals_some_of_them_edited() -> None:
    first, second = lines_of("layout.second_browser")
    assert first["user"] == second["user"]
    assert first["user_agent"] != second["user_agent"]
    assert first["captured_at"] < second["captured_at"]
    older, newer = (
        {meal["id"]: meal for meal in meals_in(line) if isinstance(meal, dict) and type(meal.get("id")) is str}
        for line in (first, second)
    )
    assert older.keys() - newer.keys()
    assert newer.keys() - older.keys()
    assert any(older[same] != newer[same] for same in older.keys() & newer.keys())
    assert any(older[same] == newer[same] for same in older.keys() & newer.keys())


def test_the_same_capture_twice_is_the_same_bytes() -> None:
    lines = list(generate(USERS, 5, seed=1, dirty=DIRTY))
    assert any(line == after for line, after in pairwise(lines))


def test_a_truncated_app_state_is_no_json() -> None:
    (line,) = lines_of("layout.truncated_app_state")
    text = line["local_storage"][f"dynprot-app-state-{line['user']['legacy_id']}"]
    assert text.startswith('{"meals":[{')
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


@pytest.mark.parametrize(("users", "meals", "dirty"), [(1, 0, 100), (1, 1, 100), (2, 2, 100), (30, 0, 100), (0, 5, 8)])
def test_small_files_work_as_well(users: int, meals: int, dirty: int) -> None:
    lines = [json.loads(line) for line in generate(users, meals, seed=1, dirty=dirty)]
    assert len({line["user"]["legacy_id"] for line in lines}) == users


@pytest.mark.parametrize("arguments", [(-1, 1, 1, 0), (1, -1, 1, 0), (1, 20_001, 1, 0), (1, 1, 1, 101), (1, 1, 1, -1)])
def test_impossible_arguments_are_refused_before_the_first_line(arguments: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="are possible"):
        generate(*arguments)


# --- the old app's cipher --------------------------------------------------------------------------------------------


def test_aes_agrees_with_the_published_vector() -> None:
    """NIST SP 800-38A, F.2.5; the last block is our padding."""
    sealed = encrypt_aes_256_cbc(
        bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
        bytes(range(16)),
        bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"),
    )
    assert sealed[:32].hex() == "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
    assert len(sealed) == 48


def test_sealing_agrees_with_crypto_js() -> None:
    """Made with crypto-js 4.2.0: AES.encrypt(text, PBKDF2(...).toString(), {iv, salt: 0123456789abcdef})."""
    key_text = session_key("ab" * 32)
    assert key_text == "13f7bc32ac56d6015dfb57da21f2d900dd3ff36791b01aec3f6c530630af6432"
    key, iv = evp_key_and_iv(key_text.encode(), bytes.fromhex("0123456789abcdef"))
    assert iv.hex() == "eb3c7935c0f6b65de56a94f65c4101ad"
    sealed = encrypt_aes_256_cbc(key, iv, '{"repas":"crème brûlée"}'.encode())
    assert sealed.hex() == "2af89b244490de6d3bf4c310ff778979f2028088a38603897a3951d2a7e30525"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl program on this machine")
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 5000])
def test_sealing_agrees_with_openssl_when_the_salt_is_known(length: int) -> None:
    text = ("é" * length)[:length]
    value = seal(text, "cd" * 32, Random(11))
    discarded_salt = Random(11).getrandbits(64).to_bytes(8, "big")
    assert value.startswith(PREFIX)
    envelope = base64.b64decode(value.removeprefix(PREFIX), validate=True)
    assert discarded_salt not in envelope
    command = ["openssl", "enc", "-d", "-aes-256-cbc", "-md", "md5", "-k", session_key("cd" * 32)]
    opened = subprocess.run(
        command, input=b"Salted__" + discarded_salt + envelope[16:], capture_output=True, check=True
    )
    assert opened.stdout.decode() == text


# --- the command -----------------------------------------------------------------------------------------------------


def make(target: Path | str, *options: str) -> None:
    call_command("make_sample_snapshots", "--users=30", "--meals-per-user=40", "--seed=7", *options, "-o", str(target))


def test_the_command_writes_the_lines_plain_and_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, packed, again = tmp_path / "a.ndjson", tmp_path / "b.ndjson.gz", tmp_path / "c.ndjson.gz"
    for target in (plain, packed, again):
        make(target, "--dirty=100")
    assert hashlib.sha256(plain.read_bytes()).hexdigest() == DIRTY_SHA256
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert packed.read_bytes() == again.read_bytes()
    assert packed.read_bytes()[4:8] == bytes(4)  # no time in the header
    assert sorted(path.name for path in tmp_path.glob("*.*")) == [plain.name, packed.name, again.name]
    summary = capsys.readouterr().err
    assert "30 people (30 dirty)" in summary
    assert re.search(r"\d+  layout\.second_browser\n", summary)


def test_the_command_writes_to_standard_output_and_nothing_else_there(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    make("-", "--dirty=0")
    assert hashlib.sha256(capfdbinary.readouterr().out).hexdigest() == CLEAN_SHA256


def test_a_reader_that_stops_early_sees_no_traceback() -> None:
    command = [sys.executable, "manage.py", "make_sample_snapshots", "--users=500", "--dirty=0", "-o", "-"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "dynprot.settings.test"}
    with subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(8) == b'{"user":'
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_the_anchor_moves_captures_and_meals(tmp_path: Path) -> None:
    target = tmp_path / "earlier.ndjson"
    make(target, "--dirty=0", "--anchor=2025-02-01")
    document = json.loads(target.read_bytes().splitlines()[0])
    assert document["captured_at"].startswith("2025-02")
    assert app_state(document)["meals"][0]["timestamp"] < "2025-02-22"


def test_a_refused_or_broken_run_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="are possible"):
        make(tmp_path / "refused.ndjson", "--dirty=101")

    def breaks(*arguments: object, **options: object) -> Iterator[bytes]:
        yield b"{}"
        raise KeyboardInterrupt

    monkeypatch.setattr("audit.management.commands.make_sample_snapshots.generate", breaks)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "broken.ndjson")
    assert not list(tmp_path.glob("*.ndjson*"))
