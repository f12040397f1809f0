"""Why a question is decided as it is, for programs."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from labeling.models import ConsensusFit, Dispute, Finding, Question, Vote
from labeling.why import Because, Side, Told, Uncounted, Verdict, Why
from taxonomy.models import Synset


class NounSerializer(serializers.ModelSerializer[Synset]):
    class Meta:
        model = Synset
        fields = ["wnid", "name"]


def _noun(noun: Synset | None) -> Any:
    """Tell of a noun; nothing of a sensitive one, which no page shows either."""
    return None if noun is None or noun.is_sensitive else NounSerializer(noun).data


class SideSerializer(serializers.Serializer[Side]):
    """That the picture shows a noun, or that it does not show the one that it was asked about."""

    words = serializers.CharField()
    noun = serializers.SerializerMethodField(help_text="Null where it is not shown.")
    answer = serializers.CharField(help_text="present; or absent, where the question is about the noun.")

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_noun(self, side: Side) -> Any:
        return _noun(side.noun)


class BeliefSerializer(serializers.Serializer[Any]):
    side = SideSerializer()
    shares = serializers.ListField(
        child=serializers.FloatField(),
        help_text="Its probability before any vote, and after each in turn; where a network helped, after its word "
        "between the two.",
    )


class KindSerializer(serializers.Serializer[Any]):
    side = SideSerializer()
    share = serializers.FloatField(help_text="Its probability after all votes.")


class VerdictSerializer(serializers.Serializer[Verdict]):
    state = serializers.ChoiceField(choices=Question.State.choices)
    label = serializers.SerializerMethodField(  # type: ignore[assignment]  # DRF's own `label`
        help_text="Null without one, or where it is not shown."
    )
    words = serializers.CharField(allow_blank=True, help_text="The label as pages say it.")
    is_inner = serializers.BooleanField(
        help_text="It is no class of the collection: which of the kinds of its label it shows is undecided."
    )
    confidence = serializers.FloatField(allow_null=True)

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_label(self, verdict: Verdict) -> Any:
        return _noun(verdict.label)


class PolicySerializer(serializers.Serializer[Any]):
    target_confidence = serializers.FloatField()
    min_votes = serializers.IntegerField()
    max_votes = serializers.IntegerField()


class FitSerializer(serializers.ModelSerializer[ConsensusFit]):
    class Meta:
        model = ConsensusFit
        fields = ["id", "created_at", "n_votes", "taxonomy_version"]


class TrustSerializer(serializers.Serializer[Any]):
    """How often a volunteer is taken to be right, with the 95 % interval of that."""

    mean = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    is_measured = serializers.BooleanField(help_text="By the last refit; else it is that of newcomers.")
    has_own = serializers.BooleanField(
        help_text="What they confuse is known of them by themselves, and weighs their votes."
    )


class SaidSerializer(serializers.Serializer[Any]):
    """What somebody said, and when."""

    annotator = serializers.CharField(source="vote.annotator.display_name")
    answer = serializers.CharField(source="vote.answer", help_text=", ".join(Vote.Answer.values))
    synset = serializers.SerializerMethodField()
    cast_at = serializers.DateTimeField(source="vote.cast_at")

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_synset(self, told: Told | Uncounted) -> Any:
        return _noun(told.vote.synset)


class OtherVoteSerializer(SaidSerializer):
    """A vote that was cast when something else was asked of the picture."""

    narrowing = serializers.SerializerMethodField(
        help_text="The noun whose kind was asked; null: what it shows."
    )

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_narrowing(self, told: Uncounted) -> Any:
        narrowing = getattr(told.vote, "narrowing", None)
        return _noun(narrowing.noun) if narrowing else None


class RetractionSerializer(SaidSerializer):
    """A vote that was taken back."""

    retracted_at = serializers.DateTimeField(source="vote.retracted_at")


class SkipSerializer(serializers.Serializer[Any]):
    annotator = serializers.CharField(source="annotator.display_name")
    skipped_at = serializers.DateTimeField()


class ToldSerializer(SaidSerializer):
    """A vote that counts, and what it did."""

    seconds = serializers.FloatField(source="vote.seconds", allow_null=True)
    is_imported = serializers.BooleanField(source="vote.is_imported")
    counts_as = serializers.SerializerMethodField(help_text="The noun that it says today.")
    is_told = serializers.BooleanField(help_text="It says something about what is decided.")
    skill = TrustSerializer(source="trust")
    decibans = serializers.FloatField(
        source="weight.decibans",
        help_text="How much it weighs for `side` against `rival`: 10 makes it ten times likelier, 20 a hundred "
        "times; below 0 it speaks against. Weights of votes add up.",
    )
    belief = serializers.FloatField(allow_null=True, help_text="The probability of `side` after it.")

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_counts_as(self, told: Told) -> Any:
        return _noun(told.counts_as)


class ForetoldSerializer(serializers.Serializer[Any]):
    """What a trained network says that helped to decide: one voice more, before any vote."""

    network = serializers.CharField()
    side = SideSerializer(help_text="What it takes the picture for.")
    probability = serializers.FloatField(help_text="Of that, read by what it has proved reliable for.")
    decibans = serializers.FloatField(source="weight.decibans", help_text="As of a vote.")
    belief = serializers.FloatField(help_text="The probability of the weighed `side` after it.")


class DisputeOfSerializer(serializers.Serializer[Any]):
    """That a network disputed the label, so that people were asked again."""

    network = serializers.CharField(source="network.name")
    label = serializers.SerializerMethodField(help_text="What it had been settled as.")  # type: ignore[assignment]
    claim = serializers.SerializerMethodField(help_text="What the network says.")
    made_at = serializers.DateTimeField()
    finding = serializers.ChoiceField(choices=Finding.choices, help_text="What came of it.")

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_label(self, dispute: Dispute) -> Any:
        return _noun(dispute.label)

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_claim(self, dispute: Dispute) -> Any:
        return _noun(dispute.claim)


class WeighingSerializer(serializers.Serializer[Any]):
    """What the votes did to what was believed."""

    side = SideSerializer(help_text="What stands; or what the votes make likeliest, where nothing does.")
    rival = SideSerializer(allow_null=True, help_text="What is likeliest besides.")
    prior = serializers.FloatField(help_text="The probability of `side` before any vote.")
    beliefs = BeliefSerializer(source="drawn", many=True)
    kinds = KindSerializer(many=True, help_text="Below an inner noun: the classes, the likeliest first.")
    n_kinds = serializers.IntegerField()
    foretold = ForetoldSerializer(allow_null=True, help_text="Null where no network helped.")


class WhySerializer(serializers.Serializer[Why]):
    """Why a question is decided as it is."""

    question = serializers.IntegerField(source="question.pk")
    image = serializers.CharField(source="question.image.sha256", help_text="The SHA-256 of its picture.")
    words = serializers.CharField(source="question.words", help_text="What is asked.")
    is_gold = serializers.BooleanField(
        source="question.is_gold", help_text="Its answer was known beforehand, and decides it."
    )
    truth = serializers.SerializerMethodField(help_text="What it is known to show.")
    stands = VerdictSerializer(help_text="What it is decided as.")
    fit = FitSerializer(
        allow_null=True, help_text="The refit that made it; null: before the first, or not by votes."
    )
    is_latest_fit = serializers.BooleanField()
    policy = PolicySerializer(help_text="Of the collection, today.")
    by_votes = VerdictSerializer(
        allow_null=True, help_text="What the votes alone lead to, by today's fit, skills and policy."
    )
    agrees = serializers.BooleanField(help_text="That is what stands.")
    is_disputed = serializers.BooleanField(
        help_text="It is not settled since a network disputes what the votes lead to; one more person is asked."
    )
    because = serializers.ChoiceField(
        choices=[each.value for each in Because], help_text="Why they lead to it."
    )
    weighing = WeighingSerializer(allow_null=True)
    votes = ToldSerializer(many=True)
    others = OtherVoteSerializer(many=True)
    retractions = RetractionSerializer(many=True)
    skips = SkipSerializer(many=True)
    disputes = DisputeOfSerializer(many=True)

    @extend_schema_field(NounSerializer(allow_null=True))
    def get_truth(self, why: Why) -> Any:
        return _noun(why.question.truth)
