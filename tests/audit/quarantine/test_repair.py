"""A repair passes the rules that quarantined the item, or it is refused and says where; it writes one row and changes no other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from audit.models import ActivityLog, ItemRepair, MigrationEvent, MigrationOutcome
from audit.runs.plan import Refused
from audit.runs.quarantine.repair import BadRepair, preview, repair
from audit.runs.quarantine.waive import waive
from tests.audit.quarantine.world import (
    BAD,
    GOOD,
    OTHER,
    PAGE,
    SEALED,
    WHO,
    F,
    M,
    P,
    item,
    mend,
    migrated,
    person,
    run_of,
    snapshots,
)
from tests.captures import app_state, favorite
from tests.laws.world import everything, go

pytestmark = pytest.mark.django_db

M0 = f"{M}[0]"


def test_it_is_stored_and_told_and_nothing_else_changes() -> None:
    run = migrated({M: [BAD]})
    before = everything()
    stored = mend(run, M0, {**GOOD, "description": "Pâté"})
    after = everything()
    assert {name for name in after if after[name] != before[name]} == {"migration_events", "activity_logs", "sequences"}
    assert stored.value.isascii()
    assert json.loads(stored.value)["description"] == "Pâté"
    assert (stored.actor, stored.reason) == (WHO["actor"], WHO["reason"])
    event = MigrationEvent.objects.filter(run=run).latest("id")
    outcome = item(run, M0)
    assert (event.action, event.actor, event.reason) == ("repair", WHO["actor"], WHO["reason"])
    assert event.data == {"repair": stored.pk, "outcome": outcome.pk, "kind": "meal", "reason": "not_a_number"}
    log = ActivityLog.objects.get(action_type="MIGRATION_ITEM_REPAIRED")
    assert (log.user_id, log.table_name, log.record_id) == (outcome.user_id, "item_repairs", None)
    assert log.new_values is not None
    assert log.new_values["path"] == M0


def test_the_latest_counts_and_none_is_ever_changed() -> None:
    run = migrated({M: [BAD]})
    first, second = mend(run, M0, GOOD), mend(run, M0, {**GOOD, "protein": 19})
    assert first.pk < second.pk
    for table in (ItemRepair, MigrationEvent):
        with pytest.raises(DatabaseError), transaction.atomic():
            table.objects.update(reason="x")


def test_a_preview_shows_it_and_writes_nothing() -> None:
    run = migrated({M: [BAD], P: SEALED})
    before = everything()
    shown = preview(outcome=item(run, M0), value_text=json.dumps({**GOOD, "protein": "18,25 g"}))
    assert shown.content["protein"] == 18.25
    assert shown.content["instant"] == "2024-03-11T11:00:00+00:00"
    assert shown.notes == [{"field": "protein", "reason": "number_from_text", "value": 18.25}]
    profile = preview(outcome=item(run, P), value_text='{"weightKg": 81.5, "age": 400}')
    assert profile.content == {"weight_kg": "81.50"}
    assert profile.notes == [{"field": "age", "reason": "profile_field_left_out", "value": None}]
    assert (everything(), ItemRepair.objects.count()) == (before, 0)


BAD_VALUES = [
    (M0, json.dumps({**GOOD, "protein": "trop"}), "not_a_number", "protein"),
    (M0, json.dumps({**GOOD, "protein": None}), "missing_protein", "protein"),
    (M0, json.dumps({**GOOD, "timestamp": "hier"}), "unreadable_timestamp", "timestamp"),
    (M0, json.dumps({**GOOD, "timestamp": "2099-01-01T00:00:00Z"}), "timestamp_in_future", "timestamp"),
    (M0, "null", "not_an_object", ""),
    (M0, "[]", "not_an_object", ""),
    (M0, "{", "invalid_json", ""),
    (M0, "", "invalid_json", ""),
    (M0, '{"protein": NaN}', "invalid_json", ""),
    (M0, '{"protein": 1e999}', "not_finite", ""),
    (M0, "[" * 5000 + "]" * 5000, "too_deep", ""),
    (f"{F}.favoriteMeals[0]", json.dumps(favorite(protein=-1)), "negative_number", "protein"),
    (P, '"x"', "not_an_object", ""),
    (P, "null", "not_an_object", ""),
    (f"{PAGE}.user", "5", "not_an_object", ""),
    ("darkMode", '"true"', "invalid_json", ""),
    ("pending_nutrition_goals", "1", "not_an_object", ""),
]
"""Path, value, and the reason and field for which it is refused."""


def test_what_does_not_pass_is_refused_with_its_place() -> None:
    run = migrated(
        {
            M: [BAD],
            F: app_state(favoriteMeals=["?"]),
            P: SEALED,
            PAGE: {"user": 5},
            "darkMode": "9",
            "pending_nutrition_goals": "{",
        }
    )
    before = everything()
    for path, value, code, field in BAD_VALUES:
        with pytest.raises(BadRepair) as refusal:
            repair(outcome=item(run, path), value_text=value, **WHO)
        assert (refusal.value.code, refusal.value.path, refusal.value.field) == (code, path, field)
        assert code in str(refusal.value)
    assert (everything(), ItemRepair.objects.count()) == (before, 0)


BEYOND_REPAIR: list[tuple[dict[str, Any], str, str]] = [
    ({M: SEALED}, M, "a whole list"),
    ({M: "{}"}, M, "a whole list"),
    ({F: "[]"}, F, "a whole list"),
    ({F: app_state(favoriteMeals=5)}, f"{F}.favoriteMeals", "a whole list"),
    ({PAGE: [1]}, PAGE, "a whole list"),
    ({"p-meals-X": [GOOD]}, "p-meals-X[0]", "belongs to another person"),
    ({"p-meals-X": SEALED}, "p-meals-X", "a whole list"),
    ({"p-user-profile-X": SEALED}, "p-user-profile-X", "not the person's own"),
    ({"p-meals": [GOOD], "p-meals-X": []}, "p-meals[0]", "nobody knows whose"),
]
"""Storage, path, and the sentence with which a repair there is refused."""


def test_what_no_value_can_stand_for() -> None:
    for number, (storage, _, _) in enumerate(BEYOND_REPAIR, start=1):
        snapshots(storage, number=number)
    run = run_of(go())
    for number, (_, path, sentence) in enumerate(BEYOND_REPAIR, start=1):
        outcome = MigrationOutcome.objects.get(run=run, user=person(number), path=path)
        with pytest.raises(Refused, match=sentence):
            repair(outcome=outcome, value_text=json.dumps(GOOD), **WHO)
    assert ItemRepair.objects.count() == 0


def test_only_what_is_in_quarantine_now() -> None:
    run = migrated({M: [BAD, {**OTHER, "protein": "20 g"}]})
    with pytest.raises(Refused, match="is created: only what is in quarantine"):
        mend(run, f"{M}[1]", GOOD)
    stale = MigrationOutcome.objects.get(path=M0)
    waive(run=run, **WHO)
    with pytest.raises(Refused, match="is waived"):
        repair(outcome=stale, value_text=json.dumps(GOOD), **WHO)


def test_nobody_overwrites_a_repair_that_they_have_not_seen() -> None:
    run = migrated({M: [BAD]})
    outcome, text = item(run, M0), json.dumps(GOOD)
    first = repair(outcome=outcome, value_text=text, seen=0, **WHO)
    with pytest.raises(Refused, match="somebody else has repaired"):
        repair(outcome=outcome, value_text=json.dumps(OTHER), seen=0, **WHO)
    assert ItemRepair.objects.get() == first
    second = repair(outcome=outcome, value_text=text, seen=first.pk, **WHO)
    with pytest.raises(Refused, match="somebody else has repaired"):
        repair(outcome=outcome, value_text=text, seen=first.pk, **WHO)
    third = repair(outcome=outcome, value_text=text, **WHO)
    assert [one.pk for one in ItemRepair.objects.order_by("pk")] == [first.pk, second.pk, third.pk]


@pytest.mark.parametrize("missing", ["actor", "reason"])
def test_somebody_answers_for_it(missing: str) -> None:
    run = migrated({M: [BAD]})
    with pytest.raises(Refused, match=missing):
        repair(outcome=item(run, M0), value_text=json.dumps(GOOD), **{**WHO, missing: ""})
