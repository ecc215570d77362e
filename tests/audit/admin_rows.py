"""A small finished migration for the tests of the admin's pages: people with everything that an import leaves behind."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import NamedTuple

from accounts.models import GoalHistory, PasswordResetToken, User
from audit.models import (
    ActivityLog,
    ItemRepair,
    MigrationBatch,
    MigrationEvent,
    MigrationOutcome,
    MigrationPreimage,
    MigrationPreview,
    MigrationPreviewSample,
    MigrationRun,
    MigrationRunSnapshot,
    MigrationTally,
    StorageSnapshot,
)
from exports.models import DataExport
from nutrition.models import MealEntry
from tests.factories import (
    NOON,
    make_analysis,
    make_favorite,
    make_meal,
    make_profile,
    make_run,
    make_snapshot,
    make_user,
)

SECRET = "eyJhbGciOi-NEVER-SHOWN"
HOSTILE = "<script>alert('x')</script>"


class Migrated(NamedTuple):
    """One person as the migration left them."""

    user: User
    snapshot: StorageSnapshot
    meal: MealEntry
    outcome: MigrationOutcome


def finished_run() -> MigrationRun:
    """A verified run with a report."""
    run = make_run(
        status="completed_with_quarantine",
        verdict="passed",
        users_planned=3,
        snapshots_planned=3,
        started_at=NOON,
        finished_at=NOON + timedelta(seconds=75),
        digest_before="a" * 64,
        digest_after="b" * 64,
        report={
            "reasons": {"unreadable_timestamp": 3, "rounded": 2, "copy": 1},
            "meals_per_second": 4321.5,
            "seconds": 75.0,
        },
    )
    MigrationEvent.objects.create(
        run=run, action="start", old_status="pending", new_status="running", actor="operateur@example.fr"
    )
    return run


def migrate_person(run: MigrationRun, number: int) -> Migrated:
    """One more person in `run`, in a batch of their own."""
    user = make_user(legacy_id=f"clx{number:020d}")
    make_profile(user, imported_defaults=["age", "gender"])
    GoalHistory.objects.update_or_create(
        user=user, effective_from="2000-01-01", defaults={"daily_protein_goal": 110, "source": "import"}
    )
    meals = [
        make_meal(user, NOON - timedelta(days=day), import_run_id=run.pk, description=f"Repas {number}.{day}")
        for day in range(3)
    ]
    make_meal(user, NOON - timedelta(days=4)).delete()
    make_favorite(user, import_run_id=run.pk)
    make_analysis(user, meals[0])
    DataExport.objects.create(
        user=user, export_format="csv", date_range_start="2026-01-01", date_range_end="2026-01-31"
    )
    ActivityLog.objects.create(
        user=user,
        action_type="sign_in",
        new_values={"from": HOSTILE},
        user_agent="Mozilla/5.0 (Windows NT 10.0) Firefox/140.0",
    )
    PasswordResetToken.objects.create(user=user, token_id=f"token-{number}", hashed_token=SECRET, expires_at=NOON)

    storage = {
        f"dynprot-meals-clx{number:020d}": json.dumps([{"protein": 20}]),
        "access_token": SECRET,
        "dynprot-auth": json.dumps({"token": SECRET}),
        HOSTILE: "1",
    }
    payload = json.dumps({"local_storage": storage, "number": number}).encode()
    snapshot = make_snapshot(user, payload, status="migrated", last_run=run, user_agent=HOSTILE, origin=HOSTILE)
    ItemRepair.objects.create(
        snapshot=snapshot, path=f"{HOSTILE}[0]", value='{"protein": 20}', actor="support@example.fr", reason=HOSTILE
    )
    preview = MigrationPreview.objects.create(
        status="done",
        scope={"emails": []},
        people_total=1,
        people_done=1,
        plan_digest="c" * 64,
        run=run,
        started_at=NOON,
        finished_at=NOON,
        upload_name=HOSTILE,
        staging={
            "lines": 1,
            "staged": 0,
            "already": 0,
            "rejected": 1,
            "rejected_lines": [{"line": 1, "reason": HOSTILE}],
        },
    )
    MigrationPreviewSample.objects.create(
        preview=preview,
        user=user,
        snapshot=snapshot,
        kind="meal",
        path=f"{HOSTILE}[0]",
        outcome="updated",
        raw=json.dumps({HOSTILE: HOSTILE, "lone": "\ud83d", "nul": "\0"}),
        changes=[{"field": HOSTILE, "reason": "rounded", "raw": HOSTILE, "value": HOSTILE}],
        before={"description": HOSTILE},
    )
    MigrationPreimage.objects.create(
        run=run, user=user, table_name="meal_entries", row_id=meals[0].pk, before={"description": HOSTILE}
    )
    batch = MigrationBatch.objects.create(
        run=run,
        number=number,
        status="committed",
        users=1,
        snapshots=1,
        items=5,
        days=3,
        attempt=1,
        started_at=NOON,
        finished_at=NOON + timedelta(seconds=2),
    )
    MigrationRunSnapshot.objects.create(
        run=run,
        snapshot=snapshot,
        user=user,
        batch=batch,
        read_report={
            "items": {"lu-par-la-migration": {"store": "meals", "characters": 12}},
            "known": {"access_token": "token"},
        },
    )
    MigrationTally.objects.create(
        run=run, snapshot=snapshot, kind="meal", found=5, created=3, duplicate=1, quarantined=1
    )
    outcome = MigrationOutcome.objects.create(
        run=run,
        snapshot=snapshot,
        user=user,
        kind="meal",
        path=f"dynprot-meals-clx{number:020d}[3].{HOSTILE}",
        outcome="quarantined",
        reasons=["unreadable_timestamp"],
        raw=json.dumps({"timestamp": HOSTILE, "lone": "\ud83d", "nul": "\0"}),
    )
    MigrationOutcome.objects.create(
        run=run,
        snapshot=snapshot,
        user=user,
        kind="meal",
        path=f"dynprot-meals-clx{number:020d}[0]",
        outcome="updated",
        reasons=["rounded"],
        row_id=meals[0].pk,
        changes=[{"field": "protein", "reason": "rounded", "raw": 20.005, "value": "20.01"}],
        before={"description": HOSTILE, "protein_grams": "19.00"},
    )
    return Migrated(user, snapshot, meals[0], outcome)


def migrate_people(count: int, run: MigrationRun | None = None, first: int = 1) -> tuple[MigrationRun, list[Migrated]]:
    """`count` people of one finished run."""
    run = run or finished_run()
    return run, [migrate_person(run, number) for number in range(first, first + count)]
