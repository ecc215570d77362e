"""The head of a run's page, and the small JSON that keeps it fresh: state, what comes next, progress, rate, throttle, legal buttons."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from django.utils.translation import gettext

from accounts.admin.display import Badge, duration, number, quantity, share
from accounts.admin.person_page import Figure
from audit import selectors
from audit.admin.equation import Equation
from audit.admin.run_deeds import MOVING, cohort_is_done, failed_batches, sums_of, was_just_moved, workers
from audit.admin.run_words import engine_text, next_steps
from audit.admin.words import dry_run_badge, event_text, run_badge, run_sentence, verdict_badge
from audit.models import MigrationRun, RunStatus
from audit.runs.status import status_of

R = RunStatus
WATCHED: Final = (R.PENDING, *MOVING)
"""In which a page that is open asks again every two seconds."""
_EXPLAINED: Final = (R.PAUSING, R.PAUSED, R.FAILED, R.CANCELLED, R.ROLLBACK_FAILED)
"""In which the last event's reason is worth the first line."""


class Progress(NamedTuple):
    """How far a run has come; no percentage where nobody can know it."""

    percent: float | None
    label: str


class Head(NamedTuple):
    """What the template shows first, and what the JSON repeats."""

    badges: Sequence[Badge]
    sentence: str
    error: str
    why: str
    stalled: str
    next_steps: Sequence[str]
    progress: Progress
    rate: str
    eta: str
    flow: Badge | None
    flow_reason: str
    hands: str
    watched: bool


def head_of(run: MigrationRun) -> Head:
    """Seven statements at most, over the run, its batches and its last event."""
    status = status_of(run)
    pace = selectors.recent_pace(run) if run.status in (R.RUNNING, R.PAUSING) else None
    flow, reason = flow_of(run)
    return Head(
        badges=[badge for badge in (run_badge(run), dry_run_badge(run), verdict_badge(run.verdict)) if badge],
        sentence=gettext("La cohorte de %(percent)s %% est passée et vérifiée : à vous de décider pour le reste.")
        % {"percent": f"{run.cohort_percent:g}"}
        if cohort_is_done(run)
        else run_sentence(run),
        error=engine_text(run.error),
        why=_why(run, status),
        stalled=_stalled(run, status),
        next_steps=next_steps(run),
        progress=_progress(run),
        rate=_rate(run, status, pace),
        eta=_eta(run, status, pace),
        flow=flow,
        flow_reason=reason,
        hands=gettext("%(workers)s au travail") % {"workers": workers(status["workers"])}
        if run.status in (R.RUNNING, R.PAUSING, R.CANCELLING)
        else "",
        watched=run.status in WATCHED,
    )


def _why(run: MigrationRun, status: dict[str, Any]) -> str:
    """The last event, where it says why the run is as it is."""
    event = status["last_event"]
    if run.status not in _EXPLAINED or not event or not event["reason"] or event["reason"] == run.error:
        return ""
    return f"{event_text(event['action'])} · {event['actor'] or gettext('le moteur')} : {engine_text(event['reason'])}"


def _stalled(run: MigrationRun, status: dict[str, Any]) -> str:
    if not status["stalled"] or was_just_moved(run):
        return ""
    return gettext(
        "Personne n'y travaille, ou un ouvrier ne donne plus de nouvelles. Le balayage la reprend ; vous pouvez aussi rappeler des ouvriers."
    )


def _progress(run: MigrationRun) -> Progress:
    sums = sums_of(run)
    if run.status == R.VERIFYING:
        return Progress(
            None, gettext("Le vérificateur compare les %(count)s personnes.") % {"count": number(run.users_planned)}
        )
    everybody = run.users_planned or sums.people
    if run.status in (R.ROLLING_BACK, R.ROLLBACK_FAILED):
        taken = int(run.rollback.get("people") or 0)
        moved = sums.people_done + sums.people_reverted
        label = gettext("%(done)s personnes défaites sur %(all)s") % {"done": number(taken), "all": number(moved)}
        return Progress(share(taken, moved), label)
    ended = run.status in (R.COMPLETED, R.COMPLETED_WITH_QUARANTINE)
    label = gettext("%(done)s lots sur %(planned)s, %(people)s personnes sur %(all)s") % {
        "done": number(sums.done),
        "planned": number(sums.planned),
        "people": number(sums.people_done),
        "all": number(everybody),
    }
    return Progress(100.0 if ended and sums.done == sums.planned else share(sums.people_done, everybody), label)


def _rate(run: MigrationRun, status: dict[str, Any], pace: selectors.Pace | None) -> str:
    if run.status not in (R.RUNNING, R.PAUSING):
        return ""
    per_second = pace.items_per_second if pace else status["items_per_second"]
    return gettext("%(rate)s par seconde") % {"rate": quantity(per_second, gettext("éléments"))} if per_second else ""


def _eta(run: MigrationRun, status: dict[str, Any], pace: selectors.Pace | None) -> str:
    if run.status != R.RUNNING:
        return ""
    left = round(run.users_planned * run.cohort_percent / 100) - status["people"]["done"]
    if left <= 0:
        return gettext("tout le monde est passé ; la vérification vient")
    seconds = left / pace.people_per_second if pace and pace.people_per_second else status["eta_seconds"]
    if seconds is None:
        return gettext("durée restante encore inconnue")
    if seconds < 10:
        return gettext("encore quelques secondes, puis la vérification")
    rest = duration(timedelta(seconds=max(round(seconds), 1))) if seconds >= 60 else quantity(round(seconds), "s")
    return gettext("encore environ %(time)s, puis la vérification") % {"time": rest}


def flow_of(run: MigrationRun) -> tuple[Badge | None, str]:
    """What the governor lets through, and its own sentence why."""
    if run.status not in (R.RUNNING, R.PAUSING, R.PAUSED):
        return None, ""
    flow = run.flow or {}
    if not run.options.get("governor"):
        text = gettext("Sans régulateur : %(workers)s") % {"workers": workers(run.workers)}
        return Badge(text, "neutral", "speed"), ""
    reason = engine_text(str(flow.get("reason") or ""))
    allowed, pause = min(int(flow.get("concurrency") or run.workers), run.workers), float(flow.get("pause") or 0)
    if not reason:
        return Badge(gettext("Le régulateur n'a encore rien mesuré"), "neutral", "speed"), ""
    if allowed < run.workers or pause:
        text = gettext("Ralentie : %(allowed)s sur %(workers)s, pause de %(pause)s") % {
            "allowed": number(allowed),
            "workers": workers(run.workers),
            "pause": duration(pause),
        }
        return Badge(text, "warning", "speed"), reason
    return Badge(gettext("Sans frein : %(workers)s") % {"workers": workers(run.workers)}, "success", "speed"), reason


# --- JSON ------------------------------------------------------------------------------------------------------------------


def signature_of(run: MigrationRun, head: Head, buttons: Sequence[dict[str, Any]]) -> str:
    """Changes when more of the page is out of date than the JSON can mend: the state, the buttons, notes, failed batches."""
    parts = [
        run.status,
        *(button["deed"].key for button in buttons),
        head.stalled,
        head.why,
        head.error,
        run.verdict,
        str(failed_batches(sums_of(run))),
        str(head.flow.text if head.flow else ""),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def live_of(
    run: MigrationRun, head: Head, tally: Equation, figures: Sequence[Figure], buttons: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """What the page asks for every two seconds: texts by slot, the equation's numbers, and the signature."""
    return {
        "status": run.status,
        "state": head.badges[0].text,
        "sentence": head.sentence,
        "watched": head.watched,
        "signature": signature_of(run, head, buttons),
        "percent": head.progress.percent,
        "texts": {
            "progress": head.progress.label,
            "rate": head.rate,
            "eta": head.eta,
            "hands": head.hands,
            "flow-reason": head.flow_reason,
        },
        "figures": [str(figure.value) for figure in figures],
        "equation": {
            "rows": [[str(cell) for cell in row[:-1]] for row in [*tally.table.rows, tally.table.footer]],
            "slices": {part.outcome: part.percent for part in tally.slices},
        },
    }
