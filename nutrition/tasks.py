"""Celery's way to the day summaries."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from celery import shared_task

from nutrition.summaries import recompute


@shared_task(name="nutrition.refresh_daily_summaries")
def refresh_daily_summaries(user_ids: list[str], since: str | None = None, until: str | None = None) -> None:
    """Makes the summaries of these people right for these local days (ISO dates, both included). Safe to repeat."""
    recompute(
        user_ids=[UUID(user_id) for user_id in user_ids],
        since=date.fromisoformat(since) if since else None,
        until=date.fromisoformat(until) if until else None,
    )
