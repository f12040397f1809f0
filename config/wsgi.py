"""Where requests enter: gunicorn config.wsgi."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
# Django reads the pages at the first request, which would wait a second for them.
import_module(settings.ROOT_URLCONF)
