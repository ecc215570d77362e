"""What the page of one outcome shows: the item as it was, what cleaning changed, and where it went."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Model
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.display import NOTHING, instant, mono, object_link, printable, readable_json, readable_raw
from accounts.admin.tables import Column, Table
from accounts.models import User, UserProfile
from audit.admin.reason_texts import reason_text
from audit.admin.words import outcome_badge
from audit.admin.workbench_words import advice, busy
from audit.models import ItemKind, ItemRepair, MigrationOutcome, MigrationRun, Outcome, StorageSnapshot
from audit.selectors import row_exists
from nutrition.models import FavoriteMeal, MealEntry

ROWS: Final[dict[str, type[Model]]] = {
    ItemKind.MEAL: MealEntry,
    ItemKind.FAVORITE: FavoriteMeal,
    ItemKind.PROFILE: UserProfile,
    ItemKind.PREFERENCES: UserProfile,
}
HIDDEN: Final = "•••"
RAW_OPEN_UP_TO: Final = 4_000
"""Characters; longer raw values are folded."""


def outcome_page(outcome: MigrationOutcome, *, sees_raw: bool) -> dict[str, Any]:
    """The context of the outcome's template; values only for those who may see them. Two statements more, for its row and its repair."""
    raw = readable_raw(outcome.raw) if outcome.raw and sees_raw else ""
    mended = _latest_repair(outcome)
    return {
        "outcome": outcome,
        "badge": outcome_badge(outcome.outcome),
        "path": printable(outcome.path),
        "reasons": [reason_text(code) for code in outcome.reasons],
        "facts": [
            (gettext("Type"), outcome.get_kind_display()),
            (gettext("Personne"), object_link(User, outcome.user_id, outcome.user.email)),
            (
                gettext("Migration"),
                object_link(MigrationRun, outcome.run_id, gettext("Migration %(id)s") % {"id": outcome.run_id}),
            ),
            (
                gettext("Instantané"),
                object_link(
                    StorageSnapshot, outcome.snapshot_id, gettext("Instantané %(id)s") % {"id": outcome.snapshot_id}
                ),
            ),
            (gettext("Ligne"), _row(outcome)),
        ],
        "raw": raw,
        "raw_open": len(raw) <= RAW_OPEN_UP_TO,
        "sees_raw": sees_raw,
        "has_raw": bool(outcome.raw),
        "changes": _changes(outcome, sees_raw=sees_raw),
        "before": _before(outcome) if sees_raw else None,
        "mended": mended,
        "mended_text": readable_raw(mended.value) if mended is not None and sees_raw else "",
        "mended_when": instant(mended.created_at) if mended is not None else "",
        "advice": advice(outcome.reasons[0]) if outcome.outcome == Outcome.QUARANTINED and outcome.reasons else "",
        "busy": busy(outcome.run) if outcome.outcome in (Outcome.QUARANTINED, Outcome.WAIVED) else "",
    }


def _latest_repair(outcome: MigrationOutcome) -> ItemRepair | None:
    """What stands for the item, if somebody mended it."""
    repairs = ItemRepair.objects.filter(snapshot_id=outcome.snapshot_id, path=outcome.path)
    return repairs.order_by("-id").first()


def _row(outcome: MigrationOutcome) -> str:
    """A link to the row, if it is still there."""
    if outcome.row_id is None:
        return gettext("aucune : rien n'a été écrit pour cet élément")
    model = ROWS[outcome.kind]
    if not row_exists(model, outcome.row_id):
        return gettext("n'existe plus")
    return object_link(model, outcome.row_id, model._meta.verbose_name)


def _changes(outcome: MigrationOutcome, *, sees_raw: bool) -> Table:
    """Each correction: what the browser held, what is stored, and why."""
    rows = (
        [change for change in outcome.changes if isinstance(change, dict)] if isinstance(outcome.changes, list) else []
    )
    return Table(
        caption=_("Corrections : ce que le navigateur avait, ce qui est enregistré"),
        columns=(Column(_("Champ"), heads_row=True), Column(_("Avant")), Column(_("Après")), Column(_("Raison"))),
        rows=[
            (
                mono(printable(str(change.get("field") or change.get("path") or NOTHING))),
                mono(value_text(change.get("raw"))) if sees_raw else HIDDEN,
                mono(value_text(change.get("value"))) if sees_raw else HIDDEN,
                reason_text(str(change.get("reason", ""))).title,
            )
            for change in rows
        ],
        empty=_("Aucune correction."),
    )


def _before(outcome: MigrationOutcome) -> Table | None:
    """The row as it was before this item updated it."""
    if not isinstance(outcome.before, dict):
        return None
    return Table(
        caption=_("La ligne avant la mise à jour"),
        columns=(Column(_("Champ"), heads_row=True), Column(_("Valeur"))),
        rows=[(mono(name), mono(value_text(value))) for name, value in outcome.before.items()],
    )


def value_text(value: Any) -> str:
    """A value on one line; nothing is a dash."""
    if value is None:
        return NOTHING
    return printable(value) if isinstance(value, str) and len(value) <= 500 else readable_json(value, longest_text=500)
