"""The quarantine workbench: what waits, by cause, and what one can do about each cause."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import number, object_link, printable
from accounts.looks import note_look
from audit.admin.outcome_cells import readable_fragment
from audit.admin.reason_texts import ReasonText, reason_text
from audit.admin.words import run_badge
from audit.admin.workbench_choice import BIGGEST_ID, Choice, find_person, quarantine_url
from audit.admin.workbench_deeds import REPAIR, REPLAY, VERIFY, VIEW, VIEW_RAW, WAIVE
from audit.admin.workbench_words import advice, busy, items_of
from audit.models import ItemKind, MigrationOutcome, MigrationRun, Outcome
from audit.runs.quarantine.causes import Cause, causes, runs_with_quarantine, sums_of
from audit.runs.quarantine.rules import RULES_FOR
from audit.runs.quarantine.verdict import can_be_judged_again, is_stale

RUNS_OFFERED: Final = 30
STANDINGS: Final = (Outcome.QUARANTINED, Outcome.WAIVED)


class Button(NamedTuple):
    """Something to press on a group."""

    key: str
    label: object
    icon: str
    url: str
    variant: str = "neutral"


class Group(NamedTuple):
    """One cause as the page shows it."""

    reason: ReasonText
    kind: str
    size: int
    items: str
    people: str
    mended: int
    advice: str
    examples: list[tuple[object, str, str, str]]
    buttons: list[Button]
    anchor: str


def quarantine_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The page; `context` is what every page of the site has. Reads only."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    runs = runs_with_quarantine(at_most=RUNS_OFFERED)
    run = _chosen_run(request, runs)
    asked = request.GET.get("user", "").strip()[:254]
    person = find_person(asked)
    kind = request.GET.get("kind", "")
    kind = kind if kind in ItemKind.values else ""
    standing = Outcome.WAIVED if request.GET.get("standing") == Outcome.WAIVED else Outcome.QUARANTINED
    context |= {
        "title": gettext("Quarantaine"),
        "opts": MigrationOutcome._meta,
        "runs": runs if run is None or run in runs else [run, *runs],
        "run": run,
        "kinds": ItemKind.choices,
        "kind": kind,
        "asked": printable(asked),
        "person": person,
        "nobody": bool(asked) and person is None,
        "standing": standing.value,
        "reset_url": quarantine_url(),
    }
    if run is not None:
        context |= _of_run(request, Choice(run, standing, kind=kind, user=person), nobody=context["nobody"])
    return TemplateResponse(request, "admin/audit/quarantine/workbench.html", context)


def _chosen_run(request: HttpRequest, runs: list[MigrationRun]) -> MigrationRun | None:
    """The run that is asked for, else the newest of which something waits."""
    asked = request.GET.get("run", "")
    if asked.isascii() and asked.isdecimal() and int(asked) <= BIGGEST_ID:
        found = next((run for run in runs if run.pk == int(asked)), None)
        if found := found or MigrationRun.objects.filter(pk=int(asked)).first():
            return found
    return runs[0] if runs else None


def _of_run(request: HttpRequest, choice: Choice, *, nobody: bool) -> dict[str, Any]:
    run = choice.run
    sees_raw = request.user.has_perm(VIEW_RAW)
    quarantined, waived = sums_of(run)
    found = causes(
        run,
        outcome=choice.standing,
        kind=choice.kind,
        user_id=choice.user.pk if choice.user else None,
        with_raw=sees_raw,
    )
    groups = [] if nobody else [_group(request, choice, cause, busy(run)) for cause in found.causes]
    if sees_raw and groups:
        note_look(request, choice.user.pk if choice.user else None, ("migration_outcomes",))
    stale = is_stale(run) and can_be_judged_again(run)
    return {
        "run_link": object_link(MigrationRun, run.pk, gettext("Migration %(id)s") % {"id": run.pk}),
        "run_badge": run_badge(run),
        "busy": busy(run),
        "groups": groups,
        "most": max((group.size for group in groups), default=0),
        "items": number(found.items) + ("" if found.complete else "+"),
        "tabs": [
            {
                "label": label,
                "count": number(count),
                "url": choice._replace(standing=standing).page_url(),
                "current": standing == choice.standing,
            }
            for standing, label, count in (
                (Outcome.QUARANTINED, _("En quarantaine"), quarantined),
                (Outcome.WAIVED, _("Écartés"), waived),
            )
        ],
        "nothing_at_all": not quarantined and not waived,
        "narrowed": bool(choice.kind or choice.user),
        "sees_raw": sees_raw,
        "stale": stale,
        "verify_url": Choice(run).deed_url("verify") if stale and request.user.has_perm(VERIFY) else "",
    }


def _group(request: HttpRequest, choice: Choice, cause: Cause, blocked: str) -> Group:
    ours = choice._replace(reason=cause.reason, kind=cause.kind)
    return Group(
        reason=reason_text(cause.reason),
        kind=items_of(cause.kind),
        size=cause.items,
        items=number(cause.items),
        people=number(cause.people),
        mended=cause.mended if choice.standing == Outcome.QUARANTINED else 0,
        advice=advice(cause.reason) if choice.standing == Outcome.QUARANTINED else "",
        examples=[
            (
                object_link(
                    MigrationOutcome, example.outcome_id, printable(example.path) or gettext("tout l'instantané")
                ),
                example.field,
                readable_fragment(example.value),
                readable_fragment(example.raw),
            )
            for example in cause.examples
        ],
        buttons=_buttons(request, ours, cause, blocked),
        anchor=f"{cause.reason}-{cause.kind}",
    )


def _buttons(request: HttpRequest, ours: Choice, cause: Cause, blocked: str) -> list[Button]:
    """What this reader may do with the group now."""
    may = {permission: not blocked and request.user.has_perm(permission) for permission in (REPAIR, REPLAY, WAIVE)}
    buttons = [Button("look", _("Voir les éléments"), "list", ours.list_url())]
    if ours.standing == Outcome.WAIVED:
        if may[WAIVE]:
            buttons.append(Button("unwaive", _("Reprendre le groupe"), "undo", ours.deed_url("unwaive")))
        return buttons
    if may[REPLAY] and cause.mended:
        mended = ours._replace(mended=True)
        label = gettext("Rejouer les %(count)s réparés") % {"count": number(cause.mended)}
        buttons.append(Button("replay-mended", label, "replay", mended.deed_url("replay"), "primary"))
    if may[REPAIR] and request.user.has_perm(VIEW_RAW) and cause.reason in RULES_FOR:
        variant = "neutral" if cause.mended else "primary"
        buttons.append(Button("repair", _("Réparer le groupe"), "healing", ours.deed_url("repair"), variant))
    if may[REPLAY]:
        buttons.append(Button("replay", _("Rejouer le groupe"), "replay", ours.deed_url("replay")))
    if may[WAIVE]:
        buttons.append(Button("waive", _("Écarter le groupe"), "do_not_disturb_on", ours.deed_url("waive")))
    return buttons
