"""Django's settings, from the workspace of this process."""

from __future__ import annotations

import os
from pathlib import Path

import dj_database_url

from closedwon.workspace import current

WORKSPACE = current()
PACKAGE = Path(__file__).resolve().parent.parent

DEBUG = os.environ.get("CLOSEDWON_DEBUG") == "1"
SECRET_KEY = WORKSPACE.secret_key
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "closedwon.site.urls"
WSGI_APPLICATION = "closedwon.site.wsgi.application"
AUTH_USER_MODEL = "people.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = True

FIELDS = ["forecast", "crm", "policies", "jobs", "people", "audit", "ui", "facts"]
"""Rooms that exist, from the top of the house down; each brings pages, an API and commands where it has them."""

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "ninja",
    "django_q",
    "closedwon.site",
    *(f"closedwon.{name}" for name in FIELDS),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
            ]
        },
    }
]

DATABASES = {"default": dj_database_url.parse(WORKSPACE.database_url, conn_max_age=60)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA recursive_triggers=ON; PRAGMA foreign_keys=ON;",
    }

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

STATIC_URL = "/static/"
STATIC_ROOT = WORKSPACE.path / ".static"
WHITENOISE_USE_FINDERS = True
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

Q_CLUSTER = {
    "name": "closedwon",
    "orm": "default",
    "workers": 1,
    "timeout": 3600,
    "retry": 4000,
    "max_attempts": 3,
    "ack_failures": True,
    "catch_up": False,
    "poll": 1,
}

ACCOUNT_USER_MODEL_USERNAME_FIELD = None
