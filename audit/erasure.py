"""What the erasure of a person means on this floor: not while a migration has them, their pictures too, and nothing of theirs left in a run.

Snapshots, outcomes, plans and pre-images go with the account by the database's own rule; snapshots that found no account are looked for by
what they say of their person. The activity log stays, without the person and without from where they came.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from accounts.erasure import CannotErase, Eraser, register_eraser
from accounts.models import User
from audit.models import RunStatus
from audit.models.runs import ACTIVE
from audit.runs.meal_lines import photo_file

_AT_WORK = """
    SELECT run.id, run.status FROM migration_runs AS run
    WHERE run.status = ANY (%(active)s) AND EXISTS (
        SELECT FROM migration_run_snapshots AS plan
        WHERE plan.run_id = run.id AND plan.user_id = %(person)s AND plan.reverted_at IS NULL)
    ORDER BY run.id LIMIT 1
"""

_ASKED_FOR = (("migration_runs", "options"), ("migration_previews", "scope"))
"""Where it stands for whom a run or a preview was asked, as `{"emails": [...]}`."""
_FORGET_EMAIL = """
    UPDATE {table} AS asked SET {column} = jsonb_set(asked.{column}, '{{emails}}', (
        SELECT jsonb_agg(CASE WHEN lower(email) = lower(%(email)s) THEN '' ELSE email END)
        FROM jsonb_array_elements_text(asked.{column}->'emails') AS email))
    WHERE CASE jsonb_typeof(asked.{column}->'emails') WHEN 'array' THEN EXISTS (
        SELECT FROM jsonb_array_elements_text(asked.{column}->'emails') AS email WHERE lower(email) = lower(%(email)s))
        ELSE false END
"""

_FORGET_DIFFERENCES = """
    UPDATE migration_runs AS run SET report = jsonb_set(run.report, '{verification,differences}', (
        SELECT coalesce(jsonb_agg(told ORDER BY place), '[]')
        FROM jsonb_array_elements(run.report->'verification'->'differences') WITH ORDINALITY AS one (told, place)
        WHERE NOT (told->>'user' IS NOT DISTINCT FROM %(person)s OR coalesce(told->>'snapshot' = ANY (%(snapshots)s), false))))
    WHERE CASE jsonb_typeof(run.report->'verification'->'differences') WHEN 'array' THEN EXISTS (
        SELECT FROM jsonb_array_elements(run.report->'verification'->'differences') AS told
        WHERE told->>'user' = %(person)s OR told->>'snapshot' = ANY (%(snapshots)s)) ELSE false END
"""
_FORGET_KEPT = """
    UPDATE migration_runs AS run SET rollback = jsonb_set(run.rollback, '{kept}', (
        SELECT coalesce(jsonb_agg(kept ORDER BY place), '[]')
        FROM jsonb_array_elements(run.rollback->'kept') WITH ORDINALITY AS one (kept, place)
        WHERE kept->>'user_id' IS DISTINCT FROM %(person)s))
    WHERE CASE jsonb_typeof(run.rollback->'kept') WHEN 'array' THEN EXISTS (
        SELECT FROM jsonb_array_elements(run.rollback->'kept') AS kept WHERE kept->>'user_id' = %(person)s) ELSE false END
"""

_SAY_THEY_ARE_THEIRS = """
    FROM storage_snapshots AS snapshot WHERE snapshot.status = 'unclaimed' AND (
        lower(snapshot.claimed_email) = lower(%(email)s)
        OR (snapshot.claimed_legacy_id <> '' AND snapshot.claimed_legacy_id = %(legacy_id)s AND NOT EXISTS (
            SELECT FROM users AS other
            WHERE snapshot.claimed_email <> '' AND lower(other.email) = lower(snapshot.claimed_email) AND other.id <> %(person)s)))
"""
"""The e-mail address decides, as when accounts are matched; the old id where the address is nobody else's."""

_FORGET_ORIGIN = """
    UPDATE activity_logs SET user_id = NULL, ip_address = NULL, user_agent = NULL
    WHERE user_id = %(person)s AND action_type NOT LIKE 'staff\\_%%' AND (ip_address IS NOT NULL OR user_agent IS NOT NULL)
"""
"""Of what the person did themselves. Where the team was when it did something stays."""


def refuse_while_migrated(person: User) -> None:
    """Raises `CannotErase` while a run has this person in its hands. None is planned, started or ended until the transaction is over."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE migration_runs IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(_AT_WORK, {"active": [status.value for status in ACTIVE], "person": person.pk})
        row = cursor.fetchone()
    if row is not None:
        raise CannotErase(
            _("La migration %(run)s s'occupe de cette personne (%(state)s) : attendez sa fin, ou annulez-la.")
            % {"run": row[0], "state": RunStatus(row[1]).label}
        )


def photo_folders(person: User) -> list[str]:
    """Where this person's pictures are in the media storage."""
    return [photo_file(person.pk, "").rstrip("/")]


def forget_email(person: User) -> int:
    """Runs and previews that were asked for by this person's e-mail address no longer say it."""
    changed = 0
    with connection.cursor() as cursor:
        for table, column in _ASKED_FOR:
            cursor.execute(_FORGET_EMAIL.format(table=table, column=column), {"email": person.email})
            changed += int(cursor.rowcount)
    return changed


def forget_values(person: User) -> int:
    """Reports and receipts of runs no longer tell of this person."""
    changed = 0
    snapshots = [str(pk) for pk in person.snapshots.values_list("pk", flat=True)]
    with connection.cursor() as cursor:
        for statement in (_FORGET_DIFFERENCES, _FORGET_KEPT):
            cursor.execute(statement, {"person": str(person.pk), "snapshots": snapshots})
            changed += int(cursor.rowcount)
    return changed


def _claims(person: User) -> dict[str, UUID | str | None]:
    return {"person": person.pk, "email": person.email, "legacy_id": person.legacy_id or None}


def count_unclaimed(person: User) -> dict[str, int]:
    """Snapshots that found no account and say that they are this person's."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_SAY_THEY_ARE_THEIRS}", _claims(person))
        return {"storage_snapshots": int(cursor.fetchone()[0])}


def remove_unclaimed(person: User) -> int:
    """The same, removed."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL dynprot.retention = 'on'")
        cursor.execute(f"DELETE {_SAY_THEY_ARE_THEIRS}", _claims(person))
        removed = int(cursor.rowcount)
        cursor.execute("SET LOCAL dynprot.retention = 'off'")
    return removed


def forget_origin(person: User) -> int:
    """Addresses and browsers of what the person did go out of the log together with the person."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_ORIGIN, {"person": person.pk})
        return int(cursor.rowcount)


register_eraser(Eraser(check=refuse_while_migrated, folders=photo_folders, forget=forget_email))
register_eraser(Eraser(forget=forget_values))
register_eraser(Eraser(forget=remove_unclaimed, rows=count_unclaimed))
register_eraser(Eraser(forget=forget_origin))
