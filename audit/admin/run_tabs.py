"""The tabs of a run's page that are more than a table: batches with their filters, the quarantine by cause, the values that can be turned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin.display import (
    Badge,
    admin_url,
    duration,
    instant,
    number,
    object_link,
    printable,
    two_lines,
    yes_no,
)
from accounts.admin.person_page import Text
from accounts.admin.read_only import WindowedPaginator
from accounts.admin.tables import Column, Table
from audit import selectors
from audit.admin.reason_texts import reason_text
from audit.admin.run_head import flow_of
from audit.admin.run_reasons import reason_cell
from audit.admin.run_words import engine_text
from audit.admin.words import batch_badge
from audit.models import BatchStatus, MigrationBatch, MigrationOutcome, MigrationRun, Outcome

BATCHES_A_PAGE: Final = 50


def batch_time(batch: MigrationBatch) -> timedelta | None:
    """How long the last attempt of a batch took."""
    return batch.finished_at - batch.started_at if batch.finished_at and batch.started_at else None


def strip_of(sums: selectors.BatchSums) -> list[tuple[Badge, str]]:
    """Batches by state, with their number."""
    return [(batch_badge(MigrationBatch(status=status)), number(count)) for status, count in sums.by_status.items()]


class BatchFilterForm(forms.Form):
    """Which batches to show. Nothing given shows all."""

    status = forms.ChoiceField(
        label=_("État"), required=False, choices=[("", _("tous")), *BatchStatus.choices], widget=UnfoldAdminSelectWidget
    )
    attempts = forms.IntegerField(
        label=_("Essais, au moins"), required=False, min_value=0, max_value=10_000, widget=UnfoldAdminIntegerFieldWidget
    )
    seconds = forms.FloatField(
        label=_("Durée, au moins (s)"),
        required=False,
        min_value=0,
        max_value=10_000_000,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"step": "any"}),
    )
    error = forms.CharField(
        label=_("Texte de l'erreur"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget
    )

    def wanted(self) -> selectors.BatchFilter:
        """What was asked for; what is no value asks for nothing."""
        data = self.cleaned_data if self.is_bound and self.is_valid() else {}
        return selectors.BatchFilter(
            status=data.get("status") or "",
            attempts=data.get("attempts"),
            seconds=data.get("seconds"),
            error=data.get("error") or "",
        )


def batches_tab(request: HttpRequest, run: MigrationRun) -> dict[str, Any]:
    """A page of the run's batches. Two statements."""
    form = BatchFilterForm(request.GET)
    paginator = WindowedPaginator(selectors.filtered_batches(run, form.wanted()), BATCHES_A_PAGE)
    page = paginator.get_page(request.GET.get("page"))
    query = request.GET.copy()
    query["tab"] = "batches"

    def to(number_of_page: int) -> str:
        query["page"] = str(number_of_page)
        return f"?{query.urlencode()}"

    return {
        "batch_form": form,
        "batches": batch_table(list(page.object_list), empty=_("Aucun lot ne correspond."), with_error=True),
        "found": paginator.shown_count,
        "is_filtered": any(form.wanted()),
        "previous": to(page.previous_page_number()) if page.has_previous() else "",
        "next": to(page.next_page_number()) if page.has_next() else "",
        "page_text": gettext("page %(page)s sur %(pages)s")
        % {"page": number(page.number), "pages": number(paginator.num_pages)},
    }


def batch_table(
    batches: Sequence[MigrationBatch],
    *,
    empty: Text = "",
    more_url: str = "",
    more_label: Text = "",
    with_error: bool = False,
) -> Table:
    """Batches, one a row, each with its page."""
    return Table(
        caption=_("Lots de cette migration"),
        columns=(
            Column(_("Lot"), heads_row=True),
            Column(_("État")),
            Column(_("Personnes"), numeric=True),
            Column(_("Éléments"), numeric=True, wide_only=True),
            Column(_("Quarantaine"), numeric=True, wide_only=True),
            Column(_("Essais"), numeric=True),
            Column(_("Durée"), numeric=True),
        ),
        rows=[
            (
                _batch_cell(batch, with_error=with_error),
                batch_badge(batch),
                number(batch.users),
                number(batch.items),
                number(batch.quarantined),
                number(batch.attempt),
                duration(batch_time(batch)),
            )
            for batch in batches
        ],
        empty=empty or _("Aucun lot n'est encore découpé."),
        more_url=more_url if batches else "",
        more_label=more_label,
    )


def _batch_cell(batch: MigrationBatch, *, with_error: bool) -> object:
    link = object_link(MigrationBatch, batch.pk, gettext("Lot %(number)s") % {"number": number(batch.number)})
    return two_lines(link, printable(batch.error)[:200]) if with_error and batch.error else link


# --- Quarantine ------------------------------------------------------------------------------------------------------------


def workbench_url(run: MigrationRun) -> str:
    """Where items in quarantine are repaired, replayed or waived; the list of them where there is no workbench."""
    try:
        return f"{reverse('admin:audit_migrationoutcome_quarantine')}?run={run.pk}"
    except NoReverseMatch:
        return (
            f"{admin_url(MigrationOutcome, 'changelist')}?run__id__exact={run.pk}&outcome__exact={Outcome.QUARANTINED}"
        )


def quarantine_tab(run: MigrationRun) -> dict[str, Any]:
    """Causes with counts. One statement, served by a partial index."""
    url = f"{admin_url(MigrationOutcome, 'changelist')}?run__id__exact={run.pk}&outcome__exact={Outcome.QUARANTINED}"
    rows = selectors.quarantine_by_reason(run)
    return {
        "causes": Table(
            caption=_("Quarantaine, la cause la plus fréquente d'abord"),
            columns=(Column(_("Cause"), heads_row=True), Column(_("Éléments"), numeric=True)),
            rows=[(reason_cell(reason_text(row.code), f"{url}&reason={row.code}"), number(row.times)) for row in rows],
            empty=_("Rien n'est en quarantaine."),
        ),
        "workbench_url": workbench_url(run) if rows else "",
    }


# --- Settings --------------------------------------------------------------------------------------------------------------


def settings_tab(request: HttpRequest, run: MigrationRun, buttons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Every value with what it means, what the governor does, and the button that changes them."""
    flow, reason = flow_of(run)
    probed = (run.flow or {}).get("probe_ms")
    return {
        "tuning": [
            (_("Personnes par lot"), number(run.batch_size)),
            (_("Taille de lot fixe"), yes_no(value=run.fixed_size)),
            (_("Durée visée d'un lot"), duration(run.target_seconds)),
            (_("Ouvriers"), number(run.workers)),
            (_("Pause après chaque lot"), duration(run.pause_seconds)),
            (_("Cohorte"), f"{run.cohort_percent:g}\u00a0%"),
            (_("Échecs tolérés"), number(run.max_failures)),
            (_("Quarantaine tolérée"), f"{run.max_quarantine_percent:g}\u00a0%"),
        ],
        "retune": next((button for button in buttons if button["deed"].key == "retune"), None),
        "flow_facts": [
            (_("Régulateur"), yes_no(value=bool(run.options.get("governor")))),
            *([(_("En ce moment"), flow)] if flow else []),
            *([(_("Liste des repas d'une personne"), duration(probed / 1000))] if probed is not None else []),
        ],
        "flow_reason": reason,
        "retunes": Table(
            caption=_("Derniers changements"),
            columns=(
                Column(_("Quand"), heads_row=True),
                Column(_("Par")),
                Column(_("Changement")),
                Column(_("Raison"), wide_only=True),
            ),
            rows=[
                (instant(event.at), event.actor, _changes(event.data), engine_text(event.reason))
                for event in selectors.events_of_run(run, at_most=100)
                if event.action in ("retune", "throttle")
            ][:20],
            empty=_("Rien n'a été changé en cours de route."),
        ),
    }


def _changes(data: dict[str, Any]) -> str:
    pairs = ((name, value) for name, value in data.items() if isinstance(value, list) and len(value) == 2)
    return printable(" · ".join(f"{name} {old} → {new}" for name, (old, new) in pairs))
