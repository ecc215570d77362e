"""The old app's password hashes, read so that people sign in as before and get an Argon2 hash on the way."""

import bcrypt
from django.contrib.auth.hashers import BCryptPasswordHasher

BCRYPT_PASSWORD_BYTES = 72


class LegacyBCryptPasswordHasher(BCryptPasswordHasher):
    """bcrypt as the old app's bcryptjs computed it: `bcrypt$` + its `$2a$...` or `$2b$...` string, no pre-hash.

    bcryptjs silently read only the first 72 bytes of a password; bcrypt 5 raises ValueError on longer ones. People
    with such a password must still get in (and an over-long guess must not be a server error), so the cut is made here.
    New passwords never come this way: Argon2 is the first hasher.
    """

    def encode(self, password: str, salt: str | bytes) -> str:
        """The hash of the first 72 bytes; `salt` may be a whole bcrypt string, whose salt and cost are then used."""
        salt_bytes = salt.encode("ascii") if isinstance(salt, str) else salt
        digest = bcrypt.hashpw(password.encode()[:BCRYPT_PASSWORD_BYTES], salt_bytes)
        return f"{self.algorithm}${digest.decode('ascii')}"
