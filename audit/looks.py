"""Writes down who of the team looked at whose data: once in ten minutes for the same person and the same parts."""

from __future__ import annotations

import json
from typing import Any, Final

from django.db import connection
from django.dispatch import receiver

from accounts.looks import LOOKED, Look, staff_looked
from dynprot.identifiers import uuid7

KNOWN_FOR: Final = "10 minutes"

# One statement whether or not there is something to write. Served by idx_activity_logs_user_created, for lists of many
# people by idx_activity_logs_action_type.
_WRITE = """
    INSERT INTO activity_logs (id, user_id, action_type, new_values, ip_address, user_agent)
    SELECT %(id)s, %(person)s, %(action)s, %(values)s::jsonb, %(ip_address)s, NULLIF(%(user_agent)s, '')
    WHERE NOT EXISTS (
        SELECT FROM activity_logs AS known
        WHERE known.{whose} AND known.action_type = %(action)s AND known.created_at > now() - %(known_for)s::interval
          AND known.new_values->>'staff' = %(staff)s AND known.new_values->'parts' @> %(parts)s::jsonb
    )
"""


@receiver(staff_looked, dispatch_uid="audit.looks")
def write_down(*, look: Look, **_: Any) -> None:
    """At most one row. `parts` names panels or tables, never what is in them."""
    staff, parts = str(look.actor.pk), list(look.parts)
    whose = "user_id = %(person)s" if look.person_id is not None else "user_id IS NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE.format(whose=whose),
            {
                "id": uuid7(),
                "person": look.person_id,
                "action": LOOKED,
                "values": json.dumps({"staff": staff, "staff_email": look.actor.email, "parts": parts}),
                "ip_address": look.ip_address,
                "user_agent": look.user_agent,
                "known_for": KNOWN_FOR,
                "staff": staff,
                "parts": json.dumps(parts),
            },
        )
