"""For work on one's own machine: debug pages, a key of this clone's own. Never for people's data on a network."""

from dynprot.settings.base import *  # noqa: F403
from dynprot.settings.base import VAR_DIR, env
from dynprot.settings.secret_key import development_key

DYNPROT_ENVIRONMENT = "development"
DEBUG = True
SECRET_KEY = env.str("DJANGO_SECRET_KEY", default="") or development_key(VAR_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
PASSWORD_RESET_URL = env.str("PASSWORD_RESET_URL", default="http://localhost:3000/reset-password")
