"""A file handed out as a download only: no browser opens it on the site's own address."""

from __future__ import annotations

from urllib.parse import quote

from django.http import HttpResponse


def download(name: str, data: bytes) -> HttpResponse:
    """The answer that carries a file's bytes under its name."""
    answer = HttpResponse(data, content_type="application/octet-stream")
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    answer.headers["Content-Disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
