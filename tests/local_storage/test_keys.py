"""Which keys mean what, whose they are, and paths that tell every item apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.local_storage.keys import key_path, sort_keys
from tests.captures import app_state, capture, meal, outcomes_of, person, read, source

BAD = [{"protein": "x"}, None]


@pytest.mark.parametrize(
    ("key", "store", "suffix"),
    [
        ("dynprot-meals", "meals", None),
        ("dynprot-test-meals-cku1", "meals", "cku1"),
        ("p-app-state-a-b-c", "app-state", "a-b-c"),
        ("p-app-state-U-meals-V", "app-state", "U-meals-V"),
        ("x-y-z-user-profile", "user-profile", None),
        ("a.b:c-preferences-é", "preferences", "é"),
        ("--meals", "meals", None),
        ("p-meals-\n", "meals", "\n"),
        ("p\n-meals-U\nV", "meals", "U\nV"),
        ("darkMode", "dark-mode", None),
        ("pending_nutrition_goals", "pending-goals", None),
        ("accessibility", "accessibility", None),
        ("p-meals-auth", "meals", "auth"),
    ],
)
def test_a_key_with_items(key: str, store: str, suffix: str | None) -> None:
    ((found, of_store, end),) = sort_keys({key: ""}).stored
    assert (found, of_store, end) == (key, store, suffix)


@pytest.mark.parametrize(
    "key",
    ["meals", "-meals", "p-meals-", "p-Meals", "pmeals", "p-app_state", "DarkMode", "p-mealsX", "", "-auth", "auth"],
)
def test_a_key_that_means_nothing(key: str) -> None:
    keys = sort_keys({key: ""})
    assert (keys.stored, keys.auth, keys.unknown) == ([], [], [key])


def test_sign_in_and_tokens_hold_no_items() -> None:
    keys = sort_keys(
        dict.fromkeys(
            ["p-auth", "x-y-auth", "access_token", "refresh_token", "token_expires", "remember_me", "user_data"], "[]"
        )
    )
    assert keys.auth == ["p-auth", "x-y-auth"]
    assert (keys.stored, keys.unknown_count, len(keys.known)) == ([], 0, 5)


def test_giant_keys_are_shortened_and_told_apart() -> None:
    one, other = "p" * 3_000_000 + "-meals-U", "p" * 3_000_000 + "q-meals-U"
    result = read({one: [None], other: [None]})
    paths = [outcome.path for outcome in result.settled]
    assert len(set(paths)) == 2
    assert max(map(len, paths)) < 300


def test_a_hostile_key_is_read_in_linear_time() -> None:
    keys = sort_keys({"-meals" * 400_000 + "-": "", "-app-state" * 200_000: ""})
    assert len(keys.stored) == 2


def test_paths_can_be_stored_and_printed() -> None:
    assert key_path("p\0\ud800-meals\x1b") == "p\\u0000\\ud800-meals\\u001b"


@pytest.mark.parametrize(
    "storage",
    [
        {"p-meals-U": BAD, "p-meals-U[0]": "{broken"},
        {"p-meals-U[1]": "{broken", "p-meals-U": BAD, "p-meals-U[1][0]": [BAD]},
        {"p-app-state-U": app_state(meals="x"), "p-app-state-U.meals": "{broken"},
        {"p\x01-meals-U": BAD, "p\\u0001-meals-U": BAD},
        {"p\x01\\u0002-meals-U": BAD, "p\\u0001\x02-meals-U": BAD, "p\\u0001\\u0002-meals-U": BAD},
        {"p\x01-meals-U": BAD, "p\\u0001-meals-U[0]": "{broken"},
        {"p" * 300 + "-meals-U": BAD, "p" * 300 + "-meals-U[0]": "{broken", "p" * 300 + "-meals-UU": BAD},
    ],
)
def test_no_two_items_have_one_path(storage: dict[str, Any]) -> None:
    """`migration_outcomes` holds one row a path: a second one would fail the whole batch."""
    result = read(storage)
    paths = [outcome.path for outcome in result.settled]
    assert len(paths) == len(set(paths)) == sum(result.found.values())


def test_ordinary_odd_keys_keep_their_name() -> None:
    result = read({"app.dynprot.fr-meals-a.b[c]": [None]})
    assert [outcome.path for outcome in result.settled] == ["app.dynprot.fr-meals-a.b[c][0]"]


@given(
    st.dictionaries(
        st.text(alphabet="pU-.[]0\\u\x01")
        | st.sampled_from(["p-meals-U", "p-meals-U[0]", "p-app-state-U", "p-app-state-U.meals"]),
        st.just("[null]"),
    )
)
def test_paths_are_distinct_whatever_the_keys(storage: dict[str, str]) -> None:
    outcomes = read(storage).settled
    assert len({outcome.path for outcome in outcomes}) == len(outcomes)


OTHER_MAIL = {"user": {"id": "V", "email": "b@example.fr"}}
SAME_MAIL = {"user": {"id": "V", "email": " A@Example.FR "}}
FLAT = {"id": "V"}
OWN, OTHER, AMBIGUOUS = "own", "other_owner", "ambiguous_owner"


@pytest.mark.parametrize(
    ("legacy_id", "others", "expected"),
    [
        # (the snapshot's own id, what else the browser knows) → whose are `p-meals-V` and `p-meals`
        ("V", {}, (OWN, OWN)),
        ("U", {}, (OTHER, AMBIGUOUS)),
        ("V", {"p-meals-W": "[]"}, (OWN, AMBIGUOUS)),
        ("V", {"p-meals-W": ""}, (OWN, AMBIGUOUS)),
        ("V", {"p-auth": {"user": {"id": "W"}}}, (OWN, AMBIGUOUS)),
        ("V", {"p-auth": "DYNPROT_ENC_xyz"}, (OWN, OWN)),
        ("V", {"p-auth": OTHER_MAIL}, (OWN, OWN)),
        ("", {}, (OWN, OWN)),
        (None, {}, (OWN, OWN)),
        (None, {"p-auth": SAME_MAIL}, (OWN, OWN)),
        (None, {"p-auth": OTHER_MAIL}, (OTHER, AMBIGUOUS)),
        (None, {"p-auth": FLAT}, (OWN, OWN)),
        (None, {"p-auth": {"id": "W"}}, (OTHER, AMBIGUOUS)),
        (None, {"p-auth": {"user": {"email": "b@example.fr"}}}, (OTHER, AMBIGUOUS)),
        (None, {"p-auth": "not json"}, (OWN, OWN)),
        (None, {"p-auth": "[1]"}, (OWN, OWN)),
        (None, {"p-preferences-W": "{}"}, (OTHER, AMBIGUOUS)),
        (12, {"p-meals-12": "[]"}, (OTHER, AMBIGUOUS)),
        ("v", {}, (OTHER, AMBIGUOUS)),
    ],
)
def test_ownership(legacy_id: Any, others: dict[str, Any], expected: tuple[str, str]) -> None:
    storage = {"p-meals-V": [meal(id="1")], "p-meals": [meal(id="2", timestamp=1710068401)], **others}
    fates = outcomes_of(person(source(capture(storage, legacy_id=legacy_id))))
    found = tuple(
        OWN if fates[0, path][0] == "stands" else fates[0, path][1][0] for path in ("p-meals-V[0]", "p-meals[0]")
    )
    assert found == expected


def test_a_numeric_legacy_id_is_its_digits() -> None:
    fates = outcomes_of(person(source(capture({"p-meals-12": [meal()], "p-auth": {"id": 12}}, legacy_id=12))))
    assert fates[0, "p-meals-12[0]"] == ("stands", ())
    signed_in = capture({"p-meals": [meal()], "p-auth": {"id": 12.0}, "q-auth": {"id": " 12 "}}, legacy_id=12)
    assert outcomes_of(person(source(signed_in)))[0, "p-meals[0]"] == ("stands", ())


def test_page_state_is_always_the_uploaders() -> None:
    result = read({"p-meals-X": "[]"}, page_state=app_state(meals=[meal()]))
    assert [entry.path for entry in result.meals] == ["page_state.meals[0]"]


@pytest.mark.parametrize("nothing", ["", "null", "[]", '""'])
def test_nothing_is_no_item(nothing: str) -> None:
    for key in ("p-meals-U", "p-meals"):
        assert not read({key: nothing}).found.total()
    for key in (
        "p-app-state-U",
        "p-user-profile-U",
        "p-preferences-U",
        "accessibility",
        "darkMode",
        "pending_nutrition_goals",
    ):
        if nothing != "[]":
            assert not read({key: nothing}).found.total(), key
    parts = dict.fromkeys(["meals", "favoriteMeals", "user", "userSettings", "preferences"], None)
    assert not read({"p-app-state-U": parts}, page_state=parts).found.total()
    assert not read({"p-app-state-U": dict.fromkeys(parts, "")}, page_state="").found.total()
