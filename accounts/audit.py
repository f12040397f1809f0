"""Notes of what was done by rights that others lack. Whatever does such a thing calls `record`, where it does it."""

from allauth.core import context
from django.db.models import Model

from accounts import flood
from accounts.models import Act, User


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
        # The first middleware has put it there; a visitor's own word for it is not taken.
        request_id=request.META.get("HTTP_X_REQUEST_ID", "") if request else "",
    )
