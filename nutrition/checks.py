"""System checks of this room: `manage.py check --database default`, and `migrate`, which runs them too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Info, Tags, register
from django.core.checks import Warning as Caution
from django.db import connections

SEARCH_INDEX = "idx_favorite_meals_name"
TRIGRAM_ID = "nutrition.I001"
PLAIN_ID = "nutrition.I002"
MISSING_ID = "nutrition.W001"

_METHOD = """
SELECT amname FROM pg_class JOIN pg_am ON pg_am.oid = relam
WHERE relname = %s AND relnamespace = current_schema()::regnamespace
"""


@register(Tags.database)
def favorite_search_index(
    app_configs: Sequence[AppConfig] | None = None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Says which form of the search index on favourites' names this server has; migration nutrition.0002 chose it.

    Says nothing about a database that is not migrated yet.
    """
    messages: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "postgresql":
            continue
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('favorite_meals') IS NOT NULL")
            migrated = cursor.fetchone()[0]
            cursor.execute(_METHOD, [SEARCH_INDEX])
            found = cursor.fetchone()
        if migrated:
            messages.append(_message(alias, found[0] if found else None))
    return messages


def _message(alias: str, method: str | None) -> CheckMessage:
    if method == "gin":
        return Info(
            f"Favourites of database '{alias}' are searched by any part of their name (trigram index, pg_trgm).",
            obj=SEARCH_INDEX,
            id=TRIGRAM_ID,
        )
    if method == "btree":
        return Info(
            f"Favourites of database '{alias}' are searched by the beginning of their name (plain index).",
            hint="This server had no pg_trgm when it was migrated: parts of names are found too, but by reading all of them.",
            obj=SEARCH_INDEX,
            id=PLAIN_ID,
        )
    return Caution(
        f"Database '{alias}' has no index for the search of favourites by name.",
        hint="Make it again: manage.py migrate nutrition 0001, then manage.py migrate (no meal is lost by that).",
        obj=SEARCH_INDEX,
        id=MISSING_ID,
    )
