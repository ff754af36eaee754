"""What Django needs to know of this part."""

from django.apps import AppConfig


class FactsConfig(AppConfig):
    """The fact store (Delta), the engines (DuckDB, Spark), releases and bundles."""

    name = "closedwon.facts"
    label = "facts"
    default_auto_field = "django.db.models.BigAutoField"
