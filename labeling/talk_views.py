"""A picture's own page, what is said about pictures and nouns, and the queue of those who moderate it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts import flood
from accounts.http import AuthenticatedRequest
from labeling import people, talking
from labeling.forms import CommentForm, HideForm
from labeling.models import Collection, Comment, Image
from labeling.models.comments import moderates_all
from labeling.people_views import number
from taxonomy.models import Synset

FLAGGED = 20  # on one page


@require_safe
@never_cache
def about(request: HttpRequest, sha256: str) -> HttpResponse:
    """One picture: itself, where it is asked and what it was named, and what is said about it."""
    image = get_object_or_404(Image.objects.shown(), sha256=sha256)
    return _render_about(request, image, CommentForm())


def _render_about(request: HttpRequest, image: Image, form: CommentForm) -> HttpResponse:
    questions = image.questions.select_related("collection", "label", "about", "image").order_by("pk")
    asked = [
        (each, people.outcome(each), each.collection.is_edited_by(request.user))
        for each in questions.telling_inner()
    ]
    context = {"image": image, "asked": asked}
    return render(request, "labeling/about.html", context | _talk(request, image, form))


def _talk(request: HttpRequest, about: Image | Synset, form: CommentForm) -> dict[str, Any]:
    """What labeling/_talk.html needs."""
    may_read = talking.may_read(request.user, about)
    return {
        "thread": talking.thread(about, request.user, number(request, "before")) if may_read else None,
        "may_write": talking.may_write(request.user),
        "comment_form": form,
        "hide_form": HideForm(auto_id=False),
    }


@require_POST
@login_required
def say_about_picture(request: AuthenticatedRequest, sha256: str) -> HttpResponse:
    image = get_object_or_404(Image.objects.shown(), sha256=sha256)
    form = CommentForm(request.POST)
    if not _said(request, image, form):
        return _render_about(request, image, form)
    return redirect(f"{image.get_about_url()}#talk")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@vary_on_headers("HX-Request")
def synset_talk(request: HttpRequest, wnid: str) -> HttpResponse:
    """What is said about a noun: the part of its page, or a page of its own."""
    synset = get_object_or_404(Synset.objects.shown_to(request.user), wnid=wnid)
    form = CommentForm(request.POST or None)
    if request.method == "POST" and _said(request, synset, form):
        return redirect(f"{synset.get_absolute_url()}#talk")
    is_part = request.htmx and request.method != "POST"  # type: ignore[attr-defined]
    template = "labeling/_talk.html" if is_part else "labeling/talk.html"
    return render(request, template, {"synset": synset, **_talk(request, synset, form)})


def _said(request: HttpRequest, about: Image | Synset, form: CommentForm) -> bool:
    if not form.is_valid():
        return False
    flood.spend(request, "comments")
    try:
        talking.say(about, request.user, form.instance)
    except talking.NotYoursToWriteError as error:
        raise PermissionDenied from error
    return True


@require_POST
@login_required
def delete(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Take one's own words back."""
    comment = get_object_or_404(_comments().filter(author=request.user), pk=pk)
    comment.delete()
    messages.success(request, _("Your comment is deleted."))
    return _back(request, comment)


@require_POST
@login_required
def flag(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    comment = get_object_or_404(_comments().filter(hidden_at=None), pk=pk)
    if not talking.may_read(request.user, comment.about):
        raise Http404(_("Who may not read a comment may not flag it."))
    flood.spend(request, "reports")
    try:
        talking.flag(comment, request.user)
    except talking.NotYoursToWriteError as error:
        raise PermissionDenied from error
    messages.success(request, _("Thank you. A moderator will look at it."))
    return _back(request, comment)


@require_POST
@login_required
def hide(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    comment = _moderated(request, pk)
    form = HideForm(request.POST)
    if form.is_valid():
        comment.hide(request.user, form.cleaned_data["hidden_reason"])
        messages.success(request, _("Hidden. Its readers are told why."))
    else:
        messages.error(request, _("Say in a few words why it is hidden: its readers are told."))
    return _back(request, comment)


@require_POST
@login_required
def show(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Let a comment stand: one that was hidden, or one that was flagged."""
    comment = _moderated(request, pk)
    comment.show()
    messages.success(request, _("The comment stands."))
    return _back(request, comment)


@require_safe
@never_cache
@login_required
def flagged(request: AuthenticatedRequest) -> HttpResponse:
    """Comments that somebody flagged, for moderators, and for owners what is said of their own pictures."""
    if not (moderates_all(request.user) or Collection.objects.filter(owner=request.user).exists()):
        raise PermissionDenied
    page = Paginator(talking.flagged(request.user), FLAGGED).get_page(request.GET.get("page"))
    return render(request, "labeling/flagged.html", {"page": page, "hide_form": HideForm(auto_id=False)})


def _comments() -> Any:
    return Comment.objects.select_related("image", "synset")


def _moderated(request: AuthenticatedRequest, pk: int) -> Comment:
    comment: Comment | None = _comments().moderated_by(request.user).filter(pk=pk).first()
    if comment is None:
        raise PermissionDenied
    return comment


def _back(request: HttpRequest, comment: Comment) -> HttpResponse:
    """Back to the queue, for who came from there; else to what the comment is about."""
    if request.POST.get("next") == "flagged":
        return redirect("labeling:flagged")
    return redirect(comment.get_absolute_url())
