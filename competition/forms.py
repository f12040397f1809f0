"""Handing in a predictions file from a page."""

from typing import Any

from django import forms
from django.core.files.base import File
from django.utils.translation import gettext_lazy as _

MOST_BYTES = 200 * 2**20


def check_size(file: File) -> None:
    """Raise ValidationError for a file that no contest needs."""
    if (file.size or 0) > MOST_BYTES:
        raise forms.ValidationError(
            _("Expected at most %(most)d MiB; found %(found)d."),
            params={"most": MOST_BYTES // 2**20, "found": (file.size or 0) // 2**20},
        )


class SubmissionForm(forms.Form):
    method = forms.CharField(max_length=100, help_text=_("How the predictions were made, in a few words."))
    file = forms.FileField(validators=[check_size], help_text=_("A CSV file as described on this page."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].widget.attrs["accept"] = ".csv,text/csv"
