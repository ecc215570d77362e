"""The first page: the latest migration with its equation and verdict, who waits, what is in quarantine."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import admin_url, duration, instant, number
from accounts.admin.person_page import Figure
from accounts.admin.tables import Column, Table
from accounts.models import User
from audit import selectors
from audit.admin.equation import equation
from audit.admin.reason_texts import reason_text
from audit.admin.run_page import elapsed
from audit.admin.run_reasons import reason_cell
from audit.admin.words import dry_run_badge, run_badge, run_sentence, verdict_badge
from audit.models import MigrationOutcome, MigrationRun, Outcome, SnapshotStatus, StorageSnapshot
from nutrition.models import MealEntry

CAUSES_SHOWN = 5

admin.site.index_template = "admin/audit/index.html"
admin.site.index_title = _("Vue d'ensemble")


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows to those who may see it (unfold's DASHBOARD_CALLBACK). At most eight statements."""
    context["figures"] = _figures(request)
    if request.user.has_perm("audit.view_migrationrun"):
        run = selectors.latest_run()
        context["latest"] = _latest(run) if run else None
        context["sees_runs"] = True
    return context


def _figures(request: HttpRequest) -> list[Figure]:
    figures: list[Figure] = []
    models = [
        model
        for model, permission in ((User, "accounts.view_user"), (MealEntry, "nutrition.view_mealentry"))
        if request.user.has_perm(permission)
    ]
    labels = {User: (_("Personnes"), "group"), MealEntry: (_("Repas"), "restaurant")}
    for model, estimate in selectors.estimated_counts(models).items():
        label, icon = labels[model]
        value = number(estimate.rows) if estimate.exact else f"≈ {number(estimate.rows)}"
        figures.append(Figure(label, value, url=admin_url(model, "changelist"), icon=icon))
    if request.user.has_perm("audit.view_storagesnapshot"):
        waiting = selectors.waiting_snapshots()
        figures += [
            _waiting(_("Instantanés en attente"), waiting.waiting, SnapshotStatus.WAITING, "hourglass_top"),
            _waiting(_("Instantanés sans compte"), waiting.unclaimed, SnapshotStatus.UNCLAIMED, "person_off"),
        ]
    return figures


def _waiting(label: Any, count: int, status: str, icon: str) -> Figure:
    shown = number(count) + ("+" if count == selectors.COUNTED_AT_MOST else "")
    url = f"{admin_url(StorageSnapshot, 'changelist')}?status__exact={status}"
    return Figure(label, shown, url=url, variant="warning" if count else "neutral", icon=icon)


def _causes(run: MigrationRun) -> Table:
    """The most frequent reasons of the quarantine."""
    url = f"{admin_url(MigrationOutcome, 'changelist')}?run__id__exact={run.pk}&outcome__exact={Outcome.QUARANTINED}"
    return Table(
        caption=_("Quarantaine, la cause la plus fréquente d'abord"),
        columns=(Column(_("Cause"), heads_row=True), Column(_("Éléments"), numeric=True)),
        rows=[
            (reason_cell(reason_text(row.code), f"{url}&reason={row.code}"), number(row.times))
            for row in selectors.quarantine_by_reason(run)[:CAUSES_SHOWN]
        ],
    )


def _latest(run: MigrationRun) -> dict[str, Any]:
    tally = equation(
        selectors.equation_of_run(run), caption=_("La dernière migration : ce qu'elle a trouvé et ce que c'est devenu")
    )
    outcomes = admin_url(MigrationOutcome, "changelist")
    return {
        "run": run,
        "url": admin_url(MigrationRun, "change", run.pk),
        "badges": [badge for badge in (run_badge(run), dry_run_badge(run), verdict_badge(run.verdict)) if badge],
        "sentence": run_sentence(run),
        "when": instant(run.started_at or run.created_at),
        "took": duration(elapsed(run)),
        "equation": tally,
        "causes": _causes(run) if tally.quarantined else None,
        "quarantine": gettext("%(count)s éléments en quarantaine") % {"count": number(tally.quarantined)}
        if tally.quarantined
        else "",
        "quarantine_url": f"{outcomes}?run__id__exact={run.pk}&outcome__exact={Outcome.QUARANTINED}",
    }
