"""Django's settings, and the only place that reads the environment.

Every variable is explained in `.env.example`. The environment says where things are and holds the
secrets; everything else an administrator sets lives in the database (`IntegrationSettings`).
"""

import base64
import contextlib
import io
import ipaddress
import os
import re
import secrets
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from integration.domain.secret import Secret
from rcsync_project import logs, sentry, sign_in
from rcsync_project.admin_look import UNFOLD  # noqa: F401  # one of the settings
from rcsync_project.databases import moodle_database, no_moodle, own_database

try:
    import MySQLdb  # noqa: F401  # production's driver, where it could be built
except ImportError:
    import pymysql

    pymysql.install_as_MySQLdb()

BASE_DIR = Path(__file__).resolve().parent.parent

# ── The environment ──────────────────────────────────────────────────────────────────────────────
# Read into a copy, so that no child process inherits the secrets of `.env`. A variable set to
# nothing counts as not set.


class Environment(environ.Env):
    ENVIRON = dict(os.environ)


def read_env_file() -> Path | None:
    """`.env`, if there is one, or the file that RCSYNC_ENV_FILE names; an empty name reads none."""
    name = os.environ.get("RCSYNC_ENV_FILE", ".env")
    file = BASE_DIR / name
    if not name or (name == ".env" and not file.exists()):
        return None
    try:
        Environment.read_env(io.StringIO(file.read_text()))
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"The settings in {file} cannot be read: {error}.") from None
    return file


ENV_FILE = read_env_file()
Environment.ENVIRON = {key: value for key, value in Environment.ENVIRON.items() if value.strip()}
env = Environment()


def text(name: str, default: str = "") -> str:
    """The value as it is written. `env(name)` would take a leading "$" for another variable."""
    return str(env.ENVIRON.get(name, default)).strip()


def networks(name: str, value: str) -> list[str]:
    """IP addresses and networks with commas between them; or ImproperlyConfigured."""
    found = [part.strip() for part in value.split(",") if part.strip()]
    for part in found:
        try:
            ipaddress.ip_network(part, strict=False)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} holds {part!r}, which is no IP address and no network. "
                "Write addresses like 10.0.0.7 or networks like 10.0.0.0/24, with commas between."
            ) from None
    return found


def number_of_proxies(value: str) -> int:
    """How many stand between browsers and us, each of which adds to X-Forwarded-For: off, on, 2."""
    value = {"on": "1", "true": "1", "yes": "1", "off": "0", "false": "0", "no": "0"}.get(
        value.lower(), value
    )
    if not re.fullmatch(r"[0-9]", value):
        raise ImproperlyConfigured(
            f"BEHIND_PROXY is {value!r}. It is off, on (one proxy), or the number of proxies."
        )
    return int(value)


# What rcsync writes by itself: its SQLite file, keys for development. Relative: beside manage.py.
VAR_DIR = BASE_DIR / text("RCSYNC_VAR_DIR", "var")


def development_key(name: str, new_key: str) -> str:
    """A key that stays the same between starts, kept outside version control."""
    file = VAR_DIR / name
    if not file.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=VAR_DIR, delete=False) as new:  # mode 0600
            new.write(new_key)
        with contextlib.suppress(FileExistsError):  # another process was first: its key counts
            os.link(new.name, file)
        Path(new.name).unlink()
    return file.read_text()


# ── Basics and security ──────────────────────────────────────────────────────────────────────────

DEBUG = env.bool("DEBUG", default=False)

SECRET_KEY = text("SECRET_KEY")
if DEBUG and not SECRET_KEY:
    SECRET_KEY = development_key("secret_key", secrets.token_urlsafe(50))
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Put SECRET_KEY=<50 random characters> into the file .env or the "
        "environment (.env.example shows how to make one), or set DEBUG=on to try rcsync out."
    )
RCSYNC_SECRET_KEYS: list[str] = [
    key.strip() for key in text("RCSYNC_SECRET_KEYS").split(",") if key.strip()
]
if DEBUG and not RCSYNC_SECRET_KEYS:
    _fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    RCSYNC_SECRET_KEYS = [development_key("rcsync_secret_key", _fernet_key)]

# Sign links to channels, the first one new ones. They live in courses for years, so they have keys
# of their own; without one in the environment, rcsync makes one and keeps it in its database.
LINK_KEYS: list[str] = [key.strip() for key in text("RCSYNC_LINK_KEY").split(",") if key.strip()]

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
CSRF_FAILURE_VIEW = "integration.pages.errors.expired_form"
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

SECURE_SSL = env.bool("SECURE_SSL", default=not DEBUG)
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=SECURE_SSL)
# Asked from the same machine, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=3600 if SECURE_SSL else 0)
SESSION_COOKIE_SECURE = SECURE_SSL
CSRF_COOKIE_SECURE = SECURE_SSL
PROXIES = number_of_proxies(text("BEHIND_PROXY", "off"))
if PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# One page lists everybody who is in a room wrongly, each with a tick. Bodies stay below 2.5 MB.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50_000
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SAMESITE = "Lax"
DEFAULT_EXCEPTION_REPORTER_FILTER = "integration.web.error_pages.ExceptionFilter"
SESSION_COOKIE_AGE = 12 * 60 * 60  # a working day: whoever is signed in can change every channel

# Wrong passwords are counted for each name from each address, so that neither a school behind one
# address nor the owner of a name that somebody else tries is locked out.
SIGN_IN = sign_in.read(text, PROXIES)  # OpenID Connect, REMOTE_USER
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    *sign_in.backends(SIGN_IN),
]
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_CALLABLE = "integration.web.login.counted_name"
AXES_CLIENT_IP_CALLABLE = "integration.web.client_address.counted_address"
AXES_LOCKOUT_CALLABLE = "integration.web.login.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]  # and the password
AXES_DISABLE_ACCESS_LOG = True  # who logged in is in the audit trail's entries of what they did
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False  # no line about itself at every start

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

SILENCED_SYSTEM_CHECKS = [
    "models.W037",  # django-q2 has a conditional index, which MariaDB leaves out
    "models.W043",  # search has indexes on expressions, which MariaDB's collation does without
    "security.W005",  # HSTS for subdomains and preload lists speak for hosts that are not ours
    "security.W021",
]

# ── Applications ─────────────────────────────────────────────────────────────────────────────────

INSTALLED_APPS = [
    "unfold",  # before django.contrib.admin, whose templates it replaces
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "django_q",
    "moodle",
    "integration",
]
if env.bool("RCSYNC_DEMO", default=False):
    INSTALLED_APPS.append("demo")  # the command `demo`; set by ./rcsync demo

MIDDLEWARE = [
    "integration.web.middleware.RequestId",  # first, so that what the others log has it
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "integration.web.time_zone.PersonsZone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "integration.web.session_ended.SessionEnded",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "integration.web.middleware.ContentSecurityPolicy",
    "integration.web.middleware.WhoDidIt",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "rcsync_project.urls"
WSGI_APPLICATION = "rcsync_project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "rcsync_project" / "templates"],  # before Unfold's
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# ── Databases ────────────────────────────────────────────────────────────────────────────────────

MOODLE_TESTING = env.bool("RCSYNC_MOODLE_TESTING", default=False)  # tests may create Moodle tables
MOODLE_CONFIGURED = bool(text("MOODLE_DATABASE_URL"))
MOODLE_DB_PREFIX = text("MOODLE_DB_PREFIX", "mdl_")
if MOODLE_DB_PREFIX == "-":  # a variable set to nothing counts as not set
    MOODLE_DB_PREFIX = ""
if not re.fullmatch(r"[A-Za-z0-9_]*", MOODLE_DB_PREFIX):
    raise ImproperlyConfigured(
        f"MOODLE_DB_PREFIX is {MOODLE_DB_PREFIX!r}, which cannot begin a table's name. "
        "It is $CFG->prefix in Moodle's config.php, usually mdl_, or - where that is empty."
    )

_own = f"sqlite:///{text('RCSYNC_VAR_DIR', 'var')}/rcsync.sqlite3"
DATABASES: dict[str, dict[str, Any]] = {
    "default": own_database(text("DATABASE_URL", _own), BASE_DIR),
    "moodle": (
        moodle_database(text("MOODLE_DATABASE_URL"), BASE_DIR, read_only=not MOODLE_TESTING)
        if MOODLE_CONFIGURED
        else no_moodle()
    ),
}
DATABASE_ROUTERS = ["moodle.router.MoodleRouter"]

# ── Rocket.Chat ──────────────────────────────────────────────────────────────────────────────────
# An empty string means "not set here": the admin's settings count then.

ROCKETCHAT: dict[str, str] = {
    "url": text("ROCKETCHAT_URL"),
    "user_id": text("ROCKETCHAT_USER_ID"),
    "auth_token": text("ROCKETCHAT_AUTH_TOKEN"),
    "username": text("ROCKETCHAT_USERNAME"),
    "password": text("ROCKETCHAT_PASSWORD"),
    "ca_file": text("ROCKETCHAT_CA_FILE"),
}

# What people's browsers open, where rcsync itself reaches Rocket.Chat by another address.
ROCKETCHAT_PUBLIC_URL = text("ROCKETCHAT_PUBLIC_URL").rstrip("/")

# Networks that rcsync may talk to although it refuses link-local and metadata addresses.
ALLOWED_NETWORKS = networks("RCSYNC_ALLOWED_NETWORKS", text("RCSYNC_ALLOWED_NETWORKS"))

# ── Background work ──────────────────────────────────────────────────────────────────────────────

LOG_LEVEL = text("LOG_LEVEL", "INFO").upper()

TASK_SECONDS = env.int("RCSYNC_TASK_SECONDS", default=900)
WATCHDOG_SECONDS = env.int("RCSYNC_WATCHDOG_SECONDS", default=60)  # silent for so long: restarted
DRAIN_SECONDS = env.int("RCSYNC_DRAIN_SECONDS", default=60)  # for running tasks, at the end
EVENT_SECRET = text("RCSYNC_EVENT_SECRET")  # of POST /events/moodle; without it the door is shut
# Who sees /metrics and the details of /readyz: who has the token, asks from there, or is signed in.
METRICS_TOKEN = text("RCSYNC_METRICS_TOKEN")
METRICS_NETWORKS = networks("RCSYNC_METRICS_NETWORKS", text("RCSYNC_METRICS_NETWORKS"))
# The database survives a crash; the Redis broker loses the task that was running.
BROKER_URL = Secret(text("RCSYNC_BROKER_URL"))
if BROKER_URL and not re.match(r"rediss?://|unix://", BROKER_URL):
    raise ImproperlyConfigured(
        "RCSYNC_BROKER_URL has to begin with redis://, rediss:// or unix://. Leave it empty for "
        "rcsync's own database."
    )
Q_CLUSTER = {
    "name": "rcsync",
    "label": _("Background tasks"),
    **({"redis": BROKER_URL} if BROKER_URL else {"orm": "default"}),
    "workers": env.int("RCSYNC_WORKERS", default=2),
    "queue_limit": 1,
    "bulk": 1,
    "timeout": TASK_SECONDS,
    # Waiting behind (workers + queue_limit) others counts: with less, a task would run twice.
    "retry": 3 * TASK_SECONDS + 60,
    "ack_failures": True,
    "max_attempts": 1,  # attempts are counted in our own rows
    "catch_up": False,
    "save_limit": 200,
    "recycle": 50,
    "poll": 0.5,
    "log_level": LOG_LEVEL,
}

# ── Mail ─────────────────────────────────────────────────────────────────────────────────────────

_mail = env.email_url("EMAIL_URL", default="consolemail://" if DEBUG else "smtp://localhost:25")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"]
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = text("DEFAULT_FROM_EMAIL", "rcsync@localhost")

# ── Languages and time ───────────────────────────────────────────────────────────────────────────

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German")), ("fr", _("French")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = text("TIME_ZONE", "UTC")
USE_TZ = True
FORMAT_MODULE_PATH = ["rcsync_project.formats"]

# ── Static files ─────────────────────────────────────────────────────────────────────────────────

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / text("RCSYNC_STATIC_DIR", "staticfiles")
WHITENOISE_USE_FINDERS = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# ── Logs and errors ──────────────────────────────────────────────────────────────────────────────

LOG_FORMAT = text("LOG_FORMAT", "line").lower()
if LOG_FORMAT not in logs.FORMATS:
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT!r}. It is line or json.")
LOGGING = logs.logging_config(LOG_FORMAT, LOG_LEVEL)

# What Sentry is never told, by the way; decoded where it is a part of an address.
ALL_SECRETS = [
    *(SECRET_KEY, EVENT_SECRET, METRICS_TOKEN, EMAIL_HOST_PASSWORD),
    *(*RCSYNC_SECRET_KEYS, *LINK_KEYS, *SIGN_IN.secrets),
    *(ROCKETCHAT["auth_token"], ROCKETCHAT["password"]),
    *(str(database.get("PASSWORD", "")) for database in DATABASES.values()),
    *(text("DATABASE_URL"), text("MOODLE_DATABASE_URL"), text("EMAIL_URL")),
    *(str(BROKER_URL), unquote(urlsplit(BROKER_URL).password or "")),
]
if text("SENTRY_DSN"):
    sentry.start(text("SENTRY_DSN"), text("SENTRY_ENVIRONMENT", "production"), ALL_SECRETS)
