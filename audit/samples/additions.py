"""What else lies in browsers, or goes wrong with one value, whatever the layout. A dirty person has two of these."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from audit.samples.browsers import PREFIX, Capture, Draft
from audit.samples.chance import between, happens, hex_digits, letters
from audit.samples.clock import DAY, HOUR, MINUTE, iso
from audit.samples.meals import repertoire
from audit.samples.people import UNTOUCHED
from audit.samples.shapes import accessibility, stringify, token, user_profile

Json = dict[str, Any]
Addition = Callable[[Capture, Draft, Random], None]


def free_key(capture: Capture, draft: Draft, store: str) -> str:
    """A key of that store that holds nothing yet, so that no layout is hidden."""
    prefixes = (PREFIX, f"{PREFIX}-test", f"{PREFIX}-old", f"{PREFIX}-old-test")
    return next(key for key in (draft.key(store, prefix) for prefix in prefixes) if key not in capture.local)


def _into_session(capture: Capture, values: dict[str, str]) -> None:
    capture.session = {**(capture.session or {}), **values}


def _root_dark_mode(capture: Capture, draft: Draft, rng: Random) -> None:
    capture.local["darkMode"] = "true" if happens(rng, 50) else "false"


def _root_accessibility(capture: Capture, draft: Draft, rng: Random) -> None:
    capture.local["accessibility"] = stringify({**accessibility(draft.person), "largeText": True})


def _pending_goals(age: int) -> Addition:
    """Goals typed while offline; replayed by the app for one day."""

    def add(capture: Capture, draft: Draft, rng: Random) -> None:
        goals: Json = {"proteinGoal": between(rng, 70, 190), "timestamp": draft.captured - age, "needsSync": True}
        if happens(rng, 70):
            goals["calorieGoal"] = 50 * between(rng, 30, 60)
        capture.local["pending_nutrition_goals"] = stringify(goals)

    return add


def _pending_goals_odd(capture: Capture, draft: Draft, rng: Random) -> None:
    capture.local["pending_nutrition_goals"] = stringify({"proteinGoal": "140 g", "timestamp": None})


def _session_salt_and_tokens(capture: Capture, draft: Draft, rng: Random) -> None:
    values = {f"{purpose}_token": token(draft.person, purpose) for purpose in ("access", "refresh")}
    values["token_expires"] = str(draft.captured + between(rng, 0, DAY))
    _into_session(capture, {f"{PREFIX}-encryption-salt": hex_digits(rng, 64), **values})


def _session_dev_salt(capture: Capture, draft: Draft, rng: Random) -> None:
    _into_session(capture, {f"{PREFIX}-dev-encryption-salt": hex_digits(rng, 64)})


def _page_state(capture: Capture, draft: Draft, rng: Random) -> None:
    capture.page_state = draft.state


def _page_state_ahead(capture: Capture, draft: Draft, rng: Random) -> None:
    """Saving failed silently since this morning: the page knows two meals that storage does not."""
    dish = repertoire(draft.person)["dish"][0]
    newer = [
        {"id": str(instant), "timestamp": iso(instant), **dish, "source": "manual", "aiEstimated": False}
        for instant in (draft.captured - 2 * HOUR, draft.captured - 3 * MINUTE)
    ]
    capture.page_state = draft.state_with(meals=[*draft.meals, *newer])


def _foreign_keys(capture: Capture, draft: Draft, rng: Random) -> None:
    """Keys of other libraries at the same origin."""
    capture.local |= {
        "i18nextLng": "fr-FR",
        "_ga": f"GA1.1.{between(rng, 10**8, 10**9)}.{draft.captured // 1000}",
        "ally-supports-cache": '{"userAgent":"","version":"1.4.1"}',
        "workbox-precache-v2": "true",
        "vite-ui-theme": "system",
        "loglevel:webpack-dev-server": "WARN",
        "dynprot_tour_seen": "1",
    }


def _foreign_key_lone_surrogate(capture: Capture, draft: Draft, rng: Random) -> None:
    """Web Storage keeps any 16-bit units; half an emoji then is escaped in the line itself."""
    capture.local["last-search"] = "poulet \ud83d"


def _foreign_key_large(capture: Capture, draft: Draft, rng: Random) -> None:
    capture.local["persist:cache"] = stringify({"blob": letters(rng, 4_000) * 50})


def _hostile_keys(capture: Capture, draft: Draft, rng: Random) -> None:
    capture.local |= {
        "__proto__": "{}",
        "constructor": "null",
        "": "empty",
        "clé 🔑": "1",
        "dynprot-": "[]",
        "dynprot-meals-": "[]",
        "nul\u0000key": "1",
    }


def _user_data_leftover(capture: Capture, draft: Draft, rng: Random) -> None:
    capture.local["user_data"] = stringify({"id": draft.person.legacy_id, "email": draft.person.email})


def _meals_value(value: Callable[[str], str]) -> Addition:
    """A `meals` key more, its text spoiled."""

    def add(capture: Capture, draft: Draft, rng: Random) -> None:
        capture.local[free_key(capture, draft, "meals")] = value(stringify(draft.meals[-6:]))

    return add


def _preferences_value(text: str) -> Addition:
    def add(capture: Capture, draft: Draft, rng: Random) -> None:
        capture.local[free_key(capture, draft, "preferences")] = text

    return add


def _meals_lone_surrogate(capture: Capture, draft: Draft, rng: Random) -> None:
    """Browsers before 2018 wrote half an emoji as it was, not escaped, into the JSON text."""
    meal = {**repertoire(draft.person)["snack"][0], "description": "Goûter ~", "id": str(draft.captured - 30 * DAY)}
    meal |= {"timestamp": iso(draft.captured - 30 * DAY), "source": "manual", "aiEstimated": False}
    capture.local[free_key(capture, draft, "meals")] = stringify([meal]).replace("~", "\ud83c")


def _initial_state_leftover(capture: Capture, draft: Draft, rng: Random) -> None:
    """The initial state of a page on which nobody had signed in yet."""
    nobody = {
        **user_profile(draft.person),
        "id": "user-1",
        "name": "Utilisateur",
        "dailyProteinGoal": UNTOUCHED.protein_goal,
        "weightKg": UNTOUCHED.weight,
        "heightCm": UNTOUCHED.height,
        "activityLevel": UNTOUCHED.activity,
        "dietPreferences": [],
        "calorieGoal": UNTOUCHED.calorie_goal,
    }
    key = f"{PREFIX}-app-state"
    if key in capture.local:
        key = f"{PREFIX}-test-app-state"
    capture.local[key] = stringify(draft.state_with(meals=[], favoriteMeals=[], user=nobody, userSettings=None))


def _auth_without_user(capture: Capture, draft: Draft, rng: Random) -> None:
    for key in [key for key in capture.local if key.endswith("-auth")]:
        capture.local[key] = stringify({"user": None, "isAuthenticated": False, "isLoading": False, "token": None})


def _zone_unknown(capture: Capture, draft: Draft, rng: Random) -> None:
    capture.zone = "Etc/Unknown"  # what ICU answers when it cannot tell


def _name_unknown(capture: Capture, draft: Draft, rng: Random) -> None:
    capture.name_known = False


ADDITIONS: dict[str, Addition] = {
    "addition.root_dark_mode": _root_dark_mode,
    "addition.root_accessibility": _root_accessibility,
    "addition.pending_goals_fresh": _pending_goals(3 * HOUR),
    "addition.pending_goals_stale": _pending_goals(9 * DAY),
    "addition.pending_goals_odd": _pending_goals_odd,
    "addition.session_salt_and_tokens": _session_salt_and_tokens,
    "addition.session_dev_salt": _session_dev_salt,
    "addition.page_state": _page_state,
    "addition.page_state_ahead": _page_state_ahead,
    "addition.foreign_keys": _foreign_keys,
    "addition.foreign_key_lone_surrogate": _foreign_key_lone_surrogate,
    "addition.foreign_key_large": _foreign_key_large,
    "addition.hostile_keys": _hostile_keys,
    "addition.user_data_leftover": _user_data_leftover,
    "addition.meals_truncated": _meals_value(lambda text: text[: len(text) * 2 // 3]),
    "addition.meals_encoded_twice": _meals_value(stringify),
    "addition.meals_byte_order_mark": _meals_value(lambda text: f"\ufeff{text}"),
    "addition.meals_trailing_text": _meals_value(lambda text: f"{text}]"),
    "addition.meals_deep": _meals_value(lambda text: "[" * 3_000 + "]" * 3_000),
    "addition.meals_lone_surrogate": _meals_lone_surrogate,
    "addition.value_empty": _preferences_value(""),
    "addition.value_null": _preferences_value("null"),
    "addition.value_undefined": _preferences_value("undefined"),
    "addition.value_object_object": _preferences_value("[object Object]"),
    "addition.initial_state_leftover": _initial_state_leftover,
    "addition.auth_without_user": _auth_without_user,
    "addition.zone_unknown": _zone_unknown,
    "addition.name_unknown": _name_unknown,
}
