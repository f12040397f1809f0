"""Starting a run from a page."""

from django import forms

from datasets.models import Snapshot
from training.config import NETWORKS


class RunForm(forms.Form):
    snapshot = forms.ModelChoiceField(Snapshot.objects.select_related("collection"))
    network = forms.ChoiceField(choices=[(name, f"{name}: {said}") for name, said in NETWORKS.items()])
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, initial=0, help_text="Another seed trains it afresh."
    )
