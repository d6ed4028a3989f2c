"""The settings of the project, which runs on SQLite, or on PostgreSQL if ``POSTGRES_DB`` is set."""

from __future__ import annotations

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR))

DEBUG = "DEBUG" in os.environ
# It signs sessions, and everybody can read the one for development.
SECRET_KEY = "only for development: this key is public" if DEBUG else os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "shop.example.com"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "stellary.contrib.django",
    "orders",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "stellary.contrib.django.middleware.ApiErrorMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "shop.sqlite3",
        "ATOMIC_REQUESTS": True,
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        # A file, since Django's database in memory serves one connection at a time.
        "TEST": {"NAME": DATA_DIR / "test.sqlite3"},
    }
}
if "POSTGRES_DB" in os.environ:
    DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["POSTGRES_DB"],
        "USER": os.environ.get("POSTGRES_USER", ""),
        "PASSWORD": os.environ.get("POSTGRES_PASSWORD", ""),
        "HOST": os.environ.get("POSTGRES_HOST", ""),
        "PORT": os.environ.get("POSTGRES_PORT", ""),
        "ATOMIC_REQUESTS": True,
    }

AUTH_USER_MODEL = "orders.User"
LOGIN_URL = "admin:login"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
TIME_ZONE = "Europe/Berlin"
USE_TZ = True
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

# --8<-- [start:settings]
STELLARY = {
    "BLOBS": DATA_DIR / "attachments",
    "PUBLIC_URL": "https://shop.example.com/board",
    "MEMBERSHIP": "orders.board.find_membership",
    "CONFIGURE": "orders.board.configure",
}
# --8<-- [end:settings]
