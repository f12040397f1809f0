"""When drafts are previewed and committed."""

from celery import shared_task

from taxonomy import drafting


@shared_task
def work_drafts() -> int:
    """Safe to repeat: each draft is claimed, and one whose worker died is due again."""
    return drafting.work_due()
