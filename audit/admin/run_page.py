"""What the page of a run shows below its head, tab by tab, made ready for its template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import (
    admin_url,
    duration,
    instant,
    mono,
    number,
    object_link,
    printable,
    readable_json,
    two_lines,
)
from accounts.admin.person_page import Figure, Text
from accounts.admin.tables import Column, Table
from accounts.looks import note_look
from accounts.models import User
from audit import selectors
from audit.admin.equation import Equation, equation
from audit.admin.run_deeds import sums_of
from audit.admin.run_head import WATCHED, head_of, signature_of
from audit.admin.run_reasons import reasons_of
from audit.admin.run_rollback import rollback_tab
from audit.admin.run_tabs import batch_table, batches_tab, quarantine_tab, settings_tab, strip_of, workbench_url
from audit.admin.run_words import difference_text, engine_text
from audit.admin.words import event_text, status_change, verdict_badge
from audit.models import MigrationRun, StorageSnapshot

OVERVIEW_BATCHES: Final = 8
OVERVIEW_EVENTS: Final = 6
EVENTS_SHOWN: Final = 100
OVERVIEW_DIFFERENCES: Final = 5
DIFFERENCES_SHOWN: Final = 50
RAW_DATA: Final = "audit.view_raw_data"
VALUES: Final = frozenset({"expected", "actual"})
"""What of a difference is somebody's data."""

TABS: Final[tuple[tuple[str, Text, str], ...]] = (
    ("overview", _("Vue d'ensemble"), "monitoring"),
    ("batches", _("Lots"), "stacks"),
    ("quarantine", _("Quarantaine"), "front_hand"),
    ("verification", _("Vérification"), "fact_check"),
    ("rollback", _("Retour en arrière"), "undo"),
    ("events", _("Événements"), "event_note"),
    ("settings", _("Réglages"), "tune"),
)


def run_page(request: HttpRequest, run: MigrationRun, buttons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The context of the run's template: the head, and what the chosen tab shows. Some fifteen statements, however big the run."""
    head = head_of(run)
    chosen = next((key for key, _label, _icon in TABS if key == request.GET.get("tab")), "overview")
    contents: dict[str, Callable[[], dict[str, Any]]] = {
        "overview": lambda: _overview(request, run),
        "batches": lambda: batches_tab(request, run),
        "quarantine": lambda: quarantine_tab(run),
        "verification": lambda: {
            "verification": _verification(request, run, DIFFERENCES_SHOWN),
            "digests": _digests(run),
        },
        "rollback": lambda: rollback_tab(request, run),
        "events": lambda: {"events": _events(run, EVENTS_SHOWN)},
        "settings": lambda: settings_tab(request, run, buttons),
    }
    return {
        "run": run,
        "head": head,
        "buttons": buttons,
        "signature": signature_of(run, head, buttons),
        "live_url": admin_url(MigrationRun, "live", run.pk),
        "facts": _facts(run),
        "tab": chosen,
        "tab_template": f"admin/audit/migrationrun/tab_{chosen}.html",
        "tabs": [
            {"key": key, "label": label, "icon": icon, "url": f"?tab={key}", "current": key == chosen}
            for key, label, icon in TABS
        ],
        **contents[chosen](),
    }


def differences_of(run: MigrationRun) -> list[dict[str, Any]]:
    """What the last verification found."""
    told = run.report.get("verification")
    found = told.get("differences") if isinstance(told, dict) else None
    return [row for row in found or [] if isinstance(row, dict)]


def report_for(request: HttpRequest, run: MigrationRun) -> dict[str, Any]:
    """The run's report as this reader may see it. Values of people are a look, and are in it only for those who may see raw ones."""
    report: dict[str, Any] = run.report
    differences = differences_of(run)
    if not differences or _looks_at(request, differences):
        return report
    bare = [{key: value for key, value in row.items() if key not in VALUES} for row in differences]
    return {**report, "verification": {**report["verification"], "differences": bare}}


def _looks_at(request: HttpRequest, differences: Sequence[dict[str, Any]]) -> bool:
    """Whether the reader sees the values of these differences; it is written down that they do."""
    if not request.user.has_perm(RAW_DATA):
        return False
    if differences:
        people = {str(row.get("user") or "") for row in differences}
        note_look(request, _known(people.pop()) if len(people) == 1 else None, ("migration_runs",))
    return True


def _known(person: str) -> UUID | None:
    """The person, if there still is one."""
    return User.objects.filter(pk=person).values_list("pk", flat=True).first() if person else None


def _overview(request: HttpRequest, run: MigrationRun) -> dict[str, Any]:
    tally = equation(selectors.equation_of_run(run))
    sums = sums_of(run)
    batches = list(selectors.filtered_batches(run, selectors.BatchFilter())[:OVERVIEW_BATCHES])
    return {
        "figures": figures_of(run, tally),
        "equation": tally,
        "reasons": reasons_of(run, tally),
        "batches": batch_table(batches, more_url="?tab=batches", more_label=_("Tous les lots")),
        "strip": strip_of(sums),
        "verification": _verification(request, run, OVERVIEW_DIFFERENCES),
        "digests": _digests(run),
        "events": _events(run, OVERVIEW_EVENTS),
        "report": readable_json(report_for(request, run)) if run.report else "",
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


def figures_of(run: MigrationRun, tally: Equation) -> list[Figure]:
    """What was found and what became of it, large; the rate of a run at work is in its head."""
    sums = sums_of(run)
    seconds = float(run.report.get("seconds") or 0) or (span.total_seconds() if (span := elapsed(run)) else 0)
    rate = run.report.get("meals_per_second")
    figures = [
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
            url=workbench_url(run) if tally.quarantined else "",
            variant="warning" if tally.quarantined else "neutral",
            icon="front_hand",
        ),
    ]
    if run.status not in WATCHED:
        figures.append(
            Figure(
                _("Débit"),
                number(rate or (tally.found / seconds if seconds else None)),
                hint=gettext("repas par seconde") if rate else gettext("éléments par seconde"),
                icon="speed",
            )
        )
    return figures


def _verification(request: HttpRequest, run: MigrationRun, at_most: int) -> dict[str, Any]:
    """The verifier's verdict as the report tells it, with the first differences."""
    told: dict[str, Any] = run.report.get("verification") or {}
    differences = differences_of(run)
    values = _looks_at(request, differences)
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
                *((Column(_("D'après les octets")), Column(_("Dans les tables"))) if values else ()),
            ),
            rows=[_difference(row, values=values) for row in differences[:at_most]],
            empty=_("Aucune différence."),
            more_url="?tab=verification" if len(differences) > at_most == OVERVIEW_DIFFERENCES else "",
            more_label=_("Toutes les différences"),
        ),
        "hidden": bool(differences) and not values,
        "count": number(len(differences)) if differences else "",
    }


def _difference(row: dict[str, Any], *, values: bool) -> list[object]:
    """What is wrong, where, and (for those who may see them) both values; the keys are those of `audit.runs.verification.verdict.Difference`."""
    what = two_lines(
        difference_text(str(row.get("problem") or "")),
        " · ".join(str(row[key]) for key in ("kind", "field") if row.get(key)),
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
    shown = ("expected", "actual") if values else ()
    return [what, where, *(mono(printable(str(row.get(key, "")))[:300]) for key in shown)]


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


def _events(run: MigrationRun, at_most: int) -> list[dict[str, Any]]:
    return [
        {
            "at": instant(event.at),
            "actor": event.actor or gettext("le moteur"),
            "action": event_text(event.action),
            "change": status_change(event.old_status, event.new_status),
            "reason": engine_text(event.reason),
            "data": readable_json(event.data) if event.data else "",
        }
        for event in selectors.events_of_run(run, at_most=at_most)
    ]
