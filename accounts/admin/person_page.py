"""One person's page: a header and panels. Each room adds its own panels, so that this room need not know those above it.

A panel is asked only when the reader has its permission; otherwise the page says that it is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from django.http import HttpRequest
from django.utils.functional import Promise

from accounts.admin.display import Badge
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
    """All panels in order, read where the reader has the permission."""
    return [
        ShownPanel(panel, panel.read(request, person) if request.user.has_perm(panel.permission) else None)
        for panel in sorted(_PANELS.values(), key=lambda panel: (panel.order, panel.key))
    ]


def figures_of(panels: Iterable[ShownPanel]) -> list[Figure]:
    """The numbers of all shown panels, in the numbers' own order."""
    figures = [figure for shown in panels if shown.content for figure in shown.content.figures]
    return sorted(figures, key=lambda figure: figure.order)


def badges_of(panels: Iterable[ShownPanel]) -> list[Badge]:
    """The badges of all shown panels, in their order."""
    return [badge for shown in panels if shown.content for badge in shown.content.badges]
