"""Sample snapshots as a stream of lines: who is dirty, what goes wrong with them, and the census of it.

Forms are dealt in turn, not drawn, so that a file of some hundred people has them all. Each person is made
from the seed and their number alone, so that memory does not grow with the number of people and the first
hundred of a thousand are the same as the first hundred of a hundred.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import cycle

from audit.samples.additions import ADDITIONS
from audit.samples.browsers import Capture, Draft, canonical, draft_of
from audit.samples.chance import below
from audit.samples.layouts import LAYOUTS
from audit.samples.meal_oddities import MEAL_ODDITIES
from audit.samples.meals import MOST_MEALS
from audit.samples.oddities import Scene
from audit.samples.people import person_at
from audit.samples.person_oddities import FAVORITES_TABLE, PROFILE_TABLE

ANCHOR = date(2026, 6, 1)
"""Captures fall in the three weeks from this day; meals lie before it or shortly after."""

FORMS: tuple[str, ...] = (*LAYOUTS, *ADDITIONS, *PROFILE_TABLE, *FAVORITES_TABLE, *MEAL_ODDITIES)
"""The names of everything that can be wrong, in the order in which it is dealt."""

PERCENTAGES = range(101)
FEWEST_ODD_MEALS = 10  # in a dirty person, so that small files have all forms as well


@dataclass(slots=True)
class Census:
    """What has been dealt so far; complete when the stream has been read to its end."""

    forms: Counter[str] = field(default_factory=Counter)
    people: int = 0
    dirty_people: int = 0
    lines: int = 0


def is_dirty(index: int, dirty: int) -> bool:
    """Spreads `dirty` people in each hundred evenly."""
    return (index + 1) * dirty // 100 > index * dirty // 100


class _Dealer:
    """Deals every form in turn and counts what it dealt."""

    def __init__(self, dirty: int, census: Census) -> None:
        self.dirty = dirty
        self.census = census
        self.forms = census.forms
        self.layouts = cycle(LAYOUTS.items())
        self.additions = cycle(ADDITIONS.items())
        self.profile = cycle(PROFILE_TABLE.items())
        self.favorites = cycle(FAVORITES_TABLE.items())
        self.meals = cycle(MEAL_ODDITIES.items())

    def captures(self, draft: Draft) -> list[Capture]:
        """The person's browsers, spoiled if it is their turn."""
        spoiled = is_dirty(draft.person.index, self.dirty)
        captures = self.spoil(draft) if spoiled else [canonical(draft)]
        self.census.people += 1
        self.census.dirty_people += spoiled
        self.census.lines += len(captures)
        return captures

    def spoil(self, draft: Draft) -> list[Capture]:
        """The browsers of a dirty person."""
        rng = draft.person.chance("spoil")
        layout_name, layout = next(self.layouts)
        if layout.meals:
            self._spoil_meals(draft)
        for wanted, table in ((layout.settings, self.profile), (layout.favorites, self.favorites)):
            if wanted:
                name, oddity = next(table)
                oddity(draft.state, rng)
                self.forms[name] += 1
        captures = layout.build(draft)
        self.forms[layout_name] += 1
        for _ in range(2):
            name, addition = next(self.additions)
            addition(captures[0], draft, rng)
            self.forms[name] += 1
        return captures

    def _spoil_meals(self, draft: Draft) -> None:
        """Puts oddities at even distances, `dirty` percent of the meals but never less than a few."""
        proper = list(draft.meals)
        if not proper:
            return
        rng = draft.person.chance("oddities")
        wanted = max(round(len(proper) * self.dirty / 100), min(FEWEST_ODD_MEALS, len(proper) // 2), 1)
        stride = len(proper) // wanted
        start = below(rng, stride)
        for turn in range(wanted):
            position = start + turn * stride
            name, oddity = next(self.meals)
            meal = proper[position]
            scene = Scene(rng, draft.person.zone, int(meal["id"]), proper[position - 1])
            draft.meals[position] = oddity(meal, scene)
            self.forms[name] += 1


def generate(
    users: int, meals_per_user: int, seed: int, dirty: int, *, census: Census | None = None, anchor: date = ANCHOR
) -> Iterator[bytes]:
    """The lines of a snapshot file, without line ends. `dirty` is a whole percentage; 0 is the canonical form.

    The same arguments give the same bytes on every machine. Raises ValueError for impossible arguments.
    """
    if users < 0 or not 0 <= meals_per_user <= MOST_MEALS or dirty not in PERCENTAGES:
        raise ValueError(f"users >= 0, 0 <= meals per user <= {MOST_MEALS} and 0 <= dirty <= 100 are possible")
    dealer = _Dealer(dirty, census or Census())

    def draft_at(index: int) -> Draft:
        neighbour = index + 1 if index + 1 < users or index == 0 else index - 1
        return draft_of(person_at(seed, index), meals_per_user, anchor.toordinal(), partial(draft_at, neighbour))

    return (capture.line() for index in range(users) for capture in dealer.captures(draft_at(index)))
