"""The page on which a training is started: snapshot, network, and every option with what it does."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.owning import OwnerRequest
from training.forms import RunForm
from training.models import SensitiveNounsError
from training.starting import start


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def create(request: OwnerRequest) -> HttpResponse:
    """Choose and start. ?snapshot=, ?network=, ?size_px= and ?seed= fill the form in; htmx asks for the options anew
    when a snapshot or a network is chosen.
    """
    if request.method != "POST":
        return _page(request, RunForm.usual(request.user, request.GET))
    chosen = f"{request.POST.get('snapshot', '')} {request.POST.get('network', '')}"
    if "recipe" in request.POST or request.POST.get("filled_for") != chosen:
        return _filled_in(
            request, keeps_size=request.POST.get("filled_for", "").split(" ")[0] == chosen.split(" ")[0]
        )
    form = RunForm(request.POST, user=request.user)
    if form.is_valid():
        try:
            return redirect(start(form.cleaned_data["snapshot"], form.config, request.user))
        except SensitiveNounsError as error:
            form.add_error("snapshot", str(error))
    return _page(request, form)


def _filled_in(request: OwnerRequest, keeps_size: bool) -> HttpResponse:
    """Show the usual recipe of what is chosen, at the size that was asked for unless that was another snapshot's."""
    if "recipe" not in request.POST:
        messages.info(request, _("This is its usual recipe. Nothing has been started yet."))
    kept = ("snapshot", "network", "seed", *(["size_px"] if keeps_size else []))
    asked = {name: request.POST[name] for name in kept if request.POST.get(name)}
    return redirect(f"{reverse('training:create')}?{urlencode(asked)}#options")


def _page(request: OwnerRequest, form: RunForm) -> HttpResponse:
    if request.htmx and request.method != "POST":
        return render(request, "training/_options.html", {"form": form})
    return render(request, "training/create.html", {"form": form})
