"""What programs read of the taxonomy, and the shape of what curators' programs write."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers
from rest_framework.settings import api_settings

from taxonomy.chronicle import Entry, without
from taxonomy.forms import FEWEST_PARTS, LONGEST_GLOSS, LONGEST_REASON, LONGEST_WORD, MOST_PARTS
from taxonomy.models import Draft, ExternalId, Lemma, Synset
from taxonomy.models.ledger import Kind
from taxonomy.patch import Patch

MOST_HYPONYMS = 100  # told with their noun; the rest are read in pages
MOST_WORDS = 50
MOST_FACTS = 1000  # of each sort told with a change; an import of all WordNet brings eighty thousand
LARGEST_NUMBER = 2**63 - 1  # that a database can look up


# --- Nouns ------------------------------------------------------------------------------------------------


class LemmaSerializer(serializers.ModelSerializer[Lemma]):
    class Meta:
        model = Lemma
        fields = ["text", "sense"]


class ExternalIdSerializer(serializers.ModelSerializer[ExternalId]):
    id = serializers.CharField(source="value")

    class Meta:
        model = ExternalId
        fields = ["scheme", "version", "id"]


class NeighbourSerializer(serializers.ModelSerializer[Synset]):
    """A noun as another names it."""

    class Meta:
        model = Synset
        fields = ["wnid", "name"]


class SynsetSerializer(serializers.ModelSerializer[Synset]):
    """A noun as lists show it."""

    lemmas = LemmaSerializer(many=True, read_only=True)
    n_pictures = serializers.SerializerMethodField(help_text="At it or below it, as last counted.")
    n_labels = serializers.SerializerMethodField(help_text="At it or below it, as last counted.")

    class Meta:
        model = Synset
        fields = ["wnid", "name", "lemmas", "gloss", "is_imageable", "n_pictures", "n_labels"]

    def get_n_pictures(self, synset: Synset) -> int:
        return synset.tally.n_pictures if hasattr(synset, "tally") else 0

    def get_n_labels(self, synset: Synset) -> int:
        return synset.tally.n_labels if hasattr(synset, "tally") else 0


class SynsetDetailSerializer(SynsetSerializer):
    """A noun with what is around it."""

    hypernyms = serializers.SerializerMethodField()
    hyponyms = serializers.SerializerMethodField(
        help_text=f"The first {MOST_HYPONYMS} by name; all of them: /api/synsets/<wnid>/hyponyms/."
    )
    n_hyponyms = serializers.SerializerMethodField()
    external_ids = ExternalIdSerializer(many=True, read_only=True)
    becomes: serializers.SlugRelatedField = serializers.SlugRelatedField(
        slug_field="wnid",
        read_only=True,
        allow_null=True,
        help_text="The noun that votes for it count as while it is retired.",
    )
    sensitive_reason = serializers.CharField(read_only=True, help_text="Empty: not sensitive. For curators.")

    class Meta:
        model = Synset
        fields = [
            *SynsetSerializer.Meta.fields,
            "hypernyms",
            "hyponyms",
            "n_hyponyms",
            "external_ids",
            "sensitive_reason",
            "is_retired",
            "becomes",
        ]

    def to_representation(self, instance: Synset) -> dict[str, Any]:
        said = super().to_representation(instance)
        # What it became may be hidden, and while it is in the tree it counts as itself.
        shown = self.context["shown"].filter(pk=instance.becomes_id)
        return said if instance.is_retired and shown.exists() else {**said, "becomes": None}

    @extend_schema_field(NeighbourSerializer(many=True))
    def get_hypernyms(self, synset: Synset) -> Any:
        shown = self.context["shown"].filter(hyponym_edges__hyponym=synset)
        return NeighbourSerializer(shown, many=True).data

    @extend_schema_field(NeighbourSerializer(many=True))
    def get_hyponyms(self, synset: Synset) -> Any:
        return NeighbourSerializer(self._hyponyms(synset)[:MOST_HYPONYMS], many=True).data

    def get_n_hyponyms(self, synset: Synset) -> int:
        return int(self._hyponyms(synset).count())

    def _hyponyms(self, synset: Synset) -> Any:
        return self.context["shown"].filter(hypernym_edges__hypernym=synset)


# --- What a change asks for -------------------------------------------------------------------------------


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know, so that a misspelt argument is not taken for one left out."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(map(str, set(data) - set(self.fields)))):
            expected = ", ".join(self.fields)
            refusal = f"Expected only {expected}; found {', '.join(unknown)[:200]}."
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [refusal]})
        return super().to_internal_value(data)


class WordField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_WORD, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return " ".join(super().to_internal_value(data).split())


def wnid_field(**kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=16, **kwargs)


def wnids_field() -> serializers.ListField:
    return serializers.ListField(child=wnid_field(), max_length=MOST_PARTS, required=False, default=list)


class NewNounSerializer(StrictSerializer):
    """A noun that the change brings."""

    name = WordField()
    gloss = serializers.CharField(max_length=LONGEST_GLOSS)
    lemmas = serializers.ListField(
        child=WordField(),
        max_length=MOST_WORDS,
        required=False,
        default=list,
        help_text="Other words for it.",
    )


@extend_schema_field(
    {"oneOf": [{"type": "string", "maxLength": 16}, {"$ref": "#/components/schemas/NewNoun"}]}
)
class PartField(serializers.Field):
    """A noun that is there, by its wnid, or a new one."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str):
            return wnid_field().run_validation(data)
        return NewNounSerializer().run_validation(data)

    def to_representation(self, value: Any) -> Any:
        return value


class AddArguments(StrictSerializer):
    synset = NewNounSerializer()
    hypernyms = wnids_field()


class OfSynset(StrictSerializer):
    synset = wnid_field(help_text="The wnid of the noun that changes.")


class RenameArguments(OfSynset):
    name = WordField()


class EditArguments(OfSynset):
    lemmas = serializers.ListField(child=WordField(), min_length=1, max_length=MOST_WORDS)
    gloss = serializers.CharField(max_length=LONGEST_GLOSS, allow_blank=True)


class HypernymArguments(OfSynset):
    hypernym = wnid_field()


class MoveArguments(OfSynset):
    source = wnid_field(  # type: ignore[assignment]  # a field of ours, which shadows an attribute of every field
        required=False, allow_null=True, default=None, help_text="Not needed where it has one hypernym."
    )
    target = wnid_field(allow_null=True, help_text="Null: it becomes a root.")


class MergeArguments(OfSynset):
    target = wnid_field()


class SplitArguments(OfSynset):
    parts = serializers.ListField(child=PartField(), min_length=FEWEST_PARTS, max_length=MOST_PARTS)
    is_kept = serializers.BooleanField(
        required=False, default=False, help_text="It stays as the hypernym of its parts."
    )


class RetireArguments(OfSynset):
    with_below = serializers.BooleanField(required=False, default=False)


class RestoreArguments(OfSynset):
    hypernyms = wnids_field()


class MarkArguments(OfSynset):
    is_imageable = serializers.BooleanField()
    sensitive_reason = serializers.CharField(
        max_length=LONGEST_REASON, allow_blank=True, help_text="Empty: it is not sensitive."
    )
    with_below = serializers.BooleanField(required=False, default=False)


class UndoArguments(StrictSerializer):
    change = serializers.IntegerField(min_value=1, max_value=LARGEST_NUMBER)


ARGUMENTS: dict[str, type[StrictSerializer]] = {
    Kind.ADD: AddArguments,
    Kind.RENAME: RenameArguments,
    Kind.EDIT: EditArguments,
    Kind.ADD_PARENT: HypernymArguments,
    Kind.DROP_PARENT: HypernymArguments,
    Kind.MOVE: MoveArguments,
    Kind.MERGE: MergeArguments,
    Kind.SPLIT: SplitArguments,
    Kind.RETIRE: RetireArguments,
    Kind.RESTORE: RestoreArguments,
    Kind.MARK: MarkArguments,
    Kind.UNDO: UndoArguments,
}


# --- Drafts and changes -----------------------------------------------------------------------------------


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=LONGEST_REASON)


@extend_schema_field(
    PolymorphicProxySerializer(
        "ArgumentsOfAChange", list(dict.fromkeys(ARGUMENTS.values())), resource_type_field_name=None
    )
)
class ArgumentsField(serializers.JSONField):
    """What a change of the draft's kind asks for."""


class ProposalSerializer(ReasonSerializer):
    """A change that a program proposes."""

    kind = serializers.ChoiceField(choices=Kind.choices)
    arguments = ArgumentsField()

    def validate_kind(self, kind: str) -> str:
        if kind not in ARGUMENTS:
            raise serializers.ValidationError(
                _("Expected one of %(kinds)s; found %(kind)s.")
                % {"kinds": ", ".join(ARGUMENTS), "kind": kind}
            )
        return kind

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        shape = ARGUMENTS[attrs["kind"]](data=attrs["arguments"])
        if not shape.is_valid():
            raise serializers.ValidationError({"arguments": shape.errors})
        return {**attrs, "arguments": plain(shape.validated_data)}


def plain(value: Any) -> Any:
    """Return nested mappings as dictionaries, as they come back from the database."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


class ImpactSerializer(serializers.Serializer[Any]):
    """One thing that a change touches."""

    what = serializers.CharField()
    count = serializers.IntegerField()
    examples = serializers.ListField(child=serializers.CharField())
    is_size = serializers.BooleanField(help_text="Counts towards what one curator may change alone.")


class DraftSerializer(serializers.ModelSerializer[Draft]):
    """A change on its way."""

    arguments = ArgumentsField(read_only=True)
    author = serializers.CharField(source="author.display_name", read_only=True)
    approver = serializers.CharField(
        source="approver.display_name", read_only=True, default=None, allow_null=True
    )
    impact = ImpactSerializer(many=True, read_only=True)
    needs_second_curator = serializers.BooleanField(read_only=True)

    class Meta:
        model = Draft
        fields = [
            "id",
            "kind",
            "arguments",
            "summary",
            "reason",
            "author",
            "approver",
            "state",
            "impact",
            "size",
            "needs_second_curator",
            "error",
            "change",
            "created_at",
        ]
        read_only_fields = fields


class ChangeSerializer(serializers.Serializer[Any]):
    """One line of the ledger. Its number is the taxonomy's version."""

    id = serializers.IntegerField(source="change.pk")
    kind = serializers.ChoiceField(source="change.kind", choices=Kind.choices)
    summary = serializers.SerializerMethodField(help_text="Null where it names a noun that is not shown.")
    reason = serializers.SerializerMethodField(help_text="Null where it may name a noun that is not shown.")
    author = serializers.CharField(source="change.author.display_name", default=None, allow_null=True)
    approver = serializers.CharField(source="change.approver.display_name", default=None, allow_null=True)
    undoes = serializers.IntegerField(source="change.undoes_id", allow_null=True)
    undone_by = serializers.IntegerField(allow_null=True, help_text="The change that undid it.")
    stands = serializers.BooleanField(help_text="Not undone, or its undoing was undone.")
    created_at = serializers.DateTimeField(source="change.created_at")

    def get_summary(self, entry: Entry) -> str | None:
        return entry.change.summary if entry.is_told else None

    def get_reason(self, entry: Entry) -> str | None:
        return entry.change.reason if entry.is_told else None


class FactsSerializer(serializers.Serializer[Patch]):
    """What a change did; of each sort at most 1,000."""

    added = serializers.ListField(child=serializers.CharField(), help_text="wnids")
    removed = serializers.ListField(child=serializers.CharField(), help_text="wnids")
    linked = serializers.ListField(help_text="[hyponym, hypernym, whether it is an instance]")
    unlinked = serializers.ListField(help_text="[hyponym, hypernym, whether it is an instance]")
    edited = serializers.ListField(help_text="[wnid, field, before, after]")

    def to_representation(self, instance: Patch) -> dict[str, Any]:
        facts = instance.to_json()
        return {each.name: facts.get(each.name, [])[:MOST_FACTS] for each in fields(Patch)}


class ChangeDetailSerializer(ChangeSerializer):
    impact = ImpactSerializer(source="change.impact", many=True)
    n_synsets = serializers.IntegerField(
        source="change.synsets.count", help_text="How many nouns it touched."
    )
    facts = serializers.SerializerMethodField()

    @extend_schema_field(FactsSerializer)
    def get_facts(self, entry: Entry) -> Any:
        return FactsSerializer(without(entry.change.patch, self.context["hidden"])).data
