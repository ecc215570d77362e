"""What a rollback did, for people and for `migration_runs.rollback`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

TABLES = ("meal_entries", "favorite_meals", "user_profiles", "goal_history", "users")


class KeptReason:
    """Why a row was left as it is; the codes are public (reports, events)."""

    CHANGED = "changed_since"
    DELETED = "deleted_since"
    ANALYSED = "analysed_since"
    NAME_TAKEN = "name_taken"
    DAY_TAKEN = "day_taken"
    PROFILE_KEPT = "profile_kept"


REASONS: Mapping[str, str] = {
    KeptReason.CHANGED: "the person changed it after the migration",
    KeptReason.DELETED: "the person deleted it after the migration; it is not brought back",
    KeptReason.ANALYSED: "the person had the meal analysed after the migration; the analysis would go with it",
    KeptReason.NAME_TAKEN: "another favourite that stays has the former name",
    KeptReason.DAY_TAKEN: "the person's own goals stand on that day",
    KeptReason.PROFILE_KEPT: "the profile that it belongs to was changed after the migration and stays",
}


class Kept(msgspec.Struct, frozen=True):
    """A row that was not put back."""

    table: str
    row_id: str
    user_id: str
    reason: str


class Taken(msgspec.Struct):
    """What one transaction took back."""

    people: int = 0
    deleted: Counter[str] = msgspec.field(default_factory=Counter)
    restored: Counter[str] = msgspec.field(default_factory=Counter)
    kept: list[Kept] = []
    days: int = 0
    """Day summaries written, changed or removed."""


class Receipt(msgspec.Struct):
    """What a rollback did (or, in a dry run, would do)."""

    run: int
    scope: dict[str, Any]
    dry_run: bool
    digest_before: str = ""
    """Of everybody's content, before the run began."""
    digest_after: str = ""
    """The same after the rollback; not in a dry run, nor where nobody asked for it."""
    equal: bool = False
    people: int = 0
    deleted: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(TABLES[:-1], 0))
    """Rows that the run had created."""
    restored: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    """Rows that have their former content again."""
    kept: list[Kept] = []
    photos: int = 0
    """Files removed."""
    days: int = 0

    def plus(self, taken: Taken) -> Receipt:
        """This receipt after one more transaction; itself unchanged, since a transaction may fail yet."""
        return msgspec.structs.replace(
            self,
            people=self.people + taken.people,
            deleted={table: number + taken.deleted[table] for table, number in self.deleted.items()},
            restored={table: number + taken.restored[table] for table, number in self.restored.items()},
            kept=[*self.kept, *taken.kept],
            days=self.days + taken.days,
        )

    def as_json(self) -> dict[str, Any]:
        """For `migration_runs.rollback` and `--report`."""
        answer: dict[str, Any] = msgspec.to_builtins(self)
        return answer

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Receipt:
        """What `as_json` gave."""
        return msgspec.convert(dict(stored), cls)
