"""One meal more costs one look into the index of days, however many meals the person and the table have."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from accounts.models import User
from nutrition.summaries import recompute
from tests.database import rows, run, value
from tests.factories import NOON, make_meal, make_user

pytestmark = pytest.mark.django_db

KINDS = ("scans", "scanned", "fetched")
PEOPLE, MEALS_OF_OTHERS, MEALS_OF_ONE = 97, 1000, 3000


@pytest.fixture
def heavy_user() -> User:
    """A person with 3,000 meals, three a day, in a table of 100,000."""
    user = make_user()
    crowd = [make_user().id for _ in range(PEOPLE)]
    run("SET LOCAL dynprot.bulk = 'on'")
    for people, meals in (([user.id], MEALS_OF_ONE), (crowd, MEALS_OF_OTHERS)):
        run(
            """
            INSERT INTO meal_entries (user_id, description, meal_timestamp, local_date, protein_grams)
            SELECT person, 'Repas', %(at)s - number * interval '8 hours', %(at)s::date - number / 3, 20
            FROM unnest(%(people)s::uuid[]) AS person, generate_series(0, %(meals)s - 1) AS number
            """,
            {"people": people, "meals": meals, "at": NOON},
        )
    run("SET LOCAL dynprot.bulk = 'off'")
    return user


def reads() -> dict[str, int]:
    """Rows that this transaction has read of meals and summaries so far: by whole scans of the table, and by index."""
    counts = rows(
        """
        SELECT relname, seq_scan, seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables
        WHERE relname IN ('meal_entries', 'daily_summaries')
        """
    )
    return {f"{name} {kind}": count for name, *figures in counts for kind, count in zip(KINDS, figures, strict=True)}


def test_a_meal_more_reads_its_day_alone(heavy_user: User) -> None:
    """With and without summaries and statistics, and often enough for PL/pgSQL to choose its plan for good (after five times)."""
    check_single_meals(heavy_user, "without summaries")
    recompute(user_ids=list(User.objects.values_list("id", flat=True)))
    check_single_meals(heavy_user, "without statistics")
    run("ANALYZE meal_entries, daily_summaries")
    check_single_meals(heavy_user, "with statistics")
    check_plan_of_sums(heavy_user)


def check_single_meals(user: User, state: str) -> None:
    for number in range(8):
        before = reads()
        make_meal(user, NOON)
        spent = {name: count - before[name] for name, count in reads().items()}
        assert spent["meal_entries scans"] == 0, (state, number, spent)
        assert spent["daily_summaries scanned"] < 10, (state, number, spent)  # an empty table is rightly read whole
        assert 3 <= spent["meal_entries fetched"] < 60, (
            state,
            number,
            spent,
        )  # the day's 4 to 27 meals, and one to see if any is left
        assert spent["daily_summaries fetched"] < 10, (state, number, spent)


def check_plan_of_sums(user: User) -> None:
    """EXPLAIN of the function's own body, with the values known (PostgreSQL 18) and unknown (up to 17)."""
    body = value("SELECT prosrc FROM pg_proc WHERE proname = 'computed_daily_summaries'")
    for number, name in enumerate(("p_users", "p_since", "p_until"), start=1):
        body = re.sub(rf"\b{name}\b", f"${number}", body)
    run(f"PREPARE sums (uuid[], date, date) AS {body}")
    for mode in ("force_generic_plan", "force_custom_plan"):
        run(f"SET LOCAL plan_cache_mode = {mode}")
        day = NOON.date().isoformat()
        plan = value(f"EXPLAIN (FORMAT json, ANALYZE) EXECUTE sums (ARRAY['{user.pk}']::uuid[], '{day}', '{day}')")
        nodes = list(_nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))
        on_meals = [node for node in nodes if node.get("Relation Name") == "meal_entries"]
        assert on_meals
        assert not [node for node in on_meals if node["Node Type"] == "Seq Scan"], mode
        assert "idx_meal_entries_user_date" in {node.get("Index Name") for node in nodes}, mode
        assert max(node["Actual Rows"] for node in on_meals) == 3 + 24, mode
    run("DEALLOCATE sums")


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", ()) for node in _nodes(part))]
