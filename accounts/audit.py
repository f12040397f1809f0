"""Notes of what was done by rights that others lack. Whatever does such a thing calls `record`, where it does it."""

import re
from typing import Any

from allauth.core import context
from django.conf import settings
from django.db.models import Model
from django.http import HttpRequest

from accounts import flood
from accounts.models import Act, User

REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


def record(kind: Act.Kind, on: Model | None = None, note: str = "", by: User | None = None) -> None:
    """Note that this was done, by whom and from where: `by`, else who makes the request that is being answered.

    `on` is what it was done to. `note` holds no name of anybody, since it stays when they are forgotten.
    """
    request = context.request
    if by is None and request and isinstance(request.user, User):
        by = request.user
    Act.objects.create(
        kind=kind,
        actor_id=by.pk if by else None,
        on_kind=on._meta.label_lower if on else "",
        on_key=str(on.pk) if on else "",
        note=note[:300],
        address=flood.address(request) if request else "",
        request_id=_id_of(request) if request else "",
    )


def _id_of(request: HttpRequest) -> str:
    """Return the id that a proxy of ours gave the request; a visitor's own word for one is not taken."""
    told: Any = request.headers.get("X-Request-ID", "") if settings.N_PROXIES else ""
    return told if REQUEST_ID.fullmatch(told) else ""
