"""What goes wrong inside one meal: the types, and the builders that most forms are made of.

An oddity takes a meal in its proper form and the scene around it, and returns what stands in the array
instead: most often the meal with one field changed, sometimes no meal at all. It never changes the meal it gets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from audit.samples.chance import pick

Json = dict[str, Any]

BOOLEANS = (True, False)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an oddity happens: the person's zone, the meal's true instant, and another proper meal of theirs."""

    rng: Random
    zone: str
    instant: int
    another: Json


Oddity = Callable[[Json, Scene], Any]


class RepeatedKey(str):
    """A key that a dict holds twice, so that the written JSON object has it twice."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)


def put(field: str, *values: object) -> Oddity:
    """The field holds one of these values."""
    return lambda meal, scene: {**meal, field: pick(scene.rng, values)}


def drop(field: str) -> Oddity:
    """The field is not there."""
    return lambda meal, scene: {key: value for key, value in meal.items() if key != field}


def derive(field: str, value: Callable[[Json, Scene], object]) -> Oddity:
    """The field holds something made from the meal itself."""
    return lambda meal, scene: {**meal, field: value(meal, scene)}


def stand_in(*values: object) -> Oddity:
    """Something that is no meal stands in the array."""
    return lambda meal, scene: pick(scene.rng, values)
