"""The settings of one workspace: a folder with `closedwon.toml`, policies, facts and the database."""

from closedwon.workspace.settings import Workspace, create, current, load, use

__all__ = ["Workspace", "create", "current", "load", "use"]
