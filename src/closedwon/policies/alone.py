"""Checking policy files without a workspace: the shipped policies count as those in force, and nothing is kept."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from closedwon.workspace.settings import VARIABLE, create

TEXT = """company = "No company"
currency = "USD"
time_zone = "UTC"
"""


def is_alone(what: str) -> bool:
    """Whether files are meant and no workspace is given."""
    return bool(what) and not os.environ.get(VARIABLE) and Path(what).exists()


def boot_alone() -> None:
    """Start Django over a folder that is gone when the process ends, with the shipped policies in force."""
    folder = Path(tempfile.mkdtemp(prefix="closedwon-alone-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.pop("CLOSEDWON_DATABASE_URL", None)
    made = create(folder / "none", TEXT)
    from closedwon.workspace.settings import use

    use(made)
    from closedwon.workspace.boot import boot

    boot()
    _shipped()


def _shipped() -> None:
    from django.db import connection
    from django.utils import timezone

    from closedwon.base.policytext import digest
    from closedwon.policies.models import PolicyVersion
    from closedwon.policies.registry import kinds

    with connection.schema_editor() as editor:
        editor.create_model(PolicyVersion)
    found = [(kind.document(name), kind.document(name).default_text()) for kind in kinds() for name in kind.default_names()]
    PolicyVersion.objects.bulk_create(
        PolicyVersion(
            kind=one.kind.name, document=one.name, text=text, digest=digest(text), status="applied", written_by="closedwon", applied_by="closedwon",
            applied_at=timezone.now(), note="shipped default",
        )
        for one, text in found
        if text is not None
    )  # fmt: skip
