"""For the test suite: as production where behaviour is concerned, quick where it is not."""

from dynprot.settings.base import *  # noqa: F403
from dynprot.settings.base import DATABASES, LOGGING

DYNPROT_ENVIRONMENT = "test"
DEBUG = False
SECRET_KEY = "for tests only, which sign nothing that anybody trusts"  # noqa: S105
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = [
    "tests.fast_hashers.FastArgon2PasswordHasher",
    "dynprot.password_hashers.LegacyBCryptPasswordHasher",
]

# What a test wrote need not survive a power cut.
DATABASES["default"]["OPTIONS"]["options"] += " -c synchronous_commit=off"
DATABASES["default"]["OPTIONS"]["application_name"] = "dynprot-tests"

LOGGING["root"]["level"] = "WARNING"
