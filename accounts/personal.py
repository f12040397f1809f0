"""What the site keeps about somebody: to hand it out, and to forget whose it was.

Each app says what it keeps in its own `personal.py`. settings.PERSONAL_DATA lists those, so that accounts need not
import what stands on its right.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import ngettext

from accounts import audit
from accounts.models import Act, ApiToken, User

BATCH = 500  # rows of an export that are written at once
OF_THE_ACCOUNT = (
    "username", "kind", "board_name", "email", "first_name", "last_name", "date_joined", "last_login",
)  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """One kind of rows that the site keeps about somebody."""

    name: str  # of their list in the export
    rows: Callable[[User], QuerySet[Any]]
    columns: Mapping[str, str]  # in the export -> where the rows have it
    words: Callable[[int], str]  # "3 votes"
    goes: bool = False  # with the name of who made them; otherwise they stay, and nobody is named beside them
    forget: Callable[[Any], object] | None = (
        None  # what is done to the rows, if not just deleting those that go
    )

    def erase(self, user: User) -> None:
        rows = self.rows(user)
        if self.forget:
            self.forget(rows)
        elif self.goes:
            rows.delete()


KEPT = [
    Kept(
        "tokens",
        lambda user: ApiToken.objects.filter(user=user).order_by("created"),
        {
            "name": "name",
            "begins_with": "token_key",
            "made_at": "created",
            "may": "scopes",
            "works_until": "expiry",
            "last_used_on": "last_used_on",
        },
        lambda n: ngettext("%(n)s token for programs", "%(n)s tokens for programs", n) % {"n": n},
        goes=True,
    ),
    Kept(
        "email_addresses",
        lambda user: EmailAddress.objects.filter(user=user).order_by("pk"),
        {"address": "email", "confirmed": "verified", "in_use": "primary"},
        lambda n: ngettext("%(n)s e-mail address", "%(n)s e-mail addresses", n) % {"n": n},
        goes=True,
    ),
    Kept(
        "acts",
        lambda user: Act.objects.filter(actor=user).order_by("pk"),
        {"kind": "kind", "at": "at", "on": "on_kind", "key": "on_key", "note": "note", "address": "address"},
        lambda n: (
            ngettext(
                "the note of %(n)s act that changed rights, keys or what others see",
                "the notes of %(n)s acts that changed rights, keys or what others see",
                n,
            )
            % {"n": n}
        ),
    ),
    Kept(
        # Neither key nor codes: whoever has the file could sign in by them.
        "second_factors",
        lambda user: Authenticator.objects.filter(user=user).order_by("pk"),
        {"kind": "type", "made_at": "created_at", "last_used_at": "last_used_at"},
        lambda n: ngettext("%(n)s part of a second factor", "%(n)s parts of a second factor", n) % {"n": n},
        goes=True,
    ),
]


def everything() -> list[Kept]:
    return [kept for path in settings.PERSONAL_DATA for kept in import_string(path)]


def told(user: User) -> tuple[list[str], list[str]]:
    """Return in words what of `user` would go and what would stay, each with its number; what is none is left out."""
    goes: list[str] = []
    stays: list[str] = []
    for kept in everything():
        if n := kept.rows(user).count():
            (goes if kept.goes else stays).append(kept.words(n))
    return goes, stays


@transaction.atomic
def forget(user: User) -> None:
    """Erase who `user` was, with all that goes; what stays is nobody's by name. Nothing of this can be undone."""
    for kept in everything():
        kept.erase(user)
    user.forget()
    audit.record(Act.Kind.FORGOTTEN, user)


def export(user: User) -> Iterator[str]:
    """Yield, as parts of one JSON object, the account of `user` and a list for each kind of rows kept about them."""
    account = {name: getattr(user, name) for name in OF_THE_ACCOUNT}
    yield f'{{"exported_at": {_json(timezone.now())},\n"account": {_json(account)}'
    for kept in everything():
        yield f',\n"{kept.name}": ['
        rows = kept.rows(user).values_list(*kept.columns.values()).iterator(chunk_size=BATCH)
        yield from _lines(dict(zip(kept.columns, row, strict=True)) for row in rows)
        yield "]"
    yield "}\n"


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    rows, before = iter(rows), "\n"
    while batch := [_json(row) for row in islice(rows, BATCH)]:
        yield before + ",\n".join(batch)
        before = ",\n"


def _json(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
