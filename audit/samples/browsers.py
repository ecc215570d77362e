"""A browser at the moment of the capture, and the clean, canonical way in which a person's data lies in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from audit.samples.chance import below, between, happens
from audit.samples.clock import DAY, HOUR, MINUTE, at_local_clock, iso
from audit.samples.meals import draw_favorites, draw_meals, repertoire
from audit.samples.people import Person
from audit.samples.shapes import app_state, auth_record, stringify, token

Json = dict[str, Any]

ORIGIN = "https://app.example.fr"
PREFIX = "dynprot"


@dataclass(slots=True)
class Capture:
    """One line of a snapshot file. The values of `local` and `session` are text, as Web Storage keeps them."""

    person: Person
    captured: int
    local: dict[str, str]
    zone: str
    user_agent: str
    session: dict[str, str] | None = None
    page_state: Json | None = None
    name_known: bool = True

    def line(self) -> bytes:
        """The capture format: one JSON object in UTF-8, without a line end."""
        user = {"email": self.person.email, "username": self.person.username, "legacy_id": self.person.legacy_id}
        if self.name_known:
            user["name"] = self.person.name
        document: Json = {
            "user": user,
            "captured_at": iso(self.captured),
            "timezone": self.zone,
            "origin": ORIGIN,
            "user_agent": self.user_agent,
            "local_storage": self.local,
        }
        if self.session is not None:
            document["session_storage"] = self.session
        if self.page_state is not None:
            document["page_state"] = self.page_state
        return stringify(document).encode()


@dataclass(slots=True)
class Draft:
    """What a person has in the app, before it is laid out in a browser. Layouts and oddities work on this."""

    person: Person
    captured: int
    meals: list[Any]
    favorites: list[Any]
    partner: Callable[[], Draft]
    """Somebody else who uses the same browser now and then."""
    state: Json = field(init=False)

    def __post_init__(self) -> None:
        self.state = app_state(self.person, self.meals, self.favorites, self.captured)

    def key(self, store: str, prefix: str = PREFIX) -> str:
        return f"{prefix}-{store}-{self.person.legacy_id}"

    def state_with(self, **changes: object) -> Json:
        """The AppState with other parts, without touching this draft's."""
        return {**self.state, **changes}


def capture_instant(person: Person, anchor_ordinal: int) -> int:
    """When that person's browser is captured: in the three weeks from the anchor, at some waking hour."""
    rng = person.chance("capture")
    return at_local_clock(
        person.zone, anchor_ordinal + below(rng, 21), 7 * HOUR + between(rng, 0, 15 * 60) * MINUTE + below(rng, MINUTE)
    )


def draft_of(person: Person, meals: int, anchor_ordinal: int, partner: Callable[[], Draft]) -> Draft:
    captured = capture_instant(person, anchor_ordinal)
    usual = repertoire(person)
    return Draft(
        person=person,
        captured=captured,
        meals=draw_meals(person, usual, meals, captured),
        favorites=draw_favorites(person, usual, captured),
        partner=partner,
    )


def with_tokens(capture: Capture) -> Capture:
    """Signed in: tokens in local storage with 'remember me', else in session storage; `remember_me` always local."""
    person = capture.person
    rng = person.chance("tokens")
    tokens = {
        "access_token": token(person, "access"),
        "refresh_token": token(person, "refresh"),
        "token_expires": str(capture.captured + below(rng, DAY)),
    }
    remembered = happens(rng, 60)
    capture.local["remember_me"] = "true" if remembered else "false"
    if remembered:
        capture.local.update(tokens)
    else:
        capture.session = {**(capture.session or {}), **tokens}
    return capture


def bare(draft: Draft, local: dict[str, str]) -> Capture:
    """A capture of the draft's person with just these keys."""
    return Capture(draft.person, draft.captured, local, draft.person.zone, draft.person.user_agent)


def canonical(draft: Draft) -> Capture:
    """The clean form: everything in `dynprot-app-state-<id>`, the auth record and the tokens beside it."""
    return with_tokens(
        bare(
            draft,
            {
                draft.key("app-state"): stringify(draft.state),
                f"{PREFIX}-auth": stringify(auth_record(draft.person, draft.captured)),
            },
        )
    )
