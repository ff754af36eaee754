"""What Django needs to know of this part."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """People, seats, roles and what each may see."""

    name = "closedwon.people"
    label = "people"
    default_auto_field = "django.db.models.BigAutoField"
