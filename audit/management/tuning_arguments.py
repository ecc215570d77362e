"""The options by which a run's pace and its tolerance are set: when it is started, and while it goes on."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from typing import Any

from audit.runs.control import Tuning


def positive(text: str) -> int:
    """A command line's whole number above zero."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


def percent(text: str) -> float:
    """A command line's percentage, with or without its sign."""
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        number = -1.0
    if not 0 < number <= 100:
        raise ArgumentTypeError(f"{text!r} is not a percentage above 0")
    return number


def not_negative(text: str) -> float:
    """A command line's number of seconds or of failures."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not number >= 0:
        raise ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return number


def add_tuning_arguments(parser: ArgumentParser, *, starting: bool = True) -> None:
    """When a run is being started every option has its default; later, what is not given stays as it is."""

    def by_default(*, value: Any) -> dict[str, Any]:
        return {"default": value if starting else None}

    def said(text: str) -> str:
        return f" (default {text})" if starting else ""

    parser.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help=f"so many processes{' of this machine' if starting else ' at a time'}{said('1')}",
        **by_default(value=1),
    )
    parser.add_argument(
        "--fixed",
        action="store_true" if starting else BooleanOptionalAction,
        help="keep the batch size as given, instead of following --target-seconds",
        **by_default(value=False),
    )
    parser.add_argument(
        "--target-seconds",
        type=float,
        metavar="S",
        help=f"how long a batch should take{said('2')}",
        **by_default(value=2.0),
    )
    parser.add_argument(
        "--pause-between",
        type=not_negative,
        metavar="S",
        help=f"wait so long between batches{said('0')}",
        **by_default(value=0.0),
    )
    parser.add_argument(
        "--cohort",
        type=percent,
        metavar="PERCENT",
        help=f"move and verify this share first, then pause{said('all')}",
        **by_default(value=100.0),
    )
    parser.add_argument(
        "--max-failures",
        type=int,
        metavar="N",
        help=f"poison snapshots and given-up batches tolerated{said('10')}",
        **by_default(value=10),
    )
    parser.add_argument(
        "--max-quarantine",
        type=percent,
        metavar="PERCENT",
        help=f"items in quarantine tolerated{said('50')}",
        **by_default(value=50.0),
    )


def tuning_of(options: dict[str, Any]) -> Tuning:
    """What the command line said."""
    return Tuning(
        fixed_size=options["fixed"],
        target_seconds=options["target_seconds"],
        workers=options["workers"],
        pause_seconds=options["pause_between"],
        cohort_percent=options["cohort"],
        max_failures=options["max_failures"],
        max_quarantine_percent=options["max_quarantine"],
    )
