"""A migration as it should have left the tables, made by hand: three people, four browsers, one of each fate. Nothing here runs an importer."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from PIL import Image

from accounts.models import GoalHistory, User, UserProfile
from audit.models import (
    MigrationBatch,
    MigrationOutcome,
    MigrationRun,
    MigrationRunSnapshot,
    MigrationTally,
    StorageSnapshot,
)
from nutrition.models import FavoriteMeal, MealEntry
from tests.audit.verification.browsers import (
    ALICE_LEGACY,
    BOB_LEGACY,
    BOB_STATE,
    CHICKEN,
    CHLOE_LEGACY,
    CHLOE_STATE,
    EDITED,
    FAVORITE,
    FIGS,
    LATER_SETTINGS,
    LENTILS,
    MEALS,
    NO_PROTEIN,
    POORER,
    PREFERENCES,
    PROFILE,
    SETTINGS,
    SOUP,
    STATE,
    YOGHURT,
    capture,
)

IMPORTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LOADED = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)


def picture(color: str = "red") -> bytes:
    """A small real JPEG."""
    content = io.BytesIO()
    Image.new("RGB", (8, 6), color).save(content, "JPEG")
    return content.getvalue()


@dataclass
class World:
    """The run and the rows that the tests break."""

    run: MigrationRun
    batch: MigrationBatch
    alice: User
    bob: User
    snapshots: dict[str, StorageSnapshot] = field(default_factory=dict)
    meals: dict[str, MealEntry] = field(default_factory=dict)
    favorite: FavoriteMeal | None = None
    numbers: int = 0

    def row_id(self, user: User) -> UUID:
        """An id as imported rows have them: the person's first bits, version 8."""
        self.numbers += 1
        head = user.id.hex
        return UUID(f"{head[:12]}8{head[13:16]}8{self.numbers:015x}")

    def take(self, name: str, user: User, capture: dict[str, Any]) -> StorageSnapshot:
        """Stages a capture and plans it for the run."""
        payload = json.dumps(capture, ensure_ascii=False).encode()
        snapshot = StorageSnapshot.objects.create(
            sha256=hashlib.sha256(payload).digest(),
            payload=payload,
            size_bytes=len(payload),
            user=user,
            status="migrated",
            captured_at=datetime.fromisoformat(capture["captured_at"]),
            timezone=capture["timezone"],
            loaded_at=LOADED,
            last_run=self.run,
        )
        MigrationRunSnapshot.objects.create(run=self.run, snapshot=snapshot, user=user, batch=self.batch)
        self.snapshots[name] = snapshot
        return snapshot

    def meal(self, name: str, user: User, snapshot: str, **fields: Any) -> MealEntry:
        """A meal's row as this run would have written it."""
        when = datetime.fromisoformat(fields.pop("meal_timestamp"))
        values = {
            "id": self.row_id(user),
            "user": user,
            "meal_timestamp": when,
            "created_at": when,
            "local_date": date.fromisoformat(fields.pop("local_date")),
            "import_run_id": self.run.pk,
            "import_snapshot_id": self.snapshots[snapshot].pk,
            "imported_at": IMPORTED,
            "updated_at": IMPORTED,
            **fields,
        }
        self.meals[name] = MealEntry.objects.create(**values)
        return self.meals[name]

    def profile_of_defaults(self, user: User, snapshot: str, zone: str) -> None:
        """The profile of somebody whose browser answers nothing, and the goals in it."""
        UserProfile.objects.create(
            id=self.row_id(user), user=user, timezone=zone, import_run_id=self.run.pk, import_snapshot_id=self.snapshots[snapshot].pk,
            imported_at=IMPORTED, updated_at=IMPORTED,
        )  # fmt: skip
        GoalHistory.objects.create(
            user=user, effective_from=date(2000, 1, 1), daily_protein_goal=120, daily_calorie_goal=2000, source="import",
            import_run_id=self.run.pk,
        )  # fmt: skip

    def outcome(self, snapshot: str, kind: str, path: str, outcome: str, reasons: list[str], **fields: Any) -> None:
        """An outcome row; `raw` is any JSON value."""
        if "raw" in fields:
            fields["raw"] = json.dumps(fields["raw"])
        user = self.snapshots[snapshot].user
        assert user is not None
        MigrationOutcome.objects.create(
            run=self.run,
            snapshot=self.snapshots[snapshot],
            user=user,
            kind=kind,
            path=path,
            outcome=outcome,
            reasons=reasons,
            **fields,
        )

    def tally(self, snapshot: str, kind: str, **counts: int) -> None:
        MigrationTally.objects.create(
            run=self.run, snapshot=self.snapshots[snapshot], kind=kind, found=sum(counts.values()), **counts
        )


def change(field_name: str, reason: str, raw: Any, value: Any) -> dict[str, Any]:
    return {"field": field_name, "reason": reason, "raw": json.dumps(raw), "value": value}


def make_world() -> World:
    """Everything, in this test's transaction, with the triggers off as in an import."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL dynprot.bulk = 'on'")
    run = MigrationRun.objects.create(batch_size=100, status="verifying")
    batch = MigrationBatch.objects.create(run=run, number=1, status="committed", users=2, snapshots=3)
    alice = User.objects.create_user("alice1@example.fr", first_name="Alice", last_name="Petit")
    bob = User.objects.create_user("bob9@example.fr")
    world = World(run, batch, alice, bob)
    _alice(world)
    _bob(world)
    _chloe(world)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT refresh_daily_summaries(array_agg(user_id), array_agg(local_date))"
            " FROM (SELECT DISTINCT user_id, local_date FROM meal_entries) AS days"
        )
    return world


def _alice(world: World) -> None:
    first = {
        STATE: {
            "meals": [CHICKEN, YOGHURT, NO_PROTEIN, "Soupe"],
            "favoriteMeals": [FAVORITE],
            "user": PROFILE,
            "userSettings": SETTINGS,
            "preferences": PREFERENCES,
        },
        MEALS: [POORER],
        f"dynprot-meals-{BOB_LEGACY}": [{"protein": 5}],
        "dynprot-user-profile": "DYNPROT_ENC_abc",
    }
    second = {STATE: {"meals": [EDITED], "userSettings": LATER_SETTINGS}}
    world.take("first", world.alice, capture(ALICE_LEGACY, "Europe/Paris", "2026-01-05T09:00:00.000Z", first))
    world.take("second", world.alice, capture(ALICE_LEGACY, "Europe/Paris", "2026-02-01T23:30:00.000Z", second))
    chicken = world.meal(
        "chicken", world.alice, "second",
        legacy_id=CHICKEN["id"], description="Poulet rôti", meal_timestamp="2026-01-01T10:00:00+00:00", local_date="2026-01-01",
        meal_time_category="morning", protein_grams=Decimal("31.5"), calories=450, carbs_grams=10, fat_grams=Decimal("12.25"), fiber_grams=2,
        source_type="manual", ai_estimated=False, tags=["midi", "à table"], photo_url="https://images.example.fr/1.jpg",
    )  # fmt: skip
    yoghurt = world.meal(
        "yoghurt", world.alice, "first",
        legacy_id=YOGHURT["id"], description="Yaourt", meal_timestamp="2026-01-01T22:30:00+00:00", local_date="2026-01-01",
        meal_time_category="night", protein_grams=Decimal("12.5"), source_type="image", ai_estimated=True,
    )  # fmt: skip
    world.favorite = FavoriteMeal.objects.create(
        id=world.row_id(world.alice), user=world.alice, name="Poulet rôti", description="Poulet rôti", protein_grams=30, calories=450,
        use_count=4, last_used_at=datetime.fromisoformat("2026-01-01T10:00:00+00:00"), created_at=datetime.fromisoformat("2025-12-01T10:00:00+00:00"),
        legacy_id=FAVORITE["id"], import_run_id=world.run.pk, import_snapshot_id=world.snapshots["first"].pk,
        imported_at=IMPORTED, updated_at=IMPORTED,
    )  # fmt: skip
    profile = UserProfile.objects.create(
        id=world.row_id(world.alice), user=world.alice, weight_kg=Decimal("72.5"), height_cm=175, daily_protein_goal=140,
        daily_calorie_goal=2200, activity_level="light", fitness_goal="gain_muscle", diet_preferences=["Keto"], dark_mode=True,
        allow_analytics=False, timezone="Europe/Paris", imported_defaults=["height_cm"], import_run_id=world.run.pk,
        import_snapshot_id=world.snapshots["second"].pk, imported_at=IMPORTED, updated_at=IMPORTED,
    )  # fmt: skip
    for day, protein, calories in ((date(2000, 1, 1), 130, 2000), (date(2026, 2, 2), 140, 2200)):
        GoalHistory.objects.create(
            user=world.alice, effective_from=day, daily_protein_goal=protein, daily_calorie_goal=calories, source="import",
            import_run_id=world.run.pk,
        )  # fmt: skip
    world.outcome("first", "meal", f"{STATE}.meals[0]", "superseded", ["older_copy"], raw=CHICKEN, row_id=chicken.pk)
    world.outcome("first", "meal", f"{MEALS}[0]", "duplicate", ["copy"], raw=POORER, row_id=chicken.pk)
    changes = [
        change("protein", "number_from_text", "12,5 g", "12.50"),
        change("source", "source_mapped", "camera", "image"),
    ]
    reasons = ["number_from_text", "source_mapped"]
    world.outcome("first", "meal", f"{STATE}.meals[1]", "created", reasons, changes=changes, row_id=yoghurt.pk)
    world.outcome("first", "meal", f"{STATE}.meals[2]", "quarantined", ["missing_protein"], raw=NO_PROTEIN)
    world.outcome("first", "meal", f"{STATE}.meals[3]", "quarantined", ["not_an_object"], raw="Soupe")
    world.outcome("first", "meal", f"dynprot-meals-{BOB_LEGACY}[0]", "quarantined", ["other_owner"], raw={"protein": 5})
    sealed = "DYNPROT_ENC_abc"
    world.outcome("first", "profile", "dynprot-user-profile", "quarantined", ["unreadable_encrypted"], raw=sealed)
    left_out = [change("age", "profile_field_left_out", 300, None)]
    world.outcome(
        "first", "profile", f"{STATE}.userSettings", "superseded", ["older_copy", "profile_field_left_out"],
        raw=SETTINGS, changes=left_out, row_id=profile.pk,
    )  # fmt: skip
    world.outcome("first", "profile", f"{STATE}.user", "superseded", ["older_copy"], raw=PROFILE, row_id=profile.pk)
    world.tally("first", "meal", created=1, superseded=1, duplicate=1, quarantined=3)
    world.tally("first", "favorite", created=1)
    world.tally("first", "profile", superseded=2, quarantined=1)
    world.tally("first", "preferences", created=1)
    world.tally("second", "meal", created=1)
    world.tally("second", "profile", created=1)


def _bob(world: World) -> None:
    url = "data:image/jpeg;base64," + base64.b64encode(picture()).decode()
    meals = [
        {"id": "a", "timestamp": "2026-01-31T12:30:00.000Z", "description": "Kumara", "protein": 4, "photo": url},
        {"timestamp": "2026-02-01T01:00:00.000Z", "description": "Tarte \\ flan", "protein": 6.005, "calories": 0.2},
    ]
    zone = "Pacific/Auckland"
    world.take("bob", world.bob, capture(BOB_LEGACY, zone, "2026-02-10T00:00:00.000Z", {BOB_STATE: {"meals": meals}}))
    name = default_storage.save("meals/kumara.jpg", ContentFile(picture()))
    kumara = world.meal(
        "kumara", world.bob, "bob",
        legacy_id="a", description="Kumara", meal_timestamp="2026-01-31T12:30:00+00:00", local_date="2026-02-01",
        meal_time_category="night", protein_grams=4, photo_file=name,
    )  # fmt: skip
    flan = world.meal(
        "flan", world.bob, "bob",
        description="Tarte \\ flan", meal_timestamp="2026-02-01T01:00:00+00:00", local_date="2026-02-01",
        meal_time_category="afternoon", protein_grams=Decimal("6.01"),
    )  # fmt: skip
    world.profile_of_defaults(world.bob, "bob", zone)
    stored = [change("photo", "photo_stored", url, name)]
    world.outcome("bob", "meal", f"{BOB_STATE}.meals[0]", "created", ["photo_stored"], changes=stored, row_id=kumara.pk)
    rounded = [change("protein", "rounded", 6.005, "6.01")]
    world.outcome("bob", "meal", f"{BOB_STATE}.meals[1]", "created", ["rounded"], changes=rounded, row_id=flan.pk)
    world.tally("bob", "meal", created=2)


def _chloe(world: World) -> None:
    """What nearly all people are: meals just as the app writes them, and one that is not quite."""
    chloe = User.objects.create_user("chloe5@example.fr")
    meals = [LENTILS, FIGS, SOUP]
    world.take(
        "chloe",
        chloe,
        capture(CHLOE_LEGACY, "Europe/Paris", "2026-01-03T12:00:00.000Z", {CHLOE_STATE: {"meals": meals}}),
    )
    rows = [
        world.meal(
            meal["description"].strip(), chloe, "chloe",
            legacy_id=meal["id"], description=meal["description"].strip(), meal_timestamp=meal["timestamp"], local_date="2026-01-02",
            meal_time_category=time_of_day, protein_grams=meal["protein"], calories=320, source_type="text", ai_estimated=True, tags=["midi"],
        )
        for meal, time_of_day in zip(meals, ("afternoon", "afternoon", "evening"), strict=True)
    ]  # fmt: skip
    world.profile_of_defaults(chloe, "chloe", "Europe/Paris")
    tidied = [change("description", "description_tidied", "Soupe ", "Soupe")]
    world.outcome(
        "chloe", "meal", f"{CHLOE_STATE}.meals[2]", "created", ["description_tidied"], changes=tidied, row_id=rows[2].pk
    )
    world.tally("chloe", "meal", created=3)
