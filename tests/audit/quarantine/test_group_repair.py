"""A group mended by a rule: shown first, stored exactly as shown, in the same words as a single repair."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import ActivityLog, ItemRepair, MigrationEvent, MigrationOutcome, MigrationRun, Outcome
from audit.runs.plan import Refused
from audit.runs.quarantine.causes import causes, runs_with_quarantine, sums_of
from audit.runs.quarantine.group_repair import Changed, GroupPreview, preview_group, repair_group
from audit.runs.quarantine.replay import replay
from audit.runs.quarantine.rules import BadRule, Rule
from audit.runs.quarantine.selection import Selection
from audit.runs.quarantine.verdict import judge_again
from audit.runs.quarantine.waive import unwaive, waive
from nutrition.models import MealEntry
from tests.audit.quarantine.world import (
    GOOD,
    OTHER,
    WHO,
    F,
    M,
    P,
    item,
    mend,
    migrated,
    payloads,
    person,
    run_of,
    snapshots,
    tallies,
)
from tests.captures import app_state, favorite, meal
from tests.laws.world import go

pytestmark = pytest.mark.django_db

NUMBER = Selection(reason_code="not_a_number")
KEEP = Rule("only_number")


def bad(number: int, protein: Any = "environ 18 g", **fields: Any) -> dict[str, Any]:
    """A meal of its own whose protein is among words."""
    return meal(id=str(number), timestamp=1_710_068_400_000 + number * 3_600_000, protein=protein, **fields)


def shown(run: MigrationRun, rule: Rule = KEEP, chosen: Selection = NUMBER, **more: Any) -> GroupPreview:
    return preview_group(run=run, chosen=chosen, rule=rule, **more)


def stored(run: MigrationRun, preview: GroupPreview, chosen: Selection = NUMBER, **more: Any) -> Any:
    told = {"expected": preview.digest, "last": preview.last, **WHO, **more}
    return repair_group(run=run, chosen=chosen, rule=preview.rule, **told)


def test_from_the_preview_to_the_rows() -> None:
    snapshots({M: [bad(1), bad(2, "beaucoup"), OTHER], F: app_state(favoriteMeals=[favorite(protein="12 g env.")])})
    snapshots({M: [bad(3), bad(4, "25-30 g")]}, number=2)
    run = run_of(go())
    before = payloads()
    preview = shown(run)
    assert preview.counts == {"repaired": 3, "refused": 0, "untouched": 2, "waiting": 0, "impossible": 0}
    assert (ItemRepair.objects.count(), preview.beyond) == (0, 0)
    meals = [one for one in preview.of("repaired") if one.outcome.kind == "meal"]
    assert [(one.before["protein"], one.after["protein"]) for one in meals] == [("environ 18 g", 18)] * 2
    assert meals[0].shown is not None
    assert meals[0].shown.content["protein"] == 18
    done = stored(run, preview)
    assert (done.items.total(), done.people) == (3, 2)
    assert done.items["favorite", "not_a_number"] == 1
    assert shown(run).counts["waiting"] == 3
    replayed = replay(run=run, **WHO)
    assert replayed.items == {("meal", "created"): 2, ("favorite", "created"): 1}
    assert MealEntry.objects.filter(protein_grams=18).count() == 2
    assert payloads() == before
    tallies(run)
    assert judge_again(run=run, **WHO).status == "completed_with_quarantine"


def test_as_a_repair_of_each_would_have_stored_it() -> None:
    run = migrated({M: [{**GOOD, "protein": "environ 18 g", "description": "Pâté \U0001f49a"}]})
    stored(run, shown(run))
    by_rule = ItemRepair.objects.get()
    mend(run, f"{M}[0]", {**GOOD, "description": "Pâté \U0001f49a"})
    by_hand = ItemRepair.objects.order_by("-id")[0]
    assert (by_rule.path, by_rule.value) == (by_hand.path, by_hand.value)


def test_one_event_and_one_line_for_each_person() -> None:
    snapshots({M: [bad(1), bad(2)]})
    snapshots({M: [bad(3)]}, number=2)
    run = run_of(go())
    stored(run, shown(run, Rule("only_number", "protein")))
    event = MigrationEvent.objects.get(action="repair")
    assert (event.actor, event.reason) == (WHO["actor"], WHO["reason"])
    assert event.data == {
        "rule": "only_number",
        "field": "protein",
        "items": {"meal": {"not_a_number": 3}},
        "people": 2,
    }
    lines = ActivityLog.objects.filter(action_type="MIGRATION_ITEMS_REPAIRED")
    assert {line.user_id: (line.new_values or {})["items"] for line in lines} == {person(1).pk: 2, person(2).pk: 1}
    assert {(line.new_values or {})["actor"] for line in lines} == {WHO["actor"]}


def test_what_would_still_be_refused_is_said_and_not_stored() -> None:
    run = migrated({M: [bad(1, "environ 5000 g"), bad(2), bad(3, "environ 20 g", calories=-5)]})
    preview = shown(run)
    assert preview.counts["repaired"] == 1
    assert preview.problems == {("above_bound", "protein"): 1, ("negative_number", "calories"): 1}
    stored(run, preview)
    assert [one.path for one in ItemRepair.objects.all()] == [f"{M}[1]"]


def test_lists_owners_and_mended_items_are_left_alone() -> None:
    run = migrated({M: [bad(1), "[]"], "p-meals-OTHER": [bad(2)], P: "[]"})
    mend(run, f"{M}[0]", GOOD)
    everything = shown(run, Rule("only_number"), Selection())
    assert everything.counts["waiting"] == 1
    assert {one.outcome.reasons[0] for one in everything.of("impossible")} == {"other_owner"}
    assert everything.counts["untouched"] == 2


def test_stored_is_what_was_shown_or_nothing() -> None:
    run = migrated({M: [bad(1), bad(2)]})
    preview = shown(run)
    waive(run=run, chosen=Selection(path=f"{M}[0]"), **WHO)
    with pytest.raises(Changed):
        stored(run, preview)
    unwaive(run=run, **WHO)
    with pytest.raises(Changed):
        stored(run, preview._replace(rule=Rule("set", "", "1")))
    mend(run, f"{M}[0]", GOOD)
    with pytest.raises(Changed):
        stored(run, preview)
    assert ItemRepair.objects.count() == 1
    untouched = shown(run, Rule("absolute"))
    with pytest.raises(Refused, match="none of these"):
        stored(run, untouched)


def test_refused_where_a_single_repair_is() -> None:
    run = migrated({M: [bad(1)]})
    preview = shown(run)
    MigrationRun.objects.filter(pk=run.pk).update(status="verifying")
    with pytest.raises(Refused, match="verifying"):
        stored(run, preview)
    MigrationRun.objects.filter(pk=run.pk).update(status="completed_with_quarantine")
    with pytest.raises(Refused, match="reason is missing"):
        stored(run, preview, actor="a", reason=" ")
    with pytest.raises(BadRule):
        shown(run, Rule("divide", "", "nothing"))


def test_a_big_group_comes_in_parts() -> None:
    run = migrated({M: [bad(number) for number in range(7)]})
    first = shown(run, at_most=3)
    assert (len(first.tried), first.beyond) == (3, 4)
    stored(run, first, at_most=3)
    rest = NUMBER._replace(after=first.last)
    second = shown(run, chosen=rest, at_most=3)
    assert (second.counts["repaired"], second.beyond) == (3, 1)
    stored(run, second, rest, at_most=3)
    assert shown(run).counts == {"repaired": 1, "refused": 0, "untouched": 0, "waiting": 6, "impossible": 0}


def test_trying_stops_when_its_time_is_up_and_exactly_that_is_stored() -> None:
    for number in (1, 2, 3):
        snapshots({M: [bad(number), bad(number + 10)]}, number=number)
    run = run_of(go())
    first = shown(run, within_seconds=0)
    assert ([one.outcome.path for one in first.tried], first.beyond) == ([f"{M}[0]", f"{M}[1]"], 4)
    assert len({one.outcome.snapshot_id for one in first.tried}) == 1
    assert stored(run, first).items.total() == 2
    rest = NUMBER._replace(after=first.last)
    second = shown(run, chosen=rest, within_seconds=60)
    assert (len(second.tried), second.beyond) == (4, 0)
    with pytest.raises(Changed):  # whoever asks for more than there is time for is shown again what there is
        stored(run, second, rest, within_seconds=0)
    assert stored(run, second, rest).items.total() == 4


def test_items_of_a_snapshot_that_do_not_stand_together_come_in_their_order() -> None:
    snapshots({M: [bad(1), bad(2)]})
    snapshots({M: [bad(3)]}, number=2)
    run = run_of(go())
    here, there = item(run, f"{M}[1]"), item(run, f"{M}[0]", 1)
    MigrationOutcome.objects.filter(pk=here.pk).update(snapshot=there.snapshot_id, path="x", user=there.user_id)
    MigrationOutcome.objects.filter(pk=there.pk).update(snapshot=here.snapshot_id, path=f"{M}[1]", user=here.user_id)
    assert [one.outcome.path for one in shown(run).tried] == [f"{M}[0]", "x", f"{M}[1]"]
    part = shown(run, within_seconds=0)
    assert ([one.outcome.path for one in part.tried], part.beyond) == ([f"{M}[0]"], 2)


def test_a_replay_stops_when_its_time_is_up_and_goes_on_from_there() -> None:
    for number in (1, 2, 3):
        snapshots({M: [bad(number)]}, number=number)
    run = run_of(go())
    stored(run, shown(run))
    first = replay(run=run, within_seconds=0, **WHO)
    assert (first.people, first.items.total()) == (1, 1)
    assert first.next_item
    second = replay(run=run, chosen=Selection(after=first.next_item - 1), within_seconds=60, **WHO)
    assert (second.people, second.items.total(), second.next_item) == (2, 2, 0)


def test_statements_grow_with_snapshots_in_blocks_not_with_items() -> None:
    run = migrated({M: [bad(number) for number in range(30)]})
    with CaptureQueriesContext(
        connection,
    ) as queries:
        shown(run)
    assert len(queries) <= 5


def test_causes_for_a_page() -> None:
    snapshots({M: [bad(1), bad(2), "?", bad(3), bad(4)]})
    snapshots({M: [bad(5)], P: "[]"}, number=2)
    run = run_of(go())
    mend(run, f"{M}[0]", GOOD)
    waive(run=run, chosen=Selection(path=f"{M}[1]"), **WHO)
    found = causes(run, with_raw=True)
    assert [(one.reason, one.kind, one.items, one.people, one.mended) for one in found.causes] == [
        ("not_a_number", "meal", 4, 2, 1),
        ("not_an_object", "meal", 1, 1, 0),
        ("not_an_object", "profile", 1, 1, 0),
    ]
    assert found.complete
    example = found.causes[0].examples[0]
    assert (example.outcome_id, example.field) == (item(run, f"{M}[0]").pk, "protein")
    assert "environ 18 g" in example.raw
    assert {one.raw for cause in causes(run).causes for one in cause.examples} == {""}
    assert [one.items for one in causes(run, kind="meal", user_id=person(2).pk).causes] == [1]
    waived = causes(run, outcome=Outcome.WAIVED)
    assert [(one.reason, one.items) for one in waived.causes] == [("not_a_number", 1)]
    assert sums_of(run) == (6, 1)
    assert [one.pk for one in runs_with_quarantine(at_most=5)] == [run.pk]
