"""The first page: for operators the migration that runs, for support the search for a person; at most 30 statements."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import NOTHING, Badge, admin_url, duration, instant, number, quantity, share
from accounts.admin.person_page import Figure
from accounts.admin.tables import Column, Table
from accounts.models import User
from audit import selectors
from audit.admin.charts import bar, charts_of
from audit.admin.equation import equation
from audit.admin.reason_texts import reason_text
from audit.admin.run_reasons import reason_cell
from audit.admin.run_words import engine_text
from audit.admin.start_page import preview_badge
from audit.admin.words import dry_run_badge, run_badge, run_sentence, verdict_badge
from audit.models import (
    MigrationOutcome,
    MigrationPreview,
    MigrationRun,
    Outcome,
    PreviewStatus,
    RunStatus,
    SnapshotStatus,
    StorageSnapshot,
)
from audit.models.runs import ACTIVE
from audit.runs.previewing import AT_WORK
from audit.runs.status import active_run, status_of
from nutrition.models import MealEntry

CAUSES_SHOWN: Final = 6
SEES_RUNS: Final = "audit.view_migrationrun"
STARTS_RUNS: Final = "audit.start_migrationrun"
FINDS_PEOPLE: Final = "accounts.view_user"

admin.site.index_template = "admin/audit/index.html"
admin.site.index_title = _("Vue d'ensemble")


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows to those who may see it (unfold's DASHBOARD_CALLBACK)."""
    user = request.user
    starts = user.has_perm(STARTS_RUNS)
    context["figures"] = _figures(request)
    if user.has_perm(FINDS_PEOPLE):
        context["search_url"] = admin_url(User, "changelist")
        context["search_first"] = not starts
    if starts:
        context["start_url"] = admin_url(MigrationPreview, "add")
        context["preview"] = _open_preview()
    if user.has_perm(SEES_RUNS):
        run = active_run() or selectors.latest_run()
        context["sees_runs"] = True
        context["latest"] = _shown_run(run) if run else None
        context["verification"] = _verification()
    return context


def dashboard_live(request: HttpRequest) -> JsonResponse:
    """What changes by itself on the first page, ready to be shown: `texts` by name, and the state it was when."""
    if not request.user.has_perm(SEES_RUNS):
        raise PermissionDenied
    run = active_run() or selectors.latest_run()
    if run is None:
        return JsonResponse({"run": None, "state": "", "active": False, "percent": 0, "texts": {}})
    return JsonResponse(live(run, status_of(run)))


def live(run: MigrationRun, status: dict[str, Any]) -> dict[str, Any]:
    """How far a run is, in words and one percentage."""
    people = status["people"]
    rate = status["items_per_second"]
    eta = status["eta_seconds"]
    return {
        "run": run.pk,
        "state": f"{run.status}.{'stalled' if status['stalled'] else ''}",
        "active": run.status in ACTIVE,
        "percent": share(people["done"], people["planned"]) if people["planned"] else 0.0,
        "texts": {
            "people": gettext("%(done)s personnes sur %(total)s")
            % {"done": number(people["done"]), "total": number(people["planned"])},
            "found": number(status["items"]["found"]),
            "quarantined": number(status["items"]["quarantined"]),
            "rate": quantity(rate, gettext("éléments/s"), 1 if rate < 10 else 0) if rate else NOTHING,
            "eta": duration(eta) if eta is not None else NOTHING,
            "elapsed": duration(status["seconds"]) if status["seconds"] else NOTHING,
            "workers": gettext("%(busy)s au travail sur %(asked)s")
            % {"busy": number(status["workers"]), "asked": number(run.workers)},
            "flow": flow_text(run),
        },
    }


def flow_text(run: MigrationRun) -> str:
    """Whether the run is held back."""
    if not run.options.get("governor"):
        return gettext("Pas de frein automatique.")
    flow = run.flow
    if "concurrency" not in flow:
        return gettext("Le frein n'a encore rien mesuré.")
    allowed, pause = int(flow["concurrency"]), float(flow.get("pause") or 0)
    parts = [gettext("%(allowed)s ouvriers sur %(asked)s") % {"allowed": number(allowed), "asked": number(run.workers)}]
    if pause:
        parts.append(gettext("%(pause)s de pause après chaque lot") % {"pause": duration(pause)})
    words = ", ".join(parts)
    if allowed >= run.workers and not pause:
        return gettext("Pas freinée : %(words)s.") % {"words": words}
    return gettext("Freinée : %(words)s.") % {"words": words}


# --- Numbers ------------------------------------------------------------------------------------------------------------


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


# --- The migration ------------------------------------------------------------------------------------------------------


def _shown_run(run: MigrationRun) -> dict[str, Any]:
    status = status_of(run)
    tally = equation(
        selectors.equation_of_run(run), caption=_("La migration : ce qu'elle a trouvé et ce que c'est devenu")
    )
    outcomes = (
        f"{admin_url(MigrationOutcome, 'changelist')}?run__id__exact={run.pk}&outcome__exact={Outcome.QUARANTINED}"
    )
    return {
        "run": run,
        "url": admin_url(MigrationRun, "change", run.pk),
        "badges": [badge for badge in (_state(run, status), dry_run_badge(run), verdict_badge(run.verdict)) if badge],
        "sentence": gettext("Quelqu'un devrait y travailler, et personne n'y est : appelez des ouvriers.")
        if status["stalled"]
        else run_sentence(run),
        "error": engine_text(run.error),
        "when": instant(run.started_at or run.created_at),
        "live": live(run, status),
        "live_url": reverse("admin:audit_dashboard_live"),
        "flow_reason": engine_text(run.flow.get("reason", "")),
        "latency": _latency(run),
        "governed": bool(run.options.get("governor")),
        "equation": tally,
        "causes": _causes(run, outcomes) if tally.quarantined else None,
        "quarantine_url": outcomes,
        "charts": charts_of(run),
    }


def _state(run: MigrationRun, status: dict[str, Any]) -> Badge:
    return Badge(gettext("Bloquée"), "danger", "sync_problem") if status["stalled"] else run_badge(run)


def _causes(run: MigrationRun, url: str) -> Table:
    """The most frequent reasons of the quarantine, as bars."""
    rows = selectors.quarantine_by_reason(run)
    most = rows[0].times if rows else 0
    return Table(
        caption=_("Quarantaine, la cause la plus fréquente d'abord"),
        columns=(
            Column(_("Cause"), heads_row=True),
            Column(_("Part"), wide_only=True),
            Column(_("Éléments"), numeric=True),
        ),
        rows=[
            (reason_cell(reason_text(row.code), f"{url}&reason={row.code}"), bar(row.times, most), number(row.times))
            for row in rows[:CAUSES_SHOWN]
        ],
        more_url=url,
        more_label=_("Toute la quarantaine"),
    )


def _latency(run: MigrationRun) -> dict[str, Any] | None:
    """How long listing a person's meals took, before the run and when it was measured last; None when nothing was measured."""
    now, baseline = run.flow.get("probe_ms"), (run.flow.get("baseline") or {})
    if now is None:
        return None
    before = None if baseline.get("error") else baseline.get("probe_ms")
    most = max(now, before or 0)
    rows: list[tuple[object, object, object]] = []
    if before is not None:
        rows.append((gettext("Avant la migration"), bar(before, most), quantity(before, "ms", 1)))
    rows.append((gettext("Dernière mesure"), bar(now, most), quantity(now, "ms", 1)))
    at = parse_datetime(str(run.flow.get("at", "")))
    return {
        "at": instant(at) if at else "",
        "table": Table(
            caption=_("Temps pour lister les repas d'une personne"),
            columns=(
                Column(_("Quand"), heads_row=True),
                Column(_("Part"), wide_only=True),
                Column(_("Temps"), numeric=True),
            ),
            rows=rows,
        ),
    }


def _verification() -> dict[str, Any] | None:
    """The newest verdict of any run. One statement, over the few runs."""
    run = (
        MigrationRun.objects.filter(~Q(verdict=""))
        .only("id", "verdict", "finished_at", "report", "status")
        .order_by("-finished_at", "-id")
        .first()
    )
    if run is None:
        return None
    told = run.report.get("verification") or {}
    return {
        "badge": verdict_badge(run.verdict),
        "run": gettext("Migration %(id)s") % {"id": run.pk},
        "url": admin_url(MigrationRun, "change", run.pk),
        "at": instant(run.finished_at),
        "compared": number(told["compared"]) if told.get("compared") else "",
        "differences": number(len(told.get("differences") or [])),
        "since": gettext("Défaite depuis.") if run.status == RunStatus.ROLLED_BACK else "",
    }


def _open_preview() -> dict[str, Any] | None:
    """The newest preview, as long as it is being made or waits to be started from. One statement."""
    preview = MigrationPreview.objects.defer("report", "staging").order_by("-id").first()
    if preview is None or preview.run_id or preview.status not in (*AT_WORK, PreviewStatus.DONE):
        return None
    return {
        "badge": preview_badge(preview),
        "url": admin_url(MigrationPreview, "change", preview.pk),
        "title": gettext("Aperçu %(id)s") % {"id": preview.pk},
        "when": instant(preview.created_at),
    }
