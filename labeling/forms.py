"""What pages send: an answer to one question or to a grid of them, to a quiz; pictures, a report of one, words about
one; what a collection is.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse, reverse_lazy
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labeling.models import MOST_LEASES, SKIP, Answer, Collection, Comment, Question, Reach, Report, Vote
from labeling.models.collections import FEWEST_STARTER_VOTES
from labeling.models.comments import MOST_CHARACTERS
from labeling.quiz import Quiz
from labeling.splits import TRAIN
from taxonomy.forms import NounField
from taxonomy.models import Synset

ADDRESSES_TAKEN = {"new", "pick"}  # by pages of our own
LONGEST_SLUG = 50


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


class LeasesField(forms.Field):
    """The numbers of leases, sent one by one under one name."""

    widget = forms.MultipleHiddenInput
    default_error_messages = {"invalid": _("Expected the numbers of pictures that were on loan.")}

    def to_python(self, value: list[str] | None) -> list[int]:
        numbers = value or []
        if len(numbers) > MOST_LEASES or not all(n.isdecimal() and len(n) < 19 for n in numbers):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return [int(number) for number in dict.fromkeys(numbers)]


class VerifyForm(forms.Form):
    """A grid of pictures: those that were shown, of these those that show the noun, and those that may or may not."""

    shown = LeasesField()
    present = LeasesField(required=False)
    cannot_tell = LeasesField(required=False)
    seconds = forms.FloatField(min_value=0, required=False, help_text=_("For all of them together."))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        marked = {*data.get("present", []), *data.get("cannot_tell", [])}
        if "shown" in data and not marked <= set(data["shown"]):
            raise forms.ValidationError(_("Expected marks on pictures of this grid alone."))
        return data

    def answers(self) -> list[Answer]:
        """What was said of each picture. Whoever marked one in both ways cannot tell."""
        data = self.cleaned_data
        seconds = data["seconds"] and round(data["seconds"] / len(data["shown"]), 2)
        kinds = dict.fromkeys(data["shown"], Vote.Answer.ABSENT)
        kinds |= dict.fromkeys(data["present"], Vote.Answer.PRESENT)
        kinds |= dict.fromkeys(data["cannot_tell"], Vote.Answer.CANNOT_TELL)
        return [Answer(lease, kind=kind, seconds=seconds) for lease, kind in kinds.items()]


class QuizForm(forms.Form):
    """The answers to a quiz, by place: a page must not tell which is right."""

    meaning = forms.TypedChoiceField(
        coerce=int, widget=forms.RadioSelect, error_messages={"required": _("Choose one of the meanings.")}
    )

    def __init__(self, data: Any = None, *, quiz: Quiz) -> None:
        super().__init__(data)
        meaning = self.fields["meaning"]
        assert isinstance(meaning, forms.TypedChoiceField)  # noqa: S101
        meaning.choices = [(place, noun.gloss) for place, noun in enumerate(quiz.meanings)]
        self.pictures = [f"picture-{place}" for place in range(len(quiz.pictures))]
        for name in self.pictures:
            self.fields[name] = forms.TypedChoiceField(
                choices=[("yes", _("Yes")), ("no", _("No"))],
                coerce="yes".__eq__,
                widget=forms.RadioSelect,
                error_messages={"required": _("Say whether this picture shows it.")},
            )

    def answers(self) -> tuple[int, list[bool]]:
        return self.cleaned_data["meaning"], [self.cleaned_data[name] for name in self.pictures]


class CollectionForm(forms.ModelForm):
    """What a collection is, for whoever makes or owns it. Its classes are chosen beside it, one by one or many."""

    slug = forms.SlugField(label=_("Address"), required=False, max_length=LONGEST_SLUG)
    root = NounField(
        label=_("Root noun"),
        pick_at=reverse_lazy("labeling:pick-root"),
        help_text=_(
            "Every noun that volunteers choose from is a kind of it. Type the beginning of its name."
        ),
    )

    class Meta:
        model = Collection
        fields = [
            "name", "slug", "kind", "root", "guide", "target_confidence", "min_votes", "max_votes", "n_starters",
            "starter_votes", "gold_share", "uses_predictions",
        ]  # fmt: skip
        labels = {
            "name": _("Name"),
            "kind": _("What volunteers are asked"),
            "guide": _("Guide"),
            "target_confidence": _("Sure enough"),
            "min_votes": _("Votes at least"),
            "max_votes": _("Votes at most"),
            "n_starters": _("Pictures in the starter set"),
            "starter_votes": _("Votes on each of those"),
            "gold_share": _("Share of gold questions"),
            "uses_predictions": _("Let a trained network help to decide"),
        }
        help_texts = {
            "kind": _(
                "Choose: volunteers see one picture at a time and say which of the nouns is in it. Verify: they see "
                "up to 48 pictures at a time and press those that show one noun, which is quick where you know of "
                "each picture what it may show. It stays once there are pictures."
            ),
            "guide": _(
                "What volunteers should know before they begin. They read it on the collection’s page."
            ),
            "target_confidence": _("A label settles from this probability on: 0.98 lets 2 in 100 be wrong."),
            "min_votes": _("Nothing settles from fewer votes."),
            "max_votes": _("After so many votes without a sure label a picture is given up as undecided."),
            "n_starters": _(
                "Drawn at random, and asked of many people, so that what all of them say can pass for the truth. "
                "From their votes each noun’s own target is learnt: with it, labels of that noun agree with many "
                "people as often as “sure enough” asks. 0: one target for all."
            ),
            "starter_votes": _("10 at least. None of them settles from fewer."),
            "gold_share": _(
                "From 0 to 0.5: how many of the questions that somebody is asked have a known answer, to "
                "measure who answers. 0.05 is one in twenty."
            ),
            "uses_predictions": _(
                "As one voice more, where one has said what pictures of the training part show, and no surer than it "
                "has proved. No label is its alone. What it disputes, people are asked again either way."
            ),
        }
        widgets = {
            "guide": forms.Textarea(attrs={"rows": 6}),
            "target_confidence": forms.NumberInput(attrs={"step": "0.01", "min": "0.51", "max": "0.99"}),
            "gold_share": forms.NumberInput(attrs={"step": "0.01", "min": "0", "max": "0.5"}),
        }

    def __init__(self, data: Any = None, *, instance: Collection | None = None) -> None:
        initial = {"root": instance.root} if instance else None
        super().__init__(data, instance=instance, initial=initial)
        for name in ("n_starters", "starter_votes"):
            self.fields[name].required = False  # left empty they are as in a new collection
        self.fields["slug"].help_text = _(
            "Left empty, it is made from the name. It can change until it opens."
        )
        if instance and instance.questions.exists():
            self.fields["kind"].disabled = True
            self.fields["kind"].help_text = _("It stays, since there are pictures, each with its questions.")
        if instance and (instance.is_open or instance.has_votes):
            self.fields["slug"].disabled = True
            self.fields["slug"].help_text = _("It stays, since volunteers have been there.")
        if instance and instance.has_votes:
            self.fields["root"].disabled = True
            self.fields["root"].help_text = _("It stays, since votes were cast among its kinds.")

    def clean_root(self) -> Synset:
        root: Synset = self.cleaned_data["root"]
        if root.is_sensitive:
            raise forms.ValidationError(
                gettext("“%(noun)s” is marked as sensitive, so nobody is asked about it.") % {"noun": root}
            )
        classes = self.instance.ordered_classes() if self.instance.pk else []
        below = set(Synset.objects.below(root).filter(pk__among={c.pk for c in classes}))
        outside = [synset.name for synset in classes if synset not in below]
        if outside:
            raise forms.ValidationError(
                gettext("%(n)d of its nouns are no kind of %(root)s: %(nouns)s. Remove those first.")
                % {"n": len(outside), "root": root, "nouns": ", ".join(outside[:5])}
            )
        return root

    def clean_n_starters(self) -> int:
        return self.cleaned_data["n_starters"] or 0

    def clean_starter_votes(self) -> int:
        return self.cleaned_data["starter_votes"] or FEWEST_STARTER_VOTES

    def clean_slug(self) -> str:
        """Take the address that was asked for, or make one from the name that nobody has."""
        asked = self.cleaned_data["slug"]
        if asked in ADDRESSES_TAKEN:
            raise forms.ValidationError(gettext("“%(slug)s” is an address of this site.") % {"slug": asked})
        made = asked or _free_slug(self.cleaned_data.get("name", ""))
        if not made and "name" in self.cleaned_data:
            raise forms.ValidationError(gettext("No address could be made from this name. Write one."))
        return made


def _free_slug(name: str) -> str:
    stem = slugify(name)[: LONGEST_SLUG - 4].strip("-_")
    taken = {
        *ADDRESSES_TAKEN,
        *Collection.objects.filter(slug__startswith=stem).values_list("slug", flat=True),
    }
    numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(slug for slug in (stem, *numbered) if slug not in taken) if stem else ""


class ClassesForm(forms.Form):
    """A noun, to become a class itself or by what is below it."""

    noun = NounField(label=_("A noun below the root"), help_text=_("Type the beginning of its name."))
    reach = forms.ChoiceField(choices=Reach.choices, required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, collection: Collection) -> None:
        super().__init__(data)
        self.fields["noun"].widget.attrs["hx-get"] = reverse("labeling:pick-class", args=[collection.slug])


class ExampleForm(forms.Form):
    """A picture of the collection, and what it shows beside one of its nouns."""

    noun = forms.ModelChoiceField(Synset.objects.none(), to_field_name="wnid")
    question = forms.ModelChoiceField(
        Question.objects.none(), error_messages={"required": _("Choose one of the pictures.")}
    )
    note = forms.CharField(max_length=200, required=False)
    is_good = forms.TypedChoiceField(
        choices=[("yes", ""), ("no", "")], coerce=lambda value: bool(value == "yes")
    )

    def __init__(self, data: Any = None, *, collection: Collection) -> None:
        super().__init__(data)
        for name, queryset in (
            ("noun", collection.classes.all()),
            ("question", collection.questions.filter(image__split=TRAIN).select_related("image")),
        ):
            choice = self.fields[name]
            assert isinstance(choice, forms.ModelChoiceField)  # noqa: S101
            choice.queryset = queryset


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
    folder = forms.CharField(
        label=_("Noun"),
        max_length=300,
        required=False,
        help_text=_(
            "What volunteers are asked about pictures that lie in no folder with the name of a noun: the name of one "
            "of this collection’s nouns. Where it has ten at most and this is empty, they are asked about each."
        ),
    )

    def __init__(self, *args: Any, collection: Collection) -> None:
        super().__init__(*args)
        if not collection.is_verifying:
            del self.fields["folder"]
