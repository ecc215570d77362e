"""Quarantine on the real PostgreSQL: repair, replay, waive, and the equation at every step."""
