"""Day summaries made right for many people at once, for bulk writers and repairs.

The database keeps summaries by triggers, one statement at a time. Who switches those off (`SET LOCAL dynprot.bulk = 'on'`), or doubts what
is stored, calls `recompute`. Both ways take every number from the same SQL function, `computed_daily_summaries`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from django.db import connections, transaction

from nutrition.models import DailySummary

_KEY = ("user_id", "summary_date")
_BOOKKEEPING = {"id", "created_at", "updated_at"}
_CONTENT = tuple(
    field.attname for field in DailySummary._meta.concrete_fields if field.attname not in {*_KEY, *_BOOKKEEPING}
)
"""The columns that the day's meals and goals decide. Taken from the model, so that a new column cannot be forgotten here."""

# Of two writers on one person the second waits here, and then sees the first's meals: the next statement has a newer snapshot.
_LOCK_PEOPLE = "SELECT id FROM users WHERE id = ANY (%(people)s::uuid[]) ORDER BY id FOR NO KEY UPDATE"

# The deletion looks at the table as it was before the insertion, so days that are new here cost it nothing.
_RECOMPUTE = f"""
WITH written AS (
    INSERT INTO daily_summaries AS kept (id, {", ".join((*_KEY, *_CONTENT))})
    SELECT daily_summary_id(user_id, summary_date), {", ".join((*_KEY, *_CONTENT))}
    FROM computed_daily_summaries(%(people)s::uuid[], %(since)s::date, %(until)s::date)
    ON CONFLICT (user_id, summary_date) DO UPDATE
       SET {", ".join(f"{column} = EXCLUDED.{column}" for column in _CONTENT)}, updated_at = now()
     WHERE ({", ".join(f"kept.{column}" for column in _CONTENT)})
        IS DISTINCT FROM ({", ".join(f"EXCLUDED.{column}" for column in _CONTENT)})
    RETURNING 1
), removed AS (
    DELETE FROM daily_summaries AS kept
    WHERE user_id = ANY (%(people)s::uuid[])
      AND summary_date BETWEEN COALESCE(%(since)s::date, '-infinity') AND COALESCE(%(until)s::date, 'infinity')
      AND NOT EXISTS (
          SELECT FROM meal_entries AS meals
          WHERE meals.user_id = kept.user_id AND meals.local_date = kept.summary_date AND meals.user_id = ANY (%(people)s::uuid[]))
    RETURNING 1
)
SELECT (SELECT count(*) FROM written) + (SELECT count(*) FROM removed)
"""  # noqa: S608 - column names of our own model


def recompute(
    *, user_ids: Sequence[UUID], since: date | None = None, until: date | None = None, using: str = "default"
) -> int:
    """Makes the summaries of these people right, from local day `since` to `until` (both included; None: open).

    Days without meals lose their summary; rows that are right already are not touched, so a second call returns 0. People are locked in id
    order until the transaction ends, ids without an account are passed over. Returns how many rows were written or removed.

    Atomic by itself; inside the caller's transaction it is part of that, and right there too while triggers are off.
    """
    if not user_ids:
        return 0
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(_LOCK_PEOPLE, {"people": list(user_ids)})
        people = [row[0] for row in cursor.fetchall()]
        cursor.execute(_RECOMPUTE, {"people": people, "since": since, "until": until})
        changed: int = cursor.fetchone()[0]
    return changed
