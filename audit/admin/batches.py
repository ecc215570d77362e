"""Batches: the list, and the page of one, where it can be tried again or split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from accounts.admin.deeds import Deed, DoesDeeds, Explanation
from accounts.admin.display import duration, instant, number, object_link, printable, readable_json
from accounts.admin.tables import Column, Table
from accounts.models import User
from audit import selectors
from audit.admin.of_run import OfRun
from audit.admin.run_deeds import actor_of, people, refusals, workers
from audit.admin.run_tabs import batch_time
from audit.admin.run_words import status_text
from audit.admin.words import batch_badge, event_text
from audit.models import BatchStatus, MigrationBatch, MigrationRun, StorageSnapshot
from audit.runs import batch_control
from audit.runs.dispatch import call_workers

PEOPLE_SHOWN: Final = 100
EVENTS_SHOWN: Final = 20

_SENTENCES: Final[dict[str, Any]] = {
    BatchStatus.PLANNED: _("Il attend qu'un ouvrier le prenne."),
    BatchStatus.LEASED: _("Un ouvrier y travaille."),
    BatchStatus.COMMITTED: _("Tout ce qu'il apporte est dans les tables, en une seule transaction."),
    BatchStatus.FAILED: _("Une erreur imprévue l'a arrêté ; rien de lui n'est dans les tables."),
    BatchStatus.EXHAUSTED: _("Il a été abandonné après plusieurs essais ; rien de lui n'est dans les tables."),
    BatchStatus.SPLIT: _("Il a été divisé ; ses moitiés continuent à sa place."),
    BatchStatus.REVERTED: _("Ce qu'il avait écrit a été retiré."),
}


def _numbers(batch: MigrationBatch) -> list[tuple[Any, object]]:
    return [
        (_("Lot"), number(batch.number)),
        (_("État"), status_text(batch.status)),
        (_("Personnes"), number(batch.users)),
        (_("Instantanés"), number(batch.snapshots)),
        (_("Essais"), number(batch.attempt)),
        (_("Migration"), status_text(batch.run.status)),
    ]


def _explain_retry(request: HttpRequest, batch: MigrationBatch) -> Explanation:
    sentences = [
        gettext("Le lot %(number)s (%(people)s) est prévu de nouveau, avec tous ses essais.")
        % {"number": number(batch.number), "people": people(batch.users)},
    ]
    if batch.run.status in batch_control.STANDING:
        sentences.append(
            gettext(
                "La migration repart pour lui ; %(workers)s sont appelés. Les autres lots échoués restent tels quels."
            )
            % {"workers": workers(batch.run.workers)}
        )
    return Explanation(sentences, _numbers(batch))


def _explain_split(request: HttpRequest, batch: MigrationBatch) -> Explanation:
    first = batch.users // 2
    sentences = [
        gettext("Le lot %(number)s devient deux lots, de %(first)s et de %(second)s, essayés chacun pour soi.")
        % {"number": number(batch.number), "first": people(first), "second": people(batch.users - first)}
    ]
    if batch.run.status in batch_control.STANDING:
        sentences.append(gettext("La migration ne repart pas d'elle-même : reprenez-la, ou réessayez ce qui a échoué."))
    return Explanation(sentences, _numbers(batch))


def _retry(request: HttpRequest, batch: MigrationBatch, data: dict[str, Any]) -> str:
    with refusals():
        run = batch_control.retry_batch(batch=batch, actor=actor_of(request), reason=data["reason"])
    call_workers(run, number=1)
    return gettext("Le lot %(number)s est réessayé.") % {"number": number(batch.number)}


def _split(request: HttpRequest, batch: MigrationBatch, data: dict[str, Any]) -> str:
    with refusals():
        parts = batch_control.split_by_hand(batch=batch, actor=actor_of(request), reason=data["reason"])
    return gettext("Le lot %(number)s est divisé : lots %(parts)s.") % {
        "number": number(batch.number),
        "parts": ", ".join(number(part) for part in parts),
    }


BATCH_DEEDS: Final[tuple[Deed, ...]] = (
    Deed(
        key="retry",
        label=_("Réessayer ce lot"),
        icon="replay",
        permission="audit.retry_migrationrun",
        explain=_explain_retry,
        act=_retry,
        available=batch_control.can_be_retried,
        variant="primary",
        order=10,
        atomic=False,
    ),
    Deed(
        key="split",
        label=_("Diviser en deux"),
        icon="call_split",
        permission="audit.retry_migrationrun",
        explain=_explain_split,
        act=_split,
        available=batch_control.can_be_split,
        order=20,
        atomic=False,
    ),
)


@admin.register(MigrationBatch)
class MigrationBatchAdmin(DoesDeeds, OfRun):
    """Batches in order; the reason why one failed is on its page."""

    list_display = ("title", "of_run", "state", "people", "snapshots", "found_items", "summed_days", "attempt", "took")
    list_filter = (("run", AutocompleteSelectFilter), ("status", ChoicesDropdownFilter))
    ordering = ("-run_id", "-number")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("run", "parent")

    def deeds(self) -> Sequence[Deed]:
        return BATCH_DEEDS

    def state_of(self, obj: Any) -> str:
        """The batch, its lease, and what the run is doing."""
        return f"{obj.status}:{obj.epoch}:{obj.run.status}"

    def state_text(self, state: str) -> str:
        batch, *_epoch, run = state.split(":") if state.count(":") == 2 else (state, "")
        return gettext("lot %(batch)s, migration %(run)s") % {"batch": status_text(batch), "run": status_text(run)}

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {"title": str(obj), "subtitle": None, **batch_page(obj), "buttons": self.buttons(request, obj)}

    @admin.display(description=_("lot"))
    def title(self, batch: MigrationBatch) -> str:
        return gettext("Lot %(number)s") % {"number": number(batch.number)}

    @admin.display(description=_("état"))
    def state(self, batch: MigrationBatch) -> str:
        return str(batch_badge(batch))

    @admin.display(description=_("personnes"))
    def people(self, batch: MigrationBatch) -> str:
        return number(batch.users)

    @admin.display(description=_("éléments"))
    def found_items(self, batch: MigrationBatch) -> str:
        return number(batch.items)

    @admin.display(description=_("jours résumés"))
    def summed_days(self, batch: MigrationBatch) -> str:
        return number(batch.days)

    @admin.display(description=_("durée"))
    def took(self, batch: MigrationBatch) -> str:
        return duration(batch_time(batch))


def batch_page(batch: MigrationBatch) -> dict[str, Any]:
    """The context of a batch's template. Three statements."""
    run = batch.run
    return {
        "badges": [batch_badge(batch)],
        "sentence": _SENTENCES[batch.status],
        "error": printable(batch.error),
        "facts": [
            (_("Migration"), object_link(MigrationRun, run.pk, str(run))),
            (_("Elle est"), status_text(run.status)),
            (_("Personnes"), number(batch.users)),
            (_("Instantanés"), number(batch.snapshots)),
            (_("Éléments"), number(batch.items)),
            (_("En quarantaine"), number(batch.quarantined)),
            (_("Jours résumés"), number(batch.days)),
            (_("Commencé"), instant(batch.started_at)),
            (_("Terminé"), instant(batch.finished_at)),
            (_("Durée"), duration(batch_time(batch))),
            (_("Essais"), number(batch.attempt)),
            *([(_("Pas avant"), instant(batch.not_before))] if batch.not_before else []),
            *(
                [(_("Ouvrier"), batch.lease_owner), (_("Bail jusqu'à"), instant(batch.lease_expires_at))]
                if batch.lease_owner
                else []
            ),
            *([(_("Moitié de"), _batch_link(batch.parent))] if batch.parent else []),
        ],
        "parts": [_batch_link(part) for part in batch.parts.order_by("number")]
        if batch.status == BatchStatus.SPLIT
        else [],
        "people": _people(batch),
        "events": [
            {
                "at": instant(event.at),
                "actor": event.actor or gettext("le moteur"),
                "action": event_text(event.action),
                "change": "",
                "reason": printable(event.reason),
                "data": readable_json(event.data) if event.data else "",
            }
            for event in selectors.events_of_batch(batch, at_most=EVENTS_SHOWN)
        ],
    }


def _batch_link(batch: MigrationBatch) -> str:
    return object_link(MigrationBatch, batch.pk, gettext("Lot %(number)s") % {"number": number(batch.number)})


def _people(batch: MigrationBatch) -> Table:
    rows = selectors.people_of_batch(batch, at_most=PEOPLE_SHOWN)
    return Table(
        caption=gettext("Les %(shown)s premières personnes de ce lot") % {"shown": number(PEOPLE_SHOWN)}
        if batch.snapshots > PEOPLE_SHOWN
        else _("Personnes de ce lot"),
        columns=(Column(_("Personne"), heads_row=True), Column(_("Instantané")), Column(_("Note"), wide_only=True)),
        rows=[
            (
                object_link(User, row.user_id, row.user.email),
                object_link(StorageSnapshot, row.snapshot_id, gettext("Instantané %(id)s") % {"id": row.snapshot_id}),
                _note(row.poison_digest, reverted=row.reverted_at is not None),
            )
            for row in rows
        ],
        empty=_("Personne : ses moitiés les ont."),
        shows_caption=batch.snapshots > PEOPLE_SHOWN,
    )


def _note(poison: str, *, reverted: bool) -> str:
    notes = [gettext("mis à l'écart")] if poison else []
    return ", ".join([*notes, gettext("défait")] if reverted else notes)
