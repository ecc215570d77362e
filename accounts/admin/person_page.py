"""One person's page: a header, panels and deeds. Each room adds its own, so that this room need not know those above it.

A panel is asked only when the reader has its permission; otherwise the page says that it is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from django.http import HttpRequest
from django.utils.functional import Promise

from accounts.admin.deeds import Deed
from accounts.admin.display import Badge
from accounts.looks import note_look
from accounts.models import User

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Figure:
    """One number at the top of a page, with what it counts and where to see it."""

    label: Text
    value: str
    hint: Text = ""
    url: str = ""
    variant: str = "neutral"
    icon: str = ""
    order: int = 50


@dataclass(frozen=True, slots=True)
class PanelContent:
    """What a panel found: the context of its template, numbers for the page's top, badges for its header."""

    context: dict[str, Any] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    badges: tuple[Badge, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the person's page: in the `main` column or at its `side`, from small to big `order`."""

    key: str
    title: Text
    template: str
    permission: str
    read: Callable[[HttpRequest, User], PanelContent]
    order: int
    place: Literal["main", "side"] = "main"
    icon: str = ""


@dataclass(frozen=True, slots=True)
class ShownPanel:
    """A panel as the template draws it; without content the reader may not see it."""

    panel: Panel
    content: PanelContent | None


_PANELS: dict[str, Panel] = {}


def register(panel: Panel) -> Panel:
    """Add a panel to the person's page; two panels cannot have one key."""
    if _PANELS.setdefault(panel.key, panel) is not panel:
        raise ValueError(f"The person's page already has a panel {panel.key!r}.")
    return panel


def panels_for(request: HttpRequest, person: User) -> list[ShownPanel]:
    """All panels in order, read where the reader has the permission, after it was written down which."""
    panels = sorted(_PANELS.values(), key=lambda panel: (panel.order, panel.key))
    allowed = {panel.key for panel in panels if request.user.has_perm(panel.permission)}
    note_look(request, person.pk, tuple(allowed))
    return [ShownPanel(panel, panel.read(request, person) if panel.key in allowed else None) for panel in panels]


def same_page(request: HttpRequest, anchor: str, **changed: object) -> str:
    """The address of the page that is being looked at with other parameters (None: without it), at one of its panels."""
    query = request.GET.copy()
    for name, value in changed.items():
        query.pop(name, None)
        if value is not None:
            query[name] = str(value)
    return f"?{query.urlencode()}#{anchor}"


def asked(request: HttpRequest, name: str) -> str:
    """A parameter of a panel; PostgreSQL has no text with NUL."""
    return request.GET.get(name, "").replace("\0", "").strip()


def asked_day(request: HttpRequest, name: str) -> date | None:
    """A parameter that is a day; anything else is none."""
    try:
        return date.fromisoformat(asked(request, name))
    except ValueError:
        return None


def figures_of(panels: Iterable[ShownPanel]) -> list[Figure]:
    """The numbers of all shown panels, in the numbers' own order."""
    figures = [figure for shown in panels if shown.content for figure in shown.content.figures]
    return sorted(figures, key=lambda figure: figure.order)


def badges_of(panels: Iterable[ShownPanel]) -> list[Badge]:
    """The badges of all shown panels, in their order."""
    return [badge for shown in panels if shown.content for badge in shown.content.badges]


# --- Deeds -----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class StatePart:
    """One thing that confirmation pages about a person depend on: `read` gives a short code without `;` and `=`, `words` says it."""

    key: str
    read: Callable[[User], str]
    words: Callable[[str], str]
    order: int = 50


_DEEDS: dict[str, Deed] = {}
_ON_TEAM: set[str] = set()
_STATE: dict[str, StatePart] = {}


def register_deed(deed: Deed, *, on_team: bool = False) -> Deed:
    """Add a button to the person's page; two cannot have one key. `on_team`: may be done to members of the team by others than superusers."""
    if _DEEDS.setdefault(deed.key, deed) is not deed:
        raise ValueError(f"The person's page already has a deed {deed.key!r}.")
    if on_team:
        _ON_TEAM.add(deed.key)
    return deed


def person_deeds() -> tuple[Deed, ...]:
    """All of them."""
    return tuple(_DEEDS.values())


def may_be_done_to(request: HttpRequest, person: User, key: str) -> bool:
    """Members of the team are left to superusers: otherwise a deed could be a way to their rights."""
    team = person.is_staff or person.is_superuser
    return not team or key in _ON_TEAM or bool(getattr(request.user, "is_superuser", False))


def register_state(part: StatePart) -> StatePart:
    """Add something that makes confirmation pages stale when it changes."""
    if _STATE.setdefault(part.key, part) is not part:
        raise ValueError(f"The person's state already has a part {part.key!r}.")
    return part


def state_of_person(person: User) -> str:
    """All parts as `key=code;key=code`."""
    return ";".join(f"{part.key}={part.read(person)}" for part in _state_parts())


def state_in_words(state: str) -> str:
    """The same for people; what is not understood is left out."""
    codes = dict(pair.split("=", 1) for pair in state.split(";") if "=" in pair)
    return ", ".join(part.words(codes[part.key]) for part in _state_parts() if part.key in codes)


def _state_parts() -> list[StatePart]:
    return sorted(_STATE.values(), key=lambda part: (part.order, part.key))
