"""What can be decided about one item in quarantine, as buttons of its page: replay, set aside, take back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldBooleanWidget

from accounts.admin.deeds import Deed, Explanation, Impossible, ReasonForm
from accounts.admin.display import mono, number, object_link, printable
from accounts.models import User
from audit.admin.reason_texts import reason_text
from audit.admin.words import outcome_badge
from audit.admin.workbench_words import refusal_text
from audit.models import MigrationOutcome, MigrationRun, Outcome
from audit.runs.plan import Refused
from audit.runs.quarantine.replay import Replayed, replay
from audit.runs.quarantine.selection import SETTLED, Selection
from audit.runs.quarantine.verdict import ask_for_verdict, can_be_judged_again
from audit.runs.quarantine.waive import unwaive, waive
from audit.runs.transitions import IllegalTransition

REPAIR, REPLAY, WAIVE = (f"audit.{deed}_migrationoutcome" for deed in ("repair", "replay", "waive"))
VIEW, VIEW_RAW = "audit.view_migrationoutcome", "audit.view_raw_data"
VERIFY = "audit.verify_migrationrun"
SECONDS = 8.0
"""So long may one request read people again; whoever is left comes with the next one."""
VERIFIED_SOON = 500
"""A run of so many snapshots is verified within some seconds: then verifying at once stands in nobody's way."""


class DecisionForm(ReasonForm):
    """Why, and whether the verifier shall look at once; that is only asked of those who may call it."""

    verify = forms.BooleanField(
        label=_("Faire vérifier la migration ensuite"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_(
            "Pendant ce temps, la quarantaine ne peut pas être modifiée. Vous pouvez aussi demander la vérification plus tard, en une fois."
        ),
    )

    def __init__(self, *args: Any, may_verify: bool = False, suggested: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if may_verify:
            self.fields["verify"].initial = suggested
        else:
            del self.fields["verify"]


def check_may_repair(request: HttpRequest) -> None:
    """Whoever mends sees what the browser held."""
    if not all(map(request.user.has_perm, (VIEW, REPAIR, VIEW_RAW))):
        raise PermissionDenied


def actor_of(request: HttpRequest) -> str:
    """Who answers for a decision, as the run's story names them."""
    return request.user.email if isinstance(request.user, User) else ""


def verify_at_once(run: MigrationRun, deciding: int, quarantined: int) -> bool:
    """Whether it is a good moment for the verifier: nothing is left to decide, or it takes but a moment."""
    return can_be_judged_again(run) and (deciding >= quarantined or run.snapshots_planned <= VERIFIED_SOON)


def verify_if_asked(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> None:
    """Calls the verifier; where that is not possible now, what was decided stays, and the reader is told."""
    if not data.get("verify"):
        return
    run.refresh_from_db()
    try:
        with transaction.atomic():
            ask_for_verdict(run=run, actor=actor_of(request), reason=data["reason"])
    except (Refused, IllegalTransition) as refusal:
        why = refusal_text(refusal)
        messages.warning(request, gettext("C'est fait, mais pas encore vérifié. %(why)s") % {"why": why})
    else:
        messages.info(request, gettext("La vérification est demandée ; elle se fait en arrière-plan."))


def replayed_text(done: Replayed) -> str:
    """What a replay did, in a sentence or three."""
    number_of = done.items.total()
    if number_of:
        fates: dict[str, int] = {}
        for (_kind, outcome), items in done.items.items():
            fates[outcome] = fates.get(outcome, 0) + items
        listed = ", ".join(f"{Outcome(outcome).label} : {number(items)}" for outcome, items in sorted(fates.items()))
        text = ngettext(
            "%(count)s élément a quitté la quarantaine (%(fates)s).",
            "%(count)s éléments ont quitté la quarantaine (%(fates)s).",
            number_of,
        ) % {"count": number(number_of), "fates": listed}
    else:
        text = gettext("Relu : rien n'a quitté la quarantaine.")
    if done.refused:
        text += " " + ngettext(
            "%(count)s personne n'a pas pu être relue et reste telle quelle. %(why)s",
            "%(count)s personnes n'ont pas pu être relues et restent telles quelles. %(why)s",
            len(done.refused),
        ) % {"count": number(len(done.refused)), "why": refusal_text(next(iter(done.refused.values())))}
    return text


def waived_text(count: int, *, back: bool) -> str:
    """What was set aside or taken back."""
    if back:
        return ngettext(
            "%(count)s élément repris en quarantaine.", "%(count)s éléments repris en quarantaine.", count
        ) % {"count": number(count)}
    return ngettext("%(count)s élément écarté.", "%(count)s éléments écartés.", count) % {"count": number(count)}


# --- one item -----------------------------------------------------------------------------------------------------------------


def workable(outcome: MigrationOutcome, *, standing: Outcome) -> bool:
    """Whether something can be decided about this item now."""
    return bool(outcome.outcome == standing and outcome.run.status in SETTLED)


def one(outcome: MigrationOutcome) -> Selection:
    """This item alone."""
    return Selection(outcome_ids=(outcome.pk,))


def facts_of(outcome: MigrationOutcome) -> list[tuple[Any, object]]:
    """Which item it is, on a confirmation page."""
    return [
        (_("Élément"), mono(printable(outcome.path))),
        (_("Raison"), ", ".join(reason_text(code).title for code in outcome.reasons)),
        (_("Sort"), outcome_badge(outcome.outcome)),
        (_("Personne"), object_link(User, outcome.user_id, outcome.user.email)),
    ]


def _form_kwargs(request: HttpRequest, outcome: Any) -> dict[str, Any]:
    quarantined = MigrationOutcome.objects.filter(run=outcome.run_id, outcome=Outcome.QUARANTINED)[:2].count()
    return {
        "may_verify": request.user.has_perm(VERIFY),
        "suggested": verify_at_once(outcome.run, 1, quarantined),
    }


def _explain_replay(request: HttpRequest, outcome: Any) -> Explanation:
    return Explanation(
        sentences=(
            _(
                "Tous les instantanés de la personne sont relus avec les réparations en vigueur, en une seule transaction."
            ),
            _("Tous ses éléments réparés entrent ensemble. Ce qui reste illisible reste en quarantaine."),
            _("Ce que la personne a changé ou supprimé depuis est gardé."),
        ),
        facts=facts_of(outcome),
    )


def _replay(request: HttpRequest, outcome: Any, data: dict[str, Any]) -> str:
    try:
        done = replay(run=outcome.run, chosen=one(outcome), actor=actor_of(request), reason=data["reason"])
    except Refused as refusal:
        raise Impossible(refusal_text(refusal)) from refusal
    if done.items or done.others:
        verify_if_asked(request, outcome.run, data)
    return replayed_text(done)


def _explain_waive(request: HttpRequest, outcome: Any) -> Explanation:
    return Explanation(
        sentences=(
            _("L'élément ne deviendra pas une ligne dans cette migration. Sa valeur brute et sa raison restent."),
            _("Vous pourrez le reprendre. Une nouvelle migration du même instantané le rencontrera de nouveau."),
        ),
        facts=facts_of(outcome),
    )


def _explain_unwaive(request: HttpRequest, outcome: Any) -> Explanation:
    return Explanation(
        sentences=(_("L'élément retourne en quarantaine : il pourra être réparé et rejoué."),), facts=facts_of(outcome)
    )


def _waive(request: HttpRequest, outcome: Any, data: dict[str, Any]) -> str:
    return _decide(request, outcome, data, back=False)


def _unwaive(request: HttpRequest, outcome: Any, data: dict[str, Any]) -> str:
    return _decide(request, outcome, data, back=True)


def _decide(request: HttpRequest, outcome: MigrationOutcome, data: dict[str, Any], *, back: bool) -> str:
    act = unwaive if back else waive
    try:
        done = act(run=outcome.run, chosen=one(outcome), actor=actor_of(request), reason=data["reason"])
    except Refused as refusal:
        raise Impossible(refusal_text(refusal)) from refusal
    verify_if_asked(request, outcome.run, data)
    return waived_text(done.items.total(), back=back)


ITEM_DEEDS = (
    Deed(
        key="replay",
        label=_("Rejouer"),
        title=_("Rejouer les éléments de cette personne"),
        icon="replay",
        permission=REPLAY,
        explain=_explain_replay,
        act=_replay,
        available=lambda outcome: workable(outcome, standing=Outcome.QUARANTINED),
        form=DecisionForm,
        form_kwargs=_form_kwargs,
        atomic=False,
        order=20,
    ),
    Deed(
        key="waive",
        label=_("Écarter"),
        title=_("Écarter cet élément"),
        icon="do_not_disturb_on",
        permission=WAIVE,
        explain=_explain_waive,
        act=_waive,
        available=lambda outcome: workable(outcome, standing=Outcome.QUARANTINED),
        form=DecisionForm,
        form_kwargs=_form_kwargs,
        order=30,
    ),
    Deed(
        key="unwaive",
        label=_("Reprendre"),
        title=_("Reprendre cet élément en quarantaine"),
        icon="undo",
        permission=WAIVE,
        explain=_explain_unwaive,
        act=_unwaive,
        available=lambda outcome: workable(outcome, standing=Outcome.WAIVED),
        form=DecisionForm,
        form_kwargs=_form_kwargs,
        order=40,
    ),
)


def state_of_item(outcome: MigrationOutcome) -> str:
    """What a confirmation page about an item depends on."""
    return f"{outcome.outcome}|{outcome.run.status}"
