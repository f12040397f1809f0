"""How figures are written in the reader's language."""

from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def percent(value: float | str | None) -> str:
    """Return a fraction as percent with one decimal; – for none. One just short of 1 never reads as all."""
    if value is None or value == "":
        return "–"
    share = float(value)
    tenths = round(1000 * share)
    if tenths == 1000:
        return "100\u00a0%" if share >= 1 else f">\u00a0{number_format(99.9, 1)}\u00a0%"
    return f"{number_format(tenths / 10, 1)}\u00a0%"
