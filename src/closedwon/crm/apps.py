"""What Django needs to know of this part."""

from django.apps import AppConfig


class CrmConfig(AppConfig):
    """Customers and deals: import, history, snapshots, data quality."""

    name = "closedwon.crm"
    label = "crm"
    default_auto_field = "django.db.models.BigAutoField"
