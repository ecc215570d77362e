"""Taking a run back, or a part of it: first whom, then what it would do (the real rollback, undone), then why; and the receipts afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminIntegerFieldWidget

from accounts.admin.deeds import Deed, Explanation, Impossible, ReasonForm
from accounts.admin.display import Badge, instant, mono, number, object_link, printable
from accounts.admin.tables import Column, Table
from accounts.models import GoalHistory, User, UserProfile
from audit import selectors
from audit.admin.run_deeds import actor_of, people, refusals, sums_of
from audit.admin.run_words import KEPT, TABLES, is_legal, refusal_text
from audit.models import MigrationRun, RunStatus
from audit.runs import control
from audit.runs.dispatch import call_workers
from audit.runs.plan import Refused
from audit.runs.rollback import WHOLE_RUN, Receipt, RollbackScope, roll_back
from audit.runs.rollback.scope import Selection, select_people
from nutrition.models import FavoriteMeal, MealEntry

WHOLE, BATCH, PERSON = "whole", "batch", "person"
SCOPES: Final = ((WHOLE, _("Toute la migration")), (BATCH, _("Un lot")), (PERSON, _("Une personne")))
_NEEDED: Final[dict[str, tuple[str, Any]]] = {
    BATCH: ("batch", _("Indiquez le lot.")),
    PERSON: ("email", _("Indiquez l'adresse.")),
}
KEPT_SHOWN: Final = 50
PARTS_SHOWN: Final = 20
AT_ONCE = 200
"""People whom a request takes back; more of them are the command's business."""
MEASURED_AT_ONCE: Final = 200
"""People whose rollback is tried out in one go; of more, batch by batch while the time lasts."""
MEASURING_SECONDS: Final = 4.0
_MODELS: Final = {
    "meal_entries": MealEntry,
    "favorite_meals": FavoriteMeal,
    "user_profiles": UserProfile,
    "goal_history": GoalHistory,
    "users": User,
}


class ScopeForm(forms.Form):
    """Whom a rollback is about."""

    scope = forms.ChoiceField(label=_("Que faut-il défaire ?"), choices=SCOPES, widget=forms.RadioSelect, initial=WHOLE)
    batch = forms.IntegerField(
        label=_("Numéro du lot"), required=False, min_value=1, widget=UnfoldAdminIntegerFieldWidget()
    )
    email = forms.CharField(
        label=_("Adresse e-mail de la personne"),
        required=False,
        max_length=254,
        widget=UnfoldAdminEmailInputWidget(attrs={"autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        needed, asks = _NEEDED.get(data.get("scope", ""), ("", ""))
        if needed and not self.errors and not data.get(needed):
            self.add_error(needed, ValidationError(asks, code="required"))
        return data

    def rollback_scope(self) -> RollbackScope:
        """What was chosen, in a valid form."""
        chosen = self.cleaned_data["scope"]
        return RollbackScope(
            batch=self.cleaned_data["batch"] if chosen == BATCH else None,
            email=self.cleaned_data["email"].strip() if chosen == PERSON else None,
        )


class RollbackForm(ReasonForm):
    """The choice goes along unseen: it was made, and explained, before."""

    scope = forms.ChoiceField(choices=SCOPES, widget=forms.HiddenInput)
    batch = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    email = forms.CharField(required=False, max_length=254, widget=forms.HiddenInput)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the rollback would do to the people who were tried out, of all whom it is about."""

    receipt: Receipt
    people: int

    @property
    def whole(self) -> bool:
        """Whether everybody was tried out."""
        return self.receipt.people >= self.people


def chosen_scope(data: Mapping[str, Any]) -> RollbackScope:
    """The scope of a form's data. Raises `Impossible` for what is none."""
    form = ScopeForm(data)
    if not form.is_valid():
        raise Impossible(gettext("Choisissez d'abord ce qu'il faut défaire."))
    return form.rollback_scope()


def scope_text(run: MigrationRun, scope: RollbackScope) -> str:
    """What is taken back, in words."""
    if scope.batch is not None:
        return gettext("le lot %(batch)s de la migration %(run)s") % {"batch": number(scope.batch), "run": run.pk}
    if scope.email is not None:
        return gettext("%(person)s dans la migration %(run)s") % {"person": scope.email, "run": run.pk}
    return gettext("toute la migration %(run)s") % {"run": run.pk}


def too_many(run: MigrationRun, scope: RollbackScope, selection: Selection) -> str:
    """Why a part is too big for a request; '' when it is not, or when it goes to the background anyway."""
    if scope.whole or len(selection.left) <= AT_ONCE:
        return ""
    return gettext(
        "Ce lot compte %(people)s : au-delà de %(most)s, cela prend trop de temps pour une page. Sur le serveur : manage.py rollback_migration %(run)s --batch %(batch)s"
    ) % {"people": people(len(selection.left)), "most": number(AT_ONCE), "run": run.pk, "batch": scope.batch}


# --- What it would do ------------------------------------------------------------------------------------------------------


def measure(run: MigrationRun, scope: RollbackScope, *, seconds: float = MEASURING_SECONDS) -> Measured:
    """The real rollback in transactions that are undone: of everybody, or of as many batches as the time allows. Raises `Refused`."""
    left = len(select_people(run, scope).left)
    if not scope.whole or left <= MEASURED_AT_ONCE:
        return Measured(roll_back(run=run, scope=scope, dry_run=True), left)
    end = time.monotonic() + seconds
    sum_of_all: Receipt | None = None
    for batch in run.batches.filter(parent=None).order_by("number").values_list("number", flat=True).iterator():
        receipt = roll_back(run=run, scope=RollbackScope(batch=batch), dry_run=True)
        sum_of_all = receipt if sum_of_all is None else _together(sum_of_all, receipt)
        if time.monotonic() > end:
            break
    return Measured(sum_of_all or roll_back(run=run, scope=scope, dry_run=True), left)


def _together(one: Receipt, other: Receipt) -> Receipt:
    return Receipt(
        run=one.run,
        scope=WHOLE_RUN.as_json(),
        dry_run=True,
        digest_before=one.digest_before,
        people=one.people + other.people,
        deleted={table: count + other.deleted.get(table, 0) for table, count in one.deleted.items()},
        restored={table: count + other.restored.get(table, 0) for table, count in one.restored.items()},
        kept=[*one.kept, *other.kept],
        photos=one.photos + other.photos,
        days=one.days + other.days,
    )


def explain_rollback(request: HttpRequest, run: MigrationRun) -> Explanation:
    """What taking back the chosen part would do. Tried out only when it was asked for with POST: looking changes nothing, locks nobody out."""
    scope = chosen_scope(request.POST)
    try:
        if refusal := too_many(run, scope, select_people(run, scope)):
            return Explanation([refusal], warning=_("Rien ne peut être défait ainsi."))
        measured = measure(run, scope)
    except Refused as refused:
        return Explanation([refusal_text(refused)], warning=_("Rien ne peut être défait ainsi."))
    return explanation_of(run, scope, measured)


def explanation_of(run: MigrationRun, scope: RollbackScope, measured: Measured) -> Explanation:
    """The blast radius, what stays and why, and the digests."""
    receipt = measured.receipt
    sentences = [
        gettext("Vous défaites %(what)s : %(people)s.")
        % {"what": scope_text(run, scope), "people": people(measured.people)},
        gettext("Le retour a été essayé pour de vrai, puis annulé : ces nombres sont exacts pour l'instant présent.")
        if measured.whole
        else gettext(
            "Il a été essayé pour %(measured)s sur %(all)s, puis annulé : pour toutes, comptez environ %(factor)s fois ces nombres."
        )
        % {
            "measured": number(receipt.people),
            "all": number(measured.people),
            "factor": number(measured.people / max(receipt.people, 1), 1),
        },
        gettext("Les instantanés restent et attendent une nouvelle migration."),
    ]
    if scope.whole:
        sentences.append(
            gettext("Cela se passe en arrière-plan : vous pourrez suivre l'avancement sur la page de la migration.")
        )
    tables = [blast_table(receipt)]
    if receipt.kept:
        tables += [kept_reasons(receipt), kept_rows(receipt)]
    return Explanation(
        sentences,
        [
            (_("Personnes"), number(receipt.people)),
            (_("Jours recalculés"), number(receipt.days)),
            (_("Photos retirées"), number(receipt.photos)),
            (_("Lignes gardées"), number(len(receipt.kept))),
            (_("Empreinte d'avant la migration"), mono(receipt.digest_before) if receipt.digest_before else "–"),
        ],
        tables,
        warning=ngettext(
            "%(count)s ligne changée par la personne depuis reste telle quelle. Seule une nouvelle migration ramène ce qui est défait.",
            "%(count)s lignes changées par les personnes depuis restent telles quelles. Seule une nouvelle migration ramène ce qui est défait.",
            len(receipt.kept),
        )
        % {"count": number(len(receipt.kept))}
        if receipt.kept
        else _("Seule une nouvelle migration ramène ce qui est défait."),
    )


# --- Doing it --------------------------------------------------------------------------------------------------------------


def act_rollback(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> str:
    """All of a run in the background, a part of it at once."""
    scope = chosen_scope(data)
    if scope.whole:
        return begin(request, run, data)
    with refusals():
        refusal = too_many(run, scope, select_people(run, scope))
    if refusal:
        raise Impossible(refusal)
    with refusals():
        receipt = roll_back(run=run, scope=scope, actor=actor_of(request), reason=data["reason"], with_digest=False)
    return gettext("C'est défait : %(what)s. %(numbers)s") % {
        "what": scope_text(run, scope),
        "numbers": receipt_sentence(receipt),
    }


def begin(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> str:
    """The whole run, in the background."""
    with refusals():
        run = control.begin_rollback(run=run, actor=actor_of(request), reason=data["reason"])
    call_workers(run, number=1)
    return gettext("Le retour en arrière de la migration %(id)s commence ; %(people)s sont remises comme avant.") % {
        "id": run.pk,
        "people": people(sums_of(run).people_done),
    }


def can_roll_back(run: MigrationRun) -> bool:
    """Legal, and not already under way."""
    return run.status != RunStatus.ROLLING_BACK and is_legal(run, "roll_back")


ROLLBACK_DEED: Final = Deed(
    key="rollback",
    label=_("Défaire"),
    title=_("Défaire la migration"),
    icon="undo",
    permission="audit.rollback_migrationrun",
    explain=explain_rollback,
    act=act_rollback,
    available=can_roll_back,
    variant="danger",
    order=70,
    form=RollbackForm,
    atomic=False,
)


# --- Receipts --------------------------------------------------------------------------------------------------------------


def receipt_sentence(receipt: Receipt) -> str:
    """People, rows that went, rows that came back, rows that stay."""
    return gettext(
        "%(people)s. Lignes retirées : %(deleted)s, remises comme avant : %(restored)s, gardées : %(kept)s. Photos retirées : %(photos)s."
    ) % {
        "people": people(receipt.people),
        "deleted": number(sum(receipt.deleted.values())),
        "restored": number(sum(receipt.restored.values())),
        "kept": number(len(receipt.kept)),
        "photos": number(receipt.photos),
    }


def blast_table(receipt: Receipt) -> Table:
    """By table: what goes, what comes back, what stays."""
    kept = Counter(row.table for row in receipt.kept)
    return Table(
        caption=_("Ce qui change, par table"),
        columns=(
            Column(_("Lignes"), heads_row=True),
            Column(_("Retirées"), numeric=True),
            Column(_("Remises comme avant"), numeric=True),
            Column(_("Gardées"), numeric=True),
        ),
        rows=[
            (label, number(receipt.deleted.get(table, 0)), number(receipt.restored.get(table, 0)), number(kept[table]))
            for table, label in TABLES.items()
        ],
    )


def kept_reasons(receipt: Receipt) -> Table:
    """Why rows stay, the most frequent reason first."""
    return Table(
        caption=_("Pourquoi des lignes restent"),
        columns=(Column(_("Pourquoi"), heads_row=True), Column(_("Lignes"), numeric=True)),
        rows=[
            (KEPT.get(reason, reason), number(count))
            for reason, count in Counter(row.reason for row in receipt.kept).most_common()
        ],
        shows_caption=True,
    )


def kept_rows(receipt: Receipt) -> Table:
    """The first rows that stay, each with its page and its person."""
    return Table(
        caption=gettext("Lignes qui restent (%(shown)s sur %(all)s)")
        % {"shown": number(min(len(receipt.kept), KEPT_SHOWN)), "all": number(len(receipt.kept))},
        columns=(Column(_("Ligne"), heads_row=True), Column(_("Personne")), Column(_("Pourquoi"))),
        rows=[
            (
                _row_link(row.table, row.row_id),
                object_link(User, row.user_id, gettext("la personne")),
                KEPT.get(row.reason, row.reason),
            )
            for row in receipt.kept[:KEPT_SHOWN]
        ],
        shows_caption=True,
    )


def _row_link(table: str, row_id: str) -> object:
    label = f"{TABLES.get(table, table)} {row_id[:8]}"
    model = _MODELS.get(table)
    return object_link(model, row_id, label) if model is not None else label


def rollback_tab(request: HttpRequest, run: MigrationRun, form: ScopeForm | None = None) -> dict[str, Any]:
    """The scope picker where it is legal, and every receipt."""
    may = request.user.has_perm(ROLLBACK_DEED.permission) and can_roll_back(run)
    return {
        "scope_form": (form or ScopeForm(initial={"scope": request.GET.get("scope", WHOLE), **_prefilled(request)}))
        if may
        else None,
        "receipt": _receipt(run),
        "parts": _parts(run),
    }


def _prefilled(request: HttpRequest) -> dict[str, Any]:
    return {name: request.GET[name][:254] for name in ("batch", "email") if request.GET.get(name)}


def _receipt(run: MigrationRun) -> dict[str, Any] | None:
    """Of the whole run: what the rollback did, as far as it is."""
    if not run.rollback:
        return None
    receipt = Receipt.from_json(run.rollback)
    ended = run.status == RunStatus.ROLLED_BACK
    return {
        "badge": Badge(gettext("empreintes égales"), "success", "check")
        if receipt.equal
        else Badge(gettext("empreintes différentes"), "warning", "difference")
        if ended
        else Badge(gettext("pas encore fini"), "info", "sync"),
        "sentence": receipt_sentence(receipt),
        "explanation": _digest_sentence(receipt, ended=ended),
        "table": blast_table(receipt),
        "kept": [kept_reasons(receipt), kept_rows(receipt)] if receipt.kept else [],
        "digests": [
            (gettext("Avant"), mono(receipt.digest_before) if receipt.digest_before else "–"),
            (gettext("Après"), mono(receipt.digest_after) if receipt.digest_after else "–"),
        ],
    }


def _digest_sentence(receipt: Receipt, *, ended: bool) -> str:
    if receipt.equal:
        return gettext("Le contenu est exactement celui d'avant la migration.")
    if ended:
        return gettext("Des personnes ont changé leurs données depuis, ou d'autres migrations ont eu lieu.")
    return gettext("L'empreinte d'après est calculée à la fin.")


def _parts(run: MigrationRun) -> Table:
    """Rollbacks of one batch or one person, newest first."""
    events = selectors.partial_rollbacks_of_run(run, at_most=PARTS_SHOWN)
    return Table(
        caption=_("Retours en arrière partiels"),
        columns=(
            Column(_("Quand"), heads_row=True),
            Column(_("Quoi")),
            Column(_("Retirées"), numeric=True),
            Column(_("Remises"), numeric=True),
            Column(_("Gardées"), numeric=True),
            Column(_("Par"), wide_only=True),
            Column(_("Raison"), wide_only=True),
        ),
        rows=[
            (
                instant(event.at),
                _part(event.data.get("scope") or {}),
                number(sum((event.data.get("deleted") or {}).values())),
                number(sum((event.data.get("restored") or {}).values())),
                number(event.data.get("kept") or 0),
                event.actor,
                printable(event.reason),
            )
            for event in events
        ],
        empty=_("Aucun."),
    )


def _part(scope: Mapping[str, Any]) -> object:
    if "batch" in scope:
        return gettext("Lot %(number)s") % {"number": scope["batch"]}
    return object_link(User, scope.get("user"), gettext("une personne"))


def summary_of_measure(measured: Measured) -> Sequence[str]:
    """One sentence for a list of runs."""
    sentence = receipt_sentence(measured.receipt)
    if measured.whole:
        return [sentence]
    return [
        sentence,
        gettext("Mesuré pour %(some)s personnes sur %(all)s.")
        % {"some": number(measured.receipt.people), "all": number(measured.people)},
    ]
