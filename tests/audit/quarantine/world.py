"""One person whose browsers hold something that cannot be read, and the same person had the browsers held the repaired value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Sum

from accounts.models import User
from audit.models import ItemRepair, MigrationOutcome, MigrationRun, StorageSnapshot
from audit.runs.ledger import OUTCOMES
from audit.runs.quarantine.repair import repair
from audit.runs.quarantine.replay import Replayed, replay
from tests.captures import CAPTURED, LOADED, app_state, capture, favorite, meal
from tests.database import rows
from tests.laws.world import go, person_id

M, F, P, PAGE = "p-meals-U", "p-app-state-U", "p-user-profile-U", "page_state"
WHO: dict[str, Any] = {"actor": "support@example.fr", "reason": "the person told us on the phone"}
SEALED = "DYNPROT_ENC_abcdefghijklmnop"


class Case(NamedTuple):
    """What the browsers held, and what stands for it: (snapshot, path) → value."""

    before: Sequence[Mapping[str, Any]]
    after: Sequence[Mapping[str, Any]]
    repairs: Mapping[tuple[int, str], Any]


@contextmanager
def forgotten() -> Iterator[None]:
    """Another world, of which nothing is left but what was noted."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def person(number: int = 1) -> User:
    """The same person in every world."""
    names = {"email": f"person{number}@example.fr", "username": f"person{number}", "password": "!"}
    who, _ = User.objects.get_or_create(id=person_id(number), defaults=names)
    return who


def snapshots(*storages: Mapping[str, Any], first_day: int = 0, number: int = 1) -> list[StorageSnapshot]:
    """Staged, a day apart; `page_state` is the running page's state."""
    staged = []
    for day, storage in enumerate(storages, start=first_day):
        inner = {key: value for key, value in storage.items() if key != PAGE}
        fields = {PAGE: storage[PAGE]} if PAGE in storage else {}
        who, moment = person(number), CAPTURED + timedelta(days=day)
        payload = capture(inner, email=who.email, captured_at=moment.isoformat(), **fields)
        staged.append(
            StorageSnapshot.objects.create(
                user=who,
                payload=payload,
                sha256=hashlib.sha256(payload).digest(),
                size_bytes=len(payload),
                captured_at=moment,
                loaded_at=LOADED + timedelta(days=day),
                timezone="Europe/Paris",
                status="waiting",
            )
        )
    return staged


def migrated(*storages: Mapping[str, Any]) -> MigrationRun:
    """The run over these browsers."""
    snapshots(*storages)
    return run_of(go())


def run_of(report: Mapping[str, Any]) -> MigrationRun:
    return MigrationRun.objects.get(pk=report["run"])


def item(run: MigrationRun, path: str, snapshot: int = 0) -> MigrationOutcome:
    """The outcome row of an item in the n-th of the run's snapshots."""
    ids = sorted(run.plan.values_list("snapshot_id", flat=True))
    return MigrationOutcome.objects.get(run=run, path=path, snapshot_id=ids[snapshot])


def mend(run: MigrationRun, path: str, value: Any, snapshot: int = 0) -> ItemRepair:
    """Repairs an item."""
    return repair(outcome=item(run, path, snapshot), value_text=json.dumps(value), **WHO)


def mended(run: MigrationRun, repairs: Mapping[tuple[int, str], Any]) -> Replayed:
    """Repairs all of these and replays."""
    for (snapshot, path), value in repairs.items():
        mend(run, path, value, snapshot)
    return replay(run=run, **WHO)


def fates(run: MigrationRun) -> dict[tuple[str, int, str], tuple[str, frozenset[str]]]:
    """(person, n-th snapshot of the run, path) → outcome and reasons, without those that say that somebody repaired it, and without what is plain."""
    ids = sorted(run.plan.values_list("snapshot_id", flat=True))
    found = {}
    for one in MigrationOutcome.objects.filter(run=run).select_related("user"):
        reasons = frozenset(one.reasons) - {"repaired"}
        if reasons or one.outcome not in ("created", "unchanged"):
            found[one.user.email, ids.index(one.snapshot_id), one.path] = (one.outcome, reasons)
    return found


def tallies(run: MigrationRun) -> list[tuple[Any, ...]]:
    """(n-th snapshot, kind, found, the seven) of a run. The equation holds in each, or PostgreSQL would have refused it."""
    found = rows(
        f"SELECT dense_rank() OVER (ORDER BY snapshot_id), kind, found, {', '.join(OUTCOMES)} FROM migration_tallies "  # noqa: S608 - our own names
        "WHERE run_id = %s ORDER BY snapshot_id, kind",
        [run.pk],
    )
    assert all(one[2] == sum(one[3:]) for one in found)
    assert run.batches.aggregate(items=Sum("quarantined"))["items"] == sum(one[-2] for one in found)
    return found


def payloads() -> list[tuple[Any, ...]]:
    """The bytes, and their hashes made anew."""
    return rows("SELECT id, payload, sha256 = sha256(payload) FROM storage_snapshots ORDER BY id")


GOOD = meal(id="7", timestamp="2024-03-11T11:00:00.000Z", description="Lentilles", protein=18, calories=None)
BAD = {**GOOD, "protein": "beaucoup"}
OTHER = meal(id="8", timestamp="2024-03-12T11:00:00.000Z", description="Omelette")
STRANGE = {"weightKg": 81.5, "proteinGoal": 150, "calorieGoal": 2300, "name": "Anne Petit"}

CASES: dict[str, Case] = {
    "a meal alone": Case([{M: [OTHER, BAD]}], [{M: [OTHER, GOOD]}], {(0, f"{M}[1]"): GOOD}),
    "something that is no object": Case([{M: ["Soupe", OTHER]}], [{M: [GOOD, OTHER]}], {(0, f"{M}[0]"): GOOD}),
    "only a meal in a photo's company": Case(
        [{M: [BAD], F: app_state(meals=[OTHER], favoriteMeals=[favorite()])}],
        [{M: [GOOD], F: app_state(meals=[OTHER], favoriteMeals=[favorite()])}],
        {(0, f"{M}[0]"): GOOD},
    ),
    "the first of two copies": Case(
        [{M: [BAD], F: app_state(meals=[GOOD, OTHER])}],
        [{M: [GOOD], F: app_state(meals=[GOOD, OTHER])}],
        {(0, f"{M}[0]"): GOOD},
    ),
    "the second of two copies, which disagrees": Case(
        [{M: [{**GOOD, "calories": 200}], F: app_state(meals=[BAD])}],
        [{M: [{**GOOD, "calories": 200}], F: app_state(meals=[{**GOOD, "calories": 210}])}],
        {(0, f"{F}.meals[0]"): {**GOOD, "calories": 210}},
    ),
    "the first of two copies, which disagrees": Case(
        [{M: [BAD], F: app_state(meals=[{**GOOD, "calories": 200}])}],
        [{M: [{**GOOD, "calories": 210}], F: app_state(meals=[{**GOOD, "calories": 200}])}],
        {(0, f"{M}[0]"): {**GOOD, "calories": 210}},
    ),
    "an id that comes twice": Case(
        [{M: [BAD, {**OTHER, "id": "7"}]}], [{M: [GOOD, {**OTHER, "id": "7"}]}], {(0, f"{M}[0]"): GOOD}
    ),
    "an older snapshot's": Case(
        [{M: [BAD]}, {M: [{**GOOD, "protein": 19}]}],
        [{M: [GOOD]}, {M: [{**GOOD, "protein": 19}]}],
        {(0, f"{M}[0]"): GOOD},
    ),
    "a later snapshot's": Case(
        [{M: [GOOD]}, {M: [BAD]}],
        [{M: [GOOD]}, {M: [{**GOOD, "protein": 21}]}],
        {(1, f"{M}[0]"): {**GOOD, "protein": 21}},
    ),
    "a favourite whose name is taken": Case(
        [{F: app_state(favoriteMeals=[favorite(id="1", protein=11), favorite(id="2", protein=None)])}],
        [{F: app_state(favoriteMeals=[favorite(id="1", protein=11), favorite(id="2", protein=12)])}],
        {(0, f"{F}.favoriteMeals[1]"): favorite(id="2", protein=12)},
    ),
    "a repaired value that is cleaned": Case(
        [{M: [BAD]}], [{M: [{**GOOD, "protein": "18,5 g"}]}], {(0, f"{M}[0]"): {**GOOD, "protein": "18,5 g"}}
    ),
    "a profile that was sealed": Case([{P: SEALED, M: [OTHER]}], [{P: STRANGE, M: [OTHER]}], {(0, P): STRANGE}),
    "a profile over another": Case(
        [{PAGE: {"userSettings": 5}, P: {"weightKg": 80, "age": 44}}],
        [{PAGE: {"userSettings": STRANGE}, P: {"weightKg": 80, "age": 44}}],
        {(0, f"{PAGE}.userSettings"): STRANGE},
    ),
    "a profile under another": Case(
        [{PAGE: {"userSettings": {"weightKg": 80}}, P: "[]"}],
        [{PAGE: {"userSettings": {"weightKg": 80}}, P: STRANGE}],
        {(0, P): STRANGE},
    ),
    "goals that waited": Case(
        [{"pending_nutrition_goals": "{", M: [OTHER]}],
        [{"pending_nutrition_goals": {"timestamp": CAPTURED.isoformat(), "proteinGoal": 160}, M: [OTHER]}],
        {(0, "pending_nutrition_goals"): {"timestamp": CAPTURED.isoformat(), "proteinGoal": 160}},
    ),
    "goals that waited too long": Case(
        [{"pending_nutrition_goals": "{", M: [OTHER]}],
        [{"pending_nutrition_goals": {"timestamp": "2026-01-01", "proteinGoal": 160}, M: [OTHER]}],
        {(0, "pending_nutrition_goals"): {"timestamp": "2026-01-01", "proteinGoal": 160}},
    ),
    "the dark mode": Case([{"darkMode": '"oui"'}], [{"darkMode": True}], {(0, "darkMode"): True}),
    "the accessibility": Case(
        [{"accessibility": "[1]"}],
        [{"accessibility": {"largeText": True}}],
        {(0, "accessibility"): {"largeText": True}},
    ),
    "preferences of a state": Case(
        [{F: app_state(preferences="x", meals=[OTHER])}],
        [{F: app_state(preferences={"darkMode": True}, meals=[OTHER])}],
        {(0, f"{F}.preferences"): {"darkMode": True}},
    ),
    "several at once, with accents": Case(
        [{M: [BAD, None, OTHER], F: app_state(favoriteMeals=["?"])}],
        [
            {
                M: [GOOD, {**OTHER, "id": "9", "description": "Pâté \u0007 💚"}, OTHER],
                F: app_state(favoriteMeals=[favorite()]),
            }
        ],
        {
            (0, f"{M}[0]"): GOOD,
            (0, f"{M}[1]"): {**OTHER, "id": "9", "description": "Pâté \u0007 💚"},
            (0, f"{F}.favoriteMeals[0]"): favorite(),
        },
    ),
}


def all_cases(side: str) -> MigrationRun:
    """The run over the browsers of all cases, each of a person of its own: `before`, or as if they had held the repaired values."""
    for number, case in enumerate(CASES.values(), start=1):
        snapshots(*getattr(case, side), number=number)
    return run_of(go())


def mend_all(run: MigrationRun) -> int:
    """Repairs the items of all cases; returns how many."""
    repaired = 0
    for number, case in enumerate(CASES.values(), start=1):
        ids = list(run.plan.filter(user=person(number)).order_by("snapshot_id").values_list("snapshot_id", flat=True))
        for (snapshot, path), value in case.repairs.items():
            outcome = MigrationOutcome.objects.get(run=run, snapshot_id=ids[snapshot], path=path)
            repair(outcome=outcome, value_text=json.dumps(value), **WHO)
            repaired += 1
    return repaired
