"""The same meal in several keys and several browsers: who stands for it, and what is said of the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.local_storage.people import Person
from tests.captures import CAPTURED, app_state, capture, favorite, meal, meals, outcomes_of, person, source

M, F = "p-meals-U", "p-app-state-U"
LATER = CAPTURED + timedelta(days=1)
AT, DAY = "2024-03-10T11:00:00.000Z", "2024-03-10"


def merged(*storages: dict[str, Any], in_run: tuple[int, ...] | None = None) -> Person:
    return person(*(source(capture(storage), number) for number, storage in enumerate(storages)), in_run=in_run)


def rows(one: Person) -> list[Any]:
    return [group.content for group in one.meals]


def test_copies_that_agree_are_one() -> None:
    one = merged({M: [meal()], F: app_state(meals=[meal()]), "p-meals": [meal()]})
    assert len(one.meals) == 1
    assert outcomes_of(one) == {
        (0, f"{M}[0]"): ("stands", ()),
        (0, "p-meals[0]"): ("duplicate", ("copy",)),
        (0, f"{F}.meals[0]"): ("duplicate", ("copy",)),
    }


def test_the_fuller_copy_takes_the_place() -> None:
    one = merged({M: [meal(calories=None)], F: app_state(meals=[meal(carbs=3)])})
    assert outcomes_of(one) == {(0, f"{M}[0]"): ("duplicate", ("copy",)), (0, f"{F}.meals[0]"): ("stands", ())}
    assert (rows(one)[0].calories, rows(one)[0].carbs) == (300, 300)


def test_a_fuller_copy_that_disagrees_does_not() -> None:
    one = merged({M: [meal(calories=None)], F: app_state(meals=[meal(protein=26, carbs=3)])})
    assert outcomes_of(one) == {
        (0, f"{M}[0]"): ("stands", ()),
        (0, f"{F}.meals[0]"): ("duplicate", ("copies_disagree",)),
    }


def test_order_of_keys_page_state_first_then_meals_suffixed_before_un_suffixed() -> None:
    def of(protein: int) -> list[dict[str, Any]]:
        return [meal(protein=protein)]

    storage = {
        "p-app-state": app_state(meals=of(6)),
        F: app_state(meals=of(5)),
        "p-meals": of(3),
        "z-meals-U": of(1),
        "a-meals-U": of(2),
    }
    one = person(source(capture(storage, page_state=app_state(meals=of(0)))))
    assert outcomes_of(one)[0, "page_state.meals[0]"] == ("stands", ())
    del storage["z-meals-U"]
    without = person(source(capture(storage)))
    assert rows(without)[0].protein == 200
    first = person(source(capture({**storage, "0-meals-U": of(7)})))
    assert rows(first)[0].protein == 200


def test_the_walk_keeps_the_order_of_reading_though_groups_join_late() -> None:
    """The third element joins the first (by likeness) to the second (by id): the first two stay in their order."""
    one = merged(
        {M: [meal(id="1", protein=1, description="a"), meal(id="2", description="b"), meal(id="1", description="b")]}
    )
    assert len(one.meals) == 1
    assert outcomes_of(one)[0, f"{M}[0]"] == ("stands", ())
    assert one.meals[0].identity == "id:1"
    two = merged(
        {
            M: [
                meal(id="1", description="a"),
                meal(id="2", description="b"),
                meal(id="3", description="c"),
                meal(id=..., description="c"),
                meal(id="2", description="c"),
            ]
        }
    )
    assert [group.identity for group in two.meals] == ["id:1", "id:2"]
    assert [place for place, fate in outcomes_of(two).items() if fate[0] == "stands"] == [
        (0, f"{M}[0]"),
        (0, f"{M}[1]"),
    ]
    assert two.meals[1].content.description == "b"


def test_grouping_is_transitive() -> None:
    chain = [
        meal(id="1", description="a"),
        meal(id=..., description="a"),
        meal(id="2", description="a"),
        meal(id="2", description="b"),
    ]
    assert len(merged({M: chain}).meals) == 1
    assert len(merged({M: chain[::-1]}).meals) == 1
    assert len(merged({M: chain[:1]}, {M: chain[3:]}, {M: chain[1:3]}).meals) == 1


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (meal(id="1"), meal(id="2"), True),
        (meal(id="1", timestamp=DAY), meal(id="2", timestamp=DAY), False),
        (meal(id="1", timestamp=DAY), meal(id="2", timestamp=AT), False),
        (meal(id="1", timestamp=DAY), meal(id=..., timestamp=DAY), True),
        (meal(id=..., timestamp=DAY), meal(id=..., timestamp=AT), True),
        (meal(id="1", timestamp=DAY), meal(id="1", timestamp=AT), True),
        (meal(id="1"), meal(id="1", protein=30), True),
        (meal(id=...), meal(id=..., protein=30), False),
        (meal(id="1"), meal(id=1), True),
        (meal(id="1"), meal(id=" 1 "), True),
    ],
)
def test_when_two_are_the_same(first: dict[str, Any], second: dict[str, Any], together: bool) -> None:
    assert (len(merged({M: [first]}, {M: [second]}).meals) == 1) == together
    assert (len(merged({M: [second], F: app_state(meals=[first])}).meals) == 1) == together


def test_without_ids_a_third_joins_two_bare_dates() -> None:
    dates = [meal(id="1", timestamp=DAY), meal(id="2", timestamp=DAY)]
    assert len(merged({M: dates}).meals) == 2
    assert len(merged({M: [*dates, meal(id=..., timestamp=DAY)]}).meals) == 1


def test_one_id_for_several_meals() -> None:
    soup = {"timestamp": "2024-03-11T11:00:00.000Z", "description": "Soupe"}
    one = merged(
        {
            M: [
                meal(id="7"),
                meal(id="7", **soup),
                meal(id="7", description="Poulet frites"),
                meal(id="7", **soup, calories=1),
                meal(id="7", timestamp="2024-03-15", description="z"),
            ]
        }
    )
    assert [group.identity for group in one.meals] == ["id:7", "id:7#2", "id:7#3"]
    assert outcomes_of(one)[0, f"{M}[2]"] == ("duplicate", ("copies_disagree",))
    assert outcomes_of(one)[0, f"{M}[3]"] == ("duplicate", ("copies_disagree", "id_reused"))
    elsewhere = merged({M: [meal(id="7")], F: app_state(meals=[meal(id="7", **soup)])})
    assert len(elsewhere.meals) == 1
    assert outcomes_of(elsewhere)[0, f"{F}.meals[0]"] == ("duplicate", ("copies_disagree",))


def test_the_latest_snapshot_has_the_last_word() -> None:
    one = merged(
        {M: [meal(protein=1)]},
        {M: [meal(protein=2)]},
        {M: [meal(protein=2)]},
        {M: [meal(protein=1)]},
        {M: [meal(protein=2)]},
    )
    assert rows(one)[0].protein == 200
    assert [outcomes_of(one)[position, f"{M}[0]"] for position in range(5)] == [
        ("superseded", ("older_copy",)),
        ("stands", ()),
        ("duplicate", ("copy",)),
        ("superseded", ("older_copy",)),
        ("duplicate", ("copy",)),
    ]


def test_only_snapshots_of_the_run_are_accounted_for() -> None:
    one = merged({M: [meal()]}, {M: [meal()]}, {M: [meal(), meal(id="2", timestamp=1710000000)]}, in_run=(1, 2))
    assert outcomes_of(one) == {
        (1, f"{M}[0]"): ("stands", ()),
        (2, f"{M}[0]"): ("duplicate", ("copy",)),
        (2, f"{M}[1]"): ("stands", ()),
    }
    nothing = merged({M: [meal(protein=1)]}, {M: [meal(protein=2)]}, in_run=(0,))
    assert outcomes_of(nothing) == {(0, f"{M}[0]"): ("superseded", ("older_copy",))}
    assert nothing.meals[0].representative is None


def test_favourites_merge_by_name_description_and_protein() -> None:
    one = merged(
        {
            F: app_state(
                favoriteMeals=[favorite(id="1"), favorite(id="2"), favorite(id="3", protein=11), favorite(id=...)]
            )
        }
    )
    assert [group.legacy_ids for group in one.favorites] == [("1", "2"), ("3",)]


def test_a_name_is_made_of_three_words() -> None:
    nameless = (
        favorite(name=None, description="Riz au lait de coco"),
        favorite(id="2", name=None, description="x " + "y" * 197 + " z"),
    )
    one = merged({F: app_state(favoriteMeals=list(nameless))})
    assert [group.content.name for group in one.favorites] == ["Riz au lait", "x " + "y" * 197]


@st.composite
def distinct_meals(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [{**one, "protein": draw(st.integers(0, 90))} for one in meals(draw(st.integers(1, 8)))]


@given(distinct_meals(), st.data())
def test_the_rows_do_not_depend_on_where_the_items_are(items: list[dict[str, Any]], data: st.DataObject) -> None:
    """Shuffled in their array, spread over keys, copied, or over several snapshots: the same rows under the same identities."""
    expected = {(group.identity, group.content) for group in merged({M: items}).meals}
    shuffled = data.draw(st.permutations(items))
    places = data.draw(
        st.lists(st.sampled_from([M, "q-meals-U", "p-meals", F]), min_size=len(items), max_size=len(items))
    )
    spread: dict[str, Any] = {}
    for item, place in zip(shuffled, places, strict=True):
        spread.setdefault(place, []).append(item)
    if F in spread:
        spread[F] = app_state(meals=spread[F])
    cut = data.draw(st.integers(0, len(items)))
    copies = data.draw(st.lists(st.sampled_from(items)))
    for storages in (
        [{M: shuffled}],
        [spread],
        [{M: shuffled[:cut]}, {M: shuffled[cut:] + copies}],
        [{M: shuffled}, spread],
    ):
        one = merged(*storages)
        assert {(group.identity, group.content) for group in one.meals} == expected
        found = sum(counts["meal"] for counts in one.found.values())
        assert found == len(outcomes_of(one))


FEW = st.builds(
    meal,
    id=st.sampled_from(["1", "2", "3", "1#2", 1, ...]),
    timestamp=st.sampled_from([AT, DAY, "2024-03-11T11:00:00.000Z"]),
    description=st.sampled_from(["a", "b"]),
    protein=st.sampled_from([1, 2]),
    calories=st.sampled_from([None, 5]),
)


@given(st.lists(st.tuples(st.lists(FEW, max_size=6), st.lists(FEW, max_size=4)), min_size=1, max_size=3))
def test_every_item_has_exactly_one_fate(snapshots: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]) -> None:
    one = merged(*({M: first, F: app_state(meals=second)} for first, second in snapshots))
    fates = outcomes_of(one)  # asserts that no path has two
    assert len(fates) == sum(len(first) + len(second) for first, second in snapshots)
    identities = [group.identity for group in one.meals]
    assert len(set(identities)) == len(identities), "two rows of one id"
    by_id: dict[str, str] = {}
    for group in one.meals:
        for legacy_id in group.legacy_ids:
            assert by_id.setdefault(legacy_id, group.identity) == group.identity
