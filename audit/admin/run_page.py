"""What the page of a run shows, made ready for its template. Twelve statements, however big the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import (
    Badge,
    admin_url,
    duration,
    instant,
    mono,
    number,
    object_link,
    printable,
    readable_json,
    share,
    two_lines,
)
from accounts.admin.person_page import Figure
from accounts.admin.tables import Column, Table
from accounts.models import User
from audit import selectors
from audit.admin.equation import Equation, equation
from audit.admin.run_reasons import reasons_of
from audit.admin.words import (
    batch_badge,
    dry_run_badge,
    event_text,
    run_badge,
    run_sentence,
    status_change,
    verdict_badge,
)
from audit.models import MigrationBatch, MigrationOutcome, MigrationRun, Outcome, RunStatus, StorageSnapshot

BATCHES_SHOWN: Final = 60
EVENTS_SHOWN: Final = 40
DIFFERENCES_SHOWN: Final = 50
ENDED: Final = {
    RunStatus.COMPLETED,
    RunStatus.COMPLETED_WITH_QUARANTINE,
    RunStatus.FAILED,
    RunStatus.CANCELLED,
    RunStatus.ROLLED_BACK,
    RunStatus.ROLLBACK_FAILED,
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come, in percent of its people."""

    percent: float
    label: str


def run_page(run: MigrationRun) -> dict[str, Any]:
    """The context of the run's template."""
    tally = equation(selectors.equation_of_run(run))
    sums = selectors.sums_of_batches(run)
    return {
        "run": run,
        "badges": [badge for badge in (run_badge(run), dry_run_badge(run), verdict_badge(run.verdict)) if badge],
        "sentence": run_sentence(run),
        "error": printable(run.error),
        "facts": _facts(run),
        "figures": _figures(run, tally, sums),
        "progress": _progress(run, sums),
        "equation": tally,
        "batches": _batches(run, sums),
        "strip": _strip(run, sums),
        "reasons": reasons_of(run, tally),
        "verification": _verification(run),
        "digests": _digests(run),
        "events": _events(run),
        "report": readable_json(run.report) if run.report else "",
        "report_url": admin_url(MigrationRun, "report", run.pk),
    }


def elapsed(run: MigrationRun) -> timedelta | None:
    """From its start to its end, or to now."""
    return (run.finished_at or timezone.now()) - run.started_at if run.started_at else None


def _facts(run: MigrationRun) -> list[tuple[str, Any]]:
    people = (
        object_link(User, run.started_by_id, run.started_by.email)
        if run.started_by
        else gettext("la ligne de commande")
    )
    return [
        (gettext("Lancée par"), people),
        (gettext("Commencée"), instant(run.started_at or run.created_at)),
        (gettext("Terminée"), instant(run.finished_at)),
        (gettext("Durée"), duration(elapsed(run))),
        (gettext("Portée"), gettext("tout le monde") if run.scope == "all" else mono(run.scope)),
        (gettext("Personnes par lot"), number(run.batch_size)),
        *(
            (mono(name), _option(value))
            for name, value in sorted(run.options.items())
            if value not in (None, "", [], {}, False)
        ),
    ]


def _option(value: Any) -> str:
    if value is True:
        return gettext("oui")
    return printable(", ".join(map(str, value)) if isinstance(value, list) else str(value))[:200]


def _figures(run: MigrationRun, tally: Equation, sums: selectors.BatchSums) -> list[Figure]:
    seconds = float(run.report.get("seconds") or 0) or (span.total_seconds() if (span := elapsed(run)) else 0)
    rate = run.report.get("meals_per_second")
    quarantine_url = (
        f"{admin_url(MigrationOutcome, 'changelist')}?run__id__exact={run.pk}&outcome__exact={Outcome.QUARANTINED}"
    )
    return [
        Figure(_("Personnes"), number(run.users_planned or sums.people), icon="group"),
        Figure(_("Instantanés"), number(run.snapshots_planned), icon="photo_camera"),
        Figure(_("Éléments trouvés"), number(tally.found), icon="dataset"),
        Figure(
            _("Créés"),
            number(tally.created),
            hint=gettext("%(days)s jours résumés") % {"days": number(sums.days_done)},
            icon="add_circle",
        ),
        Figure(
            _("En quarantaine"),
            number(tally.quarantined),
            hint=gettext("gardés tels quels, avec leur raison") if tally.quarantined else gettext("rien à reprendre"),
            url=quarantine_url if tally.quarantined else "",
            variant="warning" if tally.quarantined else "neutral",
            icon="front_hand",
        ),
        Figure(
            _("Débit"),
            number(rate or (tally.found / seconds if seconds else None)),
            hint=gettext("repas par seconde") if rate else gettext("éléments par seconde"),
            icon="speed",
        ),
    ]


def _progress(run: MigrationRun, sums: selectors.BatchSums) -> Progress:
    people = run.users_planned or sums.people
    done = 100.0 if run.status in ENDED and sums.done == sums.planned else share(sums.people_done, people)
    label = gettext("%(done)s lots sur %(planned)s, %(people)s personnes sur %(all)s") % {
        "done": number(sums.done),
        "planned": number(sums.planned),
        "people": number(sums.people_done),
        "all": number(people),
    }
    return Progress(done, label)


def _batches(run: MigrationRun, sums: selectors.BatchSums) -> Table:
    batches = selectors.batches_of_run(run, at_most=BATCHES_SHOWN)
    count = sum(sums.by_status.values())
    return Table(
        caption=_("Lots de cette migration"),
        columns=(
            Column(_("Lot"), heads_row=True),
            Column(_("État")),
            Column(_("Personnes"), numeric=True),
            Column(_("Instantanés"), numeric=True, wide_only=True),
            Column(_("Éléments"), numeric=True),
            Column(_("Jours résumés"), numeric=True, wide_only=True),
            Column(_("Essais"), numeric=True, wide_only=True),
            Column(_("Durée"), numeric=True),
        ),
        rows=[
            (
                object_link(MigrationBatch, batch.pk, gettext("Lot %(number)s") % {"number": number(batch.number)}),
                batch_badge(batch),
                number(batch.users),
                number(batch.snapshots),
                number(batch.items),
                number(batch.days),
                number(batch.attempt),
                duration(batch_time(batch)),
            )
            for batch in batches
        ],
        empty=_("Aucun lot n'est encore découpé."),
        more_url=f"{admin_url(MigrationBatch, 'changelist')}?run__id__exact={run.pk}" if count > BATCHES_SHOWN else "",
        more_label=gettext("Les %(count)s lots") % {"count": number(count)},
    )


def batch_time(batch: MigrationBatch) -> timedelta | None:
    """How long the last attempt of a batch took."""
    return batch.finished_at - batch.started_at if batch.finished_at and batch.started_at else None


def _strip(run: MigrationRun, sums: selectors.BatchSums) -> list[tuple[Badge, str]]:
    """Batches by state, with their number."""
    return [(batch_badge(MigrationBatch(status=status)), number(count)) for status, count in sums.by_status.items()]


def _verification(run: MigrationRun) -> dict[str, Any]:
    """The verifier's verdict as the report tells it, with the first differences."""
    told: dict[str, Any] = run.report.get("verification") or {}
    differences = [row for row in told.get("differences") or [] if isinstance(row, dict)]
    seconds = (run.report.get("phases") or {}).get("verify")
    return {
        "badge": verdict_badge(run.verdict or told.get("verdict", "")),
        "compared": number(told["compared"]) if isinstance(told.get("compared"), int) else "",
        "seconds": duration(seconds) if isinstance(seconds, int | float) else "",
        "differences": Table(
            caption=_("Différences entre les instantanés et les tables"),
            columns=(
                Column(_("Différence"), heads_row=True),
                Column(_("Où")),
                Column(_("D'après les octets")),
                Column(_("Dans les tables")),
            ),
            rows=[_difference(row) for row in differences[:DIFFERENCES_SHOWN]],
            empty=_("Aucune différence."),
        ),
    }


def _difference(row: dict[str, Any]) -> list[object]:
    """What is wrong, where, and both values; the keys are those of `audit.runs.verification.verdict.Difference`."""
    what = two_lines(
        printable(str(row.get("problem") or "")), " · ".join(str(row[key]) for key in ("kind", "field") if row.get(key))
    )
    links = [
        object_link(StorageSnapshot, row["snapshot"], gettext("Instantané %(id)s") % {"id": row["snapshot"]})
        if row.get("snapshot")
        else "",
        object_link(User, row["user"], gettext("la personne")) if row.get("user") else "",
    ]
    where = two_lines(
        mono(printable(str(row["path"]))) if row.get("path") else "",
        format_html_join(" · ", "{}", ((part,) for part in links if part)),
    )
    return [what, where, *(mono(printable(str(row.get(key, "")))[:300]) for key in ("expected", "actual"))]


def _digests(run: MigrationRun) -> list[tuple[str, str]]:
    after = run.digest_after or str(run.report.get("digest") or "")
    rows = [(gettext("Avant"), run.digest_before), (gettext("Après"), after)]
    shown: list[tuple[str, str]] = [(label, mono(digest)) for label, digest in rows if digest]
    if run.digest_before and after:
        same = run.digest_before == after
        shown.append(
            (
                gettext("Contenu"),
                gettext("identique : rien n'a changé") if same else gettext("changé par cette migration"),
            )
        )
    return shown


def _events(run: MigrationRun) -> list[dict[str, Any]]:
    return [
        {
            "at": instant(event.at),
            "actor": event.actor or gettext("le moteur"),
            "action": event_text(event.action),
            "change": status_change(event.old_status, event.new_status),
            "reason": printable(event.reason),
            "data": readable_json(event.data) if event.data else "",
        }
        for event in selectors.events_of_run(run, at_most=EVENTS_SHOWN)
    ]
