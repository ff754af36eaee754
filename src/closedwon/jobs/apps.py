"""What Django needs to know of this part."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Work in the background: job rows with progress, schedules, the worker."""

    name = "closedwon.jobs"
    label = "jobs"
    default_auto_field = "django.db.models.BigAutoField"
