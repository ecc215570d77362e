"""Who may do what: every page, action and deed of the admin, for each role, against the tables of docs/roles.md.

The pages are read from the admin's own addresses and the deeds from its classes, so that a new one without a line in the tables fails here. The
failure shows the lines as the code behaves now: think about each word before you put them into the document.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from django.db.models import Model
from django.urls import reverse

from audit.models import ItemRepair, MigrationOutcome, MigrationPreimage, MigrationPreviewSample
from nutrition.models import FavoriteMeal, MealEntry
from tests.audit import roles

pytestmark = pytest.mark.django_db
MARK: Final = "Soupe-que-personne-ne-lit"


@pytest.fixture(scope="module")
def written() -> dict[str, dict[str, str]]:
    return roles.written()


def test_the_tables_have_a_line_for_every_page_action_and_deed_and_no_other(written: dict[str, dict[str, str]]) -> None:
    there = roles.everything()
    new = sorted(set(there) - set(written))
    assert not new, "without a line in docs/roles.md, as they are now:\n" + "\n".join(roles.lines_of(new))
    assert sorted(set(written) - set(there)) == [], "a line in docs/roles.md for nothing that is there"


@pytest.mark.parametrize("role", roles.ROLES)
def test_each_role_may_what_the_tables_say(role: str, written: dict[str, dict[str, str]]) -> None:
    world = roles.World()
    browser = world.browser(role)
    found = {key: thing.answer(world, browser) for key, thing in roles.everything().items()}
    wrong = {
        key: f"{role}: the table says {written[key][role]!r}, it is {answer!r}"
        for key, answer in found.items()
        if key in written and written[key][role] != answer
    }
    assert wrong == {}


def test_the_groups_are_those_of_the_tables() -> None:
    assert set(roles.ROLES) >= roles.groups()


def test_erasing_people_is_given_by_name_only(written: dict[str, dict[str, str]]) -> None:
    allowed = {role for role, word in written["deed accounts.user erase"].items() if word == roles.YES}
    assert allowed == {"superuser"}


def marked(world: roles.World) -> list[str]:
    """Puts MARK wherever the migration keeps what somebody ate, and answers the addresses of these rows."""
    MealEntry.objects.update(description=MARK)
    FavoriteMeal.objects.update(description=MARK, name=MARK)
    meal = world.person.meals.earliest("meal_timestamp")
    told: dict[str, Any] = {
        "changes": [{"field": "description", "reason": "rounded", "raw": MARK, "value": MARK}],
        "before": {"description": MARK},
        "raw": json.dumps({"description": MARK}),
    }
    of_item = {"snapshot": world.snapshot, "user": world.person, "kind": "meal"}
    rows: list[Model] = [
        meal,
        MigrationOutcome.objects.create(
            run=world.run, path="k[7]", outcome="updated", row_id=meal.pk, **of_item, **told
        ),
        MigrationOutcome.objects.create(
            run=world.run, path="k[8]", outcome="quarantined", reasons=["no_description"], raw=told["raw"], **of_item
        ),
        MigrationPreimage.objects.create(
            run=world.run, user=world.person, table_name="meal_entries", row_id=meal.pk, before=told["before"]
        ),
        ItemRepair.objects.create(snapshot=world.snapshot, path="k[8]", value=told["raw"], actor="a", reason="r"),
        MigrationPreviewSample.objects.create(preview=world.preview, path="q", outcome="created", **of_item, **told),
        world.preview,
    ]
    return [reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]) for row in rows]


@pytest.mark.parametrize(("role", "reads"), [("staff", False), ("auditors", False), ("support", True)])
def test_what_people_ate_is_only_shown_to_those_who_may_see_it(role: str, reads: bool) -> None:
    world = roles.World()
    addresses = set(marked(world))
    browser = world.browser(role)
    for thing in roles.everything().values():
        address = None if isinstance(thing, roles.Action) else thing.address(world)
        addresses |= {address} if address is not None else set()
    shown = [page for page in sorted(addresses) if MARK in browser.get(page).content.decode(errors="replace")]
    assert bool(shown) is reads, shown
