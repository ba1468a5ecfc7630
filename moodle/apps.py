from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MoodleConfig(AppConfig):
    """The Moodle tables rcsync reads. Unmanaged and without migrations: they are Moodle's."""

    name = "moodle"
    verbose_name = _("Moodle")
    default_auto_field = "django.db.models.BigAutoField"
