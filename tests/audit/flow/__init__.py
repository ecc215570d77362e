"""The decisions about flow and trouble, by made-up clocks and by a PostgreSQL that is really in trouble."""
