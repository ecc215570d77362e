"""Small bars of protein against the goal of each day, drawn as SVG on the server: no script, a title and a description, a table beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.admin.display import number, quantity
from nutrition.models import DailySummary

DAYS: Final = 30
_STEP: Final = 22
_BAR: Final = 14
_WIDTH: Final = DAYS * _STEP
_HEIGHT, _BASE, _TOP = 196, 164, 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: its bar, the line of its goal, and its words."""

    x: int
    left: int
    y: float
    height: float
    goal_y: float
    label: str
    title: str
    met: bool
    empty: bool


@dataclass(frozen=True, slots=True)
class DayChart:
    """Coordinates in the units of the view box, ready for the template."""

    bars: list[Bar]
    title: str
    description: str
    goal_label: str
    goal_label_y: float
    view_box: str = f"0 0 {_WIDTH} {_HEIGHT}"
    width: int = _WIDTH
    top: int = _TOP
    slot: int = _BASE - _TOP
    step: int = _STEP
    bar_width: int = _BAR
    middle: int = _BAR // 2
    label_y: int = _BASE + 24


def draw(summaries: Iterable[DailySummary], last_day: date, goals: Mapping[date, int]) -> DayChart:
    """The DAYS local days up to `last_day`, each with the goal (g) that was in force on it; a day without a row has no meals."""
    rows = {summary.summary_date: summary for summary in summaries}
    days = days_up_to(last_day)
    totals = {day: rows[day].total_protein if day in rows else Decimal(0) for day in days}
    highest = max(1.0, *(float(goals[day]) for day in days), *map(float, totals.values()))
    unit = (_BASE - _TOP) / highest
    bars = [
        Bar(
            x=index * _STEP + (_STEP - _BAR) // 2,
            left=index * _STEP,
            y=round(_BASE - float(totals[day]) * unit, 1),
            height=round(float(totals[day]) * unit, 1),
            goal_y=round(_BASE - goals[day] * unit, 1),
            label=date_format(day, "j N") if day.weekday() == 0 else "",
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
    return DayChart(
        bars=bars,
        title=_("Protéines par jour local, du %(first)s au %(last)s")
        % {"first": date_format(days[0], "j F Y"), "last": date_format(days[-1], "j F Y")},
        description=_("Jours à l'objectif : %(reached)s sur %(days)s ; jours avec des repas : %(recorded)s.")
        % {
            "reached": number(sum(bar.met for bar in bars)),
            "days": number(DAYS),
            "recorded": number(len(rows)),
        },
        goal_label=quantity(goals[last_day], "g"),
        goal_label_y=bars[-1].goal_y - 5,
    )


def days_up_to(last_day: date) -> list[date]:
    """The DAYS days that end with `last_day`."""
    return [last_day - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
