"""What code wrote in English, such as why a run failed, in the reader's language where that is known."""

from django import template
from django.template.defaultfilters import linebreaksbr
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.retelling import retold as in_their_language

register = template.Library()


@register.simple_tag
def retold(text: str) -> SafeString:
    """Return a stored sentence in the reader's language; in English, and marked so, where nobody translated it."""
    told = in_their_language(text)
    if told is None:
        return format_html('<bdi lang="en">{}</bdi>', linebreaksbr(text))
    return format_html("<bdi>{}</bdi>", linebreaksbr(told))
