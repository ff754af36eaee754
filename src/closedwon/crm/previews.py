"""Uploads and folders on their way in: each is a batch, looked at by a job before anything is imported, and left and found again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db.models import Q
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import Invalid, NotFound, Refused
from closedwon.base.tables import TABLES
from closedwon.connectors.files.read import files
from closedwon.crm import uploads
from closedwon.crm.imports import import_source
from closedwon.jobs.actions import start
from closedwon.jobs.models import Job
from closedwon.people.actor import Actor
from closedwon.workspace import current

MAPPING, LOOK, SOURCE, REPORT = ".mapping.toml", ".look", ".source", ".report.json"
GONE = ".gone-"
"""Before the names of uploads that were thrown away."""
KEPT_GONE = timedelta(days=1)
LONGEST_MAPPING = 1_000_000
MOST_FOLDERS = 300


@dataclass(frozen=True)
class Batch:
    """Files on their way in: uploaded ones lie in the batch's own folder, those of a server folder stay where they are."""

    name: str
    folder: Path

    @property
    def source(self) -> Path:
        """Where the files are. Raises Refused where a server folder is not offered any more."""
        told = self.folder / SOURCE
        return server_folder(told.read_text(encoding="utf-8")) if told.exists() else self.folder

    @property
    def mapping(self) -> str:
        """The mapping's text, empty where the files carry the named tables' names."""
        file = self.folder / MAPPING
        return file.read_text(encoding="utf-8") if file.exists() else ""

    @property
    def mapping_file(self) -> Path | None:
        """The mapping as a file, None where there is none."""
        return self.folder / MAPPING if self.mapping.strip() else None

    @property
    def look(self) -> int:
        """How many times its mapping was changed."""
        file = self.folder / LOOK
        return int(file.read_text()) if file.exists() else 0

    @property
    def preview(self) -> Job | None:
        """The job that looks at the batch as it is now."""
        return Job.objects.filter(key=_key(self)).first()

    @property
    def imported(self) -> Job | None:
        """The job that brings it in, None before."""
        return Job.objects.filter(key=f"import-{self.name}").first()

    @property
    def report(self) -> dict[str, Any] | None:
        """What the last look found, None before its end."""
        file = self.folder / REPORT
        found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return found["report"] if found.get("look") == self.look else None


def _inbox() -> Path:
    folder = current().path / "inbox"
    folder.mkdir(exist_ok=True)
    return folder


def _key(batch: Batch) -> str:
    return f"preview-{batch.name}-{batch.look}"


def find(name: str, *, by: Actor) -> Batch:
    """A batch by its name. Raises NotFound."""
    _may(by)
    folder = _inbox() / uploads.bare(name)
    if not name or name != folder.name or not folder.is_dir():
        raise NotFound("There is no such upload.", mend="Uploads that wait are listed under Pipeline, Import.")
    return Batch(name, folder)


def waiting(*, by: Actor, most: int = 50) -> list[Batch]:
    """Batches that were not imported yet, newest first."""
    _may(by)
    folders = sorted((item for item in _inbox().iterdir() if item.is_dir() and not item.name.startswith(GONE)), reverse=True)[: 4 * most]
    return [batch for batch in (Batch(item.name, item) for item in folders) if batch.imported is None][:most]


def upload(sent: list[Any], *, by: Actor) -> Batch:
    """Keep uploaded files and have them looked at. Raises Invalid for what cannot be read; then nothing is kept."""
    batch = _keep(sent, "", by)
    _look(batch, by)
    return batch


def submit(sent: list[Any], *, mapping: str = "", dry_run: bool = True, by: Actor) -> tuple[Batch, Job]:
    """Keep uploaded files with their mapping, and have them looked at or imported: the batch, and the job that does it."""
    batch = _keep(sent, mapping, by)
    return batch, (_look(batch, by) if dry_run else bring_in(batch, by=by))


def _keep(sent: list[Any], mapping: str, by: Actor) -> Batch:
    _may(by)
    if len(mapping) > LONGEST_MAPPING:
        raise Invalid("The mapping is longer than a million characters.")
    batch = _new()
    try:
        uploads.keep(sent, batch.folder)
        if mapping.strip():
            (batch.folder / MAPPING).write_text(mapping.replace("\r\n", "\n"), encoding="utf-8")
    except Exception:
        uploads.drop(batch.folder)
        raise
    return batch


def from_folder(path: str, *, by: Actor) -> Batch:
    """Have a folder of this machine looked at; its `mapping.toml`, where there is one, is the mapping to begin with."""
    _may(by)
    if by.has("sales-ops") and by.region and not by.has("admin"):
        raise Refused(
            f"{by.name} looks after one region and may not import folders of the company.", mend="Ask whoever looks after all of it."
        )
    chosen = server_folder(path)
    files(chosen)
    batch = _new()
    (batch.folder / SOURCE).write_text(str(chosen), encoding="utf-8")
    given = chosen / "mapping.toml"
    if given.is_file() and not given.is_symlink() and given.stat().st_size <= LONGEST_MAPPING:
        (batch.folder / MAPPING).write_text(given.read_text(encoding="utf-8", errors="replace"), encoding="utf-8")
    _look(batch, by)
    return batch


def remap(batch: Batch, text: str, *, by: Actor) -> None:
    """Take another mapping and have the batch looked at again."""
    _may(by)
    if len(text) > LONGEST_MAPPING:
        raise Invalid("The mapping is longer than a million characters.")
    (batch.folder / MAPPING).write_text(text.replace("\r\n", "\n"), encoding="utf-8")
    (batch.folder / LOOK).write_text(str(batch.look + 1))
    _look(batch, by)


def drop(batch: Batch, *, by: Actor) -> None:
    """Throw an upload away: nobody finds it any more, its files go with the next tidying, until then it can be taken back."""
    _may(by)
    batch.folder.rename(batch.folder.with_name(GONE + batch.name))


def take_back(name: str, *, by: Actor) -> Batch:
    """An upload that was thrown away is there again. Raises NotFound once its files are gone."""
    _may(by)
    gone = _inbox() / (GONE + uploads.bare(name))
    if not gone.is_dir() or gone.with_name(name).exists():
        raise NotFound("The upload is gone.", mend="Upload the files again.")
    return Batch(name, gone.rename(gone.with_name(name)))


def bring_in(batch: Batch, *, by: Actor) -> Job:
    """Import the batch as a job, once."""
    _may(by)
    given = {"path": str(batch.source), "mapping": str(batch.mapping_file or "")}
    return start("crm.import", given, by=by, key=f"import-{batch.name}", title=f"Import of {_words(batch)}")


def examine(name: str, *, by: Actor, progress: Any = None) -> dict[str, Any]:
    """What an import of the batch would take, change and refuse; kept for its page. The work of a job."""
    batch = find(name, by=by)
    source = batch.source
    if not (batch.folder / MAPPING).exists() and not {file.stem for file in files(source)} & set(TABLES):
        (batch.folder / MAPPING).write_text(uploads.propose(source), encoding="utf-8")
    report = import_source(source, by=by, mapping=batch.mapping_file, dry_run=True, progress=progress)
    made = batch.folder / f"{REPORT}.new"
    made.write_text(json.dumps({"look": batch.look, "report": report.as_dict()}, default=str), encoding="utf-8")
    made.replace(batch.folder / REPORT)
    return report.counts()


def tidy(*, by: Actor) -> int:
    """Remove the files of uploads that are over: imported, or not looked at any more, for as long as `imports.keep_days` says."""
    by.need("admin", "sales-ops", to="remove old uploads")
    before = timezone.now() - timedelta(days=current().settings.imports.keep_days)
    old = [batch for batch in (Batch(item.name, item) for item in sorted(_inbox().iterdir()) if item.is_dir()) if _over(batch, before)]
    for batch in old:
        uploads.drop(batch.folder)
    if old:
        detail = {"uploads": [batch.name for batch in old], "days": current().settings.imports.keep_days}
        record(by=by.name, channel=by.channel, verb="facts.uploads_removed", subject="import", detail=detail)
    return len(old)


def _over(batch: Batch, before: datetime) -> bool:
    """Whether nothing is done with a batch any more, and nothing was since then; one that was thrown away is over a day later."""
    if batch.name.startswith(GONE):
        return datetime.fromtimestamp(batch.folder.stat().st_ctime, UTC) < timezone.now() - KEPT_GONE
    jobs = list(Job.objects.filter(Q(key=f"import-{batch.name}") | Q(key__startswith=f"preview-{batch.name}-")))
    if any(job.status in ("queued", "running") for job in jobs):
        return False
    touched = [datetime.fromtimestamp(item.stat().st_mtime, UTC) for item in (batch.folder, *batch.folder.iterdir())]
    return max([*touched, *(job.finished_at for job in jobs if job.finished_at)]) < before


def server_folders() -> list[Path]:
    """The folders of this machine that an import may be taken from: those that `closedwon.toml` names, and those below that hold files."""
    found: list[Path] = []
    for root in _roots():
        for folder in [root, *sorted(item for item in root.iterdir() if item.is_dir() and not item.is_symlink())]:
            if len(found) < MOST_FOLDERS and not folder.name.startswith("."):
                found.append(folder)
    return found


def server_folder(path: str) -> Path:
    """A folder of this machine that may be imported. Raises Refused for one that is not below a folder of `closedwon.toml`."""
    chosen = Path(path) if "\x00" not in path else Path("/")
    real = chosen.resolve()
    if not any(real == root or root in real.parents for root in _roots()) or not real.is_dir():
        raise Refused("This folder is not one of those that may be imported.", mend="closedwon.toml names them, under [imports], folders.")
    outside = [item.name for item in real.iterdir() if item.is_symlink() and real not in item.resolve().parents]
    if outside:
        raise Refused(f"{outside[0]} leads out of the folder.", mend="Put the file itself there.")
    return real


def _roots() -> list[Path]:
    given = [current().path / folder for folder in current().settings.imports.folders]
    return [folder.resolve() for folder in given if folder.is_dir()]


def _new() -> Batch:
    folder = _inbox() / f"{timezone.now():%Y%m%d-%H%M%S-%f}"
    folder.mkdir()
    return Batch(folder.name, folder)


def _look(batch: Batch, by: Actor) -> Job:
    return start("crm.preview", {"batch": batch.name}, by=by, key=_key(batch), title=f"Preview of {_words(batch)}")


def _words(batch: Batch) -> str:
    names = [file.name for file in files(batch.source)]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more" if names else batch.name


def _may(by: Actor) -> None:
    by.need("admin", "sales-ops", to="import facts")
