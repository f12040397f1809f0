"""Signing up, and one's own page with its API tokens."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from knox.models import AuthToken

from accounts.forms import SignUpForm
from accounts.http import AuthenticatedRequest
from accounts.models import User


def sign_up(request: HttpRequest) -> HttpResponse:
    """Make an account. A guest becomes it, so every vote so far is kept."""
    guest = request.user if isinstance(request.user, User) and request.user.is_guest else None
    form = SignUpForm(request.POST or None, instance=guest)
    if not form.is_valid():
        return render(request, "accounts/sign_up.html", {"form": form})
    login(request, form.save(), backend="django.contrib.auth.backends.ModelBackend")
    messages.success(request, _("Welcome. Your votes so far are yours."))
    return redirect("home")


@never_cache
@login_required
def account(request: AuthenticatedRequest) -> HttpResponse:
    """One's own page. A new token's secret is shown on this one answer and never again."""
    context = {
        "tokens": AuthToken.objects.filter(user=request.user).order_by("-created"),
        "new_token": request.session.pop("new_token", None),
    }
    return render(request, "accounts/account.html", context)


@require_POST
@login_required
def create_token(request: AuthenticatedRequest) -> HttpResponse:
    _token, request.session["new_token"] = AuthToken.objects.create(user=request.user)
    return redirect("accounts:account")


@require_POST
@login_required
def revoke_token(request: AuthenticatedRequest, pk: str) -> HttpResponse:
    get_object_or_404(AuthToken, user=request.user, pk=pk).delete()
    messages.success(request, _("The token no longer works."))
    return redirect("accounts:account")
