from celery import shared_task
from django.core.mail import EmailMessage


# A mail server that is away, or refuses for now, is asked again for an hour: after 1 s, 2 s, 4 s and so on.
@shared_task(
    autoretry_for=(OSError,), retry_backoff=True, retry_jitter=False, retry_kwargs={"max_retries": 11}
)
def send_mail(subject: str, body: str, sender: str, to: list[str]) -> None:
    """Hand in one mail. No row stands behind it: what is lost with the broker is asked for again by who misses it."""
    EmailMessage(subject, body, sender, to).send()
