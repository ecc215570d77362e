"""This room's deeds on the person's page: migrate now, take back, replay the quarantine. Each returns at once or works on one person only."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanWidget

from accounts.admin.deeds import Deed, Explanation, Impossible, ReasonForm, is_measured
from accounts.admin.display import browser, instant, number, object_link, size
from accounts.admin.person_deeds import actor_of
from accounts.admin.person_page import StatePart, register_deed, register_state
from accounts.admin.tables import Column, Table
from accounts.models import User
from accounts.staff import tell
from audit import selectors
from audit.admin.reason_texts import reason_text
from audit.admin.run_deeds import refusals
from audit.admin.run_words import KEPT, TABLES, refusal_text, status_text
from audit.admin.words import OUTCOMES_PLURAL, snapshot_badge
from audit.models import MigrationRun
from audit.runs import control
from audit.runs.dispatch import call_workers
from audit.runs.plan import Refused, Scope
from audit.runs.quarantine.replay import replay
from audit.runs.quarantine.selection import SETTLED
from audit.runs.quarantine.selection import Selection as Chosen
from audit.runs.quarantine.verdict import ask_for_verdict, can_be_judged_again
from audit.runs.rollback import Receipt, RollbackFailed, RollbackInterrupted, RollbackScope, roll_back
from audit.runs.status import active_run
from audit.runs.transitions import IllegalTransition

SNAPSHOTS_SHOWN: Final = 10


def run_link(request: HttpRequest, run: MigrationRun) -> str:
    """The run by its number; a link for those who may follow it."""
    name = gettext("Migration %(id)s") % {"id": run.pk}
    return object_link(MigrationRun, run.pk, name) if request.user.has_perm("audit.view_migrationrun") else name


# --- Migrate now -----------------------------------------------------------------------------------------------------------
class MigrateForm(ReasonForm):
    """Whether snapshots that were taken before are read again."""

    again = forms.BooleanField(
        label=_("Relire aussi les instantanés déjà migrés"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("Ce qui est déjà en place reste « inchangé » ; rien n'est créé deux fois."),
    )

    def __init__(self, *args: Any, counts: selectors.PersonSnapshots, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not (counts.migrated or counts.poisoned):
            del self.fields["again"]
        elif not counts.waiting:
            self.initial.setdefault("again", True)


def has_snapshots(person: User) -> bool:
    """Whether there is anything to migrate, or to migrate again."""
    return any(selectors.snapshot_counts_of_person(person))


def explain_migration(request: HttpRequest, person: User) -> Explanation:
    """Which snapshots, and what happens to them."""
    counts = selectors.snapshot_counts_of_person(person)
    snapshots = list(selectors.snapshots_of_person(person)[:SNAPSHOTS_SHOWN])
    table = Table(
        caption=_("Ses instantanés, le plus récent d'abord"),
        columns=(
            Column(_("Capturé"), heads_row=True),
            Column(_("Navigateur"), wide_only=True),
            Column(_("Taille"), numeric=True),
            Column(_("État")),
        ),
        rows=[
            (
                instant(snapshot.captured_at, snapshot.timezone),
                browser(snapshot.user_agent),
                size(snapshot.size_bytes),
                snapshot_badge(snapshot),
            )
            for snapshot in snapshots
        ],
        shows_caption=True,
    )
    active = active_run()
    return Explanation(
        sentences=(
            gettext("Une migration est lancée pour cette personne seule, avec %(snapshots)s.")
            % {"snapshots": _waiting(counts.waiting)},
            gettext(
                "Elle passe par le même chemin que les autres : une transaction, puis la vérification. Ce que la personne a changé depuis reste."
            ),
            gettext("La page revient tout de suite ; le résultat apparaît dans « Ce que ses données sont devenues »."),
        ),
        tables=(table,),
        warning=_another_is_active(active) if active is not None else "",
    )


def _waiting(count: int) -> str:
    return ngettext("%(count)s instantané en attente", "%(count)s instantanés en attente", count) % {
        "count": number(count)
    }


def _another_is_active(run: MigrationRun) -> str:
    return gettext(
        "La migration %(run)s est active (%(state)s) : il n'y en a jamais deux à la fois. Attendez sa fin, ou annulez-la."
    ) % {"run": run.pk, "state": run.get_status_display()}


def migrate_now(request: HttpRequest, person: User, data: dict[str, Any]) -> str:
    """Plans a run of one person and calls a worker; both, and the trace, in one transaction."""
    actor = actor_of(request)
    again = bool(data.get("again"))
    if not again and not selectors.snapshot_counts_of_person(person).waiting:
        raise Impossible(gettext("Rien n'attend : cochez la relecture des instantanés déjà migrés."))
    active = active_run()
    if active is not None:
        raise Impossible(_another_is_active(active))
    with refusals():
        run = control.start(
            scope=Scope(emails=(person.email,), again=again), batch_size=1, actor=actor.email, started_by=actor
        )
    if not run.snapshots_planned:
        raise Impossible(gettext("Rien n'attend : cochez la relecture des instantanés déjà migrés."))
    tell(
        actor=actor,
        action="staff_migrated_person",
        person=person,
        table="migration_runs",
        reason=data["reason"],
        new={"run": run.pk, "again": again, "snapshots": run.snapshots_planned},
        request=request,
    )
    call_workers(run, number=1)
    return format_html(
        gettext("{} est lancée pour cette personne. Rechargez la page dans quelques secondes."), run_link(request, run)
    )


# --- Take back ---------------------------------------------------------------------------------------------------------------
class RollbackForm(ReasonForm):
    """Which run, where several brought something."""

    run = forms.TypedChoiceField(label=_("Migration à défaire"), coerce=int, widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, runs: list[MigrationRun], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [
            (run.pk, gettext("Migration %(id)s, %(state)s") % {"id": run.pk, "state": run.get_status_display()})
            for run in runs
        ]
        field = self.fields["run"]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = choices
        if len(choices) == 1:
            field.widget = forms.HiddenInput()
            field.initial = choices[0][0]


class BlastRadius:
    """What taking one run back would do to this person, by its dry run; or why it cannot be done."""

    def __init__(self, run: MigrationRun, person: User) -> None:
        self.run = run
        self.person = person

    @cached_property
    def found(self) -> Receipt | str:
        """The dry run's receipt, or the refusal in words."""
        try:
            return roll_back(run=self.run, scope=RollbackScope(email=self.person.email), dry_run=True)
        except (Refused, IllegalTransition, RollbackFailed, RollbackInterrupted) as error:
            return refusal_text(error)

    def table(self) -> Table:
        """Rows by table: removed, put back, kept."""
        title = gettext("Migration %(id)s, %(state)s") % {"id": self.run.pk, "state": self.run.get_status_display()}
        receipt = self.found
        if isinstance(receipt, str):
            return Table(caption=title, columns=(), rows=(), empty=f"{title} : {receipt}")
        kept = {name: sum(row.table == name for row in receipt.kept) for name in TABLES}
        counts = {name: (receipt.deleted.get(name, 0), receipt.restored.get(name, 0), kept[name]) for name in TABLES}
        return Table(
            caption=title,
            columns=(
                Column(_("Quoi"), heads_row=True),
                Column(_("Retirés"), numeric=True),
                Column(_("Remis comme avant"), numeric=True),
                Column(_("Gardés"), numeric=True),
            ),
            rows=[(TABLES[name], *map(number, row)) for name, row in counts.items() if any(row)],
            empty=gettext("%(title)s : il n'y a rien à retirer.") % {"title": title},
            shows_caption=True,
        )

    def why_kept(self) -> list[str]:
        """Each reason to keep rows, with how many."""
        if isinstance(self.found, str):
            return []
        times: dict[str, int] = {}
        for row in self.found.kept:
            times[row.reason] = times.get(row.reason, 0) + 1
        return [f"{number(count)} × {KEPT.get(reason, reason)}" for reason, count in times.items()]


def explain_rollback(request: HttpRequest, person: User) -> Explanation:
    """The dry run of each run that could be taken back, once it is asked for; the newest comes first and has to go first."""
    runs = selectors.runs_to_take_back(person) if is_measured(request) else []
    radius = [BlastRadius(run, person) for run in runs]
    kept = [reason for one in radius for reason in one.why_kept()]
    return Explanation(
        sentences=(
            gettext(
                "Ce que la migration a écrit pour cette personne est retiré ; ce qu'elle avait changé redevient comme avant."
            ),
            gettext(
                "Ce que la personne a changé depuis n'est pas touché. Ses instantanés attendent ensuite une nouvelle migration."
            ),
            *([gettext("Gardés : %(reasons)s.") % {"reasons": "; ".join(kept)}] if kept else ()),
            *(
                ()
                if is_measured(request)
                else [gettext("La page suivante montre ce que cela ferait, avant de rien changer.")]
            ),
        ),
        tables=[one.table() for one in radius],
        warning=gettext(
            "La personne ne verra plus ces repas dans l'application tant qu'elle n'est pas migrée de nouveau."
        ),
    )


def take_back(request: HttpRequest, person: User, data: dict[str, Any]) -> str:
    """The service leaves the event and the line in the person's log itself, in its transaction."""
    run = next((run for run in selectors.runs_to_take_back(person) if run.pk == data["run"]), None)
    if run is None:
        raise Impossible(gettext("Cette migration n'a plus rien à défaire pour cette personne."))
    scope = RollbackScope(email=person.email)
    with refusals():
        receipt = roll_back(
            run=run, scope=scope, actor=actor_of(request).email, reason=data["reason"], with_digest=False
        )
    return gettext(
        "Migration %(run)s défaite pour cette personne : %(deleted)s lignes retirées, %(restored)s remises comme avant, %(kept)s gardées."
    ) % {
        "run": run.pk,
        "deleted": number(sum(receipt.deleted.values())),
        "restored": number(sum(receipt.restored.values())),
        "kept": number(len(receipt.kept)),
    }


# --- Replay --------------------------------------------------------------------------------------------------------------------
def has_quarantine(person: User) -> bool:
    """Whether items wait in a run that nothing else moves."""
    found = selectors.quarantine_of_person(person)
    return found is not None and found[0].status in SETTLED


MAY_VERIFY: Final = "audit.verify_migrationrun"
VERIFICATION_LEFT: Final = "La vérification reste à faire ensuite : un opérateur peut la demander."


def explain_replay(request: HttpRequest, person: User) -> Explanation:
    """What waits, by reason."""
    found = selectors.quarantine_of_person(person)
    assert found is not None  # it is available
    run, items = found
    reasons = [row for row in selectors.reasons_of_person(person, run.pk) if row.outcome == "quarantined"]
    table = Table(
        caption=_("Ce qui attend, par raison"),
        columns=(Column(_("Raison"), heads_row=True), Column(_("Éléments"), numeric=True)),
        rows=[(reason_text(row.code).title, number(row.times)) for row in reasons],
        shows_caption=True,
    )
    return Explanation(
        sentences=(
            ngettext(
                "%(count)s élément en quarantaine de la migration %(run)s est relu avec les réparations et les règles d'aujourd'hui.",
                "%(count)s éléments en quarantaine de la migration %(run)s sont relus avec les réparations et les règles d'aujourd'hui.",
                items,
            )
            % {"count": number(items), "run": run.pk},
            gettext(
                "Ce qui se lit maintenant entre dans les tables et quitte la quarantaine ; le reste y demeure, tel quel."
            ),
            gettext("Ensuite la migration est vérifiée de nouveau, en arrière-plan.")
            if request.user.has_perm(MAY_VERIFY)
            else gettext(VERIFICATION_LEFT),
        ),
        tables=(table,),
    )


def replay_now(request: HttpRequest, person: User, data: dict[str, Any]) -> str:
    """One person in one transaction; the verdict is asked for, and comes later."""
    found = selectors.quarantine_of_person(person)
    if found is None:
        raise Impossible(gettext("Plus rien n'est en quarantaine pour cette personne."))
    run, _items = found
    actor, reason = actor_of(request).email, data["reason"]
    with refusals():
        done = replay(run=run, chosen=Chosen(user=person), actor=actor, reason=reason)
    if person.pk in done.refused:
        raise Impossible(refusal_text(done.refused[person.pk]))
    moved = sum(done.items.values())
    if not moved and not done.others:
        return gettext(
            "Relu : rien n'a pu quitter la quarantaine. Réparez d'abord les éléments, un par un ou par groupe."
        )
    run.refresh_from_db()
    verified = ""
    if not can_be_judged_again(run):
        pass
    elif not request.user.has_perm(MAY_VERIFY):
        verified = gettext(VERIFICATION_LEFT)
    else:
        try:
            ask_for_verdict(run=run, actor=actor, reason=reason)
            verified = gettext("La vérification est en route.")
        except (Refused, IllegalTransition) as error:
            verified = gettext("La vérification reste à faire : %(why)s") % {"why": refusal_text(error)}
    said = ngettext(
        "%(count)s élément a quitté la quarantaine (%(outcomes)s).",
        "%(count)s éléments ont quitté la quarantaine (%(outcomes)s).",
        moved,
    ) % {"count": number(moved), "outcomes": _outcomes(done.items)}
    return f"{said} {verified}".strip()


def _outcomes(items: Any) -> str:
    sums: dict[str, int] = {}
    for (_kind, outcome), count in items.items():
        sums[outcome] = sums.get(outcome, 0) + count
    return ", ".join(f"{str(OUTCOMES_PLURAL[outcome]).lower()} : {number(count)}" for outcome, count in sums.items())


# --- On the page -----------------------------------------------------------------------------------------------------------------
def read_state(person: User) -> str:
    """Snapshots by state, items in quarantine, and the runs that brought something with their states."""
    found = selectors.quarantine_of_person(person)
    runs = ",".join(f"{run.pk}.{run.status}" for run in selectors.runs_to_take_back(person))
    counts = selectors.snapshot_counts_of_person(person)
    return ":".join([*map(str, counts), str(found[1] if found else 0), runs])


def state_words(code: str) -> str:
    """The same in words."""
    waiting, _migrated, _poisoned, items, runs = [*code.split(":"), "", "", "", "", ""][:5]
    said = [
        gettext("instantanés en attente : %(count)s") % {"count": waiting},
        gettext("en quarantaine : %(count)s") % {"count": items},
    ]
    for run in filter(None, runs.split(",")):
        run_id, _dot, status = run.partition(".")
        said.append(gettext("migration %(run)s : %(state)s") % {"run": run_id, "state": status_text(status)})
    return ", ".join(said)


register_state(StatePart(key="migration", read=read_state, words=state_words, order=60))
register_deed(
    Deed(
        key="migrate",
        label=_("Migrer"),
        title=_("Migrer cette personne maintenant"),
        icon="move_up",
        permission="audit.migrate_person",
        explain=explain_migration,
        act=migrate_now,
        available=has_snapshots,
        variant="primary",
        order=10,
        form=MigrateForm,
        form_kwargs=lambda request, person: {"counts": selectors.snapshot_counts_of_person(person)},
    ),
    on_team=True,
)
register_deed(
    Deed(
        key="replay",
        label=_("Rejouer la quarantaine"),
        title=_("Rejouer la quarantaine de cette personne"),
        icon="replay",
        permission="audit.replay_migrationoutcome",
        explain=explain_replay,
        act=replay_now,
        available=has_quarantine,
        order=20,
        atomic=False,
    ),
    on_team=True,
)
register_deed(
    Deed(
        key="roll-back",
        label=_("Défaire la migration"),
        title=_("Défaire la migration de cette personne"),
        icon="undo",
        permission="audit.rollback_person",
        explain=explain_rollback,
        act=take_back,
        available=lambda person: bool(selectors.runs_to_take_back(person)),
        order=30,
        form=RollbackForm,
        form_kwargs=lambda request, person: {"runs": selectors.runs_to_take_back(person)},
        measure=_("Voir ce que cela ferait"),
        atomic=False,
    ),
    on_team=True,
)
