"""Erasing a person: one service, for the admin and whoever else may. Nothing of theirs stays but the log of what was done, without them.

The database deletes whatever belongs to the account (its foreign keys say so). Floors above register what no foreign key leads to: what must
not be under way, files, and traces in text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.db import OperationalError, connection, transaction
from django.db.models import ForeignObjectRel
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.staff import tell
from dynprot.foreign_keys import DATABASE_CASCADE

logger = logging.getLogger(__name__)

LOCK_SECONDS = 3.0
"""Nobody waits longer in a request for rows that others hold."""


class CannotErase(Exception):
    """Not now, or not this person; the sentence is for people. Nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eraser:
    """What a floor above adds to an erasure.

    `check` raises `CannotErase`, in the transaction and before anything is locked; `folders` names folders of the media storage that are the
    person's alone; `forget` removes their traces from rows that stay, and whole rows that no foreign key leads to, and says how many; `rows`
    counts these whole rows beforehand, by table.
    """

    check: Callable[[User], None] = lambda person: None
    folders: Callable[[User], Sequence[str]] = lambda person: ()
    forget: Callable[[User], int] = lambda person: 0
    rows: Callable[[User], Mapping[str, int]] = lambda person: {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was removed. `rows`: table → rows; `files_left`: files that could not be removed, by their names."""

    number: UUID
    rows: dict[str, int]
    files: int
    files_left: tuple[str, ...] = ()


_erasers: list[Eraser] = []


def register_eraser(eraser: Eraser) -> None:
    """Let a floor above take part."""
    if eraser not in _erasers:
        _erasers.append(eraser)


def belongings(person: User) -> dict[str, int]:
    """Table → rows that go with this account, the account itself left out; empty tables too. One statement a table."""
    counts = {
        relation.related_model._meta.db_table: relation.related_model._default_manager.filter(
            **{relation.field.name: person}
        )
        .order_by()
        .count()
        for relation in _owned()
    }
    for eraser in _erasers:
        for table, count in eraser.rows(person).items():
            counts[table] = counts.get(table, 0) + count
    return counts


def table_names() -> dict[str, str]:
    """Table → what its rows are called."""
    return {
        relation.related_model._meta.db_table: str(relation.related_model._meta.verbose_name_plural)
        for relation in _owned()
    }


def _owned() -> list[ForeignObjectRel]:
    """Everything that the database deletes along with an account."""
    return [
        relation
        for relation in User._meta.get_fields(include_hidden=True)
        if isinstance(relation, ForeignObjectRel)
        and getattr(relation, "on_delete", None) is DATABASE_CASCADE
        and not relation.related_model._meta.proxy
    ]


def files_of(person: User) -> list[str]:
    """The names of this person's files in the media storage."""
    return [name for folder in _folders(person) for name in _walk(folder)]


def erase(*, person: User, actor: User, reason: str, request: HttpRequest | None = None) -> Receipt:
    """Removes the account and all that belongs to it; the log keeps one row that says so, with numbers only.

    Raises `CannotErase` with nothing changed. Members of the team are never erased here.
    """
    with _without_waiting(), transaction.atomic(durable=True):  # files go only when the rows are gone for good
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS * 1000:.0f}ms"])
        for eraser in _erasers:
            eraser.check(person)
        locked = User.objects.select_for_update().filter(pk=person.pk).first()
        if locked is None:
            raise CannotErase(_("Ce compte n'existe plus."))
        if locked.is_staff or locked.is_superuser:
            raise CannotErase(_("Un membre de l'équipe ne s'efface pas ici : retirez-lui d'abord ses droits."))
        rows = {"users": 1, **belongings(locked)}
        folders = _folders(locked)
        files = [name for folder in folders for name in _walk(folder)]
        for eraser in _erasers:
            eraser.forget(locked)
        _forget_in_admin_log(locked)
        locked.delete()
        number = uuid4()
        tell(
            actor=actor,
            action="staff_erased",
            person=None,
            reason=reason,
            new={"receipt": str(number), "rows": rows, "files": len(files)},
            request=request,
        )
    left = tuple(name for name in [*files, *reversed(folders)] if not _removed(name))
    return Receipt(number=number, rows=rows, files=len(files), files_left=left)


@contextmanager
def _without_waiting() -> Iterator[None]:
    """What somebody else holds is a refusal."""
    try:
        yield
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise
        raise CannotErase(
            _(
                "Les données de cette personne, ou les migrations, sont occupées en ce moment. Réessayez dans une minute."
            )
        ) from error


def _forget_in_admin_log(person: User) -> None:
    """Django's own log of changes names rows by their text, which is the e-mail address."""
    about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(person.pk))
    about.update(object_repr="")


def _folders(person: User) -> list[str]:
    return [folder for eraser in _erasers for folder in eraser.folders(person)]


def _walk(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}" for name in sorted(files))
    for inner in sorted(folders):
        yield from _walk(f"{folder}/{inner}")


def _removed(name: str) -> bool:
    try:
        default_storage.delete(name)
    except OSError as error:
        logger.error("a file of an erased person could not be removed: %s", type(error).__name__)  # noqa: TRY400 - no name in the log
        return False
    return True
