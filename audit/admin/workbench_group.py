"""What can be decided about a whole group: each with a page that says exactly which items, asks for a reason, and refuses when they changed.

A request concerns a bounded number of items, the first of the group; the page says how many come after them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.deeds import CONFLICT, UNPROCESSABLE, Explanation, Impossible, ReasonForm, Text
from accounts.admin.display import number
from accounts.admin.tables import Column, Table
from audit.admin.outcome_cells import item_link, person_link
from audit.admin.reason_texts import reason_text
from audit.admin.workbench_choice import Part, part_of, read_choice, what_changed
from audit.admin.workbench_deeds import (
    REPLAY,
    SECONDS,
    VERIFY,
    VIEW,
    WAIVE,
    DecisionForm,
    actor_of,
    replayed_text,
    verify_at_once,
    verify_if_asked,
    waived_text,
)
from audit.admin.workbench_words import busy, refusal_text
from audit.models import MigrationOutcome, Outcome
from audit.runs.plan import Refused
from audit.runs.quarantine.replay import replay
from audit.runs.quarantine.selection import ALL, lock_run
from audit.runs.quarantine.verdict import ask_for_verdict, can_be_judged_again
from audit.runs.quarantine.waive import unwaive, waive
from audit.runs.transitions import IllegalTransition

REPLAYED_AT_ONCE: Final = 500
WAIVED_AT_ONCE: Final = 10_000
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class GroupDeed:
    """A deed on many items; its page is that of every other deed.

    `act` gets exactly the items that were shown, and returns what was done and where to go on (empty: the workbench).
    """

    key: str
    label: Text
    icon: str
    permissions: tuple[str, ...]
    """Any of these."""
    standing: Outcome
    at_once: int
    sentences: tuple[Text, ...]
    act: Callable[[HttpRequest, Part, dict[str, Any]], tuple[str, str]]
    variant: str = "neutral"
    atomic: bool = True
    form: type[ReasonForm] = DecisionForm


class Stale(Exception):
    """The items are not those that were shown."""


def group_view(request: HttpRequest, run_id: int, deed: GroupDeed, context: dict[str, Any]) -> HttpResponse:
    """GET explains and asks; POST does it, if the items are still those that were shown."""
    if not request.user.has_perm(VIEW) or not any(map(request.user.has_perm, deed.permissions)):
        raise PermissionDenied
    choice = read_choice(request, run_id, deed.standing)
    if blocked := busy(choice.run):
        return _page(request, context, deed, part_of(choice, 0), form=None, refusal=blocked, status=CONFLICT)
    part = part_of(choice, deed.at_once)
    options = _options(request, deed, part)
    if request.method != "POST":
        if not part.ids and deed.at_once:
            nothing = gettext("Il n'y a plus rien dans ce groupe.")
            return _page(request, context, deed, part, form=None, refusal=nothing, status=200)
        return _page(request, context, deed, part, form=deed.form(**options), refusal="", status=200)
    form = deed.form(request.POST, **options)
    seen = request.POST.get("seen", "")
    if seen != part.token:
        return _page(request, context, deed, part, form=form, refusal=what_changed(seen, part.token), status=CONFLICT)
    if not form.is_valid():
        return _page(request, context, deed, part, form=form, refusal="", status=UNPROCESSABLE)
    try:
        with transaction.atomic() if deed.atomic else nullcontext():
            if deed.atomic:
                _check_under_lock(part, deed)
            done, lands = deed.act(request, part, form.cleaned_data)
    except Stale:
        part = part_of(choice, deed.at_once)
        refusal = what_changed(seen, part.token)
        return _page(request, context, deed, part, form=form, refusal=refusal, status=CONFLICT)
    except (Refused, IllegalTransition, Impossible) as refused:
        refusal = str(refused) if isinstance(refused, Impossible) else refusal_text(refused)
        return _page(request, context, deed, part, form=form, refusal=refusal, status=CONFLICT)
    messages.success(request, done)
    return HttpResponseRedirect(lands or choice._replace(after=0, mended=False).page_url())


def _check_under_lock(part: Part, deed: GroupDeed) -> None:
    """Nobody else can decide about the run's items from here to the end of the transaction."""
    locked = lock_run(part.choice.run)
    if part_of(part.choice._replace(run=locked), deed.at_once).token != part.token:
        raise Stale


def _options(request: HttpRequest, deed: GroupDeed, part: Part) -> dict[str, Any]:
    if deed.form is not DecisionForm:
        return {}
    left = ALL.of(part.choice.run).order_by()[: len(part.ids) + 1].count()
    return {
        "may_verify": request.user.has_perm(VERIFY),
        "suggested": not part.beyond and verify_at_once(part.choice.run, len(part.ids), left),
    }


def _page(
    request: HttpRequest,
    context: dict[str, Any],
    deed: GroupDeed,
    part: Part,
    *,
    form: ReasonForm | None,
    refusal: str,
    status: int,
) -> HttpResponse:
    context |= {
        "title": deed.label,
        "opts": MigrationOutcome._meta,
        "original": gettext("Quarantaine de la migration %(id)s") % {"id": part.choice.run.pk},
        "deed": deed,
        "explanation": _explanation(deed, part) if form is not None else None,
        "form": form,
        "refusal": refusal,
        "seen": part.token,
        "back": part.choice._replace(after=0, mended=False).page_url(),
    }
    return TemplateResponse(request, "admin/accounts/deed.html", context, status=status)


def _explanation(deed: GroupDeed, part: Part) -> Explanation:
    if not deed.at_once:
        return Explanation(sentences=deed.sentences)
    facts: list[tuple[Text, object]] = [
        (_("Groupe"), part.choice.words()),
        (_("Éléments"), number(len(part.ids))),
        (_("Personnes"), number(part.people)),
    ]
    if part.beyond:
        facts.append((_("Ensuite"), _beyond(part)))
    samples = MigrationOutcome.objects.filter(pk__in=part.ids[:SHOWN]).select_related("user").order_by("pk")
    table = Table(
        caption=_("Les premiers de ces éléments"),
        columns=(Column(_("Élément"), heads_row=True), Column(_("Personne")), Column(_("Raison"), wide_only=True)),
        rows=[
            (item_link(one), person_link(one), ", ".join(reason_text(code).title for code in one.reasons))
            for one in samples.defer("raw", "changes", "before")
        ],
        shows_caption=True,
    )
    return Explanation(sentences=deed.sentences, facts=facts, tables=(table,))


def _beyond(part: Part) -> str:
    return ngettext(
        "%(count)s élément de plus, à faire en une autre fois",
        "%(count)s éléments de plus, à faire en une autre fois",
        part.beyond,
    ) % {"count": number(part.beyond)}


# --- deeds ------------------------------------------------------------------------------------------------------------------


def _replay(request: HttpRequest, part: Part, data: dict[str, Any]) -> tuple[str, str]:
    done = replay(
        run=part.choice.run,
        chosen=part.selection,
        actor=actor_of(request),
        reason=data["reason"],
        within_seconds=SECONDS,
    )
    text = replayed_text(done)
    if done.next_item:
        text += " " + gettext("Le temps d'une requête est passé : continuez avec les suivants.")
        return text, part.choice.deed_url("replay", after=done.next_item - 1)
    if part.beyond:
        return text + " " + _go_on(part), part.choice.deed_url("replay", after=part.last)
    if done.items or done.others:
        verify_if_asked(request, part.choice.run, data)
    return text, ""


def _waive(request: HttpRequest, part: Part, data: dict[str, Any]) -> tuple[str, str]:
    return _decide(request, part, data, back=False)


def _unwaive(request: HttpRequest, part: Part, data: dict[str, Any]) -> tuple[str, str]:
    return _decide(request, part, data, back=True)


def _decide(request: HttpRequest, part: Part, data: dict[str, Any], *, back: bool) -> tuple[str, str]:
    act = unwaive if back else waive
    done = act(run=part.choice.run, chosen=part.selection, actor=actor_of(request), reason=data["reason"])
    text = waived_text(done.items.total(), back=back)
    if part.beyond:
        return text + " " + _go_on(part), part.choice.deed_url("unwaive" if back else "waive")
    verify_if_asked(request, part.choice.run, data)
    return text, ""


def _go_on(part: Part) -> str:
    return ngettext(
        "Il reste %(count)s élément du groupe : continuez ici.",
        "Il reste %(count)s éléments du groupe : continuez ici.",
        part.beyond,
    ) % {"count": number(part.beyond)}


def _verify(request: HttpRequest, part: Part, data: dict[str, Any]) -> tuple[str, str]:
    run = part.choice.run
    if not can_be_judged_again(run):
        raise Impossible(
            gettext("Cette migration ne peut pas être vérifiée maintenant : tous ses lots ne sont pas écrits.")
        )
    ask_for_verdict(run=run, actor=actor_of(request), reason=data["reason"])
    return gettext("La vérification est demandée ; elle se fait en arrière-plan."), ""


GROUP_DEEDS: Final[dict[str, GroupDeed]] = {
    deed.key: deed
    for deed in (
        GroupDeed(
            key="replay",
            label=_("Rejouer le groupe"),
            icon="replay",
            permissions=(REPLAY,),
            standing=Outcome.QUARANTINED,
            at_once=REPLAYED_AT_ONCE,
            sentences=(
                _(
                    "Les instantanés de ces personnes sont relus avec les réparations en vigueur, une transaction par personne."
                ),
                _(
                    "Ce qui se lit maintenant entre ; ce qui reste illisible reste en quarantaine. Rejouer deux fois ne change rien."
                ),
                _("Ce que les personnes ont changé ou supprimé depuis est gardé."),
            ),
            act=_replay,
            atomic=False,
        ),
        GroupDeed(
            key="waive",
            label=_("Écarter le groupe"),
            icon="do_not_disturb_on",
            permissions=(WAIVE,),
            standing=Outcome.QUARANTINED,
            at_once=WAIVED_AT_ONCE,
            sentences=(
                _(
                    "Ces éléments ne deviendront pas des lignes dans cette migration. Leurs valeurs brutes et leurs raisons restent."
                ),
                _(
                    "Vous pourrez les reprendre. Une nouvelle migration des mêmes instantanés les rencontrera de nouveau."
                ),
            ),
            act=_waive,
        ),
        GroupDeed(
            key="unwaive",
            label=_("Reprendre le groupe"),
            icon="undo",
            permissions=(WAIVE,),
            standing=Outcome.WAIVED,
            at_once=WAIVED_AT_ONCE,
            sentences=(_("Ces éléments retournent en quarantaine : ils pourront être réparés et rejoués."),),
            act=_unwaive,
        ),
        GroupDeed(
            key="verify",
            label=_("Faire vérifier la migration"),
            icon="fact_check",
            permissions=(VERIFY,),
            standing=Outcome.QUARANTINED,
            at_once=0,
            sentences=(
                _(
                    "Le vérificateur relit les instantanés et compare avec les tables. Lui seul dit qu'une migration est terminée."
                ),
                _("Pendant ce temps, la quarantaine ne peut pas être modifiée."),
            ),
            act=_verify,
            form=ReasonForm,
        ),
    )
}


def group_deed(key: str) -> GroupDeed:
    """By its name in the address."""
    if key not in GROUP_DEEDS:
        raise Http404
    return GROUP_DEEDS[key]
