"""This room's panels of the person's page: what happened to their items, their snapshots, their activity."""

from __future__ import annotations

import re
from typing import Any, Final

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import (
    admin_url,
    browser,
    instant,
    mono,
    number,
    object_link,
    printable,
    size,
    two_lines,
)
from accounts.admin.person_page import Figure, Panel, PanelContent, asked, register, same_page
from accounts.admin.read_only import WindowedPaginator
from accounts.admin.tables import Column, Table
from accounts.models import User
from audit import selectors
from audit.admin.equation import equation
from audit.admin.item_words import name_in_raw, sentences
from audit.admin.person_deeds import run_link
from audit.admin.reason_texts import reason_text
from audit.admin.words import OUTCOMES_PLURAL, action_text, outcome_badge, run_badge, snapshot_badge
from audit.models import ActivityLog, ItemKind, MigrationOutcome, MigrationRun, Outcome, StorageSnapshot
from nutrition.models import FavoriteMeal, MealEntry

SNAPSHOTS_SHOWN: Final = 8
ACTIVITY_SHOWN: Final = 12
ITEMS_SHOWN: Final = 12
PATH_SHOWN: Final = 24
_PLACE = re.compile(r"[A-Za-z]*\[\d+\].{0,12}$")
RUNS_SHOWN: Final = 6


def of_person(model: type, person: User) -> str:
    """The address of the list of this person's rows."""
    return f"{admin_url(model, 'changelist')}?user__id__exact={person.pk}"


def read_snapshots(request: HttpRequest, person: User) -> PanelContent:
    """The person's browsers, newest capture first."""
    snapshots = list(selectors.snapshots_of_person(person)[: SNAPSHOTS_SHOWN + 1])
    table = Table(
        caption=_("Instantanés de cette personne, le plus récent d'abord"),
        columns=(
            Column(_("Capturé"), heads_row=True),
            Column(_("Navigateur, fuseau")),
            Column(_("État")),
        ),
        rows=[
            (
                two_lines(
                    object_link(StorageSnapshot, snapshot.pk, instant(snapshot.captured_at, snapshot.timezone)),
                    size(snapshot.size_bytes),
                ),
                two_lines(browser(snapshot.user_agent), snapshot.timezone),
                snapshot_badge(snapshot),
            )
            for snapshot in snapshots[:SNAPSHOTS_SHOWN]
        ],
        empty=_("Aucun navigateur n'a été capturé."),
        more_url=of_person(StorageSnapshot, person) if len(snapshots) > SNAPSHOTS_SHOWN else "",
        more_label=_("Tous les instantanés"),
    )
    shown = number(min(len(snapshots), SNAPSHOTS_SHOWN)) + ("+" if len(snapshots) > SNAPSHOTS_SHOWN else "")
    figure = Figure(
        label=_("Instantanés"), value=shown, url=of_person(StorageSnapshot, person), icon="photo_camera", order=30
    )
    return PanelContent({"table": table}, figures=(figure,))


def read_outcomes(request: HttpRequest, person: User) -> PanelContent:
    """What became of this person's items in a run (`items_run`; the newest that took them), in sentences and one by one."""
    active = selectors.active_run_of_person(person)
    going_on = (run_link(request, active), run_badge(active)) if active is not None else None
    runs = selectors.runs_of_person(person, at_most=RUNS_SHOWN)
    if not runs:
        hint = gettext("en cours") if active is not None else gettext("pas encore")
        return PanelContent({"run": None, "active": going_on}, figures=(Figure(_("Migration"), hint, icon="move_up"),))
    shown = next((one for one in runs if str(one.run_id) == asked(request, "items_run")), runs[0])
    found = selectors.equation_of_person(person, shown.run_id)
    tally = equation(found, compact=True)
    url = f"{of_person(MigrationOutcome, person)}&run__id__exact={shown.run_id}"
    context = {
        "active": going_on,
        "run": object_link(MigrationRun, shown.run_id, _run_name(shown.run_id)),
        "reverted": instant(shown.reverted_at) if shown.reverted_at else "",
        "runs": [
            (_run_name(one.run_id), same_page(request, "outcomes", items_run=one.run_id, items=None, items_page=None))
            for one in runs
            if one != shown
        ],
        "sentences": [
            (one, same_page(request, "items", items=one.outcome, items_page=None))
            for one in sentences(found, selectors.reasons_by_kind_of_person(person, shown.run_id))
        ],
        "equation": tally,
        **_items(request, person, shown.run_id, url),
    }
    figure = Figure(
        label=_("En quarantaine"),
        value=number(tally.quarantined),
        hint=gettext("sur %(found)s éléments trouvés") % {"found": number(tally.found)},
        url=same_page(request, "items", items=Outcome.QUARANTINED.value, items_page=None) if tally.quarantined else "",
        variant="warning" if tally.quarantined else "neutral",
        icon="front_hand",
        order=40,
    )
    return PanelContent(context, figures=(figure,))


def _run_name(run_id: int) -> str:
    return gettext("Migration %(id)s") % {"id": run_id}


def _items(request: HttpRequest, person: User, run_id: int, url: str) -> dict[str, Any]:
    """One page of the items that have an outcome row, and the filters above it."""
    counts = selectors.item_counts_of_person(person, run_id)
    chosen = asked(request, "items") if asked(request, "items") in Outcome.values else ""
    paginator = WindowedPaginator(selectors.items_of_person(person, run_id, outcome=chosen), ITEMS_SHOWN)
    paginator.__dict__["_counted"] = counts.get(chosen, 0) if chosen else sum(counts.values())  # counted already
    page = paginator.get_page(asked(request, "items_page") or 1)
    items = list(page.object_list)
    names = _names(request, items)
    table = Table(
        caption=_("Chaque élément qui n'a pas été pris tel quel"),
        columns=(Column(_("Élément"), heads_row=True), Column(_("Ce qu'il est devenu, et pourquoi"))),
        rows=[
            (
                two_lines(
                    object_link(MigrationOutcome, item.pk, names[item.pk]),
                    format_html("{} · {}", item.get_kind_display(), mono(_end_of(printable(item.path)))),
                ),
                _fate(item),
            )
            for item in items
        ],
        empty=_("Aucun élément de cette sorte n'a de remarque : tout a été pris tel quel."),
        more_url=url + (f"&outcome__exact={chosen}" if chosen else ""),
        more_label=_("Chaque élément, un par un"),
    )
    return {
        "items": table,
        "filters": [
            (
                _("Tous"),
                number(sum(counts.values())),
                same_page(request, "items", items=None, items_page=None),
                not chosen,
            ),
            *(
                (
                    OUTCOMES_PLURAL[outcome],
                    number(counts.get(outcome, 0)),
                    same_page(request, "items", items=outcome, items_page=None),
                    outcome == chosen,
                )
                for outcome in Outcome.values
                if counts.get(outcome) or outcome == chosen
            ),
        ],
        "items_page": page,
        "items_before": same_page(request, "items", items_page=page.previous_page_number())
        if page.has_previous()
        else "",
        "items_after": same_page(request, "items", items_page=page.next_page_number()) if page.has_next() else "",
    }


def _names(request: HttpRequest, items: list[MigrationOutcome]) -> dict[int, str]:
    """What the items are called, for readers who may see meals or raw values; else only their kind. At most two statements."""
    names = {item.pk: str(item.get_kind_display()).capitalize() for item in items}
    if request.user.has_perm("nutrition.view_mealentry"):
        meals, favorites = (
            {item.row_id for item in items if item.row_id is not None and item.kind == kind}
            for kind in (ItemKind.MEAL, ItemKind.FAVORITE)
        )
        called: dict[Any, str] = {}
        if meals:
            called |= dict(MealEntry.objects.filter(pk__in=meals).values_list("pk", "description"))
        if favorites:
            called |= dict(FavoriteMeal.objects.filter(pk__in=favorites).values_list("pk", "name"))
        names |= {item.pk: called[item.row_id] for item in items if item.row_id in called}
    if request.user.has_perm("audit.view_raw_data"):
        plain = {item.pk: name_in_raw(str(getattr(item, "raw_start", ""))) for item in items if item.row_id is None}
        names |= {pk: name for pk, name in plain.items() if name}
    return {pk: Truncator(name).chars(70) for pk, name in names.items()}


def _end_of(path: str) -> str:
    """Where the item stands: the end of a path tells items apart, its beginning is the same for most."""
    if len(path) <= PATH_SHOWN:
        return path
    place = _PLACE.search(path)
    return f"…{place[0] if place else path[-12:]}"


def _fate(item: MigrationOutcome) -> str:
    """The outcome, every reason in words, and what the first one means."""
    told = [reason_text(code) for code in item.reasons]
    titles = ", ".join(reason.title for reason in told)
    return two_lines(
        format_html("{} {}", outcome_badge(item.outcome), titles), (told[0].explanation or told[0].code) if told else ""
    )


def read_activity(request: HttpRequest, person: User) -> PanelContent:
    """The newest things that were done."""
    log = selectors.activity_of_person(person, at_most=ACTIVITY_SHOWN)
    table = Table(
        caption=_("Activité, la plus récente d'abord"),
        columns=(Column(_("Quand")), Column(_("Action"), heads_row=True), Column(_("Par, pourquoi"))),
        rows=[
            (
                instant(row.created_at),
                object_link(ActivityLog, row.pk, action_text(row.action_type)),
                _by_whom(row),
            )
            for row in log
        ],
        empty=_("Rien encore."),
        more_url=of_person(ActivityLog, person) if len(log) == ACTIVITY_SHOWN else "",
        more_label=_("Toute l'activité"),
    )
    return PanelContent({"table": table})


def _by_whom(row: ActivityLog) -> str:
    """A member of the team with the reason; else the person's own browser."""
    values = row.new_values if isinstance(row.new_values, dict) else {}
    actor = values.get("staff_email") or values.get("actor")
    if not actor:
        return browser(row.user_agent)
    reason = values.get("reason") or ", ".join(map(str, values.get("parts", ())))
    return two_lines(printable(str(actor)), Truncator(printable(str(reason))).chars(140))


register(
    Panel(
        key="outcomes",
        title=_("Ce que ses données sont devenues"),
        template="admin/audit/panel_outcomes.html",
        permission="audit.view_migrationoutcome",
        read=read_outcomes,
        order=20,
        icon="rule",
    )
)
register(
    Panel(
        key="snapshots",
        title=_("Instantanés"),
        template="admin/accounts/panel_table.html",
        permission="audit.view_storagesnapshot",
        read=read_snapshots,
        order=5,
        place="side",
        icon="photo_camera",
    )
)
register(
    Panel(
        key="activity",
        title=_("Activité"),
        template="admin/accounts/panel_table.html",
        permission="audit.view_activitylog",
        read=read_activity,
        order=40,
        icon="history",
    )
)
