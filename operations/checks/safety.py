"""Are the settings those of a server that strangers can reach?"""

from collections.abc import Iterator

from django.conf import settings
from django.core import checks

from operations.checks.findings import Finding, ok, warning, wrong

OF_DEVELOPMENT = "only-for-development-"


def settings_of_a_server() -> Iterator[Finding]:
    if settings.DEBUG:
        shown = "DEBUG=1: errors show the code and its values to whoever meets them."
        yield warning("settings", shown, "Fine on a machine of one's own; set DEBUG=0 on a server.")
        return
    found = [*_of_ours(), *_of_django()]
    yield from found or [ok("settings", "They are those of a server.")]


def _of_ours() -> Iterator[Finding]:
    if settings.SECRET_KEY.startswith(OF_DEVELOPMENT):
        yield wrong("SECRET_KEY", "Everybody knows it.", "Set it to a long random string.")
    if "*" in settings.ALLOWED_HOSTS or not settings.ALLOWED_HOSTS:
        named = ", ".join(settings.ALLOWED_HOSTS) or "nothing"
        yield wrong("ALLOWED_HOSTS", f"It names {named}.", "Set it to the host names of the site.")
    if settings.BEHIND_TLS and not settings.CSRF_TRUSTED_ORIGINS:
        advice = "Set it to the address that people type, as https://labels.example.org."
        yield warning("CSRF_TRUSTED_ORIGINS", "It is empty: forms may be refused.", advice)
    if settings.BEHIND_TLS and not settings.N_PROXIES:
        yield wrong(
            "PROXIES",
            "It is 0 though a proxy stands before the site: all visitors count as one.",
            "Set it to the number of proxies.",
        )


def _of_django() -> Iterator[Finding]:
    """What Django itself advises for a server."""
    for found in checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True):
        tell = wrong if found.level >= checks.ERROR else warning
        first = " ".join(found.msg.split())
        name = (found.id or "settings").removeprefix("security.")
        yield tell(f"Django's {name}", first, found.hint or "See manage.py check --deploy.")
