"""What pages of trainings, which know no contests, show of them."""

from typing import Any

from django import template

from competition.run_entry import open_to
from training.models import Run

register = template.Library()


@register.inclusion_tag("competition/_enter_run.html", takes_context=True)
def enter_run(context: dict[str, Any], run: Run) -> dict[str, Any]:
    """A button for each open contest that who asks may enter `run` in; nothing for others."""
    user = context["request"].user
    contests = open_to(run, user) if user.is_authenticated and not user.is_guest else []
    return {"run": run, "contests": contests, "csrf_token": context.get("csrf_token")}
