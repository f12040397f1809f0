"""Signing up, and one's own page with its API tokens."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.forms import SignUpForm, TokenForm
from accounts.http import AuthenticatedRequest
from accounts.models import ApiToken, User


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
    by_collection = request.user.votes.values_list("question__collection__slug", "question__collection__name")
    context = {
        "n_votes": request.user.votes.count(),
        "votes_by_collection": by_collection.annotate(n=Count("pk")).order_by("-n"),
        "tokens": ApiToken.objects.filter(user=request.user).order_by("-created"),
        "new_token": request.session.pop("new_token", None),
    }
    return render(request, "accounts/account.html", context)


@require_POST
@login_required
def create_token(request: AuthenticatedRequest) -> HttpResponse:
    form = TokenForm(request.POST)
    if form.is_valid():
        _row, secret = ApiToken.objects.create(user=request.user, **form.cleaned_data)
        request.session["new_token"] = secret
    return redirect("accounts:account")


@require_POST
@login_required
def revoke_token(request: AuthenticatedRequest, pk: str) -> HttpResponse:
    get_object_or_404(ApiToken, user=request.user, pk=pk).delete()
    messages.success(request, _("The token no longer works."))
    return redirect("accounts:account")
