"""Oddities of a meal's instant: other notations, impossible ones, and the nights on which clocks change."""

from __future__ import annotations

from collections.abc import Mapping

from audit.samples.chance import pick
from audit.samples.clock import DAY, SECOND, iso, local_midnight, local_ordinal, local_text, offset_text
from audit.samples.oddities import BOOLEANS, Json, Oddity, Scene, derive, drop, put


def _offset(minutes: int, colon: str = ":") -> Oddity:
    return derive("timestamp", lambda meal, scene: offset_text(scene.instant, minutes, colon))


def _beside_midnight(shift: int) -> Oddity:
    """So many milliseconds from the beginning of the person's own local day."""

    def value(meal: Json, scene: Scene) -> str:
        ordinal = local_ordinal(scene.zone, scene.instant)
        return iso(local_midnight(scene.zone, ordinal) + shift)

    return derive("timestamp", value)


def _french(meal: Json, scene: Scene) -> str:
    local = local_text(scene.zone, scene.instant)
    return f"{local[8:10]}/{local[5:7]}/{local[:4]} {pick(scene.rng, (local[11:16], local[11:16].replace(':', 'h')))}"


TABLE: Mapping[str, Oddity] = {
    "timestamp_offset_east": _offset(120),
    "timestamp_offset_west": _offset(-600),
    "timestamp_offset_half_hour": _offset(-210),
    "timestamp_offset_without_colon": _offset(120, colon=""),
    "timestamp_offset_zero": _offset(0),
    "timestamp_without_milliseconds": derive("timestamp", lambda meal, scene: iso(scene.instant)[:19] + "Z"),
    "timestamp_microseconds": derive("timestamp", lambda meal, scene: iso(scene.instant)[:-1] + "457Z"),
    "timestamp_epoch_ms_number": derive("timestamp", lambda meal, scene: scene.instant),
    "timestamp_epoch_seconds_number": derive("timestamp", lambda meal, scene: scene.instant // SECOND),
    "timestamp_epoch_seconds_fraction": derive("timestamp", lambda meal, scene: scene.instant // SECOND + 0.25),
    "timestamp_epoch_ms_text": derive("timestamp", lambda meal, scene: str(scene.instant)),
    "timestamp_epoch_seconds_text": derive("timestamp", lambda meal, scene: str(scene.instant // SECOND)),
    "timestamp_bare_date": derive("timestamp", lambda meal, scene: local_text(scene.zone, scene.instant)[:10]),
    "timestamp_local_without_zone": derive("timestamp", lambda meal, scene: local_text(scene.zone, scene.instant)),
    "timestamp_local_with_space": derive(
        "timestamp", lambda meal, scene: local_text(scene.zone, scene.instant).replace("T", " ")
    ),
    "timestamp_french": derive("timestamp", _french),
    "timestamp_padded": derive("timestamp", lambda meal, scene: f" {iso(scene.instant)} "),
    "timestamp_words": put("timestamp", "hier midi", "Invalid Date"),
    "timestamp_empty": put("timestamp", ""),
    "timestamp_null": put("timestamp", None),
    "timestamp_missing": drop("timestamp"),
    "timestamp_boolean": put("timestamp", *BOOLEANS),
    "timestamp_object": put("timestamp", {"seconds": 1_775_000_000, "nanoseconds": 0}),
    "timestamp_february_30": put("timestamp", "2026-02-30T12:00:00.000Z"),
    "timestamp_hour_24": put("timestamp", "2026-03-01T24:00:00.000Z"),
    "timestamp_leap_second": put("timestamp", "2025-12-31T23:59:60.000Z"),
    "timestamp_1970": put("timestamp", "1970-01-01T00:00:00.000Z"),
    "timestamp_zero": put("timestamp", 0),
    "timestamp_negative": put("timestamp", -62_135_596_800_000),
    "timestamp_1999": put("timestamp", "1999-12-31T23:59:59.999Z"),
    "timestamp_2000": put("timestamp", "2000-01-01T12:00:00.000Z"),
    "timestamp_2090": put("timestamp", "2090-07-14T12:00:00.000Z"),
    "timestamp_2090_epoch": put("timestamp", 3_803_889_600_000),
    "timestamp_beyond_calendars": put("timestamp", "+275760-09-13T00:00:00.000Z", 8_640_000_000_000_000, 10**30),
    # Paris, 29 March 2026: 02:30 did not exist. 26 October 2025: 02:30 came twice.
    "dst_gap_local": put("timestamp", "2026-03-29T02:30:00"),
    "dst_gap_just_before": put("timestamp", "2026-03-29T00:59:59.999Z"),
    "dst_gap_just_after": put("timestamp", "2026-03-29T01:00:00.000Z"),
    "dst_fold_local": put("timestamp", "2025-10-26T02:30:00"),
    "dst_fold_first": put("timestamp", "2025-10-26T00:30:00.000Z", "2025-10-26T02:30:00+02:00"),
    "dst_fold_second": put("timestamp", "2025-10-26T01:30:00.000Z", "2025-10-26T02:30:00+01:00"),
    "day_first_instant": _beside_midnight(0),
    "day_last_second": _beside_midnight(DAY - SECOND),
    "day_before_last_millisecond": _beside_midnight(-1),
}
