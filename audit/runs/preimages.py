"""What rows said before a run changed or removed them, kept set-wise in the batch's own transaction (law 4).

The first image of a row in a run is the one that counts. Rows that the run itself created have none: they carry its id, and rolling back
removes them. `before` is the row as `to_jsonb` gives it and, besides, `written_at`: the moment of the run's last write. A row whose `updated_at`
is still that moment is as the run left it; any other was changed since, and a rollback leaves it alone. (`imported_at` cannot tell: a
profile of which the run fills in only what is empty keeps its own.)
"""

from __future__ import annotations

from typing import Any

KEY = "run_id, table_name, row_id"

# Written twice by one run (an item that was repaired is replayed): the image stays, the moment moves - unless somebody was there in between.
_KEEP = f"""
    INSERT INTO migration_preimages AS image (run_id, user_id, table_name, row_id, before)
    SELECT %(run)s, kept.user_id, %(table)s, kept.id, to_jsonb(kept) || jsonb_build_object('written_at', now())
    FROM {{table}} AS kept
    WHERE {{chosen}} AND (kept.import_run_id IS DISTINCT FROM %(run)s OR EXISTS (
        SELECT FROM migration_preimages AS known
        WHERE known.run_id = %(run)s AND known.table_name = %(table)s AND known.row_id = kept.id))
    ON CONFLICT ({KEY}) DO UPDATE SET before = image.before || jsonb_build_object('written_at', now())
    WHERE (EXCLUDED.before->>'updated_at')::timestamptz = (image.before->>'written_at')::timestamptz
"""


def keep_rows(cursor: Any, *, run_id: int | None, table: str, chosen: str, parameters: dict[str, Any]) -> None:
    """Keeps the rows of `table` (called `kept` in the condition `chosen`) that are about to be overwritten. A dry run keeps nothing."""
    if run_id is not None:
        cursor.execute(_KEEP.format(table=table, chosen=chosen), {"run": run_id, "table": table, **parameters})


def remove_goals(cursor: Any, *, run_id: int | None, chosen: str, parameters: dict[str, Any]) -> None:
    """Removes goals for good and keeps them, in one statement, since the usual first import has nothing to remove.

    A row that this run wrote itself is not kept; one of those that the person has changed since (`source` says so) is.
    """
    removal = f"DELETE FROM goal_history AS kept WHERE {chosen}"
    if run_id is None:
        cursor.execute(removal, parameters)
        return
    cursor.execute(
        f"""
        WITH removed AS ({removal} RETURNING *)
        INSERT INTO migration_preimages (run_id, user_id, table_name, row_id, before)
        SELECT %(run)s, user_id, 'goal_history', id, to_jsonb(removed)
        FROM removed WHERE import_run_id IS DISTINCT FROM %(run)s OR source = 'server'
        ON CONFLICT ({KEY}) DO NOTHING
        """,
        {"run": run_id, **parameters},
    )


def replace_names(cursor: Any, *, run_id: int | None, names: str) -> None:
    """Writes people's names and keeps the former ones; `names` is JSON, `[[user id, first name, last name], ...]`."""
    wanted = "SELECT (row->>0)::uuid AS id, row->>1 AS first, row->>2 AS last FROM jsonb_array_elements(%(names)s::jsonb) AS names(row)"
    image = f"""
        , image AS (
            INSERT INTO migration_preimages (run_id, user_id, table_name, row_id, before)
            SELECT %(run)s, users.id, 'users', users.id, jsonb_build_object(
                'first_name', first_name, 'last_name', last_name, 'after', jsonb_build_array(wanted.first, wanted.last))
            FROM users JOIN wanted USING (id)
            ON CONFLICT ({KEY}) DO NOTHING)
    """
    cursor.execute(
        f"WITH wanted AS ({wanted}){image if run_id is not None else ''} "
        "UPDATE users SET first_name = wanted.first, last_name = wanted.last, updated_at = now() FROM wanted WHERE users.id = wanted.id",
        {"run": run_id, "names": names},
    )
