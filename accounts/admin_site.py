"""Django's administration, in which whatever is changed is noted in accounts.audit."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponseBase

from accounts import audit
from accounts.models import Act


class AuditedAdminSite(AdminSite):
    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Note each form that was sent and taken, whatever page of the administration it is of."""

        @wraps(view)
        def noting(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response: HttpResponseBase = view(request, *args, **kwargs)
            # A form that is taken leads on to another page; one that is refused is shown again.
            if request.method == "POST" and response.status_code == 302:
                audit.record(Act.Kind.ADMINISTRATION, note=_told(request))
            return response

        return super().admin_view(noting, cacheable)


def _told(request: HttpRequest) -> str:
    match = request.resolver_match
    name = match.view_name.removeprefix("admin:") if match else ""
    keys = [str(key) for key in match.kwargs.values()] if match else []
    if action := request.POST.get("action"):
        keys += [action, *request.POST.getlist("_selected_action")]
    return " ".join([name, *keys])
