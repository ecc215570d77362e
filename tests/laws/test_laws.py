"""Laws 1 and 3, dry runs and batch sizes, over random dirty captures. `DYNPROT_LAWS=1000` looks longer than the few examples of a daily run."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.digest import content_digest
from audit.local_storage.rules import RULES
from audit.models import MigrationOutcome, MigrationRun, MigrationTally, StorageSnapshot
from tests.laws.counting import count_items
from tests.laws.strategies import HOSTILE_KEYS, HOSTILE_STATES, KEYS, STATES, Browser, browsers
from tests.laws.world import empty, everything, go, predict, stage, versions

pytestmark = pytest.mark.django_db(transaction=True)
EXAMPLES = int(os.environ.get("DYNPROT_LAWS", "0"))
PREDICTED = ("items", "reasons", "summaries", "users", "snapshots")
OUTCOMES = ("created", "updated", "unchanged", "duplicate", "superseded", "quarantined", "waived")


def law(examples: int) -> settings:
    return settings(
        max_examples=EXAMPLES or examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
        print_blob=True,
    )


def check_conservation(report: dict[str, Any]) -> None:
    """Law 1, from the tables alone: each item was found once, has one fate, and whoever is not plainly a row has a row in outcomes."""
    run = report["run"]
    by_kind: Counter[str] = Counter()
    for snapshot in StorageSnapshot.objects.filter(plans__run_id=run):
        counted = count_items(bytes(snapshot.payload))
        tallies = {tally.kind: tally for tally in MigrationTally.objects.filter(run_id=run, snapshot=snapshot)}
        assert tallies.keys() == {"meal", "favorite", "profile", "preferences"}
        for kind, tally in tallies.items():
            assert tally.found == counted[kind], f"{kind}: {tally.found} were found, {counted[kind]} are there"
            assert tally.found == sum(getattr(tally, outcome) for outcome in OUTCOMES)
            kept = Counter(
                MigrationOutcome.objects.filter(run_id=run, snapshot=snapshot, kind=kind).values_list(
                    "outcome", flat=True
                )
            )
            for outcome in ("updated", "duplicate", "superseded", "quarantined"):
                assert kept[outcome] == getattr(tally, outcome), (kind, outcome)
            for outcome in ("created", "unchanged"):
                assert kept[outcome] <= getattr(tally, outcome), (kind, outcome)
            by_kind[kind] += tally.found
    assert {kind: counts["found"] for kind, counts in report["items"].items()} == {
        kind: by_kind[kind] for kind in report["items"]
    }
    assert report["reasons"].keys() <= RULES.keys()
    for reasons, raw in MigrationOutcome.objects.filter(
        run_id=run, outcome__in=["quarantined", "duplicate", "superseded"]
    ).values_list("reasons", "raw"):
        assert reasons
        assert raw.isascii()
        assert raw


def is_open_question(difference: dict[str, Any]) -> bool:
    """Where docs/importing.md leaves room and the two engines differ today; to be emptied as the page decides.

    Favourites: which of two of one name is "the later one" (created later, or read later), what "ignoring case" means to PostgreSQL, and
    whether a creation date that is only the moment of capture is content. Meals: which id a row of several carries. Profiles: whether the
    old app's initial goal, activity and units are answers.
    """
    kind, field = difference["kind"], difference["field"]
    return kind == "favorite" or (kind, field) in {
        ("meal", "legacy_id"),
        ("profile", "fitness_goal"),
        ("profile", "activity_level"),
        ("profile", "preferred_units"),
    }


def check_verified(report: dict[str, Any]) -> None:
    """The second path comes to the same."""
    differences: list[dict[str, Any]] = report["verification"]["differences"]
    assert [difference for difference in differences if not is_open_question(difference)] == []
    if not differences:
        quarantined = any(counts["quarantined"] for counts in report["items"].values())
        assert report["status"] == ("completed_with_quarantine" if quarantined else "completed")


@law(25)
@given(captures=browsers(), batch_size=st.integers(1, 4))
def test_no_item_is_lost_and_the_second_time_nothing_is_written(captures: list[Browser], batch_size: int) -> None:
    empty()
    stage(captures)
    first = go(batch_size=batch_size)
    check_conservation(first)
    digest, written = content_digest(), versions()
    again = go(batch_size=5 - batch_size, again=True)
    check_conservation(again)
    assert versions() == written
    assert content_digest() == digest == again["digest"] == first["digest"]
    for kind, counts in again["items"].items():
        assert (counts["created"], counts["updated"]) == (0, 0), kind
        assert counts["found"] == first["items"][kind]["found"]
        assert counts["quarantined"] == first["items"][kind]["quarantined"]
        assert counts["unchanged"] == first["items"][kind]["created"]


@law(12)
@given(captures=browsers())
def test_the_second_path_agrees(captures: list[Browser]) -> None:
    empty()
    stage(captures)
    check_verified(go())
    check_verified(go(again=True))


@law(12)
@given(captures=browsers(), sizes=st.permutations([1, 2, 100]))
def test_the_batch_size_does_not_matter(captures: list[Browser], sizes: list[int]) -> None:
    digests, items = set(), []
    for size in sizes[:2]:
        empty()
        stage(captures)
        report = go(batch_size=size)
        digests.add(report["digest"])
        items.append((report["items"], report["reasons"], report["summaries"]))
    assert len(digests) == 1
    assert items[0] == items[1]


@law(12)
@given(captures=browsers(), batch_size=st.integers(1, 4))
def test_a_dry_run_predicts_exactly_and_leaves_nothing(captures: list[Browser], batch_size: int) -> None:
    empty()
    stage(captures)
    before = everything()
    predicted = predict(batch_size=batch_size)
    assert everything() == before
    report = go(batch_size=batch_size)
    assert {name: report[name] for name in PREDICTED} == {name: predicted[name] for name in PREDICTED}
    assert predicted["batches"]["planned"] == report["batches"]["planned"]
    before = everything()
    predicted = predict(batch_size=batch_size, again=True)
    assert everything() == before
    report = go(batch_size=batch_size, again=True)
    assert {name: report[name] for name in PREDICTED} == {name: predicted[name] for name in PREDICTED}


@law(12)
@given(captures=browsers(people=2))
def test_one_by_one_as_they_come_or_all_at_once(captures: list[Browser]) -> None:
    """Snapshots that are migrated on different days, in the order of their capture: law 1 each time, and no exception."""
    empty()
    stage(captures)
    for day in range(3):
        StorageSnapshot.objects.filter(captured_at__day=10 + day).exclude(last_run__isnull=False).update(
            status="waiting"
        )
        hidden = StorageSnapshot.objects.filter(captured_at__day__gt=10 + day)
        people = dict(hidden.values_list("id", "user_id"))
        hidden.update(status="unclaimed", user=None)
        report = go()
        check_conservation(report)
        for snapshot, user in people.items():
            StorageSnapshot.objects.filter(id=snapshot).update(status="waiting", user=user)
    assert MigrationRun.objects.count() == 3


@law(8)
@given(captures=browsers(keys=(*KEYS, *HOSTILE_KEYS), states=(*STATES, *HOSTILE_STATES)))
def test_keys_that_look_like_paths_lose_nothing(captures: list[Browser]) -> None:
    """Law 1 though paths had to be told apart; nothing here may fail a batch."""
    empty()
    stage(captures)
    check_conservation(go())
