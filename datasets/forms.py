"""What an organiser chooses when a collection is frozen."""

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from datasets.choosing import Choice, FreezeRefusedError, Plan, plan
from labeling.models import Collection, Reach
from labeling.models.collections import MOST_CLASSES
from taxonomy.forms import PICKED, NounField, one_noun, picked
from taxonomy.models import Synset

WNID = re.compile(r"[a-z]\d{8}")


class ClassesField(forms.CharField):
    """Nouns, one a line, in the order of their labels; cleaned to their wnids, or None where it is empty."""

    widget = forms.Textarea(attrs={"rows": 6, "spellcheck": "false"})

    def clean(self, value: Any) -> tuple[str, ...] | None:
        text = super().clean(value)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if len(lines) > MOST_CLASSES:
            raise ValidationError(
                gettext("Expected at most %(most)d classes; found %(n)d.")
                % {"most": MOST_CLASSES, "n": len(lines)}
            )
        return tuple(map(_wnid, lines)) or None


def _wnid(line: str) -> str:
    """Return the wnid that a line means: dog (n02084071), n02084071 or, where that has one sense, dog."""
    if WNID.fullmatch(line):
        return line
    found = PICKED.fullmatch(line)
    return found["wnid"] if found else one_noun(line).wnid


def as_lines(nouns: Iterable[Synset]) -> str:
    """Return nouns as this field takes them."""
    return "\n".join(map(picked, nouns))


class FreezeForm(forms.Form):
    """What goes into a snapshot. Once it is valid, `choice` says what was chosen and `plan` what follows from it."""

    min_confidence = forms.FloatField(
        label=_("Least confidence"),
        required=False,
        help_text=_("A label goes in from this probability on, above 0 and up to 1."),
    )
    classes = ClassesField(
        label=_("Classes"),
        required=False,
        help_text=_(
            "One noun a line, at any depth, in the order of the numbers that networks learn. A label goes to the "
            "nearest class at or above it; what is above the classes is left out and listed. Left empty: the nouns "
            "that volunteers choose from."
        ),
    )
    noun = NounField(label=_("Add a noun"), required=False, help_text=_("Type the beginning of its name."))
    reach = forms.ChoiceField(label=_("What of it"), choices=Reach.choices, required=False)
    with_votes = forms.BooleanField(
        label=_("Put the votes in, too"),
        required=False,
        help_text=_(
            "Those on training and validation pictures, each annotator under a number that only this snapshot has. "
            "That hides names, and who is who in another snapshot. It does not hide how many votes somebody cast "
            "or how well: whoever knows that of a volunteer may guess the number."
        ),
    )
    may_lack = forms.BooleanField(
        label=_("A noun may have no picture in some part"),
        required=False,
        help_text=_("Otherwise nothing is frozen until each has one for training, validation and tests."),
    )
    every = forms.IntegerField(
        label=_("New settled labels"),
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        help_text=_("After so many since the last snapshot, the next one is made with the choices above."),
    )

    choice: Choice
    plan: Plan

    def __init__(self, data: Any = None, *, collection: Collection) -> None:
        super().__init__(data, initial={"min_confidence": collection.target_confidence})
        self.collection = collection
        self.fields["min_confidence"].widget.attrs |= {"step": "any", "min": "0", "max": "1"}
        self.fields["noun"].widget.attrs["hx-get"] = reverse("labeling:pick-class", args=[collection.slug])

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not self.errors:
            asked, target = data["min_confidence"], self.collection.target_confidence
            self.choice = Choice(
                min_confidence=None
                if asked == target
                else asked,  # so that it follows the target if that changes
                classes=data["classes"],
                with_votes=data["with_votes"],
                may_lack=data["may_lack"],
            )
            try:
                self.plan = plan(self.collection, self.choice)
            except FreezeRefusedError as error:
                raise ValidationError(str(error)) from error
        return data

    def nouns_to_add(self) -> list[Synset]:
        """Return the nouns that are named to become classes."""
        noun = self.cleaned_data.get("noun")
        if noun is None:
            return []
        reach = Reach(self.cleaned_data["reach"] or Reach.NOUN)
        nouns = reach.of(noun)
        return list(nouns if reach is Reach.NOUN else nouns & Synset.objects.askable())
