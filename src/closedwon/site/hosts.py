"""Where the site is reached and how mail leaves it, from the workspace's settings and the environment."""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from closedwon.base.errors import Invalid
from closedwon.workspace.settings import Settings

LOCAL = ("localhost", "127.0.0.1", "[::1]")


def allowed(settings: Settings) -> list[str]:
    """The host names that a request may carry: this machine's, the one of `base_url`, and those of CLOSEDWON_HOSTS."""
    named = [word.strip() for word in os.environ.get("CLOSEDWON_HOSTS", "").split(",") if word.strip()]
    base = urlsplit(settings.base_url).hostname
    return list(dict.fromkeys([*LOCAL, socket.gethostname().lower(), *([base] if base else []), *named]))


def mail(url: str) -> dict[str, Any]:
    """Django's mail settings from `smtp://user:password@host:587?tls=1`; without a URL mail is printed where the site runs."""
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise Invalid("CLOSEDWON_EMAIL_URL is not a mail server's address.", mend="Write it as smtp://user:password@host:587?tls=1.")
    wants_tls = parse_qs(parts.query).get("tls", ["1" if parts.scheme == "smtp" and parts.username else "0"])[0] == "1"
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": wants_tls and parts.scheme == "smtp",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": 20,
    }
