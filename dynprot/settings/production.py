"""For real people's data. Refuses to start without its secrets; `manage.py check --deploy` finds nothing to say."""

from django.core.exceptions import ImproperlyConfigured

from dynprot.settings.base import *  # noqa: F403
from dynprot.settings.base import MIDDLEWARE, env

REQUIRED = {
    "DJANGO_SECRET_KEY": "a long random string that only this deployment knows",
    "DATABASE_URL": "the PostgreSQL server, as postgres://user:password@host:5432/name",
    "ALLOWED_HOSTS": "the names this site answers to, separated by commas",
}
SECRET_KEY_LENGTH = 50

_missing = [f"  {name}: {meaning}" for name, meaning in REQUIRED.items() if not env.str(name, default="").strip()]
if _missing:
    raise ImproperlyConfigured(
        "Production does not start without these environment variables, and has no defaults for them:\n"
        + "\n".join(_missing)
        + "\nSee .env.example. For work on your own machine: DJANGO_SETTINGS_MODULE=dynprot.settings.development"
    )

DYNPROT_ENVIRONMENT = "production"
DEBUG = False
SECRET_KEY = env.str("DJANGO_SECRET_KEY")
if len(SECRET_KEY) < SECRET_KEY_LENGTH:
    raise ImproperlyConfigured(
        f"DJANGO_SECRET_KEY has {len(SECRET_KEY)} characters; production wants at least {SECRET_KEY_LENGTH}. "
        "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(64))'"
    )
SECRET_KEY_FALLBACKS = env.list("DJANGO_SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Transport -----------------------------------------------------------------------------------------------------------
# Only behind a proxy that ends TLS and overwrites the header: anybody else could forge it.
if env.bool("TRUST_PROXY_HEADERS", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^health$"]  # load balancers ask from inside, without TLS
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# --- Static files: served by the application itself, named by their content so that they can be cached for ever -------------
MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
