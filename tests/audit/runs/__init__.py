"""The engine on the real PostgreSQL: existing rows, claims, interruption, the command."""
