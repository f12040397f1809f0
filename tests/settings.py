"""config.settings, made fast and private for tests. DATABASE_URL and REDIS_URL are honoured where set."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_folder = Path(tempfile.mkdtemp(prefix="nestwork-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["VAR_DIR"] = str(_folder)
# Such small networks train many times faster without threads that wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, FLOOD_LIMITS  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tasks run where they are sent; tests/test_broker.py starts real workers, on Redis where there is one.
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
# The tests together do more in an hour than anybody may; those of floods set limits of their own.
FLOOD_LIMITS = dict.fromkeys(FLOOD_LIMITS, (0, 0))
WHITENOISE_AUTOREFRESH = True  # finds the stylesheets without collectstatic
# A file, not memory: threads and child processes of a test must see one database.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": _folder / "test.sqlite3"}
