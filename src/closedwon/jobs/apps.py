"""What Django needs to know of this part."""

from typing import ClassVar

from django.apps import AppConfig

from closedwon.ui.nav import NavItem


class JobsConfig(AppConfig):
    """Work in the background: job rows with progress, schedules, the worker."""

    name = "closedwon.jobs"
    label = "jobs"
    default_auto_field = "django.db.models.BigAutoField"
    audited: ClassVar[dict[str, str]] = {"job": "system", "schedule": "system", "/admin/jobs/": "system", "/api/v1/jobs/": "system"}
    nav = [NavItem("Admin", "Jobs", "jobs:jobs", frozenset({"admin", "sales-ops", "auditor"}), 30, words="work progress schedule errors")]
