"""An answer to one question, as the page's form sends it."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from labeling.models import Vote
from taxonomy.models import Synset


class VoteForm(forms.Form):
    """One of the nouns that are offered, or "cannot tell"."""

    synset = forms.ModelChoiceField(Synset.objects.none(), to_field_name="wnid", required=False)
    answer = forms.ChoiceField(choices=Vote.Answer.choices, required=False)
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
        """Take a pressed class as the answer; without one, only "cannot tell" is an answer."""
        data = super().clean() or {}
        cannot_tell = data.get("answer") == Vote.Answer.CANNOT_TELL
        if not self.errors and bool(data.get("synset")) == cannot_tell:
            raise forms.ValidationError(_("Choose one of the nouns, or say that you cannot tell."))
        return data
