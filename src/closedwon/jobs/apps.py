"""What Django needs to know of this part."""

from django.apps import AppConfig

from closedwon.ui.nav import NavItem


class JobsConfig(AppConfig):
    """Work in the background: job rows with progress, schedules, the worker."""

    name = "closedwon.jobs"
    label = "jobs"
    default_auto_field = "django.db.models.BigAutoField"
    nav = [NavItem("Admin", "Jobs", "jobs:jobs", frozenset({"admin", "sales-ops", "auditor"}), 30, words="work progress schedule errors")]
