"""The worker's side of explanations: start a process for one run's, answer for its death. No torch."""

import logging
import subprocess
import sys

from django.conf import settings

from training.models import Explanation

logger = logging.getLogger(__name__)

# A process takes on more for a minute (training.explaining), and ends after the one that it is at.
MOST_S = 900


def explain_next() -> bool:
    """Have the oldest explanation that waits worked out, and others of its run with it; False if none waits."""
    claimed = Explanation.objects.claim_next()
    if claimed is None:
        return False
    command = [sys.executable, "manage.py", "explain", str(claimed.pk), "--attempt", str(claimed.attempt)]
    try:
        # Ended with its worker, too: run() kills what it waits for when it is interrupted.
        status = subprocess.run(command, cwd=settings.BASE_DIR, check=False, timeout=MOST_S).returncode
    except subprocess.TimeoutExpired:
        status = None
    if status != 0:
        logger.error(
            "%s: its process %s.", claimed, "took too long" if status is None else f"ended with {status}"
        )
        # Others that it may have taken on after this one say nothing any more, and a sweep finds them.
        claimed.mine().requeue()
    return True
