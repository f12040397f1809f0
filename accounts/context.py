from django.conf import settings
from django.http import HttpRequest


def mail(request: HttpRequest) -> dict[str, bool]:
    """Let every page say whether the site sends mail."""
    return {"sends_mail": settings.SENDS_MAIL}
