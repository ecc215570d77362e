"""Pictures that no row names any more."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import connection

from audit.runs.meal_lines import photo_file

# Besides the meals' own: pictures of meals that a later rollback, of an earlier run, would bring back.
_NAMED = """
    SELECT photo_file FROM meal_entries WHERE user_id = ANY (%(people)s) AND photo_file IS NOT NULL
    UNION
    SELECT image.before->>'photo_file' FROM migration_preimages AS image
    WHERE image.user_id = ANY (%(people)s) AND image.table_name = 'meal_entries' AND EXISTS (
        SELECT FROM migration_run_snapshots AS plan
        WHERE plan.run_id = image.run_id AND plan.user_id = image.user_id AND plan.reverted_at IS NULL)
"""


def unnamed_photos(people: Sequence[UUID]) -> list[str]:
    """Files in the folders of these people that none of their meals names, as the tables are now."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, {"people": list(people)})
        named = {name for (name,) in cursor.fetchall()}
    return [name for user_id in people for name in _stored(user_id) if name not in named]


def remove_photos(people: Sequence[UUID]) -> int:
    """Removes them, and says how many. To be repeated at will; only for who holds the lock on these people, since a batch stores a picture
    before its row is there."""
    unnamed = unnamed_photos(people)
    for name in unnamed:
        default_storage.delete(name)
    return len(unnamed)


def _stored(user_id: UUID) -> list[str]:
    try:
        _, names = default_storage.listdir(photo_file(user_id, "")[:-1])
    except FileNotFoundError:
        return []
    return [photo_file(user_id, name) for name in names]
