"""Ids: in the order of arrival, and the same for the same item of the same person."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from dynprot.identifiers import RowIds, uuid7

identities = st.text(st.characters(exclude_categories=()), max_size=40)  # lone surrogates and NUL too


def prefix(identifier: UUID) -> str:
    """The 60 bits in front, the version left out."""
    return identifier.hex[:12] + identifier.hex[13:16]


def test_uuid7_is_strictly_increasing_and_prefixes_differ() -> None:
    made = [uuid7() for _ in range(20_000)]  # more than 4,096 a millisecond, so the counter overflows
    assert all(one.int < other.int for one, other in pairwise(made))
    assert len({prefix(one) for one in made}) == len(made)
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}


def test_uuid7_begins_with_the_clock() -> None:
    before = time.time_ns() // 1_000_000
    stamps = [uuid7().int >> 80 for _ in range(3)]
    assert all(before <= stamp <= before + 1000 for stamp in stamps)


def test_uuid7_of_threads_are_distinct() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = [one for part in threads.map(lambda _: [uuid7() for _ in range(2000)], range(4)) for one in part]
    assert len({prefix(one) for one in made}) == 8000


@given(st.uuids(), st.sampled_from(["meal", "favorite"]), identities)
def test_row_ids_are_deterministic_and_begin_like_their_person(user_id: UUID, kind: str, identity: str) -> None:
    row = RowIds(user_id).uuid(kind, identity)
    assert row == RowIds(UUID(user_id.hex)).uuid(kind, identity)
    assert RowIds(user_id).text(kind, identity) == str(row)
    assert (row.version, row.variant) == (8, RFC_4122)
    assert prefix(row) == prefix(user_id)


def test_row_ids_are_those_that_earlier_imports_wrote() -> None:
    """Ids are kept in people's databases for ever: another answer here would import everything a second time."""
    user_id = UUID("0199c0de-0000-7abc-8000-0000000000ff")
    assert RowIds(user_id).text("meal", "1712345678901") == "0199c0de-0000-8abc-bf89-7b0127a416fa"


@given(st.uuids(), st.uuids(), identities, identities)
def test_row_ids_are_distinct_by_person_kind_and_identity(one: UUID, other: UUID, first: str, second: str) -> None:
    base = RowIds(one).uuid("meal", first)
    assert base != RowIds(one).uuid("favorite", first)
    if one != other:
        assert base.int & (2**62 - 1) != RowIds(other).uuid("meal", first).int & (2**62 - 1)
    if first != second:
        assert base != RowIds(one).uuid("meal", second)


def test_kind_and_identity_do_not_run_into_each_other() -> None:
    ids = RowIds(uuid7())
    assert ids.uuid("meal", "s1") != ids.uuid("meals", "1")


def test_rows_of_a_person_lie_together() -> None:
    people = [uuid7() for _ in range(50)]
    rows = sorted((RowIds(person).uuid("meal", str(number)), person) for person in people for number in range(20))
    assert [person for _, person in rows] == [person for person in people for _ in range(20)]
