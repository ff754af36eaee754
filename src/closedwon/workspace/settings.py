"""One workspace: where it is and what its `closedwon.toml` says. One process serves one workspace."""

from __future__ import annotations

import os
import secrets
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from closedwon.base.errors import Invalid, NotFound, NotReady, Problem

FILE = "closedwon.toml"
VARIABLE = "CLOSEDWON_WORKSPACE"


class CalendarSettings(BaseModel):
    """The fiscal calendar as text; `base.calendar` gives it meaning."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: str = "months"
    start_month: int = Field(default=1, ge=1, le=12)
    year_label: str = "end"
    week_ends: str = "saturday"
    anchor: str = "last"


class ImportSettings(BaseModel):
    """What the site may bring in besides uploads."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    folders: tuple[str, ...] = ()
    keep_days: int = Field(default=30, ge=0, le=3650)


class Settings(BaseModel):
    """`closedwon.toml`, validated; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    company: str = "My company"
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    time_zone: str = "UTC"
    database_url: str = ""
    facts_url: str = ""
    engine: str = Field(default="duckdb", pattern=r"^(duckdb|spark)$")
    locale: str = "en"
    base_url: str = ""
    demo: bool = False
    calendar: CalendarSettings = CalendarSettings()
    storage: dict[str, str] = {}
    connections: dict[str, dict[str, Any]] = {}
    imports: ImportSettings = ImportSettings()

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"unknown time zone {value!r}; use a name such as America/Los_Angeles")
        return value


@dataclass(frozen=True)
class Workspace:
    """A workspace folder and its settings."""

    path: Path
    settings: Settings = field(default_factory=lambda: Settings())  # noqa: PLW0108 - pydantic's class is no plain factory to mypy

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone, in which a date's close is meant."""
        return ZoneInfo(self.settings.time_zone)

    @property
    def facts_url(self) -> str:
        """Where the Delta tables lie: a local folder or an S3-compatible URL."""
        return self.settings.facts_url or str(self.path / "facts")

    @property
    def database_url(self) -> str:
        """The database of decisions, as a URL."""
        return os.environ.get("CLOSEDWON_DATABASE_URL") or self.settings.database_url or f"sqlite:///{self.path / 'closedwon.sqlite3'}"

    @property
    def policies(self) -> Path:
        """The folder of policy text."""
        return self.path / "policies"

    @property
    def secret_key(self) -> str:
        """The key that signs sessions and links; made on first use, readable by its owner alone."""
        file = self.path / ".secret-key"
        if not file.exists():
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as out:
                out.write(secrets.token_urlsafe(48))
        return file.read_text().strip()


def load(path: str | Path) -> Workspace:
    """Read the workspace at `path`. Raises NotFound without a `closedwon.toml`, Invalid with every mistake in it."""
    folder = Path(path).resolve()
    file = folder / FILE
    if not file.exists():
        raise NotFound(f"{folder} is not a workspace: it has no {FILE}.", mend=f"Make one with: closedwon init {path}")
    try:
        return Workspace(folder, Settings.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{file} is not valid TOML: {error}.") from error
    except ValidationError as error:
        problems = [Problem(item["msg"], str(file), field=".".join(map(str, item["loc"]))) for item in error.errors()]
        raise Invalid(f"{file} has {len(problems)} mistake(s).", problems=problems) from error


def create(path: str | Path, text: str) -> Workspace:
    """Make a workspace folder with `text` as its `closedwon.toml`. Raises Invalid where one exists already."""
    folder = Path(path).resolve()
    if (folder / FILE).exists():
        raise Invalid(f"{folder} is a workspace already.", mend="Choose another folder, or use it as it is.")
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(text, encoding="utf-8")
    made = load(folder)
    _ = made.secret_key
    return made


_current: Workspace | None = None


def use(workspace: Workspace) -> Workspace:
    """Make it this process's workspace; Django reads it when it starts."""
    global _current  # noqa: PLW0603 - one process serves one workspace
    _current = workspace
    os.environ[VARIABLE] = str(workspace.path)
    return workspace


def current() -> Workspace:
    """This process's workspace: the one in use, else the one that CLOSEDWON_WORKSPACE names."""
    if _current is not None:
        return _current
    if VARIABLE not in os.environ:
        raise NotReady("No workspace is given.", mend=f"Pass --workspace DIR or set {VARIABLE}; make one with: closedwon init DIR")
    return use(load(os.environ[VARIABLE]))
