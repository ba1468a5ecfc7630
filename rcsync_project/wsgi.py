"""The web server's entry point: `gunicorn rcsync_project.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rcsync_project.settings")

application = get_wsgi_application()
