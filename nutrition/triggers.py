"""What the database does by itself when meals change: local days, day summaries, traces of deleted rows.

Statement-level with transition tables: one recomputation a statement, whatever the number of rows. All of it is switched off for a
transaction by `SET LOCAL dynprot.bulk = 'on'`.
"""

from __future__ import annotations

import pgtrigger

from accounts.triggers import NOT_BULK, when

FILL_LOCAL_DATE = """
    NEW.local_date := (NEW.meal_timestamp AT TIME ZONE COALESCE(
        (SELECT timezone FROM user_profiles WHERE user_id = NEW.user_id), 'Europe/Paris'))::date;
    RETURN NEW;
"""


def _refresh(*transition_tables: str) -> str:
    touched = " UNION ".join(f"SELECT user_id, local_date FROM {table}" for table in transition_tables)
    return f"""
    PERFORM refresh_daily_summaries(array_agg(user_id), array_agg(local_date)) FROM ({touched}) AS touched;
    RETURN NULL;
"""


def keep_local_date(table: str) -> list[pgtrigger.Trigger]:
    """`local_date` is the day by the person's clock: filled when a writer leaves it out, moved when the instant moves without it."""
    return [
        pgtrigger.Trigger(
            name="local_date_on_insert",
            operation=pgtrigger.Insert,
            when=pgtrigger.Before,
            condition=when("NEW.local_date IS NULL"),
            func=FILL_LOCAL_DATE,
        ),
        pgtrigger.Trigger(
            name="local_date_on_update",
            operation=pgtrigger.Update,
            when=pgtrigger.Before,
            condition=when(
                "NEW.local_date IS NULL OR ((OLD.meal_timestamp, OLD.user_id) IS DISTINCT FROM (NEW.meal_timestamp, NEW.user_id)"
                f" AND OLD.local_date = NEW.local_date AND {NOT_BULK})"
            ),
            func=FILL_LOCAL_DATE,
        ),
    ]


def keep_daily_summaries() -> list[pgtrigger.Trigger]:
    """Recomputes exactly the (person, local day) pairs that a statement touched, on both sides of a move."""
    tables = {"insert": (None, "new_rows"), "update": ("old_rows", "new_rows"), "delete": ("old_rows", None)}
    return [
        pgtrigger.Trigger(
            name=f"daily_summary_on_{operation}",
            level=pgtrigger.Statement,
            operation={"insert": pgtrigger.Insert, "update": pgtrigger.Update, "delete": pgtrigger.Delete}[operation],
            when=pgtrigger.After,
            referencing=pgtrigger.Referencing(old=old, new=new),
            condition=when(NOT_BULK),
            func=_refresh(*(table for table in (old, new) if table)),
        )
        for operation, (old, new) in tables.items()
    ]


def remember_deleted(kind: str) -> pgtrigger.Trigger:
    """A row that a person deletes leaves its id behind, so that no later import brings it back. Not for rows of a vanished user."""
    return pgtrigger.Trigger(
        name="remember_deleted",
        level=pgtrigger.Statement,
        operation=pgtrigger.Delete,
        when=pgtrigger.After,
        referencing=pgtrigger.Referencing(old="old_rows"),
        condition=when(NOT_BULK),
        func=f"""
    INSERT INTO deleted_entries (row_id, user_id, kind)
    SELECT old_rows.id, old_rows.user_id, '{kind}' FROM old_rows JOIN users ON users.id = old_rows.user_id
    ON CONFLICT (row_id) DO UPDATE SET deleted_at = now();
    RETURN NULL;
""",
    )


def refresh_all_days(transition_table: str) -> str:
    """For a change of goals: every day of the people concerned, since the earliest goal also counts for the days before it."""
    return f"""
    PERFORM refresh_daily_summaries(array_agg(days.user_id), array_agg(days.summary_date)) FROM (
        SELECT DISTINCT summaries.user_id, summaries.summary_date FROM daily_summaries AS summaries
        JOIN {transition_table} USING (user_id)
    ) AS days;
    RETURN NULL;
"""
