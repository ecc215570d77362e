"""What an operator can do to a run, each with what it means in numbers. The table of transitions says what is legal when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldBooleanWidget

from accounts.admin.deeds import Deed, Explanation, Impossible, ReasonForm
from accounts.admin.display import number
from audit import selectors
from audit.admin.run_words import is_legal, refusal_text, status_text
from audit.admin.words import verdict_badge
from audit.models import MigrationRun, RunStatus
from audit.models.runs import ACTIVE
from audit.runs import control
from audit.runs.dispatch import call_workers
from audit.runs.plan import Refused
from audit.runs.presence import present
from audit.runs.quarantine.verdict import can_be_judged_again
from audit.runs.rollback import RollbackFailed, RollbackInterrupted
from audit.runs.status import is_stalled, missing_workers
from audit.runs.transitions import IllegalTransition

R = RunStatus
MOVING: Final = (R.RUNNING, R.PAUSING, R.CANCELLING, R.VERIFYING, R.ROLLING_BACK)
TUNABLE: Final = (R.PENDING, R.RUNNING, R.PAUSING, R.PAUSED)
ON_THEIR_WAY: Final = 20
"""Seconds that a called worker may take to come."""
FAILED_BATCHES: Final = ("failed", "exhausted")


def actor_of(request: HttpRequest) -> str:
    """Who does it, as events keep it."""
    user = request.user
    return str(getattr(user, "email", "") or user.get_username())


@contextmanager
def refusals() -> Iterator[None]:
    """What a service refuses becomes a sentence on the page."""
    try:
        yield
    except (Refused, IllegalTransition, RollbackFailed, RollbackInterrupted) as error:
        raise Impossible(refusal_text(error)) from error


# --- What a run looks like now ---------------------------------------------------------------------------------------------


def sums_of(run: MigrationRun) -> selectors.BatchSums:
    """The sums of the run's batches; read once for one request's run."""
    kept: dict[str, Any] = run.__dict__
    if "_batch_sums" not in kept:
        kept["_batch_sums"] = selectors.sums_of_batches(run)
    sums: selectors.BatchSums = kept["_batch_sums"]
    return sums


def failed_batches(sums: selectors.BatchSums) -> int:
    """Batches that nobody tries any more."""
    return sum(sums.by_status.get(status, 0) for status in FAILED_BATCHES)


def people_left(run: MigrationRun) -> int:
    """Planned people who are not moved."""
    return max(run.users_planned - sums_of(run).people_done, 0)


def cohort_is_done(run: MigrationRun) -> bool:
    """Whether a paused run has moved its cohort and waits for a decision about the rest."""
    open_ones = ("planned", "leased", *FAILED_BATCHES)
    by_status = sums_of(run).by_status
    return (
        run.status == R.PAUSED
        and run.cohort_percent < 100
        and bool(by_status)
        and not any(by_status.get(status) for status in open_ones)
    )


def is_left_alone(run: MigrationRun) -> bool:
    """Whether somebody ought to be at work on the run and nobody is; who was called just now gets the time to come."""
    if run.status == R.PENDING:
        return not was_just_moved(run) and not present(run)
    return run.status in MOVING and not was_just_moved(run) and is_stalled(run)


def was_just_moved(run: MigrationRun) -> bool:
    """Whether something happened to the run in the last seconds, in which called workers are still on their way."""
    kept: dict[str, Any] = run.__dict__
    if "_just_moved" not in kept:
        kept["_just_moved"] = run.events.filter(at__gt=Now() - timedelta(seconds=ON_THEIR_WAY)).exists()
    return bool(kept["_just_moved"])


def run_state(run: MigrationRun) -> str:
    """What a confirmation page depends on: the status; and of a run that stands still, what would be done next, too."""
    if run.status in MOVING or run.status == R.PENDING:
        return str(run.status)
    sums = selectors.sums_of_batches(run)
    reverted = sums.by_status.get("reverted", 0)
    return f"{run.status}:{failed_batches(sums)}:{sums.done}:{reverted}:{run.cohort_percent:g}"


def run_state_text(state: str) -> str:
    """The same in words, for `it was ..., it is ...`."""
    status, *rest = state.split(":")
    counts = [part for part in rest if part.replace(".", "", 1).isdecimal()]
    if len(counts) != 4:
        return status_text(status)
    return gettext(
        "%(status)s ; lots échoués : %(failed)s, enregistrés : %(done)s, défaits : %(reverted)s ; cohorte : %(cohort)s %%"
    ) % {
        "status": status_text(status),
        "failed": counts[0],
        "done": counts[1],
        "reverted": counts[2],
        "cohort": counts[3],
    }


# --- Sentences -------------------------------------------------------------------------------------------------------------


def people(count: int) -> str:
    """`1 personne`, `12 personnes`."""
    return ngettext("%(count)s personne", "%(count)s personnes", count) % {"count": number(count)}


def batches(count: int) -> str:
    """`1 lot`, `12 lots`."""
    return ngettext("%(count)s lot", "%(count)s lots", count) % {"count": number(count)}


def workers(count: int) -> str:
    """`1 ouvrier`, `4 ouvriers`."""
    return ngettext("%(count)s ouvrier", "%(count)s ouvriers", count) % {"count": number(count)}


def _numbers(run: MigrationRun) -> list[tuple[Any, object]]:
    """What every page of a run's deeds shows."""
    sums = sums_of(run)
    rows: list[tuple[Any, object]] = [
        (_("État"), status_text(run.status)),
        (_("Personnes migrées"), number(sums.people_done)),
        (_("Personnes qui restent"), number(people_left(run))),
        (_("Lots enregistrés"), number(sums.done)),
        (_("Lots en cours"), number(sums.by_status.get("leased", 0))),
    ]
    if failed_batches(sums):
        rows.append((_("Lots échoués ou abandonnés"), number(failed_batches(sums))))
    return rows


def _explain_pause(request: HttpRequest, run: MigrationRun) -> Explanation:
    leased = sums_of(run).by_status.get("leased", 0)
    return Explanation(
        [
            gettext(
                "Les lots en cours (%(count)s au plus) se terminent et sont enregistrés ; aucun nouveau ne commence."
            )
            % {"count": number(leased)}
            if leased
            else gettext("Aucun lot n'est en cours : elle s'arrête tout de suite."),
            gettext("%(people)s attendront la reprise. Rien n'est perdu, et vous pourrez reprendre quand vous voulez.")
            % {"people": people(people_left(run))},
        ],
        _numbers(run),
    )


def _explain_resume(request: HttpRequest, run: MigrationRun) -> Explanation:
    sentences = [
        gettext("%(workers)s sont appelés et continuent après le dernier lot enregistré.")
        % {"workers": workers(run.workers)},
        gettext("%(people)s restent à migrer.") % {"people": people(people_left(run))},
    ]
    if failed := failed_batches(sums_of(run)):
        sentences.append(
            gettext("%(batches)s échoués ne sont pas réessayés : pour cela, choisissez « Réessayer ce qui a échoué ».")
            % {"batches": batches(failed)}
        )
    return Explanation(sentences, _numbers(run))


def _explain_continue(request: HttpRequest, run: MigrationRun) -> Explanation:
    return Explanation(
        [
            gettext("La cohorte est de %(percent)s %% : %(people)s sont migrées.")
            % {"percent": f"{run.cohort_percent:g}", "people": people(sums_of(run).people_done)},
            gettext("À 100 %%, les %(people)s qui restent sont migrées, puis le vérificateur compare tout.")
            % {"people": people(people_left(run))},
        ],
        _numbers(run),
    )


def _explain_cancel(request: HttpRequest, run: MigrationRun) -> Explanation:
    return Explanation(
        [
            gettext("%(people)s sont déjà migrées et le restent.") % {"people": people(sums_of(run).people_done)},
            gettext("%(people)s ne seront pas migrées : leurs instantanés attendent une autre migration.")
            % {"people": people(people_left(run))},
        ],
        _numbers(run),
        warning=_("Une migration annulée ne reprend pas. Pour s'arrêter un moment, mettez-la plutôt en pause."),
    )


def explain_retry(request: HttpRequest, run: MigrationRun) -> Explanation:
    """What trying again means for one run."""
    failed = failed_batches(sums_of(run))
    planned = sums_of(run).by_status.get("planned", 0)
    sentences = [
        gettext("%(batches)s échoués ou abandonnés sont prévus de nouveau, avec tous leurs essais.")
        % {"batches": batches(failed)}
        if failed
        else gettext("Aucun lot n'a échoué : la migration reprend où elle s'est arrêtée, puis vérifie de nouveau.")
    ]
    if planned:
        sentences.append(gettext("%(batches)s prévus passent aussi.") % {"batches": batches(planned)})
    sentences.append(
        gettext("%(people)s restent à migrer ; %(workers)s sont appelés.")
        % {"people": people(people_left(run)), "workers": workers(run.workers)}
    )
    sentences.append(gettext("Les instantanés mis à l'écart restent en quarantaine."))
    return Explanation(sentences, _numbers(run))


def _explain_verify(request: HttpRequest, run: MigrationRun) -> Explanation:
    return Explanation(
        [
            gettext(
                "Le vérificateur relit les %(snapshots)s instantanés de %(people)s et compare chaque valeur avec les tables."
            )
            % {"snapshots": number(run.snapshots_planned), "people": people(run.users_planned)},
            gettext("Il ne change aucune donnée. Son verdict remplace l'actuel : %(verdict)s.")
            % {"verdict": verdict_badge(run.verdict).text.lower()},
            gettext("Tant qu'il compare, aucune autre migration ne peut commencer."),
        ],
        _numbers(run),
    )


def _explain_call(request: HttpRequest, run: MigrationRun) -> Explanation:
    return Explanation(
        [
            gettext("Personne n'est au travail sur cette migration en ce moment."),
            gettext(
                "%(workers)s sont appelés ; ils continuent après le dernier lot enregistré, rien n'est fait deux fois."
            )
            % {"workers": workers(run.workers)},
        ],
        _numbers(run),
    )


def _explain_retune(request: HttpRequest, run: MigrationRun) -> Explanation:
    return Explanation(
        [
            gettext(
                "Les nouvelles valeurs comptent dès le prochain lot ; le lot en cours se termine comme il a commencé."
            ),
            gettext(
                "Seules les valeurs que vous changez sont enregistrées, avec l'ancienne et la nouvelle dans les événements."
            ),
        ],
        _numbers(run),
    )


# --- Forms -----------------------------------------------------------------------------------------------------------------


class ContinueForm(ReasonForm):
    """How far to widen the cohort."""

    field_order = ("percent", "reason")
    percent = forms.FloatField(
        label=_("Part des personnes, en %"),
        min_value=control.BOUNDS["cohort_percent"][0],
        max_value=100,
        initial=100,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"step": "any", "inputmode": "decimal"}),
        help_text=_("100 : tout le reste."),
    )


def _bounded(name: str, label: Any, help_text: Any, *, whole: bool = False) -> forms.Field:
    lowest, highest = control.BOUNDS[name]
    widget = UnfoldAdminIntegerFieldWidget(
        attrs={"step": "1" if whole else "any", "inputmode": "numeric" if whole else "decimal"}
    )
    options: dict[str, Any] = {"label": label, "show_hidden_initial": True, "widget": widget, "help_text": help_text}
    if whole:
        return forms.IntegerField(min_value=int(lowest), max_value=int(highest), **options)
    return forms.FloatField(min_value=lowest, max_value=highest, **options)


class RetuneForm(ReasonForm):
    """The values that can be turned while a run goes on. Those that were not changed on the page are left alone, whoever changed them since."""

    field_order = (*control.Tuning._fields, "reason")
    batch_size = _bounded("batch_size", _("Personnes par lot"), _("De 1 à 10 000."), whole=True)
    fixed_size = forms.BooleanField(
        label=_("Taille de lot fixe"),
        required=False,
        show_hidden_initial=True,
        widget=UnfoldBooleanWidget(),
        help_text=_("Sinon la taille suit la durée visée."),
    )
    target_seconds = _bounded("target_seconds", _("Durée visée d'un lot, en secondes"), _("De 0,1 à 600."))
    workers = _bounded("workers", _("Ouvriers"), _("De 1 à 64."), whole=True)
    pause_seconds = _bounded("pause_seconds", _("Pause après chaque lot, en secondes"), _("De 0 à 3 600."))
    cohort_percent = _bounded("cohort_percent", _("Cohorte, en %"), _("La part des personnes qui passe d'abord."))
    max_failures = _bounded("max_failures", _("Échecs tolérés"), _("Au-delà, elle se met en pause."), whole=True)
    max_quarantine_percent = _bounded(
        "max_quarantine_percent", _("Quarantaine tolérée, en %"), _("Au-delà, elle se met en pause.")
    )

    def __init__(self, *args: Any, tuning: dict[str, Any], **kwargs: Any) -> None:
        kwargs["initial"] = {**(kwargs.get("initial") or {}), **tuning}
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not set(self.changed_data) - {"reason"}:
            raise ValidationError(_("Rien n'est changé : modifiez au moins une valeur."))
        data["tuning"] = control.Tuning(
            **{name: data[name] for name in control.Tuning._fields if name in self.changed_data and name in data}
        )
        return data


def tuning_of(run: MigrationRun) -> dict[str, Any]:
    """The values as they are."""
    return {name: getattr(run, name) for name in control.Tuning._fields}


# --- Deeds -----------------------------------------------------------------------------------------------------------------

Act = Callable[[HttpRequest, MigrationRun, dict[str, Any]], str]


def _pause(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> str:
    with refusals():
        run = control.pause(run=run, actor=actor_of(request), reason=data["reason"])
    if run.status == R.PAUSED:
        return gettext("La migration %(id)s est en pause.") % {"id": run.pk}
    return gettext("La pause est demandée : les lots en cours se terminent.")


def _resume(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> str:
    with refusals():
        run = control.resume(run=run, actor=actor_of(request), reason=data["reason"])
    call_workers(run)
    return gettext("La migration %(id)s reprend ; %(workers)s sont appelés.") % {
        "id": run.pk,
        "workers": workers(run.workers),
    }


def _continue(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> str:
    with refusals():
        run = control.continue_with_rest(
            run=run, actor=actor_of(request), percent=data["percent"], reason=data["reason"]
        )
    call_workers(run)
    return gettext("La migration %(id)s continue jusqu'à %(percent)s %% des personnes.") % {
        "id": run.pk,
        "percent": f"{run.cohort_percent:g}",
    }


def _cancel(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> str:
    with refusals():
        run = control.cancel(run=run, actor=actor_of(request), reason=data["reason"])
    if run.status == R.CANCELLED:
        return gettext("La migration %(id)s est annulée.") % {"id": run.pk}
    return gettext("L'annulation est demandée : les lots en cours se terminent.")


def retry(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> str:
    """Tries what failed again, in the background."""
    failed = failed_batches(sums_of(run))
    with refusals():
        run = control.retry_failed(run=run, actor=actor_of(request), reason=data["reason"])
    call_workers(run)
    return gettext("La migration %(id)s repart : %(batches)s réessayés, %(workers)s appelés.") % {
        "id": run.pk,
        "batches": batches(failed),
        "workers": workers(run.workers),
    }


def _verify(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> str:
    with refusals():
        run = control.verify_again(run=run, actor=actor_of(request), reason=data["reason"])
    call_workers(run, number=1)
    return gettext("La vérification de la migration %(id)s commence.") % {"id": run.pk}


def _call(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> str:
    with refusals():
        run = control.call_again(run=run, actor=actor_of(request), reason=data["reason"])
    if run.status in ACTIVE and run.status != R.PAUSED:
        call_workers(run)
    return gettext("%(workers)s sont appelés.") % {"workers": workers(run.workers)}


def _retune(request: HttpRequest, run: MigrationRun, data: dict[str, Any]) -> str:
    with refusals():
        run = control.retune(run=run, tuning=data["tuning"], actor=actor_of(request), reason=data["reason"])
    if missing := missing_workers(run):
        call_workers(run, number=missing)
    return gettext("Les réglages sont changés ; ils comptent dès le prochain lot.")


def can_retry(run: MigrationRun) -> bool:
    """Legal, and something is there to be tried: failed batches; or a run that failed before all was written."""
    if not is_legal(run, "retry"):
        return False
    return failed_batches(sums_of(run)) > 0 or (run.status == R.FAILED and not can_be_judged_again(run))


RUN_DEEDS: Final[tuple[Deed, ...]] = (
    Deed(
        key="call",
        label=_("Rappeler des ouvriers"),
        icon="campaign",
        permission="audit.pause_migrationrun",
        explain=_explain_call,
        act=_call,
        available=is_left_alone,
        variant="primary",
        order=5,
        atomic=False,
    ),
    Deed(
        key="pause",
        label=_("Mettre en pause"),
        icon="pause",
        permission="audit.pause_migrationrun",
        explain=_explain_pause,
        act=_pause,
        available=lambda run: is_legal(run, "pause"),
        variant="primary",
        order=10,
        atomic=False,
    ),
    Deed(
        key="resume",
        label=_("Reprendre"),
        icon="play_arrow",
        permission="audit.pause_migrationrun",
        explain=_explain_resume,
        act=_resume,
        available=lambda run: run.status != R.RUNNING and is_legal(run, "resume") and not cohort_is_done(run),
        variant="primary",
        order=10,
        atomic=False,
    ),
    Deed(
        key="continue",
        label=_("Continuer avec le reste"),
        icon="fast_forward",
        permission="audit.pause_migrationrun",
        explain=_explain_continue,
        act=_continue,
        available=lambda run: run.status == R.PAUSED and run.cohort_percent < 100,
        variant="primary",
        order=12,
        form=ContinueForm,
        atomic=False,
    ),
    Deed(
        key="retry",
        label=_("Réessayer ce qui a échoué"),
        icon="replay",
        permission="audit.retry_migrationrun",
        explain=explain_retry,
        act=retry,
        available=can_retry,
        variant="primary",
        order=15,
        atomic=False,
    ),
    Deed(
        key="verify",
        label=_("Vérifier de nouveau"),
        icon="fact_check",
        permission="audit.verify_migrationrun",
        explain=_explain_verify,
        act=_verify,
        available=can_be_judged_again,
        order=20,
        atomic=False,
    ),
    Deed(
        key="retune",
        label=_("Régler"),
        icon="tune",
        permission="audit.retune_migrationrun",
        explain=_explain_retune,
        act=_retune,
        available=lambda run: run.status in TUNABLE,
        order=30,
        form=RetuneForm,
        form_kwargs=lambda request, run: {"tuning": tuning_of(run)},
        atomic=False,
    ),
    Deed(
        key="cancel",
        label=_("Annuler la migration"),
        icon="cancel",
        permission="audit.cancel_migrationrun",
        explain=_explain_cancel,
        act=_cancel,
        available=lambda run: is_legal(run, "cancel"),
        variant="danger",
        order=80,
        atomic=False,
    ),
)
