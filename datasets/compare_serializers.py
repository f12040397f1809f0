from rest_framework import serializers


class PairSerializer(serializers.Serializer[dict[str, object]]):
    """Labels that were one noun and are another."""

    old = serializers.CharField(help_text="The wnid of the noun that they were.")
    new = serializers.CharField(help_text="The wnid of the noun that they are.")
    n = serializers.IntegerField()
    causes = serializers.DictField(child=serializers.IntegerField())
    changes = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="The numbers of the changes of the nouns that made one of the other.",
    )


class ComparisonSerializer(serializers.Serializer[dict[str, object]]):
    """What two snapshots differ in. All but `n_test_changed` is about training and validation pictures."""

    older = serializers.IntegerField(help_text="The id of the snapshot with the lower number.")
    newer = serializers.IntegerField()
    n_kept = serializers.IntegerField(help_text="Pictures in both whose label is the same.")
    n_changed = serializers.IntegerField(help_text="Pictures in both whose label is another.")
    n_came = serializers.IntegerField()
    n_gone = serializers.IntegerField()
    n_test_changed = serializers.IntegerField(
        help_text="Test pictures whose label is another; no more is told of them."
    )
    causes = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Why labels changed: taxonomy, classes, votes (there are more or fewer) or refit (the same votes).",
    )
    came = serializers.DictField(child=serializers.IntegerField(), help_text="Why pictures came.")
    gone = serializers.DictField(child=serializers.IntegerField(), help_text="Why pictures went.")
    n_surer = serializers.IntegerField(help_text="Labels that stayed and are surer by more than 0.001.")
    n_less_sure = serializers.IntegerField()
    mean_drift = serializers.FloatField(help_text="By how much labels that stayed are surer, on average.")
    n_pairs = serializers.IntegerField(help_text="How many pairs of nouns there are.")
    pairs = PairSerializer(many=True, help_text="The most frequent ones, those first, 1,000 at most.")
    classes_came = serializers.ListField(child=serializers.CharField())
    classes_gone = serializers.ListField(child=serializers.CharField())
