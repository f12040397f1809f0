from rest_framework import serializers

from taxonomy.models import Synset


class SynsetSerializer(serializers.ModelSerializer[Synset]):
    lemmas: serializers.SlugRelatedField = serializers.SlugRelatedField(
        slug_field="text", many=True, read_only=True
    )
    hypernyms: serializers.SlugRelatedField = serializers.SlugRelatedField(
        slug_field="wnid", many=True, read_only=True
    )
    hyponyms: serializers.SlugRelatedField = serializers.SlugRelatedField(
        slug_field="wnid", many=True, read_only=True
    )

    class Meta:
        model = Synset
        fields = ["wnid", "name", "lemmas", "gloss", "hypernyms", "hyponyms"]
