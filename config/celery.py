"""The Celery app: where tasks enter. Rows hold the truth; messages only wake somebody up."""

import os

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("nestwork")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
SCHEDULE = {
    name: {"task": task, "schedule": seconds, "options": {"expires": seconds}}
    for name, task, seconds in (
        ("work drafts", "taxonomy.tasks.work_drafts", 5),
        ("release expired leases", "labeling.tasks.release_expired_leases", 60),
        ("refit grown collections", "labeling.tasks.refit_grown_collections", 60),
        ("heed networks", "labeling.tasks.heed_networks", 60),
        ("tally labels", "labeling.tasks.tally_labels", 30),
        ("sweep intakes", "labeling.tasks.sweep_intakes", 10),
        ("sweep received files", "labeling.tasks.sweep_received_files", 3600),
        ("follow policies", "labeling.tasks.follow_policies", 10),
        ("count figures", "labeling.tasks.count_figures", 10),
        ("sweep freezings", "datasets.tasks.sweep_freezings", 10),
        ("sweep runs", "training.tasks.sweep_runs", 10),
        ("sweep explanations", "training.tasks.sweep_explanations", 10),
        ("sweep submissions", "competition.tasks.sweep_submissions", 5),
    )
}
# At an hour, UTC, when few people label anywhere. Beat makes up for it where it was not running then.
SCHEDULE["refit nightly"] = {
    "task": "labeling.tasks.refit_nightly",
    "schedule": crontab(hour="3", minute="30"),
    "options": {"expires": 6 * 3600},
}
SCHEDULE["tidy"] = {
    "task": "operations.tasks.tidy",
    "schedule": crontab(hour="4", minute="30"),
    "options": {"expires": 6 * 3600},
}
# To read from `app.conf` would load the settings here, where nobody expects to hear that they are wrong.
app.conf.beat_schedule = SCHEDULE
