"""Small bars of protein against the goal, drawn as SVG on the server: no script, a title and a description, a table beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.admin.display import number, quantity
from nutrition.models import DailySummary

DAYS: Final = 14
_WIDTH, _HEIGHT, _BASE, _TOP = 448, 168, 140, 12
_STEP: Final = _WIDTH // DAYS
_BAR: Final = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: its bar, the line of its goal, and its words."""

    x: int
    y: float
    height: float
    goal_y: float
    label: str
    weekday: str
    title: str
    met: bool
    empty: bool


@dataclass(frozen=True, slots=True)
class DayChart:
    """Coordinates in the units of the view box, ready for the template."""

    bars: list[Bar]
    title: str
    description: str
    view_box: str = f"0 0 {_WIDTH} {_HEIGHT}"
    width: int = _WIDTH
    base: int = _BASE
    step: int = _STEP
    bar_width: int = _BAR
    label_y: int = _BASE + 20


def draw(summaries: Iterable[DailySummary], last_day: date, goal: int) -> DayChart:
    """The DAYS local days up to `last_day`; a day without a row has no meals, and `goal` (g) is drawn for it."""
    rows = {summary.summary_date: summary for summary in summaries}
    days = [last_day - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    goals = {day: rows[day].protein_goal if day in rows else goal for day in days}
    totals = {day: rows[day].total_protein if day in rows else Decimal(0) for day in days}
    highest = max(1.0, *map(float, goals.values()), *map(float, totals.values()))
    unit = (_BASE - _TOP) / highest
    bars = [
        Bar(
            x=index * _STEP + (_STEP - _BAR) // 2,
            y=round(_BASE - float(totals[day]) * unit, 1),
            height=round(float(totals[day]) * unit, 1),
            goal_y=round(_BASE - goals[day] * unit, 1),
            label=str(day.day),
            weekday=date_format(day, "D")[:1],
            title=_("%(day)s : %(total)s sur %(goal)s")
            % {
                "day": date_format(day, "l j F"),
                "total": quantity(totals[day], "g", 1),
                "goal": quantity(goals[day], "g"),
            },
            met=day in rows and rows[day].protein_goal_met,
            empty=day not in rows,
        )
        for index, day in enumerate(days)
    ]
    reached = sum(bar.met for bar in bars)
    return DayChart(
        bars=bars,
        title=_("Protéines par jour local, du %(first)s au %(last)s")
        % {"first": date_format(days[0], "j N"), "last": date_format(days[-1], "j N Y")},
        description=_("Jours à l'objectif : %(reached)s sur %(days)s ; jours avec des repas : %(recorded)s.")
        % {"reached": number(reached), "days": number(DAYS), "recorded": number(len(rows))},
    )
