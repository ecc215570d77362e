"""Triggers that several tables share.

`dynprot.bulk` is the off-switch of a bulk transaction: `SET LOCAL dynprot.bulk = 'on'` needs no rights and ends with the transaction. Who sets
it takes over what the triggers would have done.
"""

from __future__ import annotations

import pgtrigger

NOT_BULK = "current_setting('dynprot.bulk', true) IS DISTINCT FROM 'on'"


def when(condition: str) -> pgtrigger.Condition:
    """A trigger's WHEN clause; PostgreSQL wants it in parentheses, pgtrigger only adds them to some."""
    return pgtrigger.Condition(f"({condition})")


def touch_updated_at(table: str) -> pgtrigger.Trigger:
    """`updated_at` follows every change of a row that changes something. Bulk imports write `updated_at` themselves."""
    return pgtrigger.Trigger(
        name=f"trigger_{table}_updated_at"[:40],
        operation=pgtrigger.Update,
        when=pgtrigger.Before,
        condition=when(f"OLD.* IS DISTINCT FROM NEW.* AND {NOT_BULK}"),
        func="NEW.updated_at = now(); RETURN NEW;",
    )
