"""The five laws of docs/engine.md, against random dirty captures on the real PostgreSQL."""
