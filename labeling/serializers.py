from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.fields import ToldField
from labeling.intake import Status
from labeling.models import MOST_LEASES, SKIP, Choices, Collection, Intake, IntakeNote, Lease, Vote
from taxonomy.models import Synset

MOST_VOTES = 200  # in one request
MOST_NOTES = 100  # on files of an intake, in one answer


class ClassSerializer(serializers.ModelSerializer[Synset]):
    class Meta:
        model = Synset
        fields = ["wnid", "name", "gloss"]


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    root = serializers.CharField(source="root.wnid", read_only=True)  # type: ignore[assignment]  # DRF's own `root`
    classes = ClassSerializer(source="offered", many=True, read_only=True)

    class Meta:
        model = Collection
        fields = [
            "slug", "name", "kind", "guide", "root", "classes", "is_open", "target_confidence", "min_votes",
            "max_votes", "uses_predictions",
        ]  # fmt: skip


class BroaderSerializer(ClassSerializer):
    """An inner noun, which is an answer too."""

    classes = serializers.ListField(
        child=serializers.CharField(), help_text="The wnids of the classes that are kinds of it."
    )
    parents = serializers.ListField(
        child=serializers.CharField(),
        help_text="The wnids of the next inner nouns above it, which come before it; none: only the root is.",
    )

    class Meta(ClassSerializer.Meta):
        fields = [*ClassSerializer.Meta.fields, "classes", "parents"]


class CollectionPageSerializer(CollectionSerializer):
    """One collection, with the inner nouns between its root and its classes."""

    broader = serializers.SerializerMethodField(
        help_text="Answers for whoever cannot tell which class it is. None where the collection verifies."
    )

    class Meta(CollectionSerializer.Meta):
        fields = [*CollectionSerializer.Meta.fields, "broader"]

    @extend_schema_field(BroaderSerializer(many=True))
    def get_broader(self, collection: Collection) -> list[dict[str, Any]]:
        return tell_broader(Choices.now(collection))


def tell_broader(choices: Choices) -> list[dict[str, Any]]:
    """Tell of the inner nouns of a collection. By hand, as `lend` tells of leases."""
    wnids = {synset.pk: synset.wnid for synset in choices.inner}
    return [
        {
            "wnid": synset.wnid,
            "name": synset.name,
            "gloss": synset.gloss,
            "classes": [choices.synsets[p].wnid for p in choices.offered_below(synset)],
            "parents": [wnids[pk] for pk in choices.parents[synset.pk]],
        }
        for synset in choices.inner
    ]


class LeaseSerializer(serializers.ModelSerializer[Lease]):
    """A lease as lend() tells of it."""

    image_url = serializers.CharField(read_only=True)
    width = serializers.IntegerField(read_only=True)
    height = serializers.IntegerField(read_only=True)
    words = serializers.CharField(read_only=True, help_text="What is asked.")
    about = ClassSerializer(
        allow_null=True,
        read_only=True,
        help_text="The noun that the picture shows or not; null: one is to be named.",
    )
    choices = ClassSerializer(
        many=True,
        allow_null=True,
        read_only=True,
        help_text="The nouns to choose from where they are not the collection's classes; otherwise null.",
    )

    class Meta:
        model = Lease
        fields = ["id", "image_url", "width", "height", "expires_at", "words", "about", "choices"]


def lend(lease: Lease) -> dict[str, Any]:
    """Tell of a lease. By hand: a serializer takes longer than the database for a hundred of them."""
    question, about = lease.question, lease.question.asks_about
    choices = ClassSerializer(question.offered(), many=True).data if question.narrowing_id else None
    return {
        "id": lease.pk,
        "image_url": question.image.get_display_url(),
        "width": question.image.width,
        "height": question.image.height,
        "expires_at": lease.expires_at,
        "words": question.words,
        "about": about and {"wnid": about.wnid, "name": about.name, "gloss": about.gloss},
        "choices": choices,
    }


class PicturesSerializer(serializers.Serializer[Any]):
    """Pictures that are sent to a collection, and where all of them come from."""

    files = serializers.ListField(
        child=serializers.FileField(max_length=300, allow_empty_file=True),
        allow_empty=False,
        help_text="JPEG, PNG or WebP pictures, or ZIP and TAR archives of them.",
    )
    source = serializers.CharField(  # type: ignore[assignment]  # DRF's own `source`
        max_length=300, required=False, allow_blank=True
    )
    licence = serializers.CharField(max_length=100, required=False, allow_blank=True)
    credit = serializers.CharField(max_length=200, required=False, allow_blank=True)
    folder = serializers.CharField(
        max_length=300,
        required=False,
        allow_blank=True,
        help_text="What those lay in that lie in no folder of an archive. A collection that verifies asks about the "
        "noun that a picture's folder is named as.",
    )


class OutcomeSerializer(serializers.Serializer[Any]):
    """What became of one file."""

    name = serializers.CharField(help_text="Behind that of its archive, if it came in one.")
    status = serializers.ChoiceField(choices=[status.value for status in Status])
    detail = ToldField(source="why", allow_blank=True, help_text="Why it was refused.")
    sha256 = serializers.CharField(allow_blank=True, help_text="Of the picture as it is kept.")
    near = serializers.ListField(
        child=serializers.CharField(), help_text="SHA-256 of pictures of the collection that it looks like."
    )


class OutcomesSerializer(serializers.Serializer[Any]):
    """What became of pictures that were checked at once."""

    n_added = serializers.IntegerField(source="counts.n_added")
    n_there = serializers.IntegerField(source="counts.n_there", help_text="Here before, and as they were.")
    n_refused = serializers.IntegerField(source="counts.n_refused")
    files = OutcomeSerializer(many=True)


class IntakeNoteSerializer(serializers.ModelSerializer[IntakeNote]):
    """What is to be said of one file of an intake."""

    detail = ToldField(source="why", help_text="Why it was refused; empty where it was not.")
    near = serializers.ListField(
        child=serializers.CharField(), help_text="SHA-256 of pictures of the collection that it looks like."
    )

    class Meta:
        model = IntakeNote
        fields = ["name", "detail", "near"]


class IntakeSerializer(serializers.ModelSerializer[Intake]):
    """How far an upload is."""

    url = serializers.SerializerMethodField(help_text="Ask here again.")
    page = serializers.CharField(source="get_absolute_url", read_only=True, help_text="The same for people.")
    collection = serializers.CharField(source="collection.slug", read_only=True)
    detail = ToldField(source="error", read_only=True, help_text="Why it has failed.")
    n_done = serializers.IntegerField(
        read_only=True, help_text="Files of which is known what became of them."
    )

    class Meta:
        model = Intake
        fields = [
            "id", "url", "page", "collection", "name", "size", "state", "detail", "n_files", "n_done", "n_added",
            "n_there", "n_refused", "created_at", "started_at", "heartbeat_at", "finished_at",
        ]  # fmt: skip

    def get_url(self, intake: Intake) -> str:
        return reverse("intake-detail", args=[intake.pk])


class IntakeReportSerializer(IntakeSerializer):
    """The same, with its report."""

    files = serializers.SerializerMethodField(
        help_text=f"The first {MOST_NOTES} that were refused or look like others; `files/` of its url has all."
    )

    class Meta(IntakeSerializer.Meta):
        fields = [*IntakeSerializer.Meta.fields, "files"]

    @extend_schema_field(IntakeNoteSerializer(many=True))
    def get_files(self, intake: Intake) -> Any:
        return IntakeNoteSerializer(intake.notes.all()[:MOST_NOTES], many=True).data


class VoteSerializer(serializers.Serializer[Any]):
    lease = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="The id of a lease that you hold."
    )
    synset = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="The wnid of one of the collection's classes or, where it cannot be told which of them it is, of a "
        "broader noun of the collection; may be left out where the lease is about one.",
    )
    answer = serializers.ChoiceField(
        choices=[*Vote.Answer.choices, (SKIP, "skip")],
        required=False,
        help_text=(
            "Needed where no synset is named. present: it shows the synset; absent: it does not show the noun that "
            "the lease is about; skip: no answer; the picture goes to somebody else and does not come to you again."
        ),
    )
    seconds = serializers.FloatField(min_value=0, required=False, allow_null=True)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        answer = data.get("answer") or (Vote.Answer.PRESENT if data.get("synset") else None)
        if not answer or (data.get("synset") and answer not in (Vote.Answer.PRESENT, Vote.Answer.ABSENT)):
            raise serializers.ValidationError(
                _("Expected an answer, or a synset, which goes with the answers present and absent alone."),
                code="synset_and_answer",
            )
        return {**data, "answer": answer}


class VotesSerializer(serializers.Serializer[Any]):
    votes = serializers.ListField(child=VoteSerializer(), min_length=1, max_length=MOST_VOTES)


class GoldSerializer(serializers.Serializer[Any]):
    is_right = serializers.BooleanField()
    noun = serializers.CharField(help_text="What the picture is known to show.")


class VoteResultSerializer(serializers.Serializer[Any]):
    lease = serializers.IntegerField()
    status = serializers.ChoiceField(choices=["recorded", "repeated", "refused"])
    detail = serializers.CharField(allow_blank=True)
    gold = GoldSerializer(allow_null=True, help_text="Set where the answer was known beforehand.")


class ReleaseSerializer(serializers.Serializer[Any]):
    leases = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), min_length=1, max_length=MOST_LEASES
    )
    expires_by = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text="Leave those that run longer by now: they were renewed for another page of yours.",
    )


class ReleasedSerializer(serializers.Serializer[Any]):
    released = serializers.IntegerField()


class UndoSerializer(serializers.Serializer[Any]):
    lease = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="The id of the lease that you voted on last."
    )


class VoteResultsSerializer(serializers.Serializer[Any]):
    results = VoteResultSerializer(many=True)


class LeaseRequestSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(min_value=1, max_value=MOST_LEASES, default=1)
    about = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="In a collection that verifies: the wnid of the noun to be asked about, rather than the next one.",
    )
    votes = serializers.ListField(
        child=VoteSerializer(),
        max_length=MOST_VOTES,
        default=list,
        help_text="Answers to cast first, as one would send them to /api/votes/.",
    )


class LeasesSerializer(serializers.Serializer[Any]):
    """Every lease that the annotator holds here, the oldest first; a sentence where there is none. In a collection
    that verifies all are about one noun.
    """

    results = VoteResultSerializer(many=True, help_text="What became of each vote, in their order.")
    leases = LeaseSerializer(many=True)
    is_finished = serializers.BooleanField(help_text="Nothing is left for you; false: ask again in a moment.")
    detail = serializers.CharField(allow_blank=True)
