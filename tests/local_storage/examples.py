"""Every rule of docs/importing.md sections 2 to 6 as one capture, the path that it is about, and what must become of the item there."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.captures import Unstored, app_state, favorite, meal
from tests.local_storage.pictures import data_url, picture

DEEP = "[" * 5_000 + "]" * 5_000
ENCRYPTED = "DYNPROT_ENC_U2FsdGVkX1+abcdefghijklmnop=="
BASE64 = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k="
M, F = "dynprot-meals-U", "dynprot-app-state-U"
M0, F0 = f"{M}[0]", f"{F}.favoriteMeals[0]"


class Example(NamedTuple):
    """`outcome` is `stands` when the item becomes (or stays) a row; `reasons` are all of its codes in order."""

    path: str
    outcome: str
    reasons: tuple[str, ...]
    storage: dict[str, Any]
    fields: dict[str, Any] = {}


def quarantined(path: str, code: str, storage: dict[str, Any], **fields: Any) -> Example:
    return Example(path, "quarantined", (code,), storage, fields)


def of_meal(outcome: str, codes: str, **fields: Any) -> Example:
    return Example(M0, outcome, tuple(codes.split()), {M: [meal(**fields)]})


def of_favorite(outcome: str, codes: str, **fields: Any) -> Example:
    return Example(F0, outcome, tuple(codes.split()), {F: app_state(favoriteMeals=[favorite(**fields)])})


def of_profile(codes: str, **fields: Any) -> Example:
    return Example("dynprot-user-profile-U", "stands", tuple(codes.split()), {"dynprot-user-profile-U": fields})


CONTAINERS: dict[str, Example] = {
    "a number instead of text": quarantined(M, "not_a_string", {M: Unstored(12)}),
    "an array instead of text": quarantined(M, "not_a_string", {M: Unstored([meal()])}),
    "null instead of text": quarantined(M, "not_a_string", {M: Unstored(None)}),
    "encrypted": quarantined(F, "unreadable_encrypted", {F: ENCRYPTED}),
    "encrypted, of another person": quarantined(
        "dynprot-meals-X", "unreadable_encrypted", {"dynprot-meals-X": ENCRYPTED}
    ),
    "base64": quarantined(M, "unreadable_base64", {M: BASE64}),
    "base64 of 20 characters": quarantined(M, "invalid_json", {M: "q83vASNFZ4mrze8BI0Vn"}),
    "21 digits are JSON": quarantined(M, "not_an_array", {M: "1" * 21}),
    "truncated": quarantined(M, "invalid_json", {M: '[{"id":"1","timest'}),
    "words": quarantined(M, "invalid_json", {M: "bonjour tout le monde"}),
    "NaN": quarantined(M, "invalid_json", {M: '[{"protein":NaN}]'}),
    "Infinity": quarantined(M, "invalid_json", {M: "[-Infinity]"}),
    "a byte order mark": quarantined(M, "invalid_json", {M: "\ufeff[]"}),
    "a bare NUL": quarantined(M, "invalid_json", {M: '["\0"]'}),
    "only blanks": quarantined(M, "invalid_json", {M: "   "}),
    "too deep": quarantined(M, "too_deep", {M: DEEP}),
    "too deep by objects": quarantined(M, "too_deep", {M: '{"a":' * 5_000 + "1" + "}" * 5_000}),
    "meals as an object": quarantined(M, "not_an_array", {M: {"0": meal()}}),
    "meals as false": quarantined(M, "not_an_array", {M: "false"}),
    "meals of the state as text": quarantined(f"{F}.meals", "not_an_array", {F: app_state(meals="[]")}),
    "favourites as a number": quarantined(f"{F}.favoriteMeals", "not_an_array", {F: app_state(favoriteMeals=0)}),
    "state as an array": quarantined(F, "not_an_object", {F: []}),
    "profile as an array": quarantined("p-user-profile", "not_an_object", {"p-user-profile": []}),
    "preferences as text": quarantined("p-preferences-U", "not_an_object", {"p-preferences-U": '"dark"'}),
    "goals as a number": quarantined("pending_nutrition_goals", "not_an_object", {"pending_nutrition_goals": "120"}),
    "accessibility as true": quarantined("accessibility", "not_an_object", {"accessibility": "true"}),
    "page state as text": quarantined("page_state", "not_an_object", {}, page_state="x"),
    "page state with bad meals": quarantined("page_state.meals", "not_an_array", {}, page_state={"meals": {}}),
    "null as a meal": quarantined(M0, "not_an_object", {M: [None]}),
    "a list as a favourite": quarantined(F0, "not_an_object", {F: app_state(favoriteMeals=[[1]])}),
    "another's meal": quarantined("dynprot-meals-X[0]", "other_owner", {"dynprot-meals-X": [meal()]}),
    "another's broken meal is not looked into": quarantined(
        "dynprot-meals-X[0]", "other_owner", {"dynprot-meals-X": [{"protein": "x"}]}
    ),
    "another's null": quarantined("dynprot-meals-X[0]", "other_owner", {"dynprot-meals-X": [None]}),
    "another's profile": quarantined("dynprot-user-profile-X", "other_owner", {"dynprot-user-profile-X": {}}),
    "un-suffixed in a shared browser": quarantined(
        "dynprot-meals[0]", "ambiguous_owner", {"dynprot-meals": [meal()], "dynprot-meals-X": []}
    ),
    "dark mode of a shared browser": quarantined(
        "darkMode", "ambiguous_owner", {"darkMode": "true", "q-auth": {"user": {"id": "X"}}}
    ),
    "another's goals, however stale": quarantined(
        "pending_nutrition_goals", "ambiguous_owner", {"pending_nutrition_goals": {}, "dynprot-meals-X": []}
    ),
}

INSTANTS: dict[str, Example] = {
    "no timestamp": of_meal("quarantined", "missing_timestamp", timestamp=...),
    "null timestamp": of_meal("quarantined", "missing_timestamp", timestamp=None),
    "empty timestamp": of_meal("quarantined", "missing_timestamp", timestamp=""),
    "blank timestamp": of_meal("quarantined", "missing_timestamp", timestamp=" \u00a0"),
    "words as timestamp": of_meal("quarantined", "unreadable_timestamp", timestamp="hier soir"),
    "true as timestamp": of_meal("quarantined", "unreadable_timestamp", timestamp=True),
    "object as timestamp": of_meal("quarantined", "unreadable_timestamp", timestamp={"$date": 1}),
    "30 February": of_meal("quarantined", "unreadable_timestamp", timestamp="2024-02-30T10:00:00Z"),
    "negative digits in text": of_meal("quarantined", "unreadable_timestamp", timestamp="-5"),
    "1999": of_meal("quarantined", "timestamp_too_old", timestamp="1999-12-31T23:59:59.999Z"),
    "1970": of_meal("quarantined", "timestamp_too_old", timestamp=0),
    "a negative number": of_meal("quarantined", "timestamp_too_old", timestamp=-1.5),
    "2090": of_meal("quarantined", "timestamp_in_future", timestamp="2090-01-01T00:00:00.000Z"),
    "beyond the calendar": of_meal("quarantined", "timestamp_in_future", timestamp=10**20),
    "an enormous number in text": of_meal("quarantined", "timestamp_in_future", timestamp="9" * 5_000),
    "an hour and a second after loading": of_meal(
        "quarantined", "timestamp_in_future", timestamp="2026-03-10T13:00:01Z"
    ),
    "exactly an hour after loading": of_meal("stands", "", timestamp="2026-03-10T13:00:00Z"),
    "local time": of_meal("stands", "local_time_assumed", timestamp="2024-03-10T12:00"),
    "a bare date": of_meal("stands", "date_only", timestamp="2024-03-10"),
    "epoch in text": of_meal("stands", "", timestamp=" 1710068400000 "),
}

NUMBERS: dict[str, Example] = {
    "no protein": of_meal("quarantined", "missing_protein", protein=...),
    "null protein": of_meal("quarantined", "missing_protein", protein=None),
    "empty protein": of_meal("quarantined", "missing_protein", protein=""),
    "protein true": of_meal("quarantined", "not_a_number", protein=True),
    "protein in a list": of_meal("quarantined", "not_a_number", protein=[25]),
    "protein in pounds": of_meal("quarantined", "not_a_number", protein="2 lb"),
    "protein as kcal": of_meal("quarantined", "not_a_number", protein="25 kcal"),
    "calories in grams": of_meal("quarantined", "not_a_number", calories="25 g"),
    "1e400": Example(M0, "quarantined", ("not_finite",), {M: '[{"timestamp":1710068400000,"protein":1e400}]'}),
    "400 digits": Example(
        M0, "quarantined", ("not_finite",), {M: f'[{{"timestamp":1710068400000,"protein":{"9" * 400}}}]'}
    ),
    "5000 digits": Example(
        M0, "quarantined", ("not_finite",), {M: f'[{{"timestamp":1710068400000,"protein":{"9" * 5_000}}}]'}
    ),
    "negative protein": of_meal("quarantined", "negative_number", protein=-0.001),
    "negative fibre": of_meal("quarantined", "negative_number", fiber="-1 g"),
    "minus nothing": of_meal("stands", "", protein=-0.0),
    "protein 1000.01": of_meal("quarantined", "above_bound", protein=1000.01),
    "protein 1000.004": of_meal("stands", "rounded above_api_bound", protein=1000.004),
    "calories 10001": of_meal("quarantined", "above_bound", calories=10001),
    "carbs 10000": of_meal("quarantined", "above_bound", carbs=10_000),
    "fat 9999.995": of_meal("quarantined", "above_bound", fat=9999.995),
    "fibre 1000": of_meal("quarantined", "above_bound", fiber=1000),
    "protein in text": of_meal("stands", "number_from_text", protein="25,5 g"),
    "empty calories": of_meal("stands", "number_from_text", calories=""),
    "three decimals": of_meal("stands", "rounded", protein=25.005),
    "half a calorie": of_meal("stands", "rounded", calories=300.5),
    "protein 501": of_meal("stands", "above_api_bound", protein=501),
    "calories 5001": of_meal("stands", "above_api_bound", calories=5001),
    "carbs 1000": of_meal("stands", "", carbs=1000),
    "fat 500.01": of_meal("stands", "above_api_bound", fat=500.01),
    "fibre 201": of_meal("stands", "above_api_bound", fiber=201),
    "timestamp before protein": of_meal("quarantined", "missing_timestamp", timestamp="", protein=-1),
}

WORDS: dict[str, Example] = {
    "no description": of_meal("stands", "description_missing", description=...),
    "a description of blanks": of_meal("stands", "description_missing", description=" \t\u3000"),
    "a description of control characters": of_meal("stands", "description_missing", description="\0\x07"),
    "a number as description": of_meal("stands", "description_not_text", description=12.5),
    "a list as description": of_meal("quarantined", "description_not_text", description=["Poulet"]),
    "true as description": of_meal("quarantined", "description_not_text", description=True),
    "NUL in the description": of_meal("stands", "description_tidied", description="Pou\0let"),
    "a lone surrogate": of_meal("stands", "description_tidied", description="Poulet \ud83c"),
    "decomposed letters": of_meal("stands", "description_tidied", description="Ro\u0302ti"),
    "501 characters": of_meal("stands", "description_cut", description="x" * 501),
    "untidy and long": of_meal("stands", "description_tidied description_cut", description=" x" * 400),
    "a source nearby": of_meal("stands", "source_mapped", source="Camera"),
    "a source unknown": of_meal("stands", "source_mapped", source="cache"),
    "a source that is a list": of_meal("stands", "source_mapped", source=["manual"]),
    "a flag in words": of_meal("stands", "flag_from_text", aiEstimated="TRUE"),
    "a flag that is an object": of_meal("stands", "flag_from_text", aiEstimated={}),
    "tags with a number": of_meal("stands", "tags_changed", tags=["soir", 3]),
    "tags as text": of_meal("stands", "tags_changed", tags="soir"),
    "tags of odd things": of_meal("stands", "tags_changed", tags=[["soir"], {}, None, True]),
    "a photo that is none": of_meal("stands", "photo_left_out", photo="data:image/png;base64,AAAA"),
    "a photo as an object": of_meal("stands", "photo_left_out", photo={"url": "x"}),
    "a photo": of_meal("stands", "photo_stored", photo=data_url(picture())),
    "a photo by address": of_meal("stands", "", photo="https://example.fr/a.jpg"),
}

FAVORITES: dict[str, Example] = {
    "no name": of_favorite("stands", "name_missing", name=...),
    "a name that is no text": of_favorite("stands", "name_missing", name=["x"]),
    "neither name nor description": of_favorite("stands", "description_missing name_missing", name="", description=""),
    "an untidy name": of_favorite("stands", "name_tidied", name=" Yaourt  grec"),
    "a long name": of_favorite("stands", "name_cut", name="y" * 201),
    "a name without description": of_favorite("stands", "description_missing", description=...),
    "use count in text": of_favorite("stands", "use_count_reset", useCount="4"),
    "use count below 0": of_favorite("stands", "use_count_reset", useCount=-1),
    "use count 2^31": of_favorite("stands", "use_count_reset", useCount=2**31),
    "use count 4.0": of_favorite("stands", "", useCount=4.0),
    "a bad date": of_favorite("stands", "date_left_out", lastUsed="demain"),
    "a date in the future": of_favorite("stands", "date_left_out", createdAt="2090-01-01"),
    "no dates": of_favorite("stands", "", createdAt=None, lastUsed=...),
    "no protein in a favourite": of_favorite("quarantined", "missing_protein", protein=None),
}

SETTINGS: dict[str, Example] = {
    "a weight of 19 kg": of_profile("profile_field_left_out", weightKg=19, age=40),
    "an unknown gender": of_profile("profile_field_left_out", gender="F"),
    "an unknown goal": of_profile("goal_mapped", fitnessGoal="marathon"),
    "a goal that is a number": of_profile("profile_field_left_out", fitnessGoal=3),
    "diets with a number": of_profile("tags_changed", dietPreferences=["Keto", 1]),
    "a protein goal in text": of_profile("number_from_text", proteinGoal="130 g"),
    "privacy as text": Example(
        "a-preferences", "stands", ("profile_field_left_out",), {"a-preferences": {"privacySettings": "no"}}
    ),
    "stale goals": Example(
        "pending_nutrition_goals",
        "superseded",
        ("stale_pending_goals",),
        {"pending_nutrition_goals": {"proteinGoal": 140, "timestamp": 1_710_068_400_000}},
    ),
    "a second profile": Example(
        f"{F}.user",
        "duplicate",
        ("merged",),
        {F: app_state(user={"weightKg": 80}), "dynprot-user-profile-U": {"age": 41}},
    ),
}

COPIES: dict[str, Example] = {
    "the same in two keys": Example(
        f"{F}.meals[0]", "duplicate", ("copy",), {M: [meal()], F: app_state(meals=[meal()])}
    ),
    "two keys that disagree": Example(
        f"{F}.meals[0]", "duplicate", ("copies_disagree",), {M: [meal()], F: app_state(meals=[meal(protein=26)])}
    ),
    "one id for two meals": Example(
        f"{M}[1]",
        "stands",
        ("id_reused",),
        {M: [meal(), meal(timestamp="2024-03-11T11:00:00.000Z", description="Soupe")]},
    ),
}

EXAMPLES: dict[str, Example] = {**CONTAINERS, **INSTANTS, **NUMBERS, **WORDS, **FAVORITES, **SETTINGS, **COPIES}
