"""This room's panels of the person's page: what happened to their items, their snapshots, their activity."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import admin_url, browser, instant, link, number, object_link, size, two_lines
from accounts.admin.person_page import Figure, Panel, PanelContent, register
from accounts.admin.tables import Column, Table
from accounts.models import User
from audit import selectors
from audit.admin.equation import equation
from audit.admin.reason_texts import reason_text
from audit.admin.words import outcome_badge, snapshot_badge
from audit.models import ActivityLog, MigrationOutcome, MigrationRun, Outcome, StorageSnapshot

SNAPSHOTS_SHOWN = 8
ACTIVITY_SHOWN = 12


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
    """What became of this person's items in the last run that took them, and why."""
    last = (
        selectors.snapshots_of_person(person)
        .exclude(last_run=None)
        .order_by("-last_run_id")
        .values_list("last_run_id", flat=True)
        .first()
    )
    if last is None:
        return PanelContent({"run": None}, figures=(Figure(_("Migration"), gettext("pas encore"), icon="move_up"),))
    tally = equation(selectors.equation_of_person(person, last), compact=True)
    url = f"{of_person(MigrationOutcome, person)}&run__id__exact={last}"
    reasons = Table(
        caption=_("Raisons, la plus fréquente d'abord"),
        columns=(Column(_("Raison"), heads_row=True), Column(_("Éléments"), numeric=True)),
        rows=[
            (_reason(row, f"{url}&reason={row.code}&outcome__exact={row.outcome}"), number(row.times))
            for row in sorted(
                selectors.reasons_of_person(person, last), key=lambda row: row.outcome != Outcome.QUARANTINED
            )
        ],
        empty=_("Tout a été pris tel quel."),
        more_url=url,
        more_label=_("Chaque élément, un par un"),
    )
    figure = Figure(
        label=_("En quarantaine"),
        value=number(tally.quarantined),
        hint=gettext("sur %(found)s éléments trouvés") % {"found": number(tally.found)},
        url=f"{url}&outcome__exact={Outcome.QUARANTINED}" if tally.quarantined else "",
        variant="warning" if tally.quarantined else "neutral",
        icon="front_hand",
        order=40,
    )
    run = object_link(MigrationRun, last, gettext("Migration %(id)s") % {"id": last})
    return PanelContent({"run": run, "equation": tally, "reasons": reasons}, figures=(figure,))


def _reason(row: selectors.ReasonCount, url: str) -> str:
    """A reason, and below it what became of its items."""
    reason = reason_text(row.code)
    return two_lines(
        link(url, reason.title), format_html("{} {}", outcome_badge(row.outcome), reason.explanation or reason.code)
    )


def read_activity(request: HttpRequest, person: User) -> PanelContent:
    """The newest things that were done."""
    log = selectors.activity_of_person(person, at_most=ACTIVITY_SHOWN)
    table = Table(
        caption=_("Activité, la plus récente d'abord"),
        columns=(Column(_("Quand")), Column(_("Action"), heads_row=True), Column(_("Navigateur"), wide_only=True)),
        rows=[
            (instant(row.created_at), object_link(ActivityLog, row.pk, row.action_type), browser(row.user_agent))
            for row in log
        ],
        empty=_("Rien encore."),
        more_url=of_person(ActivityLog, person) if len(log) == ACTIVITY_SHOWN else "",
        more_label=_("Toute l'activité"),
    )
    return PanelContent({"table": table})


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
