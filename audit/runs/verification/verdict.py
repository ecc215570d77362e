"""What a verification says: a verdict, how much it compared, and each difference it found."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal
from uuid import UUID

from audit.runs.verification.texts import storable

KEPT = 100
"""So many differences are kept in full; beyond that a report helps nobody, but the number of all of them is still told."""

LONGEST = 300
"""Values in a difference are cut to this many characters: a photo or a whole state would drown the rest."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the database does not say what the browsers' bytes say.

    `path` is the item's path in its snapshot (empty for a row or day without one), `field` the column or outcome field, `problem` one sentence.
    It holds personal data: for staff who may see it, never for a log.
    """

    snapshot: int | None
    user: UUID | None
    kind: str
    path: str
    field: str
    expected: str
    actual: str
    problem: str

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "user": str(self.user) if self.user else None}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`compared` counts items of the snapshots, tallies and day summaries; `found` counts all differences, `differences` has the first ones.

    `edited`, `deleted` and `later` count the rows that could not be compared, since the person changed or deleted them after the import, or
    a later run wrote them again.
    """

    verdict: Literal["passed", "failed"]
    compared: int
    differences: list[Difference]
    seconds: float
    found: int = 0
    edited: int = 0
    deleted: int = 0
    later: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "compared": self.compared,
            "differences": [difference.as_json() for difference in self.differences],
            "differences_found": self.found,
            "rows_edited_since": self.edited,
            "rows_deleted_since": self.deleted,
            "rows_of_later_runs": self.later,
            "seconds": round(self.seconds, 3),
        }


@dataclass(slots=True)
class Findings:
    """Collects while a verification runs."""

    differences: list[Difference] = field(default_factory=list)
    found: int = 0
    compared: int = 0
    edited: int = 0
    deleted: int = 0
    later: int = 0

    def differ(
        self,
        kind: str,
        problem: str,
        *,
        user: str | None = None,
        snapshot: int | None = None,
        path: str = "",
        field: str = "",
        expected: object = "",
        actual: object = "",
    ) -> None:
        """Notes a difference; the text of `expected` and `actual` is shortened."""
        self.found += 1
        if len(self.differences) < KEPT:
            person = UUID(user) if user else None
            self.differences.append(
                Difference(
                    snapshot, person, kind, storable(path), storable(field), _short(expected), _short(actual), problem
                )
            )

    def verdict(self, seconds: float) -> Verdict:
        return Verdict(
            verdict="failed" if self.found else "passed",
            compared=self.compared,
            differences=self.differences,
            seconds=seconds,
            found=self.found,
            edited=self.edited,
            deleted=self.deleted,
            later=self.later,
        )


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = storable(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
