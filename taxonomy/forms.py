"""What curators fill in, one form for each kind of change: words and nouns -> the arguments of taxonomy.changes."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from taxonomy.models import Draft, Hypernym, Synset, SynsetNotFoundError
from taxonomy.models.ledger import Kind
from taxonomy.models.synsets import SENSE_NAME
from taxonomy.proposing import as_asked

PICKED = re.compile(r".*\((?P<wnid>[a-z]\d{8})\)", re.DOTALL)
LONGEST_WORD = 200
LONGEST_GLOSS = 2000
LONGEST_REASON = 300
MOST_SENSES = 5  # named in a refusal
FEWEST_PARTS, MOST_PARTS = 2, 40
PICK_AT = reverse_lazy("taxonomy:pick")  # for curators; whoever else picks asks at another address

Initial = dict[str, Any]


def picked(synset: Synset) -> str:
    """Return what a picker puts into its field: readable, and no other noun is meant by it."""
    return f"{synset.name} ({synset.wnid})"


def one_noun(text: str) -> Synset:
    """Return the noun in the tree that somebody typed: dog (n02084071), n02084071, dog.n.01, or dog where that
    has one sense. Raises ValidationError with a sentence otherwise.
    """
    found = PICKED.fullmatch(text)
    name = found["wnid"] if found else " ".join(text.split())
    try:
        synset = Synset.objects.named(name)
    except SynsetNotFoundError as error:
        raise ValidationError(str(error), code="unknown") from error
    if synset.wnid != name:
        _refuse_several(name)
    return synset


def _refuse_several(name: str) -> None:
    sense_name = SENSE_NAME.fullmatch(name)
    text = (sense_name["text"] if sense_name else name).replace("_", " ")
    words = Q(lemmas__text__iexact=text)
    if sense_name:
        words = Q(lemmas__text__iexact=text, lemmas__sense=int(sense_name["sense"]))
    senses = Synset.objects.current().filter(words).distinct().order_by("lemmas__sense", "wnid")
    n_senses = len({synset.pk for synset in senses})
    if n_senses > 1:
        first = list(dict.fromkeys(senses))[:MOST_SENSES]
        said = "; ".join(f"{picked(synset)}: {synset.gloss[:60]}" for synset in first)
        raise ValidationError(
            _("Expected one noun; found %(n)d called “%(name)s”. Choose one by its wnid: %(said)s%(more)s")
            % {"n": n_senses, "name": name, "said": said, "more": "; …" if n_senses > len(first) else "."},
            code="ambiguous",
        )


class NounField(forms.CharField):
    """A noun in the tree, cleaned to a Synset. Pages put a searching picker over it, which asks at `pick_at`."""

    is_picker = True

    def __init__(self, *, pick_at: Any = PICK_AT, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", LONGEST_WORD + 20)
        super().__init__(**kwargs)
        self.widget.attrs |= {
            "data-picker": "",
            "autocomplete": "off",
            "spellcheck": "false",
            "hx-get": pick_at,
            "hx-trigger": "input changed delay:150ms, ask",
            "hx-target": "next .senses",
            "hx-sync": "this:replace",
        }

    def clean(self, value: Any) -> Synset | None:
        text = super().clean(value)
        return one_noun(text) if text else None

    def prepare_value(self, value: Any) -> Any:
        return picked(value) if isinstance(value, Synset) else value


class WordField(forms.CharField):
    """One word or several, with single spaces between them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_WORD, **kwargs)

    def to_python(self, value: Any) -> str:
        return " ".join((super().to_python(value) or "").split())


class WordsField(forms.CharField):
    """Words, one a line, cleaned to a list without repetition."""

    widget = forms.Textarea(attrs={"rows": 4})

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        words = [" ".join(line.split()) for line in text.splitlines()]
        for word in words:
            if len(word) > LONGEST_WORD:
                raise ValidationError(
                    _("Expected words of at most %(most)d characters; found one of %(found)d.")
                    % {"most": LONGEST_WORD, "found": len(word)}
                )
        return list(dict.fromkeys(filter(None, words)))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value


class GlossField(forms.CharField):
    widget = forms.Textarea(attrs={"rows": 3})

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault(
            "help_text", gettext_lazy("What it means, in one sentence. Volunteers read it when they label.")
        )
        super().__init__(label=gettext_lazy("Gloss"), max_length=LONGEST_GLOSS, **kwargs)


class EitherField(forms.TypedChoiceField):
    """One of two ways, said in full; cleaned to a bool."""

    widget = forms.RadioSelect

    def __init__(self, *, no: Any, yes: Any, **kwargs: Any) -> None:
        super().__init__(
            choices=[("no", no), ("yes", yes)], coerce=lambda value: value == "yes", initial="no", **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        return {True: "yes", False: "no"}.get(value, value)


class ChangeForm(forms.Form):
    """What every change asks for. A subclass says in arguments() what taxonomy.changes is to do."""

    kind: ClassVar[Kind]
    required_css_class = "required"

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        help_text=gettext_lazy("Why you propose this. It stays in the history beside your name."),
    )

    def __init__(
        self, data: Any = None, *, synset: Synset | None = None, initial: Initial | None = None
    ) -> None:
        self.synset = synset
        super().__init__(
            data, initial={**self.initial_of(synset), **(initial or {})}, use_required_attribute=True
        )
        self.fields["reason"] = self.fields.pop("reason")  # asked last

    def initial_of(self, synset: Synset | None) -> Initial:
        """Return what the fields say before anybody has written in them."""
        return {}

    @classmethod
    def initial_from(cls, arguments: Mapping[str, Any]) -> Initial:
        """Return what the fields said when these arguments were asked for."""
        return dict(arguments)

    def arguments(self) -> dict[str, Any]:
        return {"synset": self.noun.wnid}

    @property
    def noun(self) -> Synset:
        assert self.synset is not None  # noqa: S101 -- only a new noun comes without one, and it has its own form
        return self.synset


class AddForm(ChangeForm):
    kind = Kind.ADD

    name = WordField(label=gettext_lazy("Name"))
    gloss = GlossField()
    lemmas = WordsField(
        label=gettext_lazy("Other words for it"),
        required=False,
        help_text=gettext_lazy("One a line, if there are any."),
    )
    hypernym = NounField(
        label=gettext_lazy("It is a kind of"),
        required=False,
        help_text=gettext_lazy("Left empty, the noun becomes a root: the top of a tree of its own."),
    )

    @classmethod
    def initial_from(cls, arguments: Mapping[str, Any]) -> Initial:
        noun = arguments["synset"]
        words = noun if isinstance(noun, dict) else {}
        return words | {"hypernym": _first_known(arguments["hypernyms"])}

    def arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        noun = {key: data[key] for key in ("name", "gloss")}
        noun["lemmas"] = [word for word in data["lemmas"] if word != data["name"]]
        return {"synset": noun, "hypernyms": [data["hypernym"].wnid] if data["hypernym"] else []}


class RenameForm(ChangeForm):
    kind = Kind.RENAME

    name = WordField(label=gettext_lazy("New name"))

    def initial_of(self, synset: Synset | None) -> Initial:
        return {"name": synset.name if synset else ""}

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"name": self.cleaned_data["name"]}


class EditForm(ChangeForm):
    kind = Kind.EDIT

    lemmas = WordsField(
        label=gettext_lazy("Words"),
        help_text=gettext_lazy("One a line. The first is the name that pages show."),
    )
    gloss = GlossField()

    def initial_of(self, synset: Synset | None) -> Initial:
        if synset is None:
            return {}
        return {"lemmas": [lemma.text for lemma in synset.lemmas.all()], "gloss": synset.gloss}

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {key: self.cleaned_data[key] for key in ("lemmas", "gloss")}


class AddParentForm(ChangeForm):
    kind = Kind.ADD_PARENT

    hypernym = NounField(label=gettext_lazy("It is also a kind of"))

    @classmethod
    def initial_from(cls, arguments: Mapping[str, Any]) -> Initial:
        return {"hypernym": known_noun(arguments["hypernym"])}

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"hypernym": self.cleaned_data["hypernym"].wnid}


class DropParentForm(ChangeForm):
    kind = Kind.DROP_PARENT

    hypernym = forms.ChoiceField(label=gettext_lazy("It is no longer a kind of"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self.fields["hypernym"], hypernyms_of(self.noun))

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"hypernym": self.cleaned_data["hypernym"]}


class MoveForm(ChangeForm):
    kind = Kind.MOVE

    source = forms.ChoiceField(label=gettext_lazy("Away from"), widget=forms.RadioSelect)
    target = NounField(label=gettext_lazy("To a place under"), required=False)
    is_root = forms.BooleanField(
        label=gettext_lazy("Or under nothing: it becomes a root, the top of a tree of its own"),
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hypernyms = hypernyms_of(self.noun)
        _offer(self.fields["source"], hypernyms)
        if len(hypernyms) < 2:  # then there is nothing to ask
            del self.fields["source"]
        if not hypernyms:
            del self.fields["is_root"]

    @classmethod
    def initial_from(cls, arguments: Mapping[str, Any]) -> Initial:
        target = arguments.get("target")
        return {
            "source": arguments.get("source"),
            "target": known_noun(target) if target else None,
            "is_root": not target,
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "target" not in self.errors and bool(data.get("target")) == bool(data.get("is_root")):
            self.add_error(
                "target", _("Choose the noun that it goes under, or that it becomes a root: one of the two.")
            )
        return data

    def arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        target = data["target"].wnid if data["target"] else None
        return super().arguments() | {"source": data.get("source") or None, "target": target}


class MergeForm(ChangeForm):
    kind = Kind.MERGE

    target = NounField(label=gettext_lazy("It is the same as"))

    @classmethod
    def initial_from(cls, arguments: Mapping[str, Any]) -> Initial:
        return {"target": known_noun(arguments["target"])}

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"target": self.cleaned_data["target"].wnid}


class PartForm(forms.Form):
    """One of the nouns that another is split into: there already, or new."""

    existing = NounField(label=gettext_lazy("A noun that is there"), required=False)
    name = WordField(label=gettext_lazy("or a new one: its name"), required=False)
    gloss = GlossField(required=False, help_text="")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        if data.get("existing") and data.get("name"):
            raise ValidationError(_("Choose a noun that is there, or name a new one: one of the two."))
        if data.get("gloss") and not (data.get("name") or data.get("existing")):
            raise ValidationError(_("Name the noun that this gloss is of."))
        if data.get("name") and not data.get("gloss"):
            self.add_error("gloss", _("Say what the new noun means."))
        return data

    def part(self) -> str | dict[str, Any] | None:
        """Return what the arguments of a split say of this part; None where nothing was written."""
        data = self.cleaned_data
        if data.get("existing"):
            return str(data["existing"].wnid)
        return {"name": data["name"], "gloss": data["gloss"], "lemmas": []} if data.get("name") else None


class SplitForm(ChangeForm):
    """A split asks for any number of parts, each in a form of its own."""

    kind = Kind.SPLIT

    is_kept = EitherField(
        label=gettext_lazy("The noun itself"),
        yes=gettext_lazy("stays, as the hypernym of its parts"),
        no=gettext_lazy("retires: its parts take its place"),
    )

    def __init__(
        self, data: Any = None, *, synset: Synset | None = None, initial: Initial | None = None
    ) -> None:
        super().__init__(data, synset=synset, initial=initial)
        rows = (initial or {}).get("parts", [])
        formset = forms.formset_factory(
            PartForm, extra=max(FEWEST_PARTS - len(rows), 0), max_num=MOST_PARTS, absolute_max=MOST_PARTS
        )
        self.parts = formset(data, prefix="part", initial=rows)

    def initial_of(self, synset: Synset | None) -> Initial:
        return {"is_kept": True}

    @classmethod
    def initial_from(cls, arguments: Mapping[str, Any]) -> Initial:
        parts = [
            {"existing": known_noun(part)}
            if isinstance(part, str)
            else {key: part[key] for key in ("name", "gloss")}
            for part in arguments["parts"]
        ]
        return {"is_kept": bool(arguments.get("is_kept")), "parts": parts}

    def with_one_more(self) -> "SplitForm":
        """Return the form as it was filled in, unchecked, with room for one more part."""
        written = [{name: part[name].data for name in part.fields} for part in self.parts]
        initial = {name: self[name].data for name in self.fields}
        return SplitForm(synset=self.synset, initial={**initial, "parts": [*written, {}][:MOST_PARTS]})

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.parts.is_valid():
            raise ValidationError(_("Mend the parts below."))
        n_parts = len(self._parts())
        if n_parts < FEWEST_PARTS:
            raise ValidationError(
                ngettext(
                    "Expected two parts or more; found %(n)d.",
                    "Expected two parts or more; found %(n)d.",
                    n_parts,
                )
                % {"n": n_parts}
            )
        return data

    def _parts(self) -> list[str | dict[str, Any]]:
        return [part for form in self.parts if (part := form.part()) is not None]

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"parts": self._parts(), "is_kept": self.cleaned_data["is_kept"]}


class RetireForm(ChangeForm):
    kind = Kind.RETIRE

    with_below = EitherField(
        label=gettext_lazy("What hangs below it"),
        no=gettext_lazy("moves up to its hypernyms"),
        yes=gettext_lazy("retires too, where it hangs from nothing else"),
    )

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"with_below": self.cleaned_data["with_below"]}


class RestoreForm(ChangeForm):
    kind = Kind.RESTORE

    hypernym = NounField(
        label=gettext_lazy("Under"),
        required=False,
        help_text=gettext_lazy("Left empty, it comes back under the hypernyms that it left."),
    )

    @classmethod
    def initial_from(cls, arguments: Mapping[str, Any]) -> Initial:
        return {"hypernym": _first_known(arguments["hypernyms"])}

    def arguments(self) -> dict[str, Any]:
        hypernym = self.cleaned_data["hypernym"]
        return super().arguments() | {"hypernyms": [hypernym.wnid] if hypernym else []}


class MarkForm(ChangeForm):
    kind = Kind.MARK

    is_imageable = forms.BooleanField(label=gettext_lazy("It can be seen in a picture"), required=False)
    sensitive_reason = forms.CharField(
        label=gettext_lazy("Why it is sensitive"),
        required=False,
        max_length=LONGEST_REASON,
        help_text=gettext_lazy(
            "Left empty, it is not sensitive. A sensitive noun is shown to curators alone; nobody is asked for it "
            "and no network learns it."
        ),
    )
    with_below = EitherField(
        label=gettext_lazy("This holds for"),
        no=gettext_lazy("this noun alone"),
        yes=gettext_lazy("this noun and all below it"),
    )

    def initial_of(self, synset: Synset | None) -> Initial:
        if synset is None:
            return {}
        return {"is_imageable": synset.is_imageable, "sensitive_reason": synset.sensitive_reason}

    def arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        return super().arguments() | {
            key: data[key] for key in ("is_imageable", "sensitive_reason", "with_below")
        }


FORMS: dict[str, type[ChangeForm]] = {
    form.kind: form
    for form in (
        AddForm,
        RenameForm,
        EditForm,
        AddParentForm,
        DropParentForm,
        MoveForm,
        MergeForm,
        SplitForm,
        RetireForm,
        RestoreForm,
        MarkForm,
    )
}


class UndoForm(forms.Form):
    """Why a change is undone."""

    reason = ChangeForm.base_fields["reason"]


def initial_from_draft(draft: Draft) -> Initial:
    """Return what the form said when `draft` was proposed, so that it can be proposed again."""
    return FORMS[draft.kind].initial_from(as_asked(draft)) | {"reason": draft.reason}


def known_noun(wnid: str) -> Synset | None:
    return Synset.objects.current().filter(wnid=wnid).first()


def _first_known(wnids: list[str]) -> Synset | None:
    return known_noun(wnids[0]) if wnids else None


def hypernyms_of(synset: Synset) -> list[Synset]:
    edges = Hypernym.objects.filter(hyponym=synset).order_by("pk").select_related("hypernym")
    return [edge.hypernym for edge in edges]


def _offer(field: forms.Field, nouns: list[Synset]) -> None:
    assert isinstance(field, forms.ChoiceField)  # noqa: S101
    field.choices = [(noun.wnid, noun.name) for noun in nouns]
