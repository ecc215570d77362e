"""Argon2 at its lowest cost: the same format and code path as production, without its deliberate slowness."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class FastArgon2PasswordHasher(Argon2PasswordHasher):
    """For `dynprot.settings.test` only."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
