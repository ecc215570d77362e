"""What the person's tables may already hold, against one capture; settled without any database."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from audit.local_storage.items import ItemOutcome
from audit.runs.existing import Existing, ExistingEntry
from audit.runs.reconcile import EntryReconciler, name_favorites_apart
from audit.runs.wanted import EntryPlan, PreparedPerson
from dynprot.identifiers import RowIds
from tests.captures import app_state, capture, favorite, meal, person, source

SOMEBODY = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
_STORAGE = {
    "p-app-state-U": app_state(
        meals=[meal()], favoriteMeals=[favorite(), favorite(id="2", name="YAOURT GREC", protein=11)]
    )
}


def _prepared() -> PreparedPerson:
    mine = [source(capture(_STORAGE))]
    return PreparedPerson(SOMEBODY, mine, (0,), person(*mine))


def _settle(existing: Existing, kind: str) -> ItemOutcome:
    """The only outcome row of that kind."""
    prepared = _prepared()
    plan = EntryPlan()
    reconciler = EntryReconciler(prepared, existing, kind)
    if kind == "favorite":
        name_favorites_apart(prepared.wanted.favorites, existing, reconciler.matches)
    for wanted in prepared.wanted.meals if kind == "meal" else prepared.wanted.favorites:
        reconciler.settle(wanted, plan)
    (outcome,) = plan.outcomes
    return outcome


def _the_meals_row(*, imported: bool, edited: bool) -> Existing:
    content = _prepared().wanted.meals[0].content
    if edited:
        content = content._replace(protein=content.protein + 100)
    row_id = RowIds(SOMEBODY).text("meal", "id:1710068400000") if imported else str(UUID(int=1))
    return Existing(meals={row_id: ExistingEntry(row_id, content, imported, imported and not edited, None)})


def _already_there() -> ItemOutcome:
    return _settle(_the_meals_row(imported=False, edited=False), "meal")


def _edited_there() -> ItemOutcome:
    return _settle(_the_meals_row(imported=True, edited=True), "meal")


def _deleted_there() -> ItemOutcome:
    return _settle(Existing(deleted={RowIds(SOMEBODY).text("meal", "id:1710068400000")}), "meal")


def _second_of_a_name() -> ItemOutcome:
    return _settle(Existing(), "favorite")


Codes = tuple[str, tuple[str, ...]]


def codes_of(outcome: ItemOutcome) -> Codes:
    return outcome.outcome, outcome.reasons


TABLE_EXAMPLES: dict[str, tuple[Codes, Callable[[], ItemOutcome]]] = {
    "entered on the server too": (("duplicate", ("already_on_server",)), _already_there),
    "edited on the server": (("superseded", ("server_edit_kept",)), _edited_there),
    "deleted on the server": (("superseded", ("deleted_on_server",)), _deleted_there),
    "two favourites of one name": (("created", ("name_made_unique",)), _second_of_a_name),
}
