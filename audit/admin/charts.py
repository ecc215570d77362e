"""Charts drawn by the server: plain SVG bars for the eye, the same numbers as a table for everybody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import duration, number, share, zone_of
from accounts.admin.person_page import Text
from accounts.admin.tables import Column, Table
from audit.models import MigrationRun

HEIGHT: Final = 100
BARS: Final = 40
MEALS_COUNTED_UP_TO: Final = 20_000
"""Snapshots of a run; above that, items are shown instead of meals: they are in the batches, ready summed."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One column of a chart, in units of the drawing."""

    x: str
    y: str
    height: str
    tip: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over time; `summary` says in a sentence what the eye sees."""

    key: str
    title: Text
    total: str
    summary: str
    bars: list[Bar]
    width: int
    begins: str
    ends: str
    table: Table


@dataclass(frozen=True, slots=True)
class Moment:
    """What was committed in one stretch of time."""

    begin: datetime
    people: int
    items: int
    meals: int | None


def bar(part: float, whole: float) -> SafeString:
    """A horizontal bar for a table's cell; the number beside it says the same."""
    return format_html(
        '<svg class="dp-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="dp-bar-track" width="100" height="6"/><rect class="dp-bar-value" width="{}" height="6"/></svg>',
        share(part, whole),
    )


def column_chart(key: str, title: Text, moments: Sequence[Moment], values: Sequence[int], step: timedelta) -> Chart:
    """One bar a moment; the highest reaches the top."""
    highest = max(values, default=0)
    dated = bool(moments) and step * len(moments) > timedelta(hours=12)
    bars = [
        Bar(
            x=f"{position + 0.1:.1f}",
            y=f"{HEIGHT - (size := share(value, highest) * HEIGHT / 100):.2f}",
            height=f"{size:.2f}",
            tip=f"{_clock(moment.begin, dated=dated)} : {number(value)}",
        )
        for position, (moment, value) in enumerate(zip(moments, values, strict=True))
    ]
    return Chart(
        key=key,
        title=title,
        total=number(sum(values)),
        summary=gettext("au plus %(most)s en %(step)s") % {"most": number(highest), "step": duration(step)},
        bars=bars,
        width=max(len(bars), 1),
        begins=_clock(moments[0].begin, dated=dated) if moments else "",
        ends=_clock(moments[-1].begin + step, dated=dated) if moments else "",
        table=Table(
            caption=title,
            columns=(Column(_("Moment"), heads_row=True), Column(title, numeric=True)),
            rows=[
                (_clock(moment.begin, dated=dated), number(value))
                for moment, value in zip(moments, values, strict=True)
                if value
            ],
        ),
    )


def charts_of(run: MigrationRun) -> list[Chart]:
    """People and meals of a run over time, from what its batches have committed. At most two statements."""
    moments, step = moments_of(run)
    if not moments:
        return []
    people = column_chart("people", _("Personnes migrées"), moments, [moment.people for moment in moments], step)
    meals = [moment.meals for moment in moments]
    if None in meals:
        items = [moment.items for moment in moments]
        return [column_chart("items", _("Éléments lus (repas, favoris, réglages)"), moments, items, step), people]
    written = [count or 0 for count in meals]
    return [column_chart("meals", _("Repas migrés"), moments, written, step), people]


_SERIES = """
    WITH done AS (
        SELECT id, finished_at, users, items FROM migration_batches
        WHERE run_id = %(run)s AND status = 'committed' AND finished_at IS NOT NULL
    ), span AS (
        SELECT min(finished_at) AS begins, GREATEST(ceil(EXTRACT(EPOCH FROM max(finished_at) - min(finished_at)) / (%(bars)s - 1)), 1) AS step
        FROM done
    )
    SELECT floor(EXTRACT(EPOCH FROM done.finished_at - span.begins) / span.step)::int AS place, min(span.begins), min(span.step)::float,
           sum(done.users), sum(done.items)
    FROM done, span GROUP BY place ORDER BY place
"""

_MEALS = """
    SELECT floor(EXTRACT(EPOCH FROM batch.finished_at - %(begins)s) / %(step)s)::int AS place, sum(tally.created + tally.updated)
    FROM migration_tallies AS tally
    JOIN migration_run_snapshots AS plan ON plan.run_id = tally.run_id AND plan.snapshot_id = tally.snapshot_id
    JOIN migration_batches AS batch ON batch.id = plan.batch_id
    WHERE tally.run_id = %(run)s AND tally.kind = 'meal' AND batch.status = 'committed'
    GROUP BY place
"""


def moments_of(run: MigrationRun) -> tuple[list[Moment], timedelta]:
    """At most `BARS` stretches of whole seconds, the quiet ones too; a restart days later does not stretch the rest away: it shows as a gap."""
    with connection.cursor() as cursor:
        cursor.execute(_SERIES, {"run": run.pk, "bars": BARS})
        rows = cursor.fetchall()
        if not rows:
            return [], timedelta(0)
        begins, step = rows[0][1], rows[0][2]
        meals: dict[int, int] | None = None
        if run.snapshots_planned <= MEALS_COUNTED_UP_TO:
            cursor.execute(_MEALS, {"run": run.pk, "begins": begins, "step": step})
            meals = dict(cursor.fetchall())
    found = {place: (people, items) for place, _begins, _step, people, items in rows}
    return [
        Moment(
            begins + timedelta(seconds=step * place),
            *found.get(place, (0, 0)),
            meals=None if meals is None else meals.get(place, 0),
        )
        for place in range(max(found) + 1)
    ], timedelta(seconds=step)


def _clock(moment: datetime, *, dated: bool = False) -> str:
    local = moment.astimezone(zone_of())
    return f"{date_format(local, 'j N')} {local:%H:%M}" if dated else f"{local:%H:%M:%S}"
