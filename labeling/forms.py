"""What pages send: an answer to one question, and pictures."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
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


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Any number of files, but one at least. Empty ones are taken too: they are refused by name, as others are."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=ManyFilesInput(), allow_empty_file=True, **options)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(ManyFilesField, self).clean(file, initial) for file in files or [None]]


class PicturesForm(forms.Form):
    """Pictures or archives of them, and where all of them come from."""

    files = ManyFilesField(  # type: ignore[assignment]  # Form's own `files`
        label=_("Pictures"), help_text=_("JPEG, PNG or WebP pictures, or ZIP and TAR archives of them.")
    )
    source = forms.CharField(
        label=_("Where they come from"),
        max_length=300,
        required=False,
        help_text=_("A book, a trip, an address."),
    )
    licence = forms.CharField(
        label=_("Licence"),
        max_length=100,
        required=False,
        help_text=_("What others may do with them: CC BY 4.0."),
    )
    credit = forms.CharField(
        label=_("Credit"), max_length=200, required=False, help_text=_("Whom to name beside them.")
    )
