"""Retry and roll back from the list of runs: one page says what will happen to each, asks why, and only then does it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.deeds import CONFLICT, UNPROCESSABLE, Deed, Impossible, ReasonForm
from accounts.admin.display import object_link
from accounts.admin.person_page import Text
from accounts.admin.read_only import Pleasant
from accounts.admin.tables import Column, Table
from audit.admin.run_deeds import RUN_DEEDS, explain_retry, failed_batches, retry, run_state, run_state_text, sums_of
from audit.admin.run_rollback import ROLLBACK_DEED, begin, measure, summary_of_measure
from audit.admin.run_words import refusal_text, status_text
from audit.admin.words import run_badge
from audit.models import MigrationRun
from audit.models.runs import ACTIVE
from audit.runs.plan import Refused
from audit.runs.rollback import WHOLE_RUN
from audit.runs.status import active_run

MOST_RUNS: Final = 20
"""In one go; more are chosen again."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What will happen to one run: sentences; or, where nothing will, why not."""

    run: MigrationRun
    sentences: Sequence[str]
    done: bool


@dataclass(frozen=True, slots=True)
class BulkDeed:
    """A deed on several runs. Only one run is active at a time, so that the first that can be done is, and the others are told why not."""

    key: str
    deed: Deed
    title: Text
    tell: Callable[[HttpRequest, MigrationRun], Sequence[str]]
    act: Callable[[HttpRequest, MigrationRun, dict[str, Any]], str]
    warning: Text = ""


def _tell_retry(request: HttpRequest, run: MigrationRun) -> Sequence[str]:
    return [str(sentence) for sentence in explain_retry(request, run).sentences]


def _tell_rollback(request: HttpRequest, run: MigrationRun) -> Sequence[str]:
    return summary_of_measure(measure(run, WHOLE_RUN))


RETRY: Final = BulkDeed(
    "retry_failed",
    next(deed for deed in RUN_DEEDS if deed.key == "retry"),
    _("Réessayer ce qui a échoué"),
    _tell_retry,
    retry,
)
ROLLBACK: Final = BulkDeed(
    "roll_back",
    ROLLBACK_DEED,
    _("Défaire des migrations"),
    _tell_rollback,
    begin,
    _("Seule une nouvelle migration ramène ce qui est défait."),
)


def fates_of(request: HttpRequest, bulk: BulkDeed, runs: Sequence[MigrationRun]) -> list[Fate]:
    """What will happen to each, newest first: later runs have to go before earlier ones."""
    active = active_run()
    fates: list[Fate] = []
    for run in runs:
        taken = next((fate.run for fate in fates if fate.done), None) or (active if active != run else None)
        fates.append(_fate(request, bulk, run, taken))
    return fates


def _fate(request: HttpRequest, bulk: BulkDeed, run: MigrationRun, taken: MigrationRun | None) -> Fate:
    if not bulk.deed.available(run):
        return Fate(run, [_illegal(bulk, run)], done=False)
    if taken is not None:
        sentence = gettext(
            "Rien pour l'instant : une seule migration est active à la fois, et c'est la migration %(id)s."
        )
        return Fate(run, [sentence % {"id": taken.pk}], done=False)
    try:
        return Fate(run, bulk.tell(request, run), done=True)
    except Refused as refused:
        return Fate(run, [refusal_text(refused)], done=False)


def _illegal(bulk: BulkDeed, run: MigrationRun) -> str:
    if bulk is RETRY and run.status in ACTIVE and not failed_batches(sums_of(run)):
        return gettext("Impossible : aucun lot n'a échoué.")
    return gettext("Impossible dans cet état : %(state)s.") % {"state": status_text(run.status)}


class ActsOnRuns(Pleasant):
    """The list's actions. A page that was looked at before something changed answers 409."""

    actions = ("retry_failed", "roll_back")  # type: ignore[assignment]  # the base has none
    list_disable_select_all = True

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RETRY.deed.permission)

    def has_rollback_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ROLLBACK.deed.permission)

    @admin.action(description=_("Réessayer ce qui a échoué"), permissions=["retry"])
    def retry_failed(self, request: HttpRequest, queryset: QuerySet[MigrationRun]) -> HttpResponse:
        return self._bulk(request, RETRY, queryset)

    @admin.action(description=_("Défaire"), permissions=["rollback"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[MigrationRun]) -> HttpResponse:
        return self._bulk(request, ROLLBACK, queryset)

    def _bulk(self, request: HttpRequest, bulk: BulkDeed, queryset: QuerySet[MigrationRun]) -> HttpResponse:
        if not request.user.has_perm(bulk.deed.permission):
            raise PermissionDenied
        runs = list(queryset.order_by("-pk")[:MOST_RUNS])
        state = json.dumps({str(run.pk): run_state(run) for run in runs})
        if "seen" not in request.POST:
            return self._bulk_page(request, bulk, runs, state, ReasonForm(), 200)
        if (changed := _changes(request.POST["seen"], state)) is not None:
            form = ReasonForm(initial=request.POST.dict())
            return self._bulk_page(request, bulk, runs, state, form, CONFLICT, changed)
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return self._bulk_page(request, bulk, runs, state, form, UNPROCESSABLE)
        for fate in fates_of(request, bulk, runs):
            self._do(request, bulk, fate, form.cleaned_data)
        return HttpResponseRedirect(request.get_full_path())

    def _do(self, request: HttpRequest, bulk: BulkDeed, fate: Fate, data: dict[str, Any]) -> None:
        if not fate.done:
            messages.warning(request, f"{fate.run} : {' '.join(fate.sentences)}")
            return
        try:
            messages.success(request, bulk.act(request, fate.run, data))
        except Impossible as impossible:
            messages.error(request, f"{fate.run} : {impossible}")

    def _bulk_page(
        self,
        request: HttpRequest,
        bulk: BulkDeed,
        runs: Sequence[MigrationRun],
        state: str,
        form: ReasonForm,
        status: int,
        refusal: str = "",
    ) -> HttpResponse:
        fates = fates_of(request, bulk, runs)
        context = {
            **self.admin_site.each_context(request),
            "title": bulk.title,
            "opts": self.model._meta,
            "bulk": bulk,
            "table": _fate_table(fates),
            "form": form if any(fate.done for fate in fates) else None,
            "refusal": refusal,
            "seen": state,
            "chosen": [run.pk for run in runs],
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/audit/migrationrun/bulk.html", context, status=status)


def _changes(seen: str, state: str) -> str | None:
    """What has changed since, in words; None when nothing has."""
    if seen == state:
        return None
    try:
        before = json.loads(seen)
    except ValueError:
        before = None
    old = before if isinstance(before, dict) else {}
    parts = [
        f"Migration {pk} : « {run_state_text(str(old.get(pk, '')))} » → « {run_state_text(new)} »"
        for pk, new in json.loads(state).items()
        if old.get(pk) != new
    ]
    return gettext("Rien n'a été fait : entre-temps, des états ont changé. %(changes)s") % {
        "changes": " ; ".join(parts)
    }


def _fate_table(fates: Sequence[Fate]) -> Table:
    return Table(
        caption=_("Ce qui va se passer, migration par migration"),
        columns=(Column(_("Migration"), heads_row=True), Column(_("État")), Column(_("Ce qui va se passer"))),
        rows=[
            (object_link(MigrationRun, fate.run.pk, str(fate.run)), run_badge(fate.run), " ".join(fate.sentences))
            for fate in fates
        ],
    )
