"""Every setting of the site, from the environment. With nothing set: one machine, SQLite, no server."""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from competition.sandbox.confinement import PROTECTIONS
from config.environment import choice, flag, seconds, secret, text, url, whole, words
from config.mail import mail_settings
from config.processes import LOG_LEVELS
from operations import logs

BASE_DIR = Path(__file__).resolve().parent.parent


# ONNX Runtime tells its maker about each process and its networks, over the network, unless it is told not to before
# it is imported. Nothing leaves this site by itself.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Everything that the site writes lies below this folder, unless a server is set to keep it.
VAR_DIR = Path(text("VAR_DIR", str(BASE_DIR / "var")))
try:
    VAR_DIR.mkdir(parents=True, exist_ok=True)
except OSError as error:
    raise ImproperlyConfigured(
        f"VAR_DIR: expected a folder that can be made; found {str(VAR_DIR)!r}: {error.strerror}."
    ) from error

DEBUG = flag("DEBUG", default=True)
SECRET_KEY = secret("SECRET_KEY")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "DEBUG=0 needs SECRET_KEY, or SECRET_KEY_FILE: a long random string that nobody else knows."
        )
    SECRET_KEY = "only-for-development-" + "0" * 32
ALLOWED_HOSTS = words("ALLOWED_HOSTS") or (["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
# The addresses people type, with scheme, where a proxy ends TLS: https://labels.example.org
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")
for _origin in CSRF_TRUSTED_ORIGINS:
    if not _origin.startswith(("https://", "http://")):
        raise ImproperlyConfigured(
            f"CSRF_TRUSTED_ORIGINS: expected addresses that begin with https:// or http://; found {_origin!r}."
        )
BEHIND_TLS = flag("BEHIND_TLS", default=False)
if BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    # Browsers take cookies of these names from this very host over TLS alone, so no neighbour can plant one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    LANGUAGE_COOKIE_NAME = "__Host-language"
CSRF_COOKIE_HTTPONLY = True  # pages carry the token themselves, and no script reads cookies
# Whether other hosts below this one have TLS, and whether browsers should be told so for ever, is known to whoever
# runs the domain: they say it in their proxy.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# How many proxies of ours stand before the site, each of which appends to X-Forwarded-For whom it heard from.
N_PROXIES = whole("PROXIES", default=1 if BEHIND_TLS else 0)

INSTALLED_APPS = [
    "accounts.admin_apps.AuditedAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "rest_framework",
    "knox",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "taxonomy",
    "labeling",
    "datasets",
    "training",
    "competition",
    "operations",
    "demo",
]
MIDDLEWARE = [
    "operations.tracing.TraceRequests",  # first, so that whatever refuses a request is logged too
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.CompressPages",
    "config.headers.guard",
    "config.middleware.vary_by_language",
    "django.middleware.locale.LocaleMiddleware",  # before what refuses with a sentence
    "config.middleware.refuse_nul",
    "config.middleware.RefuseLarge",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.sign_in_on_a_whole_page",
    "config.middleware.RefuseFloods",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.mail",
            ]
        },
    }
]

# --- Database -------------------------------------------------------------------------------------------
DATABASE_URL = (
    url("DATABASE_URL", ("postgresql", "postgres", "sqlite")) or f"sqlite:///{VAR_DIR / 'nestwork.sqlite3'}"
)
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # A transaction that will write takes the lock at its start, so that it cannot fail half-way.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,  # seconds to wait for that lock
        # WAL lets readers go on while one process writes.
        # A page cache of up to 64 MiB: with the usual 2, a tree of 82,000 nouns is read from disk again and again.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;",
    }
else:
    DATABASES["default"]["PASSWORD"] = DATABASES["default"]["PASSWORD"] or secret("POSTGRES_PASSWORD")
    # A statement of accounts.sql is planned once for a connection, from its third execution on. The ORM's, whose
    # values stand in their text, are not prepared.
    DATABASES["default"]["OPTIONS"] = {
        "prepare_threshold": 2,
        # A page that is looked up costs hardly more than the next one, in memory or on a disk without a moving head;
        # with the usual 4, small tables that grow fast are read whole until they are next counted. Statements that
        # might read millions of rows are compiled first, with jit, though most of them find few: 0.2 s for nothing.
        "options": "-c plan_cache_mode=force_generic_plan -c random_page_cost=1.1 -c jit=off",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Broker and cache -----------------------------------------------------------------------------------
REDIS_URL = url("REDIS_URL", ("redis", "rediss"))
CACHES: dict[str, dict[str, Any]]
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any]
if REDIS_URL:
    # Redis answers within a millisecond or is away. Nobody waits long for it: by default one would for ever, where it
    # takes connections and says nothing.
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {
                "socket_connect_timeout": 0.5,
                "socket_timeout": 0.5,
                "retry": Retry(NoBackoff(), 1),  # a connection of before a restart fails once
            },
        }
    }
    CELERY_BROKER_URL = REDIS_URL
    # Seconds; workers ask it to say within one whether there is anything.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 2}
    CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0}
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},  # with the usual 300, floods would be forgotten
        }
    }
    _messages = VAR_DIR / "broker"
    (_messages / "control").mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_URL = "filesystem://localhost/"
    CELERY_BROKER_TRANSPORT = "config.message_folder:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_messages),
        "data_folder_out": str(_messages),
        "control_folder": str(_messages / "control"),
        "polling_interval": 0.05,  # seconds; 70 ms from send to start
    }
# A message is only a wake-up: rows hold the truth, so results are never read and a lost message costs a sweep.
CELERY_TASK_IGNORE_RESULT = True
# What takes long has a queue of its own, so that nothing else waits behind it.
CELERY_TASK_ROUTES = {
    "training.tasks.train_queued": {"queue": "training"},
    "training.tasks.predict": {"queue": "training"},
    "labeling.tasks.take_in_waiting": {"queue": "intake"},
    "datasets.tasks.freeze_waiting": {"queue": "snapshots"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # one format of log lines everywhere

# --- Files ----------------------------------------------------------------------------------------------
# "default" keeps pictures, which anyone may see; "private" keeps manifests, weights and submissions.
S3_BUCKET = text("S3_BUCKET")
if S3_BUCKET:
    # Without a key both come from the machine's role.
    _s3_key = text("S3_ACCESS_KEY")
    if _s3_key and not secret("S3_SECRET_KEY"):
        raise ImproperlyConfigured("S3_ACCESS_KEY needs S3_SECRET_KEY, or S3_SECRET_KEY_FILE.")
    _s3 = {
        "bucket_name": S3_BUCKET,
        "endpoint_url": url("S3_ENDPOINT_URL", ("https", "http")) or None,
        "access_key": _s3_key or None,
        "secret_key": secret("S3_SECRET_KEY") if _s3_key else None,
        "region_name": text("S3_REGION") or None,
        "file_overwrite": True,
        "max_memory_size": 16 * 2**20,  # bytes of an open file; what is larger goes to a temporary one
    }
    _files = {
        name: {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**_s3, "location": folder}}
        for name, folder in (("default", "pictures"), ("private", "private"))
    }
else:
    _files = {
        name: {
            "BACKEND": "config.folders.FolderStorage",
            "OPTIONS": {"location": VAR_DIR / folder, "allow_overwrite": True},
        }
        for name, folder in (("default", "pictures"), ("private", "private"))
    }
# Where a file lies on S3 just as it is to be sent, its receiver gets a signed address there, good for an hour. Switch
# it off where browsers cannot reach S3_ENDPOINT_URL.
SIGNED_DOWNLOADS = bool(S3_BUCKET) and flag("S3_SIGNED_DOWNLOADS", default=True)
STORAGES = {
    **_files,
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "config.storage.StaticStorage"
    },
}
STATIC_URL = "static/"
STATIC_ROOT = Path(text("STATIC_ROOT", str(BASE_DIR / "static-collected")))
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG
# The largest request, files included, which go to a temporary folder as they come.
UPLOAD_MAX_MIB = whole("UPLOAD_MAX_MIB", default=2048)
# Entries in contests are guesses or a network, and never so large as an archive of pictures.
ENTRY_MAX_MIB = whole("ENTRY_MAX_MIB", default=1024)
# By the view's name.
UPLOAD_MAX_MIB_OF = {"competition:submit": ENTRY_MAX_MIB, "submission-list": ENTRY_MAX_MIB}
DATA_UPLOAD_MAX_NUMBER_FILES = (
    500  # of one form; each holds a temporary file open. upload.js sends one at a time.
)
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 2**20  # bytes of a request's body outside file uploads

# --- People ---------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
# Argon2 takes memory too, which graphics cards are short of. Passwords kept by another are kept anew as their owners
# sign in.
PASSWORD_HASHERS = [
    f"django.contrib.auth.hashers.{name}"
    for name in (
        "Argon2PasswordHasher",
        "PBKDF2PasswordHasher",
        "PBKDF2SHA1PasswordHasher",
        "ScryptPasswordHasher",
    )
]
# django-allauth's, see decision 26. accounts.allauth_urls has its pages.
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = False  # a guest is signed in, and signs up or in all the same
ACCOUNT_CHANGE_EMAIL = True  # one address each; another takes its place once it is confirmed
ACCOUNT_EMAIL_NOTIFICATIONS = True  # of a changed password, and of a second factor switched on or off
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Nestwork] "
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_LOGIN_METHODS = {"username"}
# Nobody learns by signing up whose address is here. Several may name one; who confirms it has it.
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_RATE_LIMITS = False  # accounts.flood counts
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "mfa"]
ACCOUNT_REAUTHENTICATION_REQUIRED = (
    True  # or a browser left open would be an account lost, by another address
)
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
MFA_ADAPTER = "accounts.adapter.SecondFactorAdapter"
# Else an address that is never confirmed, as where the site sends no mail, would keep its owner from a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Nestwork"
MFA_TOTP_TOLERANCE = 1  # a code before and after: clocks of telephones go half a minute wrong
# Where mail is handed in, see config.mail. Without it the worker's log has what would have been sent, and pages say
# that the site sends none.
EMAIL_URL = secret("EMAIL_URL")
SENDS_MAIL = bool(EMAIL_URL)
globals().update(mail_settings(EMAIL_URL))
DEFAULT_FROM_EMAIL = text("EMAIL_FROM", "nestwork@localhost")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# What is kept about somebody, to hand it out and to forget it; each is a list of accounts.personal.Kept.
PERSONAL_DATA = [
    "accounts.personal.KEPT",
    "taxonomy.personal.KEPT",
    "labeling.personal.KEPT",
    "training.personal.KEPT",
    "competition.personal.KEPT",
]
# What may be done in an hour, by each guest (or address, where nobody is signed in) and by each person; 0: no limit.
# See accounts.flood.
FLOOD_LIMITS = {
    # New guests and sign-ups from one address: a school's pupils share one.
    "guests": (whole("GUESTS_PER_HOUR", default=60), 0),
    # Who is quick looks over a grid of 48 pictures in 15 s: 240 grids, 11,520 answers, in an hour without a rest, and
    # sends somewhat more where a picture is sent twice. Picture by picture nobody comes near it. A script comes no
    # further than the quickest of people, and is measured by gold questions like them. A person's programs vote too.
    "votes": (whole("GUEST_VOTES_PER_HOUR", default=12_000), whole("VOTES_PER_HOUR", default=36_000)),
    # Tries at the quiz before a noun's first grid, which takes some 15 s to read; guessing passes one in sixteen.
    "quizzes": (whole("GUEST_QUIZZES_PER_HOUR", default=240), whole("QUIZZES_PER_HOUR", default=480)),
    # Pictures shown to networks: each is decoded and answered for while its sender waits, which takes up to a second.
    "tries": (whole("GUEST_TRIES_PER_HOUR", default=300), whole("TRIES_PER_HOUR", default=3600)),
    "reports": (whole("GUEST_REPORTS_PER_HOUR", default=10), whole("REPORTS_PER_HOUR", default=60)),
    "comments": (0, whole("COMMENTS_PER_HOUR", default=30)),  # guests write none
    # Passwords from one address for one name, and codes of a second factor for one account from anywhere.
    "sign_ins": (whole("SIGN_IN_TRIES_PER_HOUR", default=20), 0),
    # That somebody asks for, and that go to one address: to confirm it, or to reset a password.
    "mails": (whole("MAILS_PER_HOUR", default=10), whole("MAILS_PER_HOUR", default=10)),
    "uploads": (0, whole("UPLOADS_PER_HOUR", default=200)),  # predictions; guests hand in none
    # To people, to join a team of a contest; and to teams, to become one. Guests are in no team.
    "invitations": (0, whole("INVITATIONS_PER_HOUR", default=60)),
    # MiB of pictures, every file at least one, so that neither many small ones nor few large ones fill the disk.
    # 100,000 photographs sent one by one, or as much in archives as a line of 200 Mbit/s carries.
    "pictures": (0, whole("PICTURES_MIB_PER_HOUR", default=100_000)),
    # A search reads every gloss. A picker asks again while one types; people without a name share an address.
    "searches": (whole("GUEST_SEARCHES_PER_HOUR", default=3600), whole("SEARCHES_PER_HOUR", default=18_000)),
    # Each reads all that somebody ever did here, and a token is a row that stays.
    "exports": (whole("EXPORTS_PER_HOUR", default=10), whole("EXPORTS_PER_HOUR", default=10)),
    # Each keeps a worker busy for some seconds; looking at one that is there costs nothing.
    "explanations": (
        whole("GUEST_EXPLANATIONS_PER_HOUR", default=60),
        whole("EXPLANATIONS_PER_HOUR", default=600),
    ),
    "tokens": (whole("TOKENS_PER_HOUR", default=20), whole("TOKENS_PER_HOUR", default=20)),
}
SESSION_COOKIE_AGE = 60 * 60 * 24 * 90  # a guest who comes back within a season is the same annotator

# --- Taxonomy -------------------------------------------------------------------------------------------
# A change that touches this many labels or more waits for a second curator.
SECOND_CURATOR_FROM = whole("SECOND_CURATOR_FROM", default=1000)
# Who follows a change of the taxonomy, in this order; each is a taxonomy.dependants.Dependant. What stands on the
# right of taxonomy is named here, so that taxonomy need not import it.
TAXONOMY_DEPENDANTS = [
    "labeling.following.Labels",
    "datasets.following.Snapshots",
    "competition.following.Contests",
]

# --- Training -------------------------------------------------------------------------------------------
# The GPUs of this machine that trainings may use, as CUDA_VISIBLE_DEVICES names them; "none": the CPU. Without it all
# that nvidia-smi lists.
TRAINING_GPUS = words("TRAINING_GPUS")
# With more than one, each of a run's GPUs has a process of its own, and so has each of a run's shares of the CPU.
TRAINING_GPUS_PER_RUN = whole("TRAINING_GPUS_PER_RUN", default=1, least=1)
TRAINING_PROCESSES = whole("TRAINING_PROCESSES", default=1, least=1)
# Seconds between two checkpoints; 0: as what one costs asks for.
TRAINING_CHECKPOINT_EVERY_S = seconds("TRAINING_CHECKPOINT_EVERY_S", default=0)

# --- Competition ----------------------------------------------------------------------------------------
# A network that is handed in runs in a process of which these protections hold, or is refused. See
# decision 24.
SANDBOX_REQUIRES = words("SANDBOX_REQUIRES", PROTECTIONS) or ["landlock", "limits", "seccomp"]
# What each may use: seconds for all test pictures, and memory.
SANDBOX_SECONDS = whole("SANDBOX_SECONDS", default=900, least=1)
SANDBOX_MEMORY_MIB = whole("SANDBOX_MEMORY_MIB", default=4096, least=1)

# --- API ------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "config.pagination.BoundedPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_SCHEMA_CLASS": "accounts.schema.ScopedSchema",
}
# Our token model replaces knox's, whose migrations would make its own table all the same.
MIGRATION_MODULES = {"knox": None}
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105
REST_KNOX = {"TOKEN_TTL": None}  # each token has a last day of its own, or none
SPECTACULAR_SETTINGS = {
    "TITLE": "Nestwork",
    "DESCRIPTION": "Label pictures together, freeze the labels, train on them, compete on them.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.schema.tell_of_refusals",
    ],
    # Several rows have a field of this name; without names of our own the schema numbers them.
    "ENUM_NAME_OVERRIDES": {
        "ChangeKindEnum": "taxonomy.models.ledger.Kind",
        "CollectionKindEnum": "labeling.models.Collection.Kind",
        "IntakeStateEnum": "labeling.models.Intake.State",
        "RefitStateEnum": "labeling.models.Refit.State",
        "NetworkEnum": "training.config.NETWORKS",
        "RunStatusEnum": "training.models.Run.Status",
        "FreezingStateEnum": "datasets.models.Freezing.State",
        "SubmissionKindEnum": "competition.models.Submission.Kind",
        "SubmissionStatusEnum": "competition.models.queue.Status",
        "RescoringStatusEnum": "competition.models.Rescoring.Status",
        "ContestStateEnum": "competition.serializers.STATES",
        "MetricEnum": "competition.models.Metric",
        "RankedByEnum": "competition.models.RANKING_METRICS",
    },
}

# --- Language and time ----------------------------------------------------------------------------------
# See decision 31. Each is called by its own name, for whoever can read no other; locale/ has their words.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 60 * 60 * 24 * 365
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Logs and metrics -----------------------------------------------------------------------------------
LOG_FORMAT = choice("LOG_FORMAT", logs.FORMATS, default="text" if DEBUG else "json")
LOG_LEVEL = choice("LOG_LEVEL", LOG_LEVELS, default="INFO")
LOGGING = logs.configuration(LOG_FORMAT, LOG_LEVEL)
# What whoever reads /metrics has to know; without it they are told to programs of this machine alone.
METRICS_TOKEN = secret("METRICS_TOKEN")
# Each process of the site counts in a file of its own there. Read by prometheus_client when it is imported.
METRICS_DIR = VAR_DIR / "metrics"
METRICS_DIR.mkdir(parents=True, exist_ok=True)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)

# --- What is deleted by itself --------------------------------------------------------------------------
# Days after which it goes, at night; 0: never. See operations.tidying.
KEEP_GUESTS_DAYS = whole("KEEP_GUESTS_DAYS", default=100)  # without a vote; longer than their session lasts
KEEP_CHECKPOINTS_DAYS = whole("KEEP_CHECKPOINTS_DAYS", default=30)  # of finished runs, whose weights stay
KEEP_ATTEMPT_LOGS_DAYS = whole("KEEP_ATTEMPT_LOGS_DAYS", default=180)
