"""The ways in which a person's data came to lie in the keys of one or more browsers. A dirty person has one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from audit.samples.browsers import PREFIX, Capture, Draft, bare, canonical, with_tokens
from audit.samples.chance import hex_digits, pick
from audit.samples.clock import DAY, HOUR, iso
from audit.samples.legacy_cipher import seal, unprefixed
from audit.samples.people import USER_AGENTS
from audit.samples.shapes import auth_record, preferences, stringify

Json = dict[str, Any]
OTHER_PREFIXES = ("dynprot-test", "dynprot-staging", "proteines", "mon_app")
ADDED_LATE = ("carbs", "fat", "fiber", "tags", "calories")


@dataclass(frozen=True, slots=True)
class Layout:
    """How to lay a draft out, and what of it can still be read (nothing odd is put where nobody can see it)."""

    build: Callable[[Draft], list[Capture]]
    meals: bool = True
    settings: bool = True
    favorites: bool = True


def _is_proper(meal: object) -> bool:
    return isinstance(meal, dict) and type(meal.get("protein")) in (int, float)


def edited(meals: list[Any], every: int) -> list[Any]:
    """Every so many meals changed by the person: more protein, another wording; same id, same instant."""
    return [
        {**meal, "protein": meal["protein"] + 5, "description": f"{meal.get('description')} (resservi)"}
        if position % every == 0 and _is_proper(meal)
        else meal
        for position, meal in enumerate(meals)
    ]


def poorer(meals: list[Any]) -> list[Any]:
    """The meals as an older build kept them, without what came late."""
    return [
        {key: value for key, value in meal.items() if key not in ADDED_LATE} if isinstance(meal, dict) else meal
        for meal in meals
    ]


def part(items: list[Any], low: int, high: int) -> list[Any]:
    """The items from `low` to `high` percent."""
    return items[len(items) * low // 100 : len(items) * high // 100]


def _auth(draft: Draft) -> str:
    return stringify(auth_record(draft.person, draft.captured))


def _both_keys(state_meals: Callable[[list[Any]], list[Any]], key_meals: Callable[[list[Any]], list[Any]]) -> Layout:
    def build(draft: Draft) -> list[Capture]:
        capture = canonical(draft)
        capture.local[draft.key("app-state")] = stringify(draft.state_with(meals=state_meals(draft.meals)))
        capture.local[draft.key("meals")] = stringify(key_meals(draft.meals))
        return [capture]

    return Layout(build)


def _separate_keys(draft: Draft) -> list[Capture]:
    stores = {"user-profile": draft.state["user"], "meals": draft.meals, "preferences": draft.state["preferences"]}
    local = {draft.key(store): stringify(value) for store, value in stores.items()}
    return [with_tokens(bare(draft, {**local, f"{PREFIX}-auth": _auth(draft)}))]


def _keys_beside(draft: Draft) -> list[Capture]:
    """Profile and preferences of an earlier build beside the app state, no longer the same."""
    capture = canonical(draft)
    older = {**(draft.state["user"] or {}), "dailyProteinGoal": 110, "weightKg": 81}
    capture.local[draft.key("user-profile")] = stringify(older)
    capture.local[draft.key("preferences")] = stringify({**preferences(draft.person), "notifications": False})
    return [capture]


def _unsuffixed_app_state(draft: Draft) -> list[Capture]:
    """No user id could be read, so nothing has a suffix."""
    return [with_tokens(bare(draft, {f"{PREFIX}-app-state": stringify(draft.state)}))]


def _unsuffixed_keys(draft: Draft) -> list[Capture]:
    """Leftovers that never were moved: only the app state ever is."""
    capture = canonical(draft)
    capture.local[draft.key("app-state")] = stringify(draft.state_with(meals=part(draft.meals, 0, 60)))
    leftovers = {"meals": part(draft.meals, 30, 100), "user-profile": draft.state["user"]}
    for store, value in {**leftovers, "preferences": preferences(draft.person)}.items():
        capture.local[f"{PREFIX}-{store}"] = stringify(value)
    return [capture]


def _other_prefix(draft: Draft) -> list[Capture]:
    capture = canonical(draft)
    prefix = pick(draft.person.chance("prefix"), OTHER_PREFIXES)
    capture.local = {
        key.replace(f"{PREFIX}-", f"{prefix}-", 1) if key.startswith(f"{PREFIX}-") else key: value
        for key, value in capture.local.items()
    }
    capture.local[draft.key("meals", prefix)] = stringify(part(draft.meals, 70, 100))
    return [capture]


def _shared(draft: Draft, local: dict[str, str]) -> list[Capture]:
    """One local storage, captured once by each of its two users (and in the zone of that one browser)."""
    owner, guest = canonical(draft), draft.partner()
    owner.local |= local
    owner.local[guest.key("app-state")] = stringify(guest.state_with(meals=part(guest.meals, 0, 40)))
    return [owner, replace(owner, person=guest.person, captured=owner.captured + HOUR, session=None)]


def _shared_unsuffixed(draft: Draft) -> list[Capture]:
    """What has no suffix may belong to either."""
    unowned = {
        draft.key("app-state"): stringify(draft.state_with(meals=part(draft.meals, 0, 70))),
        f"{PREFIX}-meals": stringify(part(draft.meals, 70, 100)),
        f"{PREFIX}-preferences": stringify(preferences(draft.person)),
    }
    return _shared(draft, unowned)


def _second_browser(draft: Draft) -> list[Capture]:
    """Phone and computer: overlapping meals, some edited on the second, which is captured later."""
    first, second = canonical(draft), canonical(draft)
    first.local[draft.key("app-state")] = stringify(draft.state_with(meals=part(draft.meals, 0, 70)))
    newer = draft.state_with(
        meals=edited(part(draft.meals, 40, 100), every=7),
        favoriteMeals=_used_again(draft.favorites, draft.captured),
        preferences=preferences(draft.person),
    )
    second.local[draft.key("app-state")] = stringify(newer)
    second.captured += DAY + 3 * HOUR
    second.user_agent = next(agent for agent in USER_AGENTS if agent != first.user_agent)
    return [first, second]


def _used_again(favorites: list[Any], instant: int) -> list[Any]:
    return [
        {**favorite, "useCount": favorite["useCount"] + 2, "lastUsed": iso(instant)}
        if isinstance(favorite, dict) and type(favorite.get("useCount")) is int
        else favorite
        for favorite in favorites
    ]


def _captured_twice(draft: Draft) -> list[Capture]:
    """The same bytes twice: one snapshot."""
    capture = canonical(draft)
    return [capture, capture]


def _recaptured_later(draft: Draft) -> list[Capture]:
    """The same browser some days on: meals added, edited and deleted since."""
    first, second = canonical(draft), canonical(draft)
    first.local[draft.key("app-state")] = stringify(draft.state_with(meals=part(draft.meals, 0, 90)))
    kept = [meal for position, meal in enumerate(edited(draft.meals, every=11)) if position % 29]
    second.local[draft.key("app-state")] = stringify(draft.state_with(meals=kept))
    second.captured += 4 * DAY
    return [first, second]


def _with_state(change: Callable[[Draft], Json]) -> Callable[[Draft], list[Capture]]:
    def build(draft: Draft) -> list[Capture]:
        capture = canonical(draft)
        capture.local[draft.key("app-state")] = stringify(change(draft))
        return [capture]

    return build


def _favorites_missing(draft: Draft) -> Json:
    return {key: value for key, value in draft.state.items() if key != "favoriteMeals"}


def _objects_for_arrays(draft: Draft) -> Json:
    return draft.state_with(
        meals={str(position): meal for position, meal in enumerate(draft.meals)},
        favoriteMeals={"items": draft.favorites},
    )


def _array_for_state(draft: Draft) -> list[Capture]:
    capture = canonical(draft)
    capture.local[draft.key("app-state")] = stringify(draft.meals)
    return [capture]


def _encrypted_auth(draft: Draft) -> list[Capture]:
    """The id cannot be read back, so that everything since lies under keys without suffix."""
    rng = draft.person.chance("cipher")
    salt = hex_digits(rng, 64)
    local = {f"{PREFIX}-auth": seal(_auth(draft), salt, rng), f"{PREFIX}-app-state": stringify(draft.state)}
    return [replace(with_tokens(bare(draft, local)), session={f"{PREFIX}-encryption-salt": salt})]


def _encrypted(draft: Draft) -> list[Capture]:
    """Everything that the app wrote is sealed, and the tab that sealed it is gone."""
    rng = draft.person.chance("cipher")
    salt = hex_digits(rng, 64)
    stores = {
        "auth": _auth(draft),
        "app-state": stringify(draft.state),
        "preferences": stringify(draft.state["preferences"]),
    }
    return [bare(draft, {f"{PREFIX}-{store}": seal(text, salt, rng) for store, text in stores.items()})]


def _encrypted_page_open(draft: Draft) -> list[Capture]:
    """Sealed, but the page still runs: its state is the only way in which the meals come back."""
    rng = draft.person.chance("cipher")
    salt = hex_digits(rng, 64)
    capture = canonical(draft)
    capture.local[draft.key("app-state")] = seal(capture.local[draft.key("app-state")], salt, rng)
    capture.session = {**(capture.session or {}), f"{PREFIX}-encryption-salt": salt}
    capture.page_state = draft.state
    return [capture]


def _unprefixed_base64(draft: Draft) -> list[Capture]:
    rng = draft.person.chance("cipher")
    capture = canonical(draft)
    key = draft.key("app-state")
    capture.local[key] = unprefixed(capture.local[key], rng)
    return [capture]


def _truncated(draft: Draft) -> list[Capture]:
    """The quota was reached in mid-write."""
    capture = canonical(draft)
    key = draft.key("app-state")
    capture.local[key] = capture.local[key][: len(capture.local[key]) * 3 // 5]
    return [capture]


LAYOUTS: dict[str, Layout] = {
    "layout.both_keys_agree": _both_keys(list, list),
    "layout.app_state_fuller": _both_keys(list, lambda meals: poorer(part(meals, 0, 80))),
    "layout.meals_key_fuller": _both_keys(lambda meals: poorer(part(meals, 20, 100)), list),
    "layout.both_keys_disagree": _both_keys(
        lambda meals: part(meals, 0, 90), lambda meals: edited(part(meals, 10, 100), 5)
    ),
    "layout.separate_keys": Layout(_separate_keys, settings=False, favorites=False),
    "layout.profile_and_preferences_keys_beside": Layout(_keys_beside),
    "layout.unsuffixed_app_state": Layout(_unsuffixed_app_state),
    "layout.unsuffixed_keys": Layout(_unsuffixed_keys),
    "layout.other_prefix": Layout(_other_prefix),
    "layout.shared_browser": Layout(lambda draft: _shared(draft, {})),
    "layout.shared_browser_unsuffixed": Layout(_shared_unsuffixed),
    "layout.second_browser": Layout(_second_browser),
    "layout.captured_twice": Layout(_captured_twice),
    "layout.recaptured_later": Layout(_recaptured_later),
    "layout.empty_arrays": Layout(
        _with_state(lambda draft: draft.state_with(meals=[], favoriteMeals=[])), meals=False, favorites=False
    ),
    "layout.favorites_missing": Layout(_with_state(_favorites_missing), favorites=False),
    "layout.null_arrays": Layout(
        _with_state(lambda draft: draft.state_with(meals=None, favoriteMeals=None)), meals=False, favorites=False
    ),
    "layout.objects_for_arrays": Layout(_with_state(_objects_for_arrays)),
    "layout.array_for_app_state": Layout(_array_for_state, settings=False, favorites=False),
    "layout.encrypted_auth": Layout(_encrypted_auth),
    "layout.encrypted": Layout(_encrypted, meals=False, settings=False, favorites=False),
    "layout.encrypted_page_open": Layout(_encrypted_page_open),
    "layout.unprefixed_base64": Layout(_unprefixed_base64, meals=False, settings=False, favorites=False),
    "layout.truncated_app_state": Layout(_truncated, meals=False, settings=False, favorites=False),
}
