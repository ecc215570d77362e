"""What the page of a preview shows: how far it is, then what would happen, with examples. At most a dozen statements."""

from __future__ import annotations

import json
from typing import Any, Final

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import (
    NOTHING,
    Badge,
    admin_url,
    duration,
    instant,
    mono,
    number,
    object_link,
    printable,
    quantity,
    readable_raw,
    share,
    two_lines,
)
from accounts.admin.person_page import Figure, Text
from accounts.admin.tables import Column, Table
from accounts.looks import note_look
from accounts.models import User
from audit.admin.equation import Equation, equation
from audit.admin.reason_texts import reason_text
from audit.admin.run_reasons import REASON_GROUPS
from audit.admin.words import outcome_badge
from audit.models import (
    ItemKind,
    MigrationPreview,
    MigrationPreviewSample,
    MigrationRun,
    Outcome,
    PreviewStatus,
    StorageSnapshot,
)
from audit.runs.previewing import AT_WORK, StartOptions, is_stalled, outdated
from audit.selectors import Found

FIELDS_SHOWN: Final = 14
LONGEST_VALUE: Final = 140
REASONS_SHOWN: Final = 8
RAW_DATA = "audit.view_raw_data"

STATUS: Final[dict[str, tuple[str, str, Text]]] = {
    PreviewStatus.WAITING: ("neutral", "schedule", _("Le calcul va commencer. Aucun repas n'est écrit.")),
    PreviewStatus.STAGING: ("info", "upload_file", _("Le fichier est lu, ligne par ligne.")),
    PreviewStatus.RUNNING: (
        "info",
        "sync",
        _("La migration est jouée à blanc : chaque lot est calculé, puis annulé. Aucun repas n'est écrit."),
    ),
    PreviewStatus.DONE: (
        "success",
        "fact_check",
        _("Voilà ce que la migration ferait. Aucun repas n'est encore écrit."),
    ),
    PreviewStatus.FAILED: ("danger", "error", _("Le calcul s'est arrêté sur une erreur. Aucun repas n'a été écrit.")),
    PreviewStatus.CANCELLED: ("neutral", "cancel", _("Annulé. Aucun repas n'a été écrit.")),
}
STALLED = ("danger", "sync_problem", _("Plus personne n'y travaille : le processus s'est arrêté. Relancez le calcul."))
STARTED = ("success", "move_up", _("Une migration a été lancée d'après cet aperçu."))


def preview_badge(preview: MigrationPreview, *, stalled: bool = False) -> Badge:
    """Its state; a lost process and a started run are said as such."""
    if stalled:
        return Badge(gettext("Interrompu"), *STALLED[:2])
    if preview.run_id is not None:
        return Badge(gettext("Lancé"), *STARTED[:2])
    text = str(preview.get_status_display())
    return Badge(text[:1].upper() + text[1:], *STATUS[preview.status][:2])


def preview_live(preview: MigrationPreview) -> dict[str, Any]:
    """How far it is, for the script that watches."""
    at_work = preview.status in AT_WORK
    stalled = at_work and is_stalled(preview)
    done, total = preview.people_done, preview.people_total
    return {
        "status": preview.status,
        "at_work": at_work and not stalled,
        "stalled": stalled,
        "done": done,
        "total": total,
        "percent": 100.0 if preview.status == PreviewStatus.DONE else share(done, total),
        "label": _progress_label(preview),
    }


def _progress_label(preview: MigrationPreview) -> str:
    if preview.status == PreviewStatus.STAGING:
        lines = preview.staging.get("lines", 0)
        return ngettext("%(count)s ligne lue", "%(count)s lignes lues", lines) % {"count": number(lines)}
    if preview.status == PreviewStatus.WAITING:
        return gettext("En attente d'un processus")
    return gettext("%(done)s personnes sur %(total)s") % {
        "done": number(preview.people_done),
        "total": number(preview.people_total),
    }


def scope_text(preview: MigrationPreview) -> str:
    """Whom it is about, in words."""
    emails = preview.scope.get("emails") or []
    if emails:
        return ngettext("%(count)s personne choisie", "%(count)s personnes choisies", len(emails)) % {
            "count": number(len(emails))
        }
    percent = StartOptions.of(preview).cohort_percent
    if percent < 100:
        return gettext("Toutes les personnes qui attendent, dont %(percent)s d'abord") % {
            "percent": quantity(percent, "%", 2)
        }
    return gettext("Toutes les personnes qui attendent")


def preview_page(request: HttpRequest, preview: MigrationPreview) -> dict[str, Any]:
    """The context of the preview's template."""
    live = preview_live(preview)
    done = preview.status == PreviewStatus.DONE
    tally = prediction(preview) if done else None
    raw = request.user.has_perm(RAW_DATA)
    sentence = STALLED[2] if live["stalled"] else STARTED[2] if preview.run_id else STATUS[preview.status][2]
    return {
        "preview": preview,
        "badges": [preview_badge(preview, stalled=live["stalled"])],
        "sentence": sentence,
        "live": live,
        "live_url": admin_url(MigrationPreview, "live", preview.pk),
        "error": printable(preview.error),
        "facts": _facts(preview),
        "settings": settings_facts(preview),
        "cohort": _cohort(preview),
        "kept": _kept(preview),
        "warnings": warnings(preview) if done and preview.run_id is None else [],
        "staging": _staging(preview),
        "rejected": _rejected(preview),
        "figures": _figures(preview, tally) if tally else [],
        "equation": tally,
        "reasons": _reasons(preview) if done else [],
        "samples": _samples(request, preview, raw=raw) if done else [],
        "sees_raw": raw,
    }


def prediction(preview: MigrationPreview) -> Equation:
    """The equation of what would happen."""
    items = preview.report.get("items", {})
    rows = [
        Found(
            kind,
            items.get(kind, {}).get("found", 0),
            {outcome: items.get(kind, {}).get(outcome, 0) for outcome in Outcome.values},
        )
        for kind in ItemKind.values
    ]
    return equation(rows, caption=_("Ce que la migration trouverait, et ce que ça deviendrait"))


def settings_facts(preview: MigrationPreview) -> list[tuple[str, object]]:
    """How the run would be started."""
    options = StartOptions.of(preview)
    lots = (
        gettext("%(count)s personnes par lot, toujours")
        if options.fixed_size
        else gettext("au plus %(count)s personnes par lot, selon le temps que ça prend")
    )
    return [
        (gettext("Portée"), scope_text(preview)),
        (gettext("Lots"), lots % {"count": number(options.batch_size)}),
        (gettext("Ouvriers"), number(options.workers)),
        (
            gettext("Pause si"),
            gettext("plus de %(failures)s échecs, ou plus de %(percent)s en quarantaine")
            % {"failures": number(options.max_failures), "percent": quantity(options.max_quarantine_percent, "%", 2)},
        ),
        (
            gettext("Ralentit"),
            gettext("quand l'application souffre") if options.governor else gettext("seulement à la main"),
        ),
    ]


def warnings(preview: MigrationPreview) -> list[str]:
    """What has happened since, and makes the prediction doubtful."""
    since = outdated(preview)
    found = []
    if since.newer_snapshots:
        found.append(gettext("Des instantanés sont arrivés depuis : ils n'y sont pas comptés. Refaites l'aperçu."))
    if since.newer_runs:
        found.append(gettext("Une migration a été lancée depuis : les effets ont pu changer. Refaites l'aperçu."))
    return found


def _kept(preview: MigrationPreview) -> str:
    """What reading the file writes for good, whatever comes of the preview."""
    if not preview.upload_name:
        return ""
    if preview.create_users:
        return gettext(
            "Le fichier est lu pour de bon. Ses instantanés restent en base, même si vous ne lancez rien, et les comptes créés aussi."
        )
    return gettext("Le fichier est lu pour de bon. Ses instantanés restent en base, même si vous ne lancez rien.")


def _cohort(preview: MigrationPreview) -> str:
    options = StartOptions.of(preview)
    if options.cohort_percent >= 100:
        return ""
    return gettext(
        "Cet aperçu couvre tout le monde. La migration en déplace d'abord %(percent)s, vérifie, puis attend votre accord pour le reste."
    ) % {"percent": quantity(options.cohort_percent, "%", 2)}


def _facts(preview: MigrationPreview) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        (gettext("Demandé par"), preview.made_by.email if preview.made_by else NOTHING),
        (gettext("Le"), instant(preview.created_at)),
    ]
    if preview.upload_name:
        facts.append((gettext("Fichier"), printable(preview.upload_name)))
    if preview.started_at and preview.finished_at:
        facts.append((gettext("Calculé en"), duration(preview.finished_at - preview.started_at)))
    if preview.run_id is not None:
        run = gettext("Migration %(id)s") % {"id": preview.run_id}
        facts.append((gettext("Migration lancée"), object_link(MigrationRun, preview.run_id, run)))
    return facts


def _figures(preview: MigrationPreview, tally: Equation) -> list[Figure]:
    items = preview.report.get("items", {})
    sums = {name: sum(items.get(kind, {}).get(name, 0) for kind in ItemKind.values) for name in Outcome.values}
    kept = sums["unchanged"] + sums["duplicate"] + sums["superseded"] + sums["waived"]
    return [
        Figure(_("Personnes"), number(preview.report.get("users", 0)), icon="group"),
        Figure(_("Éléments trouvés"), number(tally.found), icon="search"),
        Figure(_("À créer"), number(sums["created"]), icon="add_circle"),
        Figure(_("À mettre à jour"), number(sums["updated"]), icon="edit"),
        Figure(_("Rien à écrire"), number(kept), icon="equal", hint=_("déjà là, doublons, remplacés")),
        Figure(
            _("En quarantaine"),
            number(sums["quarantined"]),
            icon="front_hand",
            variant="warning" if sums["quarantined"] else "neutral",
        ),
    ]


def _staging(preview: MigrationPreview) -> list[Figure]:
    staging = preview.staging
    if "staged" not in staging:
        return []
    unclaimed = sum(staging.get("unclaimed", {}).values())
    figures = [
        Figure(_("Lignes lues"), number(staging["lines"]), icon="description"),
        Figure(_("Nouveaux instantanés"), number(staging["staged"]), icon="add_a_photo"),
        Figure(_("Déjà là"), number(staging["already"]), icon="content_copy", hint=_("mêmes octets")),
        Figure(
            _("Lignes refusées"),
            number(staging["rejected"]),
            icon="block",
            variant="warning" if staging["rejected"] else "neutral",
        ),
    ]
    if staging.get("users_created"):
        figures.append(Figure(_("Comptes créés"), number(staging["users_created"]), icon="person_add"))
    if unclaimed:
        url = f"{admin_url(StorageSnapshot, 'changelist')}?status__exact=unclaimed"
        figures.append(Figure(_("Sans compte"), number(unclaimed), url=url, variant="warning", icon="person_off"))
    return figures


def _rejected(preview: MigrationPreview) -> Table | None:
    lines = preview.staging.get("rejected_lines", [])
    if not lines:
        return None
    return Table(
        caption=_("Lignes refusées du fichier"),
        columns=(Column(_("Ligne"), heads_row=True), Column(_("Cause"))),
        rows=[(number(one["line"]), printable(one["reason"])) for one in lines],
    )


def _reasons(preview: MigrationPreview) -> list[Table]:
    counts = sorted(preview.report.get("reasons", {}).items(), key=lambda item: (-item[1], item[0]))
    found = [(reason_text(code), times) for code, times in counts]
    tables = []
    for effects, title in REASON_GROUPS:
        rows = [
            (two_lines(reason.title, reason.explanation or reason.code), number(times))
            for reason, times in found
            if reason.effect in effects
        ]
        if rows:
            columns = (Column(_("Raison"), heads_row=True), Column(_("Éléments"), numeric=True))
            tables.append(Table(caption=title, columns=columns, rows=rows[:REASONS_SHOWN], shows_caption=True))
    return tables


# --- Examples ---------------------------------------------------------------------------------------------------------


def _samples(request: HttpRequest, preview: MigrationPreview, *, raw: bool) -> list[dict[str, Any]]:
    people = set(preview.samples.order_by().values_list("user", flat=True).distinct()) if raw else set()
    if people:
        note_look(request, people.pop() if len(people) == 1 else None, ("migration_preview_samples",))
    samples = preview.samples.select_related("user").order_by("id")
    groups: dict[str, list[dict[str, Any]]] = {}
    for sample in samples:
        groups.setdefault(sample.outcome, []).append(_sample(sample, raw=raw))
    return [{"outcome": outcome, "badge": outcome_badge(outcome), "samples": some} for outcome, some in groups.items()]


def _sample(sample: MigrationPreviewSample, *, raw: bool) -> dict[str, Any]:
    fields = _as_dict(sample.raw)
    changes = [change for change in sample.changes if isinstance(change, dict)]
    return {
        "kind": sample.get_kind_display(),
        "person": object_link(User, sample.user_id, sample.user.email),
        "snapshot": object_link(
            StorageSnapshot, sample.snapshot_id, gettext("Instantané %(id)s") % {"id": sample.snapshot_id}
        ),
        "path": printable(sample.path),
        "reasons": [reason_text(code).title for code in sample.reasons],
        "fields": _fields(sample, fields or {}, changes) if raw and (fields or changes) else None,
        "text": readable_raw(sample.raw)[:2_000] if raw and not fields and sample.raw else "",
        "before": _before(sample) if raw else None,
        "changed": [] if raw else [printable(str(change.get("field", ""))) for change in changes],
    }


def _fields(sample: MigrationPreviewSample, fields: dict[str, Any], changes: list[dict[str, Any]]) -> Table:
    changed = {str(change.get("field", "")): change for change in changes}
    written = sample.outcome in (Outcome.CREATED, Outcome.UPDATED)
    names = sorted(dict.fromkeys([*fields, *(name for name in changed if name)]), key=lambda name: name not in changed)
    rows = []
    for name in names[:FIELDS_SHOWN]:
        kept = changed.get(name, {}).get("raw")  # JSON text, so that "6.5" and 6.5 look different
        held = kept or fields.get(name)
        row: list[object] = [mono(printable(name)), mono(_short(held))]
        if written:
            row.append(_after(changed.get(name)))
        rows.append(row)
    columns = [Column(_("Champ"), heads_row=True), Column(_("Dans le navigateur"))]
    if written:
        columns.append(Column(_("Ce qui est écrit")))
    return Table(caption=_("L'élément, champ par champ"), columns=columns, rows=rows)


def _after(change: dict[str, Any] | None) -> object:
    if change is None:
        return format_html('<span class="dp-muted">{}</span>', gettext("pareil"))
    return two_lines(mono(_short(change.get("value"))), reason_text(str(change.get("reason", ""))).title)


def _before(sample: MigrationPreviewSample) -> Table | None:
    if not isinstance(sample.before, dict):
        return None
    return Table(
        caption=_("Ce que la base contient aujourd'hui"),
        columns=(Column(_("Champ"), heads_row=True), Column(_("Valeur"))),
        rows=[(mono(printable(name)), mono(_short(value))) for name, value in sample.before.items()],
        shows_caption=True,
    )


def _short(value: Any) -> str:
    """On one line, and not too long for a cell."""
    if value is None:
        return NOTHING
    text = printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _as_dict(raw: str) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
