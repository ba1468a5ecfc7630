"""The admin. Django looks for it here; each table's class is in `model_admins`."""

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django_q.models import Failure, OrmQ, Schedule, Success

from integration.model_admins import history, managed, set_up, users

__all__ = ["history", "managed", "set_up", "users"]

admin.site.login_template = "integration/login.html"
admin.site.index_template = "integration/start.html"
admin.site.enable_nav_sidebar = True
admin.site.empty_value_display = "–"

for model in (Schedule, OrmQ, Success, Failure):  # whoever may add a Schedule may run any code
    try:
        admin.site.unregister(model)
    except NotRegistered:
        continue
