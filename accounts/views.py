"""One's own page with its API tokens, and one's data: to take along, or to have forgotten."""

from allauth.account.models import EmailAddress
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import audit, flood, personal
from accounts.forms import BoardNameForm, ForgetForm, TokenForm
from accounts.http import AuthenticatedRequest
from accounts.models import Act, ApiToken, User


@never_cache
@login_required
def account(request: AuthenticatedRequest) -> HttpResponse:
    """One's own page."""
    return _render_account(request)


def _render_account(
    request: AuthenticatedRequest,
    board_form: BoardNameForm | None = None,
    token_form: TokenForm | None = None,
) -> HttpResponse:
    """A new token's secret is shown on this one answer and never again."""
    by_collection = request.user.votes.values_list("question__collection__slug", "question__collection__name")
    context = {
        "n_votes": request.user.votes.count(),
        "votes_by_collection": by_collection.annotate(n=Count("pk")).order_by("-n"),
        "tokens": ApiToken.objects.filter(user=request.user).order_by("-created"),
        "new_token": request.session.pop("new_token", None),
        "board_form": board_form or BoardNameForm(instance=request.user),
        "token_form": token_form or TokenForm(),
        "now": timezone.now(),
        "has_confirmed": EmailAddress.objects.filter(
            user=request.user, email=request.user.email, verified=True
        ).exists(),
        "has_second_factor": is_mfa_enabled(request.user),
        "owns_collections": request.user.collection_set.exists(),
    }
    return render(request, "accounts/account.html", context)


@require_POST
@login_required
def create_token(request: AuthenticatedRequest) -> HttpResponse:
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _render_account(request, token_form=form)
    flood.spend(request, "tokens")
    request.session["new_token"] = secret = form.make(request.user)
    audit.record(
        Act.Kind.TOKEN_MADE,
        request.user,
        f"begins with {secret[:8]}; {' '.join(form.cleaned_data['scopes'])}",
    )
    return redirect("accounts:account")


@require_POST
@login_required
def revoke_token(request: AuthenticatedRequest, pk: str) -> HttpResponse:
    token = get_object_or_404(ApiToken, user=request.user, pk=pk)
    token.delete()
    audit.record(Act.Kind.TOKEN_REVOKED, request.user, f"begins with {token.token_key[:8]}")
    messages.success(request, _("The token no longer works."))
    return redirect("accounts:account")


@require_POST
@login_required
def name_on_boards(request: AuthenticatedRequest) -> HttpResponse:
    # Bound to a row of its own: a name that is refused must not show at the top of this very page.
    form = BoardNameForm(request.POST, instance=User.objects.get(pk=request.user.pk))
    if not form.is_valid():
        return _render_account(request, form)
    name = form.save().board_name
    messages.success(
        request, _("Boards call you %(name)s.") % {"name": name} if name else _("No board names you.")
    )
    return redirect("accounts:account")


@require_safe
@never_cache
@login_required
def export(request: AuthenticatedRequest) -> StreamingHttpResponse:
    """All that the site keeps about oneself, streamed as JSON."""
    flood.spend(request, "exports")
    response = StreamingHttpResponse(personal.export(request.user), content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="nestwork-my-data.json"'
    return response


@never_cache
@login_required
def forget(request: AuthenticatedRequest) -> HttpResponse:
    """Say in numbers what goes and what stays; once that is confirmed, forget who this was."""
    # A guest's form has no field, so what was posted may be empty.
    form = ForgetForm(request.POST if request.method == "POST" else None, user=request.user)
    if form.is_valid():
        personal.forget(User.objects.get(pk=request.user.pk))
        logout(request)
        messages.success(request, _("You are forgotten here. Thank you for what you gave."))
        return redirect("home")
    goes, stays = personal.told(request.user)
    context = {"form": form, "goes": goes, "stays": stays}
    return render(request, "accounts/forget.html", context)
