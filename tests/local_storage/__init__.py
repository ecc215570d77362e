"""Reading what browsers stored: pure functions, no database."""
