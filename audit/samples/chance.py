"""Chance that repeats: the same draws on every Python, machine and run.

Only `Random.random()` and `Random.getrandbits()` are promised by CPython to give the same sequence for the
same seed in every version (`choice`, `shuffle` and `sample` have changed before), so everything is drawn
from those two. Seeds come from SHA-256, never from `hash()`, which differs between processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


def random_for(seed: int, *path: object) -> Random:
    """A generator of its own for each thing drawn, so that no draw shifts the draws of another."""
    name = "/".join(str(step) for step in (seed, *path))
    return Random(int.from_bytes(hashlib.sha256(name.encode()).digest(), "big"))  # noqa: S311 - it has to repeat


def below(rng: Random, bound: int) -> int:
    """A whole number from 0 to bound - 1."""
    return int(rng.random() * bound)


def between(rng: Random, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(rng.random() * (high - low + 1))


def pick(rng: Random, items: Sequence[Item]) -> Item:
    return items[int(rng.random() * len(items))]


def happens(rng: Random, percent: float) -> bool:
    return rng.random() * 100 < percent


def hex_digits(rng: Random, count: int) -> str:
    return f"{rng.getrandbits(4 * count):0{count}x}"


def letters(rng: Random, count: int, alphabet: str = "0123456789abcdefghijklmnopqrstuvwxyz") -> str:
    return "".join(alphabet[int(rng.random() * len(alphabet))] for _ in range(count))
