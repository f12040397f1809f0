"""Where mail is handed in, from one address."""

from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
TIMEOUT_S = 20


def mail_settings(url: str) -> dict[str, Any]:
    """Return Django's settings of mail for `url`; of an empty one, those that write mails to the terminal.

    url: smtp://user:password@host:587 turns to TLS as it begins (STARTTLS), smtps:// is TLS from the first byte, and
    smtp+plain:// is neither, for a relay on this machine. What is special in a name or password is written as %40.
    Raises ImproperlyConfigured for any other.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    # Whatever is found may hold a password, so it is not repeated.
    expected = "EMAIL_URL: expected smtp://user:password@host:587, smtps:// or smtp+plain://; found"
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise ImproperlyConfigured(f"{expected} {parts.scheme or 'no scheme'}.")
    if not parts.hostname:
        raise ImproperlyConfigured(f"{expected} no host.")
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError as error:
        raise ImproperlyConfigured(f"{expected} a port that is no number up to 65535.") from error
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": TIMEOUT_S,
    }
