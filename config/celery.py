"""The Celery app: where tasks enter. Rows hold the truth; messages only wake somebody up."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("nestwork")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
