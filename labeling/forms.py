"""An answer to one question, as the page's form sends it."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from labeling.models import SKIP, Vote
from taxonomy.models import Synset


class VoteForm(forms.Form):
    """One of the nouns that are offered, or one of the answers that name none."""

    synset = forms.ModelChoiceField(Synset.objects.none(), to_field_name="wnid", required=False)
    answer = forms.ChoiceField(choices=[*Vote.Answer.choices, (SKIP, SKIP)], required=False)
    seconds = forms.FloatField(min_value=0, required=False)

    def __init__(self, *args: Any, choices: Iterable[Synset], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["synset"]
        assert isinstance(choice, forms.ModelChoiceField)  # noqa: S101
        # A page that was open while the taxonomy changed may still name a noun by what it was.
        keys = {synset.pk for synset in choices}
        keys |= {pk for pk, today in Synset.objects.resolution().items() if today in keys}
        choice.queryset = Synset.objects.filter(pk__in=keys)

    def clean(self) -> dict[str, Any]:
        """Take a pressed class as the answer; without one, it is what is said instead."""
        data = super().clean() or {}
        names_none = data.get("answer") not in ("", Vote.Answer.PRESENT)
        if not self.errors and bool(data.get("synset")) == names_none:
            raise forms.ValidationError(_("Choose one of the nouns, or say that you cannot tell."))
        return data
