"""Starting a run from a page."""

from django import forms
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from datasets.models import Snapshot
from training.config import NETWORKS


class RunForm(forms.Form):
    snapshot = forms.ModelChoiceField(
        Snapshot.objects.select_related("collection"), empty_label=_("Choose a snapshot")
    )
    network = forms.ChoiceField(
        choices=[(name, name) for name in NETWORKS],
        help_text=format_html_join("", "<p><b>{}</b> {}</p>", NETWORKS.items()),
    )
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, initial=0, help_text=_("Another seed trains it afresh.")
    )
