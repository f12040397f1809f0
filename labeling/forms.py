"""An answer to one question, as the page's form sends it; a report of a picture; words about one."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from labeling.models import Comment, Report, Vote
from labeling.models.comments import MOST_CHARACTERS
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


class ReportForm(forms.ModelForm):
    """What is wrong with a picture, by one of the reasons and in one's own words."""

    class Meta:
        model = Report
        fields = ("reason", "note")
        widgets = {"note": forms.Textarea(attrs={"rows": 3})}


class CommentForm(forms.ModelForm):
    """Plain words about a picture or a noun."""

    class Meta:
        model = Comment
        fields = ("text",)
        widgets = {"text": forms.Textarea(attrs={"rows": 3, "maxlength": MOST_CHARACTERS})}

    def clean_text(self) -> str:
        # Browsers send two characters for a line's end, and count one.
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


class HideForm(forms.ModelForm):
    """Why a comment is hidden. Whoever comes to read it is told."""

    class Meta:
        model = Comment
        fields = ("hidden_reason",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hidden_reason"].required = True
