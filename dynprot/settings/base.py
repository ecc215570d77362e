"""What holds everywhere: apps, languages, time, sign-in, storage, the database and the broker."""

import os
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from dynprot.settings.databases import database_settings

# Django's classes take type arguments at run time as well: `class MealAdmin(ModelAdmin[MealEntry])`.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()
# The environment wins over the file. DYNPROT_ENV_FILE names another file; set to nothing, none is read.
_env_file = os.environ.get("DYNPROT_ENV_FILE", str(BASE_DIR / ".env"))
if _env_file and Path(_env_file).is_file():
    environ.Env.read_env(_env_file)

VAR_DIR = Path(env.str("DYNPROT_VAR_DIR", default=str(BASE_DIR / "var"))).absolute()
"""What the running project writes, all in one place: the private PostgreSQL, photos, exports, the development key."""

DYNPROT_ENVIRONMENT = "base"

# --- Apps: a room may import those below it, never above (pyproject.toml holds the contract) ---------------------------
INSTALLED_APPS = [
    "dynprot",
    "unfold",  # before the admin whose templates it replaces
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "pgtrigger",
    "import_export",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "accounts",
    "nutrition",
    "exports",
    "audit",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "accounts.middleware.StaffSessions",
    "accounts.middleware.SecondFactor",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "dynprot.urls"
WSGI_APPLICATION = "dynprot.wsgi.application"
ASGI_APPLICATION = "dynprot.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database, cache and broker ----------------------------------------------------------------------------------------
DATABASES = {"default": database_settings(env)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
BROKER_AVAILABLE = bool(REDIS_URL)
"""Whether work may be queued. When not, the same services run in this process or in local worker processes."""

CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "dynprot",
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "dynprot"}
}

CELERY_BROKER_URL = REDIS_URL or None
CELERY_TASK_IGNORE_RESULT = True  # results are our own rows
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True  # a worker that dies leaves its message for another; tasks are idempotent
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Redis hands an unacknowledged message out again after the visibility timeout, looking every
# `unacked_restore_throttle` rounds. Tasks are short; recovery does not wait for it, since leases are in PostgreSQL.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": env.int("CELERY_VISIBILITY_TIMEOUT", default=600),
    "unacked_restore_throttle": 1,
}
CELERY_TIMEZONE = "UTC"

# --- Migration ---------------------------------------------------------------------------------------------------------
MIGRATION_LEASE_SECONDS = env.int("MIGRATION_LEASE_SECONDS", default=120)
"""How long a batch is left to a worker that says nothing, before another takes it over."""
MIGRATION_DATABASE_PATIENCE = env.int("MIGRATION_DATABASE_PATIENCE", default=60)
"""How many seconds a worker tries to reach a database that went away, before it gives up (the run stays as it is)."""

MIGRATION_NICENESS = env.int("MIGRATION_NICENESS", default=10)
"""How far workers stand back from the processor (0 to 19, `nice`), so that the application stays quick beside a run."""

MIGRATE_NEW_SNAPSHOTS = env.bool("MIGRATE_NEW_SNAPSHOTS", default=False)
"""Whether snapshots are migrated as they arrive (Celery beat). Switched on when migration day is over."""

CELERY_BEAT_SCHEDULE = {
    "take up stalled runs": {"task": "audit.sweep", "schedule": env.float("MIGRATION_SWEEP_SECONDS", default=20.0)},
    "migrate new snapshots": {"task": "audit.migrate_new_snapshots", "schedule": 60.0},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

# --- Sign-in -----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
# E-mail is unique ignoring case, by an index on lower(email), which the check does not recognise.
SILENCED_SYSTEM_CHECKS = ["auth.E003"]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = "/admin/"  # unfold's sign-in form has no `next` field
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "dynprot.password_hashers.LegacyBCryptPasswordHasher",  # the old app's; replaced by Argon2 at the next sign-in
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_RESET_URL = env.str("PASSWORD_RESET_URL", default="")
"""The page of the app that sets a new password; mails from support add `?token=...`. Unset, no such mail is sent."""
STAFF_TWO_FACTOR = env.str("STAFF_TWO_FACTOR", default="off")
"""`required`: the team signs in with a code of an authenticator app too; `off`: by password alone."""
OTP_TOTP_ISSUER = "DynProt"
STAFF_SESSION_SECONDS = env.int("STAFF_SESSION_SECONDS", default=8 * 3600)
"""How long a session of the team lasts after the sign-in, whatever is done in it."""
STAFF_IDLE_SECONDS = env.int("STAFF_IDLE_SECONDS", default=30 * 60)
"""How long it lasts after the last thing that somebody did."""
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}

# --- Rows in and out of the admin: by permissions of their own, import_<model> and export_<model> -------------------------
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "import"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "export"
IMPORT_EXPORT_ESCAPE_ILLEGAL_CHARS_ON_EXPORT = True  # a workbook cannot hold control characters

# --- Language and time: instants in UTC; each person's own zone decides their days ---------------------------------------
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "dynprot" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
DYNPROT_DEFAULT_TIME_ZONE = "Europe/Paris"
"""The zone of a person who never told theirs."""

# --- Files ---------------------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
MEDIA_URL = "media/"
MEDIA_ROOT = Path(env.str("DYNPROT_MEDIA_ROOT", default=str(VAR_DIR / "media")))
FILE_UPLOAD_PERMISSIONS = 0o600  # photos and exports are personal
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

# --- Logs: plain lines on the console, no personal data -------------------------------------------------------------------
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "dynprot.logs.ReticentFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "level": "INFO"},  # up to the root: nothing is mailed, nothing printed twice
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.db.backends": {"level": "INFO"},  # its DEBUG level prints statements with their values
        "psycopg.pool": {"level": "WARNING"},
    },
}

# --- The admin's face -------------------------------------------------------------------------------------------------------
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "DynProt",
    "SITE_HEADER": "DynProt",
    "SITE_SUBHEADER": _("Les repas et leur migration"),
    "SITE_SYMBOL": "nutrition",
    "SITE_URL": "/admin/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("dynprot/favicon.svg")},
    ],
    "ENVIRONMENT": "dynprot.environment.badge",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "240 253 250",
            "100": "204 251 241",
            "200": "153 246 228",
            "300": "94 234 212",
            "400": "45 212 191",
            "500": "20 184 166",
            "600": "15 118 110",  # carries white text on buttons, and is text itself: contrast AA
            "700": "17 94 89",
            "800": "19 78 74",
            "900": "17 64 61",
            "950": "4 47 46",
        }
    },
    "STYLES": [lambda request: static("dynprot/admin.css")],
    "DASHBOARD_CALLBACK": "audit.admin.dashboard.dashboard",
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "audit.admin.navigation.sidebar"},
}
