"""Every address of the site, asked for with every method by everybody; nothing of it stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import Any

from django.conf import settings
from django.db import transaction
from django.shortcuts import resolve_url
from django.test import Client

from labeling.models.choices import forget_kept
from labeling.models.days import forget_noted
from tests.secrecy.walking import Address, addresses
from tests.secrecy.world import Stage

# Everybody, and who of tests/secrecy/world.py they are.
ROLES = {
    "nobody": "nobody",
    "guest": "guest",
    "volunteer": "voter",
    "team": "researcher",
    "rival": "volunteer",
    "owner": "owner",
    "other": "other organiser",
    "curator": "curator",
    "staff": "staff",
    "super": "superuser",
}


def methods(address: Address) -> tuple[str, ...]:
    """Return what an address may know: pages are read and sent forms."""
    return ("GET", "POST", "PUT", "PATCH", "DELETE") if address.is_of_programs else ("GET", "POST")


def examples(stage: Stage) -> dict[str, Address]:
    """Return one address of each name, the first: of the owner's collection, the researcher's entry and so on."""
    found: dict[str, Address] = {}
    for address in addresses(stage.world, stage):
        found.setdefault(address.name, address)
    # What is there, in place of what nobody may see or has.
    found |= {
        address.name: address
        for address in addresses(stage.world, stage)
        if address.name == "training:drawing"
    }
    voter = stage.world.people["voter"]
    found["accounts:revoke-token"] = Address("accounts:revoke-token", (voter.auth_token_set.get().pk,))
    return found


class Asker:
    """A browser for each role."""

    def __init__(self, stage: Stage, **options: Any) -> None:
        self._clients = {role: Client(raise_request_exception=False, **options) for role in ROLES}
        for role, client in self._clients.items():
            if user := stage.world.people[ROLES[role]]:
                client.force_login(user)
        self._cookies = {role: client.cookies.output(header="") for role, client in self._clients.items()}

    @contextmanager
    def ask(self, role: str, method: str, address: Address, **sent: Any) -> Iterator[Any]:
        """Ask for an address, and take back what that changed: rows, cookies, and what a process remembers."""
        client = self._clients[role]
        how: dict[str, Any] = {}
        if method != "GET":
            is_form = method == "POST" and not address.is_of_programs
            how = {"data": sent} if is_form else {"data": sent, "content_type": "application/json"}
        with transaction.atomic():
            response = getattr(client, method.lower())(str(address), **how)
            yield response
            if response.streaming:
                response.getvalue()  # files are closed at their end
            transaction.set_rollback(True)
        client.cookies = SimpleCookie(self._cookies[role])
        if method != "GET":
            forget_kept()
            forget_noted()

    def outcome(self, role: str, method: str, address: Address, **sent: Any) -> str:
        """Return the status of the answer, or "in" where one is led to the sign-in."""
        with self.ask(role, method, address, **sent) as response:
            is_led = response.status_code == 302 and response["Location"].startswith(SIGN_IN)
            return "in" if is_led else str(response.status_code)


SIGN_IN = f"{resolve_url(settings.LOGIN_URL)}?"
