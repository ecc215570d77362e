"""Law 2 of docs/engine.md under fire: real processes, a real PostgreSQL, a real Redis; killed, stopped, cut off, and everything is as if not."""
