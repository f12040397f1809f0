"""How figures are written in the reader's language."""

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def percent(value: float | str | None) -> SafeString:
    """Return a fraction as percent with one decimal; – for none. One just short of 1 never reads as all."""
    if value is None or value == "":
        return SafeString("–")
    share = float(value)
    tenths = round(1000 * share)
    if tenths == 1000 and share < 1:
        return format_html("&gt;&nbsp;{}&nbsp;%", number_format(99.9, 1))
    return format_html("{}&nbsp;%", 100 if tenths == 1000 else number_format(tenths / 10, 1))
