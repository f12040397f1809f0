"""A picture for a network to look at."""

import base64
import binascii
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from config.retelling import told
from labeling.pictures import MAX_BYTES, Picture, PictureError, check_picture

# The square that a network saw, sent along from page to page as a PNG: 1,024 pixels a side at most.
MOST_LETTERS = 5 * 2**20


class PictureForm(forms.Form):
    """A file, or what a phone's camera took; either is checked as every picture that comes in is."""

    picture = forms.FileField(
        label=_("A picture"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/*", "aria-describedby": "id_picture_helptext"}),
    )
    photo = forms.FileField(
        label=_("Take one with the camera"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/*", "capture": "environment"}),
    )
    keep = forms.BooleanField(
        required=False, label=_("Let the collection keep this picture, for people to label")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file = cleaned.get("picture") or cleaned.get("photo")
        if file is None and not self.errors:
            raise ValidationError(_("Choose a picture first."), code="required")
        if file is not None:
            cleaned["file"] = file
            cleaned["checked"] = checked(file.read(MAX_BYTES + 1))
        return cleaned


class SeenForm(forms.Form):
    """The square of pixels that a network saw, as the page before gave it to the browser."""

    pixels = forms.CharField(max_length=MOST_LETTERS, widget=forms.HiddenInput)

    def clean_pixels(self) -> Picture:
        try:
            data = base64.b64decode(self.cleaned_data["pixels"], validate=True)
        except binascii.Error as error:
            raise ValidationError(_("Expected a picture; found something else.")) from error
        return checked(data)


def checked(data: bytes) -> Picture:
    """Return a picture that can be believed. Raises ValidationError with a sentence."""
    try:
        return check_picture(data)
    except PictureError as error:
        raise ValidationError(told(error), code="bad_picture") from error
